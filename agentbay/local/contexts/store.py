"""The database of contexts: their names, their objects, and where the content of those is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._wire.envelope import Code, service_error
from agentbay.local.contexts.entries import Child, ContextPage, ContextRecord, Kind, Object
from agentbay.local.contexts.keys import end_of, is_within, parents
from agentbay.local.database import Database, Schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from agentbay.errors import ServiceError

__all__ = ("ContextStore", "context_not_found")

_SCHEMA = Schema(
    version=1,
    synchronous="FULL",
    statements="""
CREATE TABLE contexts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    context_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    used_at REAL NOT NULL,
    version INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE objects (
    context INTEGER NOT NULL REFERENCES contexts (seq) ON DELETE CASCADE,
    key BLOB NOT NULL,
    kind TEXT NOT NULL,
    mode INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    size INTEGER NOT NULL,
    target BLOB NOT NULL,
    pack TEXT NOT NULL,
    start INTEGER NOT NULL,
    stored_at REAL NOT NULL,
    PRIMARY KEY (context, key)
) WITHOUT ROWID;
CREATE INDEX objects_by_pack ON objects (pack);
CREATE TABLE lifecycles (
    context INTEGER NOT NULL REFERENCES contexts (seq) ON DELETE CASCADE,
    scope BLOB NOT NULL,
    key BLOB NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (context, scope, key)
) WITHOUT ROWID;
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
""",
)

_CONTEXT = "context_id, name, type, created_at, used_at, version"
_OBJECT = "key, kind, mode, mtime_ns, size, target, pack, start, stored_at"


def context_not_found(name: str) -> ServiceError:
    """Return the error for a context that is not there."""
    return service_error(
        Code.CONTEXT_NOT_FOUND, f"There is no context {name[:100]!r}.", http_status=404
    )


class ContextStore:
    """Contexts and their objects; every call is one transaction.

    Those that remove objects return the packs that nothing refers to any more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> ContextStore:
        """Open or create the file; contexts that belonged to sessions are gone with those.

        Raises:
            LocalRuntimeError: It cannot be opened, or was written by a newer version.
        """
        database = Database(path, "agentbay-contexts")
        await database.open(_SCHEMA, _forget_internal)
        return cls(database)

    async def close(self) -> None:
        """Close the file. Idempotent."""
        await self._database.close()

    async def secret(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return a secret of this file, made when it is first asked for."""

        def read(database: sqlite3.Connection) -> bytes:
            database.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, make()))
            query = "SELECT value FROM secrets WHERE name = ?"
            return bytes(database.execute(query, (name,)).fetchone()[0])

        return await self._database.transaction(read)

    async def packs(self) -> set[str]:
        """Return the packs that objects refer to."""
        return await self._database.transaction(
            lambda database: {
                name for (name,) in database.execute("SELECT DISTINCT pack FROM objects")
            }
        )

    async def refers_to(self, packs: Sequence[str]) -> bool:
        """Return whether objects refer to one of *packs*."""
        return await self._database.transaction(
            lambda database: len(_dead(database, set(packs))) < len(packs)
        )

    async def find(self, *, context_id: str = "", name: str = "") -> ContextRecord | None:
        """Return a context by its id, or else by its name."""
        column, value = ("context_id", context_id) if context_id else ("name", name)

        def read(database: sqlite3.Connection) -> ContextRecord | None:
            row = database.execute(
                f"SELECT {_CONTEXT} FROM contexts WHERE {column} = ?",  # noqa: S608 - constants
                (value,),
            ).fetchone()
            return ContextRecord(*row) if row else None

        return await self._database.transaction(read)

    async def add(self, record: ContextRecord) -> bool:
        """Add a context; return false if there is one of its name."""

        def write(database: sqlite3.Connection) -> bool:
            done = database.execute(
                f"INSERT OR IGNORE INTO contexts ({_CONTEXT}) "  # noqa: S608 - constants
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    record.id,
                    record.name,
                    record.type,
                    record.created_at,
                    record.used_at,
                    record.version,
                ),
            )
            return done.rowcount == 1

        return await self._database.transaction(write)

    async def rename(self, context_id: str, name: str) -> bool:
        """Rename a context; return false if the name is taken."""

        def write(database: sqlite3.Connection) -> bool:
            done = database.execute(
                "UPDATE OR IGNORE contexts SET name = ? WHERE context_id = ?", (name, context_id)
            )
            return done.rowcount == 1

        return await self._database.transaction(write)

    async def touch(self, context_id: str, now: float) -> None:
        """Note that a context is used."""
        await self._database.transaction(
            lambda database: database.execute(
                "UPDATE contexts SET used_at = ? WHERE context_id = ?", (now, context_id)
            )
        )

    async def remove(self, context_id: str) -> list[str]:
        """Remove a context with all it holds."""

        def write(database: sqlite3.Connection) -> list[str]:
            seq = _seq(database, context_id)
            packs = _packs_of(database, seq)
            database.execute("DELETE FROM contexts WHERE seq = ?", (seq,))
            return _dead(database, packs)

        return await self._database.transaction(write)

    async def clear(self, context_id: str) -> list[str]:
        """Remove all objects of a context."""

        def write(database: sqlite3.Connection) -> list[str]:
            seq = _seq(database, context_id)
            packs = _packs_of(database, seq)
            database.execute("DELETE FROM objects WHERE context = ?", (seq,))
            _count_up(database, seq)
            return _dead(database, packs)

        return await self._database.transaction(write)

    async def page(
        self, kind: str, only: Collection[str] | None, before: int | None, size: int
    ) -> ContextPage:
        """Return *size* contexts of a type, newest first, from those older than *before*.

        With *only*, just those ids count.
        """

        def read(database: sqlite3.Connection) -> ContextPage:
            rows = [
                row
                for row in database.execute(
                    f"SELECT seq, {_CONTEXT} FROM contexts "  # noqa: S608 - constants
                    "WHERE type = ? ORDER BY seq DESC",
                    (kind,),
                )
                if only is None or row[1] in only
            ]
            rest = [row for row in rows if before is None or row[0] < before]
            records = tuple(ContextRecord(*row[1:]) for row in rest[:size])
            return ContextPage(records, rest[size - 1][0] if len(rest) > size else None, len(rows))

        return await self._database.transaction(read)

    async def objects(self, context_id: str, prefix: bytes) -> list[Object]:
        """Return the objects at and below *prefix*, in the order of their keys."""

        def read(database: sqlite3.Connection) -> list[Object]:
            seq = _seq(database, context_id)
            rows = database.execute(
                f"SELECT {_OBJECT} FROM objects WHERE context = ? "  # noqa: S608 - constants
                "AND key >= ? AND key < ? ORDER BY key",
                (seq, prefix, end_of(prefix)),
            )
            return [_object(row) for row in rows if is_within(row[0], prefix)]

        return await self._database.transaction(read)

    async def replace(
        self, context_id: str, removed: Iterable[bytes], added: Sequence[Object]
    ) -> tuple[int, list[str]]:
        """Remove and add objects, all at once; return the new version, too.

        Raises:
            ServiceError: The context is gone, or a new object is inside of one that is no
                directory.
        """

        def write(database: sqlite3.Connection) -> tuple[int, list[str]]:
            seq = _seq(database, context_id)
            packs: set[str] = set()
            for key in removed:
                packs |= _take_out(database, seq, key)
            for item in added:
                packs |= _take_out(database, seq, item.key)
            _refuse_conflicts(database, seq, added)
            database.executemany(
                f"INSERT INTO objects (context, {_OBJECT}) "  # noqa: S608 - constants
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(seq, *item.row()) for item in added],
            )
            return _count_up(database, seq), _dead(database, packs)

        return await self._database.transaction(write)

    async def children(self, context_id: str, folder: bytes) -> list[Child]:
        """Return what is directly below *folder*, in the order of the names."""

        def read(database: sqlite3.Connection) -> list[Child]:
            seq = _seq(database, context_id)
            start = folder.rstrip(b"/") + b"/"
            found: list[Child] = []
            row = _first_from(database, seq, start)
            while row is not None and row.key.startswith(start):
                name, slash, _ = row.key[len(start) :].partition(b"/")
                child = start + name
                found.append(Child(child, None if slash else row))
                # A folder is skipped with all that is in it.
                row = _first_from(database, seq, child + (b"0" if slash else b"\0"))
            return _without_doubles(found)

        return await self._database.transaction(read)

    async def set_lifecycle(
        self, context_id: str, scope: bytes, keys: Iterable[bytes], seconds: float | None
    ) -> None:
        """Keep what is below *keys* for *seconds*; replaces what was said for *scope*."""

        def write(database: sqlite3.Connection) -> None:
            seq = _seq(database, context_id)
            database.execute("DELETE FROM lifecycles WHERE context = ? AND scope = ?", (seq, scope))
            if seconds is not None:
                database.executemany(
                    "INSERT OR REPLACE INTO lifecycles VALUES (?, ?, ?, ?)",
                    [(seq, scope, key, seconds) for key in keys],
                )

        await self._database.transaction(write)

    async def expire(self, now: float, context_id: str | None = None) -> list[str]:
        """Remove the objects that are kept no longer: of one context, or of all."""

        def write(database: sqlite3.Connection) -> list[str]:
            rules = database.execute(
                "SELECT seq, key, seconds FROM lifecycles JOIN contexts ON context = seq "
                "WHERE :id IS NULL OR context_id = :id",
                {"id": context_id},
            ).fetchall()
            packs: set[str] = set()
            for seq, key, seconds in rules:
                old = database.execute(
                    "SELECT key FROM objects "
                    "WHERE context = ? AND key >= ? AND key < ? AND stored_at <= ?",
                    (seq, key, end_of(key), now - seconds),
                ).fetchall()
                for (found,) in old:
                    if is_within(found, key):
                        packs |= _take_out(database, seq, found)
                if old:
                    _count_up(database, seq)
            return _dead(database, packs)

        return await self._database.transaction(write)


def _forget_internal(database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM contexts WHERE type != ''")


def _seq(database: sqlite3.Connection, context_id: str) -> int:
    row = database.execute(
        "SELECT seq FROM contexts WHERE context_id = ?", (context_id,)
    ).fetchone()
    if row is None:
        raise context_not_found(context_id)
    return int(row[0])


def _count_up(database: sqlite3.Connection, seq: int) -> int:
    database.execute("UPDATE contexts SET version = version + 1 WHERE seq = ?", (seq,))
    return int(database.execute("SELECT version FROM contexts WHERE seq = ?", (seq,)).fetchone()[0])


def _packs_of(database: sqlite3.Connection, seq: int) -> set[str]:
    query = "SELECT DISTINCT pack FROM objects WHERE context = ?"
    return {name for (name,) in database.execute(query, (seq,))}


def _take_out(database: sqlite3.Connection, seq: int, key: bytes) -> set[str]:
    row = database.execute(
        "SELECT pack FROM objects WHERE context = ? AND key = ?", (seq, key)
    ).fetchone()
    if row is None:
        return set()
    database.execute("DELETE FROM objects WHERE context = ? AND key = ?", (seq, key))
    return {row[0]}


def _dead(database: sqlite3.Connection, packs: set[str]) -> list[str]:
    query = "SELECT EXISTS (SELECT 1 FROM objects WHERE pack = ?)"
    return [name for name in packs if name and not database.execute(query, (name,)).fetchone()[0]]


def _refuse_conflicts(database: sqlite3.Connection, seq: int, added: Sequence[Object]) -> None:
    """Keep keys a tree: what is no directory has nothing inside."""
    solid = {item.key for item in added if item.kind is not Kind.DIRECTORY}
    around = {folder for item in added for folder in parents(item.key)}
    for folder in sorted(around):
        row = database.execute(
            "SELECT kind FROM objects WHERE context = ? AND key = ?", (seq, folder)
        ).fetchone()
        if folder in solid or (row is not None and row[0] != Kind.DIRECTORY.value):
            raise _conflict(folder, "is no directory, so nothing can be stored below it")
    for key in sorted(solid):
        inside = _first_from(database, seq, key + b"/")
        if inside is not None and inside.key.startswith(key + b"/"):
            raise _conflict(key, "is a directory, which has to be deleted first")


def _conflict(key: bytes, problem: str) -> ServiceError:
    name = key.decode(errors="replace")[:200]
    return service_error(
        Code.INVALID_PARAMETER, f"In the context, {name!r} {problem}", http_status=400
    )


def _first_from(database: sqlite3.Connection, seq: int, key: bytes) -> Object | None:
    row = database.execute(
        f"SELECT {_OBJECT} FROM objects WHERE context = ? AND key >= ? "  # noqa: S608 - constants
        "ORDER BY key LIMIT 1",
        (seq, key),
    ).fetchone()
    return _object(row) if row else None


def _without_doubles(children: list[Child]) -> list[Child]:
    """Join a directory's own object with the folder that its content shows."""
    by_key: dict[bytes, Child] = {}
    for child in children:
        if child.object is not None or child.key not in by_key:
            by_key[child.key] = child
    # What is in "x" comes after "x.txt", but "x" itself before it.
    return [by_key[key] for key in sorted(by_key)]


def _object(row: tuple[bytes, str, int, int, int, bytes, str, int, float]) -> Object:
    key, kind, mode, mtime_ns, size, target, pack, start, stored_at = row
    return Object(
        key=bytes(key),
        kind=Kind(kind),
        mode=mode,
        mtime_ns=mtime_ns,
        size=size,
        target=bytes(target),
        pack=pack,
        start=start,
        stored_at=stored_at,
    )
