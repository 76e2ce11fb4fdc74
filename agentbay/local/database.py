"""SQLite behind one thread of its own.

The thread is plain and daemonic on purpose: the pools of ``concurrent.futures`` refuse work once
the interpreter has begun to exit, which is when an embedded runtime still has to record the end
of its sessions.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from typing import TYPE_CHECKING, Literal, TypeVar

from attrs import frozen

from agentbay.local.failures import LocalRuntimeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ("Database", "Schema")

ResultT = TypeVar("ResultT")


@frozen(kw_only=True)
class Schema:
    """What a new file holds, and how safely it is written.

    Attributes:
        synchronous: ``FULL`` when what was acknowledged has to survive a loss of power.
    """

    version: int
    statements: str
    synchronous: Literal["NORMAL", "FULL"] = "NORMAL"


class Database:
    """One file; every call is one transaction, done in the order of the calls.

    A call that is cancelled is carried out all the same.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def open(self, schema: Schema, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """Open or create the file, and let *prepare* see to what is in it.

        Raises:
            LocalRuntimeError: It cannot be opened, or was written by a newer version.
        """
        self._thread.start()
        try:
            await self._do(lambda: self._connect(schema, prepare))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what was asked for and close the file. Idempotent."""
        if not self._closed:
            self._closed = True
            await self._do(self._disconnect)
            self._work.put(None)
            self._thread.join()

    async def transaction(self, body: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """Run *body* in the thread; what it raises undoes what it did."""
        if self._closed:
            raise sqlite3.ProgrammingError("The store is closed")
        return await self._do(lambda: self._run_transaction(body))

    def _run_transaction(self, body: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        if self._connection is None:
            raise sqlite3.ProgrammingError("The store was not opened")
        with self._connection:
            return body(self._connection)

    async def _do(self, function: Callable[[], ResultT]) -> ResultT:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[ResultT] = loop.create_future()

        def settle(result: ResultT | None, error: Exception | None) -> None:
            if done.cancelled():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]  # None is a result, too

        def work() -> None:
            result, error = None, None
            try:
                result = function()
            except Exception as exc:  # noqa: BLE001 - it is handed to the caller
                error = exc
            # A closed loop means that nobody waits any more; the work is done all the same.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result, error)

        self._work.put(work)
        return await done

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def _connect(self, schema: Schema, prepare: Callable[[sqlite3.Connection], None]) -> None:
        try:
            connection = sqlite3.connect(self._path)
            self._connection = connection
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {schema.synchronous}")
            connection.execute("PRAGMA foreign_keys = ON")
            _migrate(connection, schema, self._path)
            with connection:
                prepare(connection)
        except sqlite3.Error as exc:
            raise LocalRuntimeError(f"The database {self._path} cannot be used: {exc}") from exc

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _migrate(connection: sqlite3.Connection, schema: Schema, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > schema.version:
        raise LocalRuntimeError(
            f"The database {path} was written by a newer version of agentbay "
            f"(schema {version}, this one knows {schema.version})."
        )
    if version == 0:
        # One transaction: a runtime that is killed meanwhile leaves an empty file.
        connection.executescript(
            f"BEGIN; {schema.statements} PRAGMA user_version = {schema.version}; COMMIT;"
        )
