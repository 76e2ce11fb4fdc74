"""The forms of an answer of a recording server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import field, frozen

if TYPE_CHECKING:
    from agentbay.testing.recorded import Recorded

__all__ = ("Answer", "Data", "Frames", "Raw", "Refusal", "Text")


@frozen
class Text:
    """The answer of a tool."""

    text: str
    is_error: bool = False


@frozen
class Data:
    """A successful reply to an action: its ``Data``, and what is special in the envelope."""

    data: Any = None
    envelope: Mapping[str, Any] = field(factory=dict)


@frozen
class Refusal:
    """A reply that says no; with status 200 inside the envelope, else as an HTTP error.

    Attributes:
        retry_after: Seconds after which to ask again, sent as ``Retry-After``.
    """

    code: str
    message: str = ""
    status: int = 400
    retry_after: int | None = None


@frozen
class Raw:
    """A body that is sent as it stands, on the channel as one text message."""

    body: bytes
    status: int = 200


@frozen
class Frames:
    """What is sent on the channel: the ``data`` of each frame, or a whole message.

    Attributes:
        then_drop: Whether the connection is cut afterwards.
    """

    frames: Sequence[Mapping[str, Any] | Raw] = ()
    then_drop: bool = False


Answer: TypeAlias = "Text | Data | Refusal | Raw | Frames | Callable[[Recorded], Answer]"
"""One answer; a function makes it from what was asked."""
