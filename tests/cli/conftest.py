from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.command import Command, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """The command in a clean environment; nothing of it may be left when the test ends."""
    command = Command(tmp_path)
    try:
        yield command
    finally:
        command.end_all()
    assert command.leftovers() == []


@pytest.fixture
def server(command: Command) -> Iterator[Server]:
    """A running `agentbay serve`, whose sessions reach the network of this machine."""
    with command.serving("--network", "host") as server:
        yield server
