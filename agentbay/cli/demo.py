"""``agentbay demo``: one session from its creation to its end, with what really happens in it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from agentbay.cli import output
from agentbay.cli.signals import signals
from agentbay.cli.target import Target, choose_target
from agentbay.errors import AgentBayError, FileError

if TYPE_CHECKING:
    from agentbay import AsyncSession

__all__ = ("demo",)

IMAGE = "linux_latest"
COMMANDS = ("id", "hostname", "pwd")
FILE_NAME = "greeting.txt"
GREETING = "Hello from the demo. 你好, κόσμε!\n" * 100
_TITLE_WIDTH = 60


def demo(
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="ENDPOINT",
            help="Where to run it: local, a host name or a URL. "
            "AGENTBAY_ENDPOINT by default, else local.",
        ),
    ] = None,
) -> None:
    """Show one session end to end: commands, a file, and the deletion.

    Runs on this machine and needs no account, unless --endpoint or AGENTBAY_ENDPOINT says
    otherwise.
    """
    target = choose_target(endpoint, prefer_local=True)
    output.note(f"using {target}")
    output.log_to_stderr("warning")
    started = time.perf_counter()
    signals.run(partial(_show, target))
    output.print_line()
    output.print_line(f"Done in {time.perf_counter() - started:.2f} s; the session is gone.")


async def _show(target: Target) -> None:
    from agentbay import CreateSessionParams

    async with target.client() as agent_bay, contextlib.AsyncExitStack() as stack:
        scope = agent_bay.session(CreateSessionParams(image_id=IMAGE))
        with _step(
            "start the runtime and create a session" if target.is_local else "create a session"
        ):
            session = await stack.enter_async_context(scope)
        output.print_line(Text(f"  {session.session_id}", "cyan"))
        for command in COMMANDS:
            await _show_command(session, command)
        await _show_file(session)
        with _step("delete the session"):
            await stack.aclose()


async def _show_command(session: AsyncSession, command: str) -> None:
    with _step(f"run: {command}"):
        result = (await session.command.execute_command(command)).unwrap()
    for line in result.stdout.splitlines():
        output.print_line(Text(f"  {line}", "cyan"))


async def _show_file(session: AsyncSession) -> None:
    home = (await session.command.execute_command("pwd")).unwrap().stdout.strip()
    path = f"{home}/{FILE_NAME}"
    with _step(f"write {path} ({len(GREETING.encode())} bytes)"):
        (await session.file_system.write_file(path, GREETING)).unwrap()
    with _step("read it back and compare"):
        content = (await session.file_system.read_file(path)).unwrap()
        if content != GREETING:
            raise FileError(
                f"{path} holds {len(content)} characters that differ from what was written"
            )
    with _step(f"list {home}"):
        entries = (await session.file_system.list_directory(home)).unwrap()
        names = [entry.name for entry in entries]
        if FILE_NAME not in names:
            raise FileError(f"{FILE_NAME} is not among {names}")
    output.print_line(Text(f"  {'  '.join(sorted(names))}", "cyan"))


@contextlib.contextmanager
def _step(title: str) -> Iterator[None]:
    """Time one step and print it once it is done; say in which step an error happened."""
    started = time.perf_counter()
    try:
        yield
    except AgentBayError as exc:
        raise AgentBayError(f"failed to {title}: {exc}") from exc
    milliseconds = (time.perf_counter() - started) * 1000
    output.print_line(
        Text.assemble(("ok", "green"), f"  {title:<{_TITLE_WIDTH}}{milliseconds:8.1f} ms")
    )
