"""Trees as streams: read from a sandbox, written into one."""

from __future__ import annotations

import os

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbay.local.sandbox.base import Sandbox, WorkerError
from agentbay.local.worker.records import (
    FILE,
    SYMLINK,
    Record,
    RecordDecoder,
    RecordError,
    check_name,
)
from agentbay.local.worker.selection import Selection
from tests.worker.support import call, sh
from tests.worker.trees import MTIME, directory, end, file, read_tree, symlink, write_tree

ODD_NAMES = (
    b"plain",
    b"with blank",
    b"line\nbreak",
    b"tab\tand 'quotes\" `too`",
    b"-rf",
    "ünï-💾".encode(),
    b"not-utf8-\xff\xfe",
    b".hidden",
    b"back\\slash",
    b"x" * 255,
)


async def test_a_tree_comes_back_as_it_was_written(sandbox: Sandbox, folder: str) -> None:
    pieces = [directory(b"d", 0o750), directory(b"d/empty"), directory(b"closed", 0o000)]
    pieces += [file(name, name * 3) for name in ODD_NAMES]
    pieces += [file(b"d/" + name, b"") for name in ODD_NAMES]
    pieces += [file(b"closed/in", b"1"), file(b"d/none", b"2", 0o000), file(b"d/run", b"3", 0o4755)]
    pieces += [symlink(b"up", b"../../etc/passwd"), symlink(b"d/dangling", b"\xff nowhere")]
    pieces.append(file(b"d/big", os.urandom(3_000_000)))
    fingerprint = await write_tree(sandbox, f"{folder}/one", [*pieces, end()])
    first = await read_tree(sandbox, f"{folder}/one")
    assert len(first.entries) == len(pieces)
    assert all(record.mtime_ns == MTIME for record, _ in first.entries.values())
    assert first.entries[b"d/none"][0].mode == 0
    assert first.entries[b"closed"][0].mode == 0
    assert first.entries[b"up"][0].target == b"../../etc/passwd"
    again = [entry for pair in first.entries.values() for entry in as_pieces(*pair)]
    await write_tree(sandbox, f"{folder}/two", [*again, end()])
    second = await read_tree(sandbox, f"{folder}/two")
    assert second.summary() == first.summary()
    assert fingerprint
    # Opened up for reading, the closed ones are as they were.
    modes = await sh(sandbox, f"cd {folder}/one; stat -c %a closed d/none; id -u")
    assert modes.stdout == "0\n0\n1000\n"


def as_pieces(record: Record, content: bytes) -> list[bytes]:
    if record.kind == FILE:
        return [file(record.name, content, record.mode)]
    if record.kind == SYMLINK:
        return [symlink(record.name, record.target)]
    return [directory(record.name, record.mode)]


async def test_what_is_no_file_is_left_out(sandbox: Sandbox, folder: str) -> None:
    script = "import socket; socket.socket(socket.AF_UNIX).bind('s')"
    done = await sh(sandbox, f'cd {folder} && mkfifo pipe && python3 -c "{script}" && touch f')
    assert done.exit_code == 0, done.stderr
    assert list((await read_tree(sandbox, folder)).entries) == [b"f"]


async def test_links_are_not_followed(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, f"cd {folder} && mkdir out in && echo 1 > out/secret && ln -s ../out in/way")
    tree = await read_tree(sandbox, f"{folder}/in")
    assert list(tree.entries) == [b"way"]
    # The path itself may be one: that is where the client asked to look.
    assert list((await read_tree(sandbox, f"{folder}/in/way")).entries) == [b"secret"]


async def test_one_file_is_a_tree_without_a_name(sandbox: Sandbox, folder: str) -> None:
    await write_tree(sandbox, f"{folder}/new/deep/f", [file(b"", b"content", 0o640), end()])
    tree = await read_tree(sandbox, f"{folder}/new/deep/f")
    record, content = tree.entries[b""]
    assert (record.mode, content) == (0o640, b"content")


@pytest.mark.parametrize("path", ["missing", "fifo"])
async def test_what_cannot_be_read_is_an_error(sandbox: Sandbox, folder: str, path: str) -> None:
    await sh(sandbox, f"mkfifo {folder}/fifo")
    with pytest.raises(WorkerError) as caught:
        await read_tree(sandbox, f"{folder}/{path}")
    assert caught.value.code in ("not_found", "invalid_argument")
    assert path in str(caught.value)


async def test_an_unchanged_tree_is_told_by_its_fingerprint(sandbox: Sandbox, folder: str) -> None:
    known = await write_tree(sandbox, folder, [directory(b"d"), file(b"d/f", b"1"), end()])
    assert (await read_tree(sandbox, folder, known=known)).unchanged
    for change in ("echo 2 > d/f", "touch d/new", "chmod 600 d/f", "ln -s f d/l", "mv d/f d/g"):
        done = await sh(sandbox, f"cd {folder} && {change}")
        assert done.exit_code == 0, done.stderr
        tree = await read_tree(sandbox, folder, known=known)
        assert not tree.unchanged, change


async def test_a_tree_that_others_wrote_to_has_no_fingerprint(
    sandbox: Sandbox, folder: str
) -> None:
    await sh(sandbox, f"touch {folder}/of-the-user")
    assert await write_tree(sandbox, folder, [file(b"ours", b"1"), end()]) == ""


async def test_a_file_that_grows_is_read_as_it_was_found(sandbox: Sandbox, folder: str) -> None:
    loop = "while :; do echo line >> log; done"
    await sh(sandbox, f"cd {folder}; echo line > log; ({loop}) & echo $! > ../pid")
    try:
        for _ in range(10):
            tree = await read_tree(sandbox, folder)
            record, content = tree.entries[b"log"]
            assert content == b"line\n" * (record.size // 5)
    finally:
        await sh(sandbox, f"kill $(cat {folder}/../pid)")


async def test_files_that_come_and_go_leave_the_others_whole(sandbox: Sandbox, folder: str) -> None:
    loop = "n=$((n+1)); echo $n > f$n; rm -f f$((n-3)); truncate -s $((n % 9))M s"
    await sh(
        sandbox,
        f"cd {folder} && echo 1 > kept; (while :; do {loop}; done) & echo $! > ../pid",
    )
    try:
        for _ in range(10):
            tree = await read_tree(sandbox, folder)
            assert tree.entries[b"kept"][1] == b"1\n"
    finally:
        await sh(sandbox, f"kill $(cat {folder}/../pid)")


async def test_files_appear_whole_or_not_at_all(sandbox: Sandbox, folder: str) -> None:
    half = file(b"second", b"x" * 1000)[:500]
    with pytest.raises(WorkerError, match="ended before their end was seen"):
        await write_tree(sandbox, folder, [file(b"first", b"1"), half])
    left = await sh(sandbox, f"ls -A {folder}")
    assert left.stdout == "first\n"


async def test_what_is_there_is_replaced_but_never_deleted(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, f"cd {folder} && echo old > f && ln -s nowhere l && mkdir d && echo k > d/k")
    pieces = [file(b"f", b"new", 0o600), file(b"l", b"file now"), directory(b"d", 0o700)]
    await write_tree(sandbox, folder, [*pieces, end()])
    shown = await sh(sandbox, f"cd {folder} && cat f l d/k && stat -c '%a %F' f l d")
    assert shown.stdout == ("newfile nowk\n600 regular file\n644 regular file\n700 directory\n")
    with pytest.raises(WorkerError, match="Is a directory"):
        await write_tree(sandbox, folder, [file(b"d", b"in the way"), end()])
    with pytest.raises(WorkerError, match=r"Not a directory|File exists"):
        await write_tree(sandbox, folder, [file(b"f/below", b"1"), end()])
    assert (await sh(sandbox, f"ls -A {folder}")).stdout == "d\nf\nl\n"


@pytest.mark.parametrize("name", [b"../up", b"/etc/x", b"a/../../x", b"a//b", b"a/.", b"nul\0"])
async def test_a_name_never_leads_out_of_the_tree(
    sandbox: Sandbox, folder: str, name: bytes
) -> None:
    with pytest.raises(RecordError):
        check_name(name)
    with pytest.raises(WorkerError) as caught:
        await write_tree(sandbox, folder, [file(name, b"1"), end()])
    assert caught.value.code == "invalid_argument"
    assert (await sh(sandbox, f"ls -A {folder}")).stdout == ""


async def test_white_lists_choose_what_is_read(sandbox: Sandbox, folder: str) -> None:
    names = "a/b/x a/y c.txt d/n.log d/n.txt"
    await sh(sandbox, f"cd {folder} && mkdir -p a/b d && touch {names}")

    async def chosen(*rules: dict[str, object]) -> list[str]:
        tree = await read_tree(sandbox, folder, list(rules))
        return sorted(
            os.fsdecode(name) for name, (record, _) in tree.entries.items() if record.kind == FILE
        )

    assert await chosen() == ["a/b/x", "a/y", "c.txt", "d/n.log", "d/n.txt"]
    assert await chosen({"path": "/a"}) == ["a/b/x", "a/y"]
    assert await chosen({"path": "a", "excludePaths": ["/a/b"]}) == ["a/y"]
    assert await chosen({"path": "", "excludePaths": ["a", "d/n.log"]}) == ["c.txt", "d/n.txt"]
    assert await chosen({"path": "/c.txt"}, {"path": "a/b"}) == ["a/b/x", "c.txt"]
    assert await chosen({"path": r".*\.txt", "isPathRegex": True}) == ["c.txt", "d/n.txt"]
    logs = {"path": "", "excludePaths": [r"/d/.*\.log"], "isExcludeRegex": True}
    assert await chosen(logs) == ["a/b/x", "a/y", "c.txt", "d/n.txt"]
    reply = await call(
        sandbox,
        "select_names",
        names=["x.txt", "y"],
        rules=[{"path": ".*txt", "isPathRegex": True}],
    )
    assert reply.result == {"covered": [0]}


async def test_a_reader_that_stops_leaves_nothing_running(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, f"head -c 20000000 /dev/zero > {folder}/big")
    before = await threads(sandbox)
    for _ in range(5):
        params = {"path": folder, "rules": []}
        stream = await sandbox.open_stream("read_tree", params, timeout=10)
        assert await stream.receive()
        stream.close()
    with anyio.fail_after(10):
        while await threads(sandbox) > before:  # noqa: ASYNC110 - no event tells
            await anyio.sleep(0.01)


async def threads(sandbox: Sandbox) -> int:
    # The worker is the parent of every command.
    return int((await sh(sandbox, "ls /proc/$PPID/task | wc -l")).stdout)


RECORDS = st.builds(
    Record,
    st.just(FILE),
    st.binary(min_size=1, max_size=20).filter(lambda name: not set(name) & set(b"/.\0")),
    mode=st.integers(0, 0o7777),
    mtime_ns=st.integers(-(2**63), 2**63 - 1),
    size=st.integers(0, 50),
)


@given(st.lists(RECORDS), st.integers(1, 80))
def test_records_survive_any_way_of_cutting_them(records: list[Record], step: int) -> None:
    data = b"".join(record.encode() + b"c" * record.size for record in records)
    decoder = RecordDecoder()
    found: list[tuple[bytes, int, int, int]] = []
    content = 0
    for start in range(0, len(data), step):
        for part in decoder.feed(data[start : start + step]):
            if isinstance(part, Record):
                found.append((part.name, part.mode, part.mtime_ns, part.size))
            else:
                content += len(part)
    assert found == [(one.name, one.mode, one.mtime_ns, one.size) for one in records]
    assert content == sum(one.size for one in records)


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_incomplete(data: bytes) -> None:
    try:
        for part in RecordDecoder().feed(data):
            if isinstance(part, Record):
                check_name(part.name if part.kind == FILE else b"")
    except RecordError:
        return


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)


@given(PATHS, PATHS, st.lists(PATHS, max_size=3))
def test_a_walk_reaches_all_that_is_covered(name: str, path: str, excluded: list[str]) -> None:
    selection = Selection([{"path": path, "excludePaths": excluded}])
    if selection.covers(name):
        parts = name.split("/")
        assert all(selection.reaches("/".join(parts[:count])) for count in range(1, len(parts)))
