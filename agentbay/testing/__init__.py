"""Tools for testing programs that use this package, and the package itself."""

from __future__ import annotations

from agentbay.testing.answers import Answer, Data, Frames, Raw, Refusal, Text
from agentbay.testing.recording import Recorded, RecordingServer, Route

__all__ = (
    "Answer",
    "Data",
    "Frames",
    "Raw",
    "Recorded",
    "RecordingServer",
    "Refusal",
    "Route",
    "Text",
)
