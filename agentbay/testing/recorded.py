"""What a recording server remembers of a request."""

from __future__ import annotations

from enum import Enum
from typing import Any

from attrs import field, frozen

__all__ = ("Recorded", "Route")


class Route(Enum):
    """The way that a request took."""

    API = "api"
    LINK = "link"
    """Straight to the session."""
    VPC = "vpc"
    """Straight to the session, from inside its network."""
    CHANNEL = "channel"
    """A frame on the session's WebSocket."""


@frozen(kw_only=True)
class Recorded:
    """One request; the API key and the session's token are masked.

    Attributes:
        name: The action; for calls of a tool, on whichever route, the tool; on the channel the
            method, empty if the frame names none.
        tool: Whether a tool was called.
        arguments: Of a tool or method its arguments, as JSON; of an action its parameters, as
            the texts that travel.
        server: The server that a tool was expected on, or that a frame was for.
        parameters: All parameters, ``Authorization`` included, as the texts that travel.
        query: Names of the parameters that travelled in the query string.
        data: On the channel: the frame's ``data``.
        id: On the channel: the exchange that the frame belongs to.
    """

    route: Route
    name: str
    tool: bool = False
    arguments: dict[str, Any] = field(factory=dict)
    server: str = ""
    session_id: str = ""
    parameters: dict[str, str] = field(factory=dict, repr=False)
    query: frozenset[str] = frozenset()
    data: dict[str, Any] = field(factory=dict, repr=False)
    id: str = ""
