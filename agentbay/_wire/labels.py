"""The labels by which sessions are recognised as ours; all begin with ``agentbay-``.

The service knows nothing of them: they are plain labels, seen by whoever lists sessions.
"""

from __future__ import annotations

__all__ = ("ALIVE_UNTIL", "CREATION", "FLEET", "OWNER", "PREFIX", "PROCESS")

PREFIX = "agentbay-"

OWNER = f"{PREFIX}owner"
"""The name that a client's configuration gives to what its sessions belong to."""

PROCESS = f"{PREFIX}process"
"""The process that created the session and will delete it."""

ALIVE_UNTIL = f"{PREFIX}alive-until"
"""Until when that process vouched for being alive, in seconds since 1970; renewed in time."""

FLEET = f"{PREFIX}fleet"
"""The fleet that created the session and will delete it."""

CREATION = f"{PREFIX}creation"
"""One request to create: by it a session is found whose id was lost with the answer."""
