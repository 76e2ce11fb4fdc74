"""Constructors."""

from __future__ import annotations

from agentbay.models.things import Settings

__all__ = ("AsyncClient", "AsyncCommand")


class AsyncClient:
    """Connects.

    Args:
        api_key: The key.
    """

    def __init__(self, api_key: str = "", settings: Settings | None = None) -> None:
        self._api_key = api_key
        self._settings = settings


class AsyncCommand:
    """Runs commands for a client."""

    def __init__(self, client: AsyncClient, *, shell: str = "sh") -> None:
        self._client = client
        self._shell = shell
