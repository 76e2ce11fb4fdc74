"""``agentbay fs``: files of this machine, of sessions and of contexts."""

from __future__ import annotations

import shlex
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import typer

from agentbay.cli import output
from agentbay.cli.context import entries_of, fetch, print_entries, store
from agentbay.cli.places import Place, find_context, find_session, parse_place
from agentbay.cli.signals import signals
from agentbay.cli.target import Target, choose_target
from agentbay.cli.transfers import shown_progress
from agentbay.errors import FileError
from agentbay.models.context import ContextFileEntry
from agentbay.models.filesystem import DirectoryEntry

if TYPE_CHECKING:
    from agentbay import AsyncAgentBay

__all__ = ("fs_app",)

fs_app = typer.Typer(
    help="Files of sessions and contexts.", no_args_is_help=True, rich_markup_mode=None
)

PLACE = "SESSION:/path, or context:NAME:/path"
WAIT_SECONDS = 600.0
COPY_BYTES = 1024 * 1024

RemoteArgument = Annotated[
    Place, typer.Argument(metavar="PLACE", parser=parse_place, help=PLACE, show_default=False)
]
RecursiveOption = Annotated[
    bool, typer.Option("--recursive", "-r", help="Directories with all they hold.")
]


def _target(*places: Place) -> Target:
    if all(place.is_local for place in places):
        raise typer.BadParameter(f"one place has to be {PLACE}")
    target = choose_target()
    output.note(f"using {target}")
    return target


@fs_app.command()
def ls(
    place: RemoteArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """List a directory of a session or a folder of a context."""
    found = signals.run(partial(_ls, _target(place), place))
    entries = [entry for entry in found if isinstance(entry, ContextFileEntry)]
    if entries:
        print_entries(entries, as_json=as_json)
        return
    names = [entry for entry in found if isinstance(entry, DirectoryEntry)]
    if as_json:
        kinds = {True: "FOLDER", False: "FILE"}
        output.print_json([{"name": e.name, "type": kinds[e.is_directory]} for e in names])
        return
    for entry in names:
        output.print_line(entry.name + "/" * entry.is_directory)


async def _ls(target: Target, place: Place) -> list[Any]:
    async with target.client() as agent_bay:
        if place.context:
            context = await find_context(agent_bay, place.context)
            return list(await entries_of(agent_bay, context, place.path))
        session = await find_session(agent_bay, place.session)
        return list((await session.file_system.list_directory(place.path)).unwrap())


@fs_app.command()
def cat(place: RemoteArgument) -> None:
    """Write a file of a session or a context to standard output."""
    target = _target(place)
    with tempfile.TemporaryDirectory(prefix="agentbay-") as folder:
        copy = Path(folder, "content")
        signals.run(partial(_copy, target, place, Place(str(copy)), False))
        with copy.open("rb") as file:
            while piece := file.read(COPY_BYTES):
                output.write_bytes(sys.stdout, piece)


@fs_app.command()
def cp(
    source: Annotated[
        Place, typer.Argument(metavar="FROM", parser=parse_place, show_default=False)
    ],
    goal: Annotated[Place, typer.Argument(metavar="TO", parser=parse_place, show_default=False)],
    recursive: RecursiveOption = False,
) -> None:
    """Copy files between this machine and a session or a context.

    FROM and TO are paths of this machine, SESSION:/path or context:NAME:/path; one of both is on
    this machine. Into a directory of this machine a file goes under its own name.
    """
    target = _target(source, goal)
    if not (source.is_local or goal.is_local):
        raise typer.BadParameter("one of both places has to be on this machine")
    if recursive and (source.context or goal.context):
        raise typer.BadParameter("--recursive is for sessions; contexts get directories by them")
    if source.is_local and not recursive and not Path(source.path).is_file():
        raise typer.BadParameter(f"{source.path} is no file; directories need --recursive")
    signals.run(partial(_copy, target, source, goal, recursive))


async def _copy(target: Target, source: Place, goal: Place, recursive: bool) -> None:
    if goal.is_local and not recursive and await anyio.Path(goal.path).is_dir():
        goal = Place(str(Path(goal.path, source.path.rpartition("/")[2])))
    async with target.client() as agent_bay:
        if source.context:
            context = await find_context(agent_bay, source.context)
            await fetch(agent_bay, context, source.path, goal.path)
        elif goal.context:
            context = await find_context(agent_bay, goal.context)
            await store(agent_bay, context, source.path, goal.path)
        elif source.is_local:
            await _send(agent_bay, source.path, goal, recursive)
        else:
            await _receive(agent_bay, source, goal.path, recursive)


async def _send(agent_bay: AsyncAgentBay, source: str, goal: Place, recursive: bool) -> None:
    files = (await find_session(agent_bay, goal.session)).file_system
    size = None if recursive else (await anyio.Path(source).stat()).st_size
    with shown_progress(source, size) as progress:
        if recursive:
            sent = await files.upload_directory(
                source, goal.path, wait_timeout=WAIT_SECONDS, progress_cb=progress
            )
            sent.raise_for_error()
            return
        one = await files.upload_file(
            source, goal.path, wait_timeout=WAIT_SECONDS, progress_cb=progress
        )
        one.raise_for_error()


async def _receive(agent_bay: AsyncAgentBay, source: Place, goal: str, recursive: bool) -> None:
    files = (await find_session(agent_bay, source.session)).file_system
    with shown_progress(source.path, None) as progress:
        if recursive:
            got = await files.download_directory(
                source.path, goal, wait_timeout=WAIT_SECONDS, progress_cb=progress
            )
            got.raise_for_error()
            return
        one = await files.download_file(
            source.path, goal, wait_timeout=WAIT_SECONDS, progress_cb=progress
        )
        one.raise_for_error()


@fs_app.command()
def rm(place: RemoteArgument, recursive: RecursiveOption = False) -> None:
    """Remove a file of a session or a context."""
    signals.run(partial(_rm, _target(place), place, recursive))


async def _rm(target: Target, place: Place, recursive: bool) -> None:
    async with target.client() as agent_bay:
        if place.context:
            context = await find_context(agent_bay, place.context)
            (await agent_bay.context.delete_file(context.id, place.path)).raise_for_error()
            return
        session = await find_session(agent_bay, place.session)
        options = "-r" if recursive else ""
        done = await session.command.execute_command(f"rm {options} -- {shlex.quote(place.path)}")
        if not done.success:
            raise FileError(done.error_message.strip()) from done.exception
