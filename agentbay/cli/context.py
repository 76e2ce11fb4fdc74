"""``agentbay context``: storage that outlives sessions."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from agentbay.cli import output
from agentbay.cli.places import find_context
from agentbay.cli.signals import signals
from agentbay.cli.target import Target, choose_target
from agentbay.cli.transfers import shown_progress
from agentbay.models.context import Context, ContextFileEntry

if TYPE_CHECKING:
    from agentbay import AsyncAgentBay

__all__ = ("context_app", "entries_of", "fetch", "print_entries", "store")

context_app = typer.Typer(
    help="Storage that outlives sessions.", no_args_is_help=True, rich_markup_mode=None
)

ContextArgument = Annotated[
    str, typer.Argument(metavar="CONTEXT", help="Its name or id.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def _target() -> Target:
    target = choose_target()
    output.note(f"using {target}")
    return target


@context_app.command("list")
def list_contexts(as_json: JsonOption = False) -> None:
    """List all contexts."""
    contexts = signals.run(partial(_list, _target()))
    if as_json:
        output.print_json([_facts(context) for context in contexts])
        return
    for context in contexts:
        output.print_line(f"{context.id}  {context.name}")


async def _list(target: Target) -> list[Context]:
    async with target.client() as agent_bay:
        return [context async for context in agent_bay.context.list_all(limit=100)]


def _facts(context: Context) -> dict[str, str | None]:
    return {
        "id": context.id,
        "name": context.name,
        "created_at": context.created_at,
        "last_used_at": context.last_used_at,
    }


@context_app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Create a context, or find the one of that name; print its id."""
    context = signals.run(partial(_create, _target(), name))
    if as_json:
        output.print_json(_facts(context))
    else:
        output.print_line(context.id)


async def _create(target: Target, name: str) -> Context:
    async with target.client() as agent_bay:
        return (await agent_bay.context.create(name)).unwrap()


@context_app.command()
def delete(context: ContextArgument) -> None:
    """Delete a context with all it holds."""
    signals.run(partial(_delete, _target(), context))


async def _delete(target: Target, name: str) -> None:
    async with target.client() as agent_bay:
        found = await find_context(agent_bay, name)
        (await agent_bay.context.delete(found)).raise_for_error()


@context_app.command()
def files(
    context: ContextArgument,
    folder: Annotated[str, typer.Argument(metavar="[FOLDER]", help="Which folder of it.")] = "/",
    as_json: JsonOption = False,
) -> None:
    """List what a folder of a context holds."""
    print_entries(signals.run(partial(_files, _target(), context, folder)), as_json=as_json)


async def _files(target: Target, name: str, folder: str) -> list[ContextFileEntry]:
    async with target.client() as agent_bay:
        found = await find_context(agent_bay, name)
        return await entries_of(agent_bay, found, folder)


async def entries_of(
    agent_bay: AsyncAgentBay, context: Context, folder: str
) -> list[ContextFileEntry]:
    """Return all that *folder* holds."""
    return [entry async for entry in agent_bay.context.list_all_files(context.id, folder)]


def print_entries(entries: list[ContextFileEntry], *, as_json: bool) -> None:
    """Print files and folders; a folder ends with a slash."""
    if as_json:
        facts = [
            {
                "name": entry.file_name,
                "path": entry.file_path,
                "type": entry.file_type,
                "size": entry.size,
                "modified_at": entry.gmt_modified,
            }
            for entry in entries
        ]
        output.print_json(facts)
        return
    for entry in entries:
        output.print_line(entry.file_name + "/" * (entry.file_type == "FOLDER"))


@context_app.command()
def upload(
    context: ContextArgument,
    source: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A file of this machine.", exists=True, dir_okay=False),
    ],
    path: Annotated[
        str | None,
        typer.Argument(metavar="[PATH]", help="Where it goes; /FILE by default."),
    ] = None,
) -> None:
    """Store a file in a context, replacing what is there."""
    goal = path or f"/{source.name}"
    signals.run(partial(_upload, _target(), context, str(source), goal))


async def _upload(target: Target, name: str, source: str, goal: str) -> None:
    async with target.client() as agent_bay:
        found = await find_context(agent_bay, name)
        await store(agent_bay, found, source, goal)


async def store(agent_bay: AsyncAgentBay, context: Context, source: str, path: str) -> None:
    """Store a local file in a context."""
    size = (await anyio.Path(source).stat()).st_size
    with shown_progress(source, size) as progress:
        sent = await agent_bay.context.upload_file(context.id, source, path, progress_cb=progress)
    sent.raise_for_error()


@context_app.command()
def download(
    context: ContextArgument,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A file of the context.", show_default=False)
    ],
    target: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="Where it goes; its name, here, by default."),
    ] = None,
) -> None:
    """Fetch a file of a context."""
    goal = target or path.rpartition("/")[2]
    signals.run(partial(_download, _target(), context, path, goal))


async def _download(target: Target, name: str, path: str, goal: str) -> None:
    async with target.client() as agent_bay:
        await fetch(agent_bay, await find_context(agent_bay, name), path, goal)


async def fetch(agent_bay: AsyncAgentBay, context: Context, path: str, target: str) -> None:
    """Fetch a file of a context."""
    with shown_progress(path, None) as progress:
        got = await agent_bay.context.download_file(context.id, path, target, progress_cb=progress)
    got.raise_for_error()
