"""What the runtime remembers of sessions."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen

from agentbay.local.database import Database, Schema
from agentbay.local.states import ENDED, EndReason, State

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

__all__ = ("Page", "SessionFilter", "SessionRecord", "Store")

_SCHEMA = Schema(
    version=1,
    statements="""
CREATE TABLE sessions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL UNIQUE,
    app_instance_id TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    image_id TEXT NOT NULL,
    state TEXT NOT NULL,
    end_reason TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    ended_at REAL
);
CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE TABLE labels (
    session_id TEXT NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (session_id, key)
) WITHOUT ROWID;
""",
)

_COLUMNS = "session_id, app_instance_id, resource_id, image_id, state, end_reason, created_at"

# The parameters are a JSON object of labels, the image, the state and whether it is the end.
_MATCHES = """
    (ended_at IS NOT NULL) = :ended
    AND (:state IS NULL OR state = :state)
    AND (:image_id IS NULL OR image_id = :image_id)
    AND NOT EXISTS (
        SELECT 1 FROM json_each(:labels) AS wanted WHERE NOT EXISTS (
            SELECT 1 FROM labels
            WHERE labels.session_id = sessions.session_id
            AND labels.key = wanted.key AND labels.value = wanted.value
        )
    )
"""

KEEP_ENDED_SECONDS = 3600.0
KEEP_ENDED_SESSIONS = 1000


@frozen(kw_only=True)
class SessionRecord:
    """What is kept of a session."""

    session_id: str
    app_instance_id: str
    resource_id: str
    image_id: str
    state: State
    end_reason: str = ""
    created_at: float
    labels: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class SessionFilter:
    """Which sessions are listed: the live ones, or those that ended."""

    labels: Mapping[str, str] = field(factory=dict)
    state: State | None = None
    image_id: str | None = None
    ended: bool = False

    def parameters(self) -> dict[str, object]:
        """Return the values for the statement."""
        return {
            "labels": json.dumps(dict(self.labels)),
            "state": self.state.value if self.state else None,
            "image_id": self.image_id,
            "ended": self.ended,
        }


@frozen
class Page:
    """Some of the sessions that match, newest first.

    Attributes:
        next_before: Where the next page begins; ``None`` on the last one.
        total: How many match in all.
    """

    records: tuple[SessionRecord, ...]
    next_before: int | None
    total: int


class Store:
    """Sessions and their labels; every call is one transaction, done in the order of the calls.

    A call that is cancelled is carried out all the same.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> Store:
        """Open or create the file; live sessions of a former run are marked as ended.

        Raises:
            LocalRuntimeError: It cannot be opened, or was written by a newer version.
        """
        database = Database(path, "agentbay-store")
        await database.open(_SCHEMA, _end_lost)
        return cls(database)

    async def close(self) -> None:
        """Finish what was asked for and close the file. Idempotent."""
        await self._database.close()

    async def add(self, record: SessionRecord) -> None:
        """Remember a new session."""

        def write(database: sqlite3.Connection) -> None:
            database.execute(
                f"INSERT INTO sessions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
                (
                    record.session_id,
                    record.app_instance_id,
                    record.resource_id,
                    record.image_id,
                    record.state.value,
                    record.end_reason,
                    record.created_at,
                ),
            )
            _add_labels(database, record.session_id, record.labels)

        await self._database.transaction(write)

    async def set_labels(self, session_id: str, labels: Mapping[str, str]) -> None:
        """Replace the labels of a session."""

        def write(database: sqlite3.Connection) -> None:
            database.execute("DELETE FROM labels WHERE session_id = ?", (session_id,))
            _add_labels(database, session_id, labels)

        await self._database.transaction(write)

    async def set_state(self, session_id: str, state: State) -> None:
        """Record that a live session changed its state."""
        await self._database.transaction(
            lambda database: database.execute(
                "UPDATE sessions SET state = ? WHERE session_id = ?", (state.value, session_id)
            )
        )

    async def end(self, session_id: str, reason: str) -> None:
        """Record that a session has ended, and forget those that ended long ago."""
        now = time.time()

        def write(database: sqlite3.Connection) -> None:
            database.execute(
                "UPDATE sessions SET state = ?, end_reason = ?, ended_at = ? WHERE session_id = ?",
                (ENDED.value, reason, now, session_id),
            )
            _forget(database, now)

        await self._database.transaction(write)

    async def get(self, session_id: str) -> SessionRecord | None:
        """Return a session that is live or ended recently."""

        def read(database: sqlite3.Connection) -> SessionRecord | None:
            row = database.execute(
                f"SELECT {_COLUMNS} FROM sessions WHERE session_id = ?",  # noqa: S608 - constants
                (session_id,),
            ).fetchone()
            return _record(row) if row else None

        return await self._database.transaction(read)

    async def page(self, wanted: SessionFilter, before: int | None, size: int) -> Page:
        """Return *size* sessions, newest first, from those older than position *before*.

        Positions are those of creation, so pages stay the same while sessions come and go.
        """
        values = {**wanted.parameters(), "before": before, "size": size + 1}

        def read(database: sqlite3.Connection) -> Page:
            rows = database.execute(
                f"SELECT {_COLUMNS}, seq FROM sessions WHERE {_MATCHES} "  # noqa: S608 - constants
                "AND (:before IS NULL OR seq < :before) ORDER BY seq DESC LIMIT :size",
                values,
            ).fetchall()
            (total,) = database.execute(
                f"SELECT count(*) FROM sessions WHERE {_MATCHES}",  # noqa: S608 - constants
                values,
            ).fetchone()
            more = len(rows) > size
            records = tuple(_record(row[:-1]) for row in rows[:size])
            return Page(records, rows[size - 1][-1] if more else None, total)

        return await self._database.transaction(read)


def _end_lost(database: sqlite3.Connection) -> None:
    now = time.time()
    database.execute(
        "UPDATE sessions SET state = ?, end_reason = ?, ended_at = ? WHERE ended_at IS NULL",
        (ENDED.value, EndReason.RUNTIME_LOST.value, now),
    )
    _forget(database, now)


def _forget(database: sqlite3.Connection, now: float) -> None:
    """Keep a bounded number of ended sessions for a bounded time."""
    database.execute(
        "DELETE FROM sessions WHERE ended_at < ? OR seq IN ("
        "SELECT seq FROM sessions WHERE ended_at IS NOT NULL "
        "ORDER BY ended_at DESC LIMIT -1 OFFSET ?)",
        (now - KEEP_ENDED_SECONDS, KEEP_ENDED_SESSIONS),
    )


def _add_labels(database: sqlite3.Connection, session_id: str, labels: Mapping[str, str]) -> None:
    database.executemany(
        "INSERT INTO labels (session_id, key, value) VALUES (?, ?, ?)",
        [(session_id, key, value) for key, value in labels.items()],
    )


def _record(row: tuple[str, str, str, str, str, str, float]) -> SessionRecord:
    session_id, app_instance_id, resource_id, image_id, state, end_reason, created_at = row
    return SessionRecord(
        session_id=session_id,
        app_instance_id=app_instance_id,
        resource_id=resource_id,
        image_id=image_id,
        state=State(state),
        end_reason=end_reason,
        created_at=created_at,
    )
