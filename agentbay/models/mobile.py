"""Phones: what is on the screen, and how they are reached."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from agentbay.errors import AgentBayError, RemoteOperationError
from agentbay.models.results import ApiResponse, Outcome

__all__ = ("AdbUrlResult", "MobileSimulateUploadResult", "UIElementListResult")


@define
class UIElementListResult(ApiResponse, Outcome):
    """The elements on a screen.

    Attributes:
        elements: The elements in the spelling of the service, with ``children`` inside.
            ``bounds_rect`` holds the bounds as ``left``, ``top``, ``right`` and ``bottom``. Empty
            where an XML document was asked for.
        raw: The untouched answer of the session.
        format: ``json`` or ``xml``.
    """

    error_class = RemoteOperationError

    success: bool = False
    elements: list[dict[str, Any]] = field(factory=list)
    raw: str = field(default="", repr=False)
    format: str = "json"
    error_message: str = ""

    def unwrap(self) -> list[dict[str, Any]]:
        """Return the elements, or raise the error of a failed result."""
        self.raise_for_error()
        return self.elements


@define
class AdbUrlResult(ApiResponse, Outcome):
    """How the debug bridge of a phone is reached.

    Attributes:
        data: The command, of the form ``adb connect <ip>:<port>``.
    """

    success: bool = False
    error_message: str = ""
    data: str | None = None

    def unwrap(self) -> str:
        """Return the command, or raise the error of a failed result."""
        if not self.success or self.data is None:
            self._raise()
        return self.data


@define
class MobileSimulateUploadResult(Outcome):
    """Whether the description of a device was stored.

    Attributes:
        mobile_simulate_context_id: The context that holds it.
    """

    success: bool
    mobile_simulate_context_id: str = ""
    error_message: str = ""
    exception: AgentBayError | None = field(default=None, kw_only=True, eq=False, repr=False)

    def unwrap(self) -> str:
        """Return the id of the context, or raise the error of a failed upload."""
        self.raise_for_error()
        return self.mobile_simulate_context_id
