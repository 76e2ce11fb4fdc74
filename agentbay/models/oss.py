"""Object storage: the outcomes of transfers between a session and a bucket."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from agentbay.errors import OssError
from agentbay.models.results import ApiResponse, Outcome

__all__ = ("OSSClientResult", "OSSDownloadResult", "OSSUploadResult")


@define
class OSSClientResult(ApiResponse, Outcome):
    """Whether a session has taken credentials.

    Attributes:
        client_config: What the session says of it, as text; ``{}`` when it says nothing.
    """

    error_class = OssError

    success: bool = False
    client_config: dict[str, Any] | str = field(factory=dict, repr=False)
    error_message: str = ""

    def unwrap(self) -> dict[str, Any] | str:
        """Return what the session said, or raise the error of a failed result."""
        self.raise_for_error()
        return self.client_config


@define
class OSSUploadResult(ApiResponse, Outcome):
    """The outcome of copying something from a session to a bucket.

    Attributes:
        content: What the session says of it.
    """

    error_class = OssError

    success: bool = False
    content: str = ""
    error_message: str = ""

    def unwrap(self) -> str:
        """Return what the session said, or raise the error of a failed result."""
        self.raise_for_error()
        return self.content


@define
class OSSDownloadResult(ApiResponse, Outcome):
    """The outcome of copying something from a bucket to a session.

    Attributes:
        content: What the session says of it.
    """

    error_class = OssError

    success: bool = False
    content: str = ""
    error_message: str = ""

    def unwrap(self) -> str:
        """Return what the session said, or raise the error of a failed result."""
        self.raise_for_error()
        return self.content
