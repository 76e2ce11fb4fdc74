"""Trees of a sandbox, as the runtime reads and writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
from attrs import define, field

from agentbay.local.worker.records import (
    DIRECTORY,
    END,
    FILE,
    SYMLINK,
    TORN,
    UNCHANGED,
    WHOLE,
    Record,
    RecordDecoder,
)
from tests.worker.support import CALL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agentbay.local.sandbox.base import Sandbox

EVERYTHING: list[dict[str, Any]] = []
MTIME = 1_700_000_000_123_456_789


@define
class Tree:
    """What came out of a sandbox."""

    entries: dict[bytes, tuple[Record, bytes]] = field(factory=dict)
    torn: int = 0
    fingerprint: str = ""
    unchanged: bool = False

    def summary(self) -> dict[bytes, Any]:
        """All that has to be the same after a round trip."""
        return {
            name: (record.kind, record.mode, record.mtime_ns, record.target, content)
            for name, (record, content) in self.entries.items()
        }


async def read_tree(
    sandbox: Sandbox, path: str, rules: list[dict[str, Any]] = EVERYTHING, known: str = ""
) -> Tree:
    params = {"path": path, "rules": rules, "known": known}
    stream = await sandbox.open_stream("read_tree", params, timeout=CALL_SECONDS)
    tree, decoder, ended = Tree(), RecordDecoder(), False
    current: Record | None = None
    content = bytearray()
    try:
        stream.end()
        with anyio.fail_after(CALL_SECONDS):
            while data := await stream.receive():
                for found in decoder.feed(data):
                    assert not ended
                    if not isinstance(found, Record):
                        content += found
                    elif found.kind in (END, UNCHANGED):
                        ended = True
                        tree.fingerprint = found.name.decode()
                        tree.unchanged = found.kind == UNCHANGED
                    elif found.kind == TORN:
                        tree.torn += 1
                    elif found.kind == WHOLE:
                        assert current is not None
                        assert len(content) == current.size
                        tree.entries[current.name] = (current, bytes(content))
                    elif found.kind == FILE:
                        current = found
                        content.clear()
                    else:
                        tree.entries[found.name] = (found, b"")
    finally:
        stream.close()
    assert ended
    return tree


async def write_tree(
    sandbox: Sandbox,
    path: str,
    pieces: Iterable[bytes],
    rules: list[dict[str, Any]] = EVERYTHING,
) -> str:
    """Write a tree and return its fingerprint."""
    stream = await sandbox.open_stream(
        "write_tree", {"path": path, "rules": rules}, timeout=CALL_SECONDS
    )
    try:
        with anyio.fail_after(CALL_SECONDS):
            for piece in pieces:
                await stream.send(piece)
            stream.end()
            answer = b""
            while data := await stream.receive():
                answer += data
    finally:
        stream.close()
    return answer.decode()


def directory(name: bytes, mode: int = 0o755) -> bytes:
    return Record(DIRECTORY, name, mode=mode, mtime_ns=MTIME).encode()


def symlink(name: bytes, target: bytes) -> bytes:
    return Record(SYMLINK, name, mode=0o777, mtime_ns=MTIME, target=target).encode()


def file(name: bytes, content: bytes, mode: int = 0o644) -> bytes:
    record = Record(FILE, name, mode=mode, mtime_ns=MTIME, size=len(content))
    return record.encode() + content + Record(WHOLE).encode()


def end() -> bytes:
    return Record(END).encode()
