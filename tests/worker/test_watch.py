"""Changes of files in a real sandbox."""

from __future__ import annotations

import itertools

import pytest

from agentbay.local.sandbox.base import Sandbox, WorkerError
from agentbay.local.worker.watch import MAX_WATCHED
from tests.worker.support import call, sh


async def changes(sandbox: Sandbox, folder: str) -> list[str]:
    """Return the changes as ``type path``, directories with a slash at the end."""
    reply = await call(sandbox, "get_file_change", path=folder)
    return [
        f"{event['event_type']} {event['path'].removeprefix(f'{folder}/')}"
        + "/" * (event["path_type"] == "directory")
        for event in reply.result["events"]
    ]


SCENES = {
    "nothing": ("true", []),
    "a new file": ("echo >new", ["create new", "modify new"]),
    "an empty file": ("touch new", ["create new", "modify new"]),
    "overwritten": ("echo longer >old", ["modify old"]),
    "the same size": ("echo OLD >old", ["modify old"]),
    "appended": ("echo >>old", ["modify old"]),
    "replaced by a rename": ("echo x >dir/t; mv dir/t old", ["modify old"]),
    "touched": ("touch old", ["modify old"]),
    "deleted": ("rm old", ["delete old"]),
    "renamed": ("mv old new", ["delete old", "create new", "modify new"]),
    "below": ("echo >dir/sub/f", ["create dir/sub/f", "modify dir/sub/f"]),
    "a directory": ("mkdir -p a/b", ["create a/", "create a/b/"]),
    "a tree goes": ("rm -r dir", ["delete dir/sub/", "delete dir/"]),
    "a tree moves": (
        "mv dir rid",
        ["delete dir/sub/", "delete dir/", "create rid/", "create rid/sub/"],
    ),
    "file becomes directory": ("rm old; mkdir old", ["delete old", "create old/"]),
    "directory becomes file": (
        "rm -r dir; echo >dir",
        ["delete dir/sub/", "delete dir/", "create dir", "modify dir"],
    ),
    "come and gone": ("echo >new; rm new", []),
    "a broken link": ("ln -s nowhere link", ["create link", "modify link"]),
    "odd names": (
        "touch -- '-a' 'b\nc' 'é🚀'",
        ["create -a", "modify -a", "create b\nc", "modify b\nc", "create é🚀", "modify é🚀"],
    ),
}


@pytest.mark.parametrize("scene", SCENES)
async def test_what_changed_is_told_once(sandbox: Sandbox, folder: str, scene: str) -> None:
    command, expected = SCENES[scene]
    await sh(sandbox, "echo old >old; mkdir -p dir/sub; ln -s . loop", cwd=folder)
    assert await changes(sandbox, folder) == []
    assert (await sh(sandbox, command, cwd=folder)).exit_code == 0
    assert await changes(sandbox, folder) == expected
    assert await changes(sandbox, folder) == []


async def test_our_own_writes_leave_no_trace_of_their_temporary_files(
    sandbox: Sandbox, folder: str
) -> None:
    await changes(sandbox, folder)
    await call(sandbox, "write_file", b"1", path=f"{folder}/f")
    assert await changes(sandbox, folder) == ["create f", "modify f"]
    await call(sandbox, "write_file", b"2", path=f"{folder}/f")
    assert await changes(sandbox, folder) == ["modify f"]


async def test_no_change_is_lost_between_looks(sandbox: Sandbox, folder: str) -> None:
    """Two writes of the same size within one tick of the clock look the same."""
    await sh(sandbox, "echo 0 >f", cwd=folder)
    await changes(sandbox, folder)
    for number in range(1, 30):
        await call(sandbox, "shell", command=f"echo {number % 10} >f", cwd=folder)
        assert await changes(sandbox, folder) == ["modify f"]


async def test_a_single_file_can_be_watched(sandbox: Sandbox, folder: str) -> None:
    path = f"{folder}/f"
    await sh(sandbox, "echo >f", cwd=folder)
    await changes(sandbox, path)
    await sh(sandbox, "echo more >f; echo >g", cwd=folder)
    assert await changes(sandbox, path) == [f"modify {path}"]


async def test_the_end_of_what_is_watched(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, "mkdir w; echo >w/f", cwd=folder)
    watched = f"{folder}/w"
    await changes(sandbox, watched)
    await sh(sandbox, "rm -r w", cwd=folder)
    assert await changes(sandbox, watched) == ["delete f", f"delete {watched}/"]
    with pytest.raises(WorkerError, match="No such file or directory"):
        await changes(sandbox, watched)
    await sh(sandbox, "mkdir w; echo >w/f", cwd=folder)
    assert await changes(sandbox, watched) == []


async def test_two_spellings_are_one_directory(sandbox: Sandbox, folder: str) -> None:
    await changes(sandbox, folder)
    await sh(sandbox, "echo >f", cwd=folder)
    relative = folder.removeprefix(f"{sandbox.home}/")
    reply = await call(sandbox, "get_file_change", path=f"./{relative}/")
    assert [event["path"] for event in reply.result["events"]] == [f"{folder}/f"] * 2


async def test_what_is_remembered_is_bounded(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, f"mkdir $(seq {MAX_WATCHED + 1})", cwd=folder)
    for number in range(1, MAX_WATCHED + 1):
        await changes(sandbox, f"{folder}/{number}")
    await changes(sandbox, f"{folder}/1")
    await changes(sandbox, f"{folder}/{MAX_WATCHED + 1}")  # number 2 is forgotten for it
    await sh(sandbox, "touch 1/f 2/f", cwd=folder)
    told = [await changes(sandbox, f"{folder}/{number}") for number in (1, 2)]
    assert list(itertools.chain(*told)) == ["create f", "modify f"]
