"""Other names of members."""

from __future__ import annotations

__all__ = ("AsyncCommand",)


class AsyncCommand:
    """Runs commands."""

    async def execute_command(self, command: str) -> str:
        return command

    run = execute_command
    exec = execute_command
