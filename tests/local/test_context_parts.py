"""Parts of contexts that can be looked at alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agentbay._wire.persistence import Unpacking
from agentbay.errors import ServiceError
from agentbay.local.contexts import intake as intake_module
from agentbay.local.contexts.archives import ArchiveSink
from agentbay.local.contexts.entries import ContextRecord, Kind, Object
from agentbay.local.contexts.intake import Intake, PlainSink
from agentbay.local.contexts.keys import is_within, join, parents, parse_key, relative, shown
from agentbay.local.contexts.outlet import tree_of
from agentbay.local.contexts.packs import Packs
from agentbay.local.contexts.store import ContextStore
from agentbay.local.worker.records import (
    DIRECTORY,
    FILE,
    SYMLINK,
    TORN,
    WHOLE,
    Record,
    RecordDecoder,
    RecordError,
)
from tests.worker.trees import directory, end, file, symlink

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def packs(tmp_path: Path) -> Packs:
    made = Packs(tmp_path / "packs")
    made.open(set())
    return made


def take(packs: Packs, data: bytes, *, archive: bool = False) -> list[Object]:
    """Take a tree in, and give back what is stored of it."""
    plain = PlainSink(packs, durable=False)
    sink = ArchiveSink(packs, [], durable=False) if archive else plain
    intake = Intake(sink)
    try:
        intake.feed(data)
        if not intake.ended:
            raise RecordError("no end")
        return sink.finish()
    except BaseException:
        sink.abandon()
        raise


def give(packs: Packs, objects: list[Object]) -> dict[bytes, tuple[int, int, int, bytes, bytes]]:
    """Return the tree that a sandbox would get."""
    decoder, found, content = RecordDecoder(), {}, b""
    current: Record | None = None
    moved = [evolve(item, key=join(b"/", item.key)) for item in objects]
    for piece in tree_of(moved, b"/", packs, Unpacking()):
        for part in decoder.feed(piece):
            if not isinstance(part, Record):
                content += part
            elif part.kind in (DIRECTORY, SYMLINK, FILE):
                current, content = part, b""
                found[part.name] = (part.kind, part.mode, part.mtime_ns, part.target, b"")
            elif part.kind == WHOLE:
                assert current is not None
                found[current.name] = (*found[current.name][:4], content)
    return found


HOSTILE = {
    "upwards": file(b"../x", b""),
    "absolute": file(b"/etc/passwd", b""),
    "inside": file(b"a/../../x", b""),
    "dot": file(b"./x", b""),
    "nul": file(b"a\0b", b""),
    "long name": file(b"x" * 256, b""),
    "long path": file(b"/".join([b"x" * 200] * 30), b""),
    "twice": file(b"a", b"1") + file(b"a", b"2"),
    "a directory twice": directory(b"a") + directory(b"a"),
    "in a file": file(b"a", b"1") + file(b"a/b", b"2"),
    "in a link": symlink(b"a", b"/etc") + file(b"a/passwd", b"2"),
    "deep in a link": symlink(b"a", b"/etc") + file(b"a/b/c/d", b"2"),
    "a file over a directory": file(b"a/b", b"1") + file(b"a", b"2"),
    "a root among others": file(b"a", b"1") + file(b"", b"2"),
    "others beside a root": file(b"", b"1") + file(b"a", b"2"),
    "a root that is a link": symlink(b"", b"/etc/passwd"),
    "a link to nowhere": Record(SYMLINK, b"a").encode(),
    "a directory with content": Record(DIRECTORY, b"a", size=5).encode() + b"12345",
    "no end of a file": Record(FILE, b"a", size=1).encode() + b"1" + directory(b"b"),
    "an end of no file": Record(WHOLE).encode(),
    "unknown kind": Record(99, b"a").encode(),
    "bad mode": Record(FILE, b"a", mode=0o100644).encode(),
    "too large": Record(FILE, b"a", size=2**62).encode(),
    "after the end": end() + directory(b"a"),
    "cut off": file(b"a", b"content")[:-30],
}


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_hostile_worker_sends_is_refused_without_a_trace(
    packs: Packs, name: str, archive: bool
) -> None:
    data = HOSTILE[name]
    with pytest.raises(RecordError):
        take(packs, data if name in ("after the end", "cut off") else data + end(), archive=archive)
    assert list(packs.folder.iterdir()) == []


def test_trees_are_bounded(packs: Packs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "MAX_ENTRIES", 10)
    with pytest.raises(RecordError, match="more than 10 files"):
        take(packs, b"".join(directory(b"%d" % number) for number in range(11)) + end())
    monkeypatch.setattr(intake_module, "MAX_TREE_BYTES", 10)
    with pytest.raises(RecordError, match="10 bytes"):
        take(packs, file(b"a", b"123456") + file(b"b", b"123456") + end())


@pytest.mark.parametrize("archive", [False, True])
def test_a_torn_file_does_not_count(packs: Packs, archive: bool) -> None:
    torn = Record(FILE, b"d/a", size=4, mode=0o644).encode() + b"torn" + Record(TORN).encode()
    data = directory(b"d") + file(b"d/0", b"0") + torn + torn + file(b"d/a", b"ok") + torn[:0]
    gone = Record(FILE, b"d/b", size=4, mode=0o644).encode() + b"torn" + Record(TORN).encode()
    found = give(packs, take(packs, data + gone + file(b"d/c", b"c") + end(), archive=archive))
    contents = {name: entry[4] for name, entry in found.items() if entry[0] == FILE}
    assert contents == {b"d/0": b"0", b"d/a": b"ok", b"d/c": b"c"}


PART = st.binary(min_size=1, max_size=8).filter(lambda part: not set(part) & set(b"/\0.")) | (
    st.sampled_from([b"...", b".hidden", b"x.tar.gz", b"x", "ü".encode()])
)
LEAF = st.tuples(
    st.integers(0, 0o7777), st.integers(-(2**40), 2**62), st.binary(max_size=50) | st.none()
)
TREES = st.recursive(LEAF, lambda inner: st.dictionaries(PART, inner, max_size=4), max_leaves=20)


def records_of(tree: object, name: bytes) -> bytes:
    if isinstance(tree, dict):
        inside = b"".join(
            records_of(tree[part], name + b"/" + part if name else part) for part in sorted(tree)
        )
        own = Record(DIRECTORY, name, mode=0o700, mtime_ns=5).encode() if name else b""
        return own + inside
    assert isinstance(tree, tuple)
    mode, mtime_ns, content = tree
    if content is None:
        return Record(SYMLINK, name, mode=0o777, mtime_ns=mtime_ns, target=b"../\xff").encode()
    record = Record(FILE, name, mode=mode, mtime_ns=mtime_ns, size=len(content))
    return record.encode() + bytes(content) + Record(WHOLE).encode()


@given(st.dictionaries(PART, TREES, max_size=4), st.booleans())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
def test_any_tree_comes_back_the_same(
    packs: Packs, tree: dict[bytes, object], archive: bool
) -> None:
    data = records_of(tree, b"") + end()
    expected = give(packs, take(packs, data))
    objects = take(packs, data, archive=archive)
    assert give(packs, objects) == expected
    assert len(expected) == sum(
        isinstance(part, Record) and part.kind in (DIRECTORY, SYMLINK, FILE)
        for part in RecordDecoder().feed(data)
    )
    packs.open(set())


def test_a_pack_in_use_stays_until_it_is_read(packs: Packs) -> None:
    writer = packs.new(durable=True)
    writer.write(b"content")
    writer.finish()
    with packs.reading([writer.name, writer.name]):
        with packs.reading([writer.name]):
            packs.discard([writer.name])
            assert packs.path(writer.name).read_bytes() == b"content"
        assert packs.path(writer.name).exists()
    assert not packs.path(writer.name).exists()
    with packs.reading([writer.name]):
        pass


def test_remains_of_a_killed_runtime_are_removed(packs: Packs) -> None:
    kept, lost, partial = (packs.new(durable=False) for _ in range(3))
    for writer in (kept, lost, partial):
        writer.write(b"x")
    kept.finish()
    lost.finish()
    packs.open({kept.name, ""})
    assert [path.name for path in packs.folder.iterdir()] == [kept.name]
    partial.abandon()


KEY = st.lists(PART, min_size=1, max_size=4).map(lambda parts: b"/" + b"/".join(parts))


@given(KEY, KEY)
def test_keys_are_joined_and_taken_apart(prefix: bytes, name: bytes) -> None:
    key = join(prefix, name[1:])
    assert is_within(key, prefix)
    assert relative(key, prefix) == name[1:]
    assert join(b"/", key[1:]) == key
    assert all(is_within(key, folder) for folder in parents(key))
    assert parse_key(shown(key), "Key") == key


@given(st.text(max_size=40))
def test_a_key_is_plain_or_refused(text: str) -> None:
    try:
        key = parse_key(text, "Key")
    except ServiceError:
        return
    assert key.startswith(b"/")
    assert not {b"", b".", b".."} & set(key[1:].split(b"/"))


OBJECTS = st.dictionaries(KEY, st.sampled_from([Kind.FILE, Kind.DIRECTORY]), max_size=8)


@given(st.lists(st.tuples(OBJECTS, st.sets(KEY, max_size=4)), max_size=5), KEY)
@example([({b"/d/x.txt": Kind.FILE, b"/d/x/y": Kind.FILE}, set())], b"/d")
@settings(deadline=None, max_examples=25)
def test_the_store_is_a_map_of_keys_in_which_nothing_is_inside_of_a_file(
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[dict[bytes, Kind], set[bytes]]],
    folder: bytes,
) -> None:
    async def run() -> None:
        store = await ContextStore.open(tmp_path_factory.mktemp("store") / "db")
        try:
            await store.add(ContextRecord("c", "c", "", 0.0, 0.0, 0))
            await check_changes(store, changes, folder)
        finally:
            await store.close()

    asyncio.run(run())


async def check_changes(
    store: ContextStore, changes: list[tuple[dict[bytes, Kind], set[bytes]]], folder: bytes
) -> None:
    model: dict[bytes, Kind] = {}
    version = 0
    for added, removed in changes:
        after = {key: kind for key, kind in model.items() if key not in removed} | added
        objects = [Object(key=key, kind=kind) for key, kind in added.items()]
        try:
            now, _ = await store.replace("c", removed, objects)
        except ServiceError:
            assert not is_tree(after)
            continue
        assert is_tree(after)
        assert now == version + 1
        model, version = after, now
    stored = {item.key: item.kind for item in await store.objects("c", b"/")}
    assert stored == model
    below = {key for key in model if is_within(key, folder)}
    assert {item.key for item in await store.objects("c", folder)} == below
    names = {relative(key, folder).split(b"/")[0] for key in below if key != folder}
    found = await store.children("c", folder)
    assert [relative(child.key, folder) for child in found] == sorted(names)
    for child in found:
        has_more = any(key != child.key and is_within(key, child.key) for key in model)
        assert child.is_folder == (has_more or model[child.key] is Kind.DIRECTORY)


def is_tree(model: dict[bytes, Kind]) -> bool:
    return not any(
        model.get(folder, Kind.DIRECTORY) is not Kind.DIRECTORY
        for key in model
        for folder in parents(key)
    )
