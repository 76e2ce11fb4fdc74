"""Watching directories, on both surfaces and both routes."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import anyio
import attrs
import pytest

from agentbay import (
    AgentBay,
    AgentBayError,
    AsyncAgentBay,
    AsyncSession,
    Config,
    FileChangeEvent,
    RemoteFileNotFoundError,
    Session,
)
from agentbay.local.runtime import LocalRuntime
from tests.servers import CuttingRelay

HOME = "/home/wuying"
SECONDS = 10.0


def event(kind: str, path: str, path_type: str = "file") -> FileChangeEvent:
    return FileChangeEvent(kind, f"{HOME}/{path}", path_type)


@asynccontextmanager
async def watching(
    session: AsyncSession, path: str, interval: float = 0.01
) -> AsyncIterator[queue.Queue[FileChangeEvent]]:
    """Watch with a thread; yields what it tells."""
    told: queue.Queue[FileChangeEvent] = queue.Queue()

    def callback(events: list[FileChangeEvent]) -> None:
        assert events
        for each in events:
            told.put(each)

    thread = session.file_system.watch_directory(path, callback, interval)
    assert isinstance(thread, threading.Thread)
    assert thread.daemon
    assert thread.name.startswith("DirectoryWatcher-")
    assert not thread.is_alive()
    thread.start()
    try:
        assert await anyio.to_thread.run_sync(thread.ready_event.wait, SECONDS)
        yield told
    finally:
        thread.stop_event.set()
        await anyio.to_thread.run_sync(thread.join, SECONDS)
        assert not thread.is_alive()


async def take(told: queue.Queue[FileChangeEvent], count: int) -> list[FileChangeEvent]:
    return [await anyio.to_thread.run_sync(told.get, True, SECONDS) for _ in range(count)]


async def test_a_thread_tells_what_changes(routed: AsyncSession) -> None:
    await routed.fs.write_file("w/old", "old")
    async with watching(routed, f"{HOME}/w") as told:
        await routed.fs.write_file("w/new", "1")
        assert await take(told, 2) == [event("create", "w/new"), event("modify", "w/new")]
        await routed.fs.write_file("w/new", "2")
        assert await take(told, 1) == [event("modify", "w/new")]
        await routed.fs.move_file("w/old", "w/young")
        assert await take(told, 3) == [
            event("delete", "w/old"),
            event("create", "w/young"),
            event("modify", "w/young"),
        ]
        await routed.fs.create_directory("w/d")
        assert await take(told, 1) == [event("create", "w/d", "directory")]
        await routed.fs.write_file("w/d/below", "")
        assert await take(told, 2) == [event("create", "w/d/below"), event("modify", "w/d/below")]
    assert told.empty()


async def test_what_was_there_before_is_not_told(session: AsyncSession) -> None:
    await session.fs.write_file("w/f", "1")
    async with watching(session, "w"):
        pass
    await session.fs.write_file("w/f", "2")
    async with watching(session, "w") as told:
        await session.fs.write_file("w/g", "")
        assert await take(told, 2) == [event("create", "w/g"), event("modify", "w/g")]


async def test_the_name_and_a_given_event(session: AsyncSession) -> None:
    stop = threading.Event()
    thread = session.fs.watch_directory("/a/b", print, stop_event=stop)
    assert thread.name == "DirectoryWatcher-_a_b"
    assert thread.stop_event is stop
    assert not thread.ready_event.is_set()
    stop.set()
    thread.start()
    await anyio.to_thread.run_sync(thread.join, SECONDS)
    assert thread.ready_event.is_set()
    assert not thread.is_alive()


async def test_a_callback_that_fails_is_called_again(
    session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    called: queue.Queue[str] = queue.Queue()

    def callback(events: list[FileChangeEvent]) -> None:
        called.put(events[0].path)
        raise LookupError("no such handler")

    await session.fs.create_directory("w")
    thread = session.fs.watch_directory("w", callback, 0.01)
    with caplog.at_level(logging.ERROR, "agentbay.files"):
        thread.start()
        await anyio.to_thread.run_sync(thread.ready_event.wait, SECONDS)
        for name in ("w/a", "w/b"):
            await session.fs.write_file(name, "")
            path = await anyio.to_thread.run_sync(called.get, True, SECONDS)
            assert path == f"{HOME}/{name}"
        thread.stop_event.set()
        await anyio.to_thread.run_sync(thread.join, SECONDS)
    assert "no such handler" in caplog.text


async def test_a_coroutine_as_callback_is_refused(session: AsyncSession) -> None:
    async def callback(events: list[FileChangeEvent]) -> None: ...

    with pytest.raises(TypeError, match="cannot be a coroutine function; use watch"):
        session.fs.watch_directory("w", callback)


async def test_a_directory_that_comes_later(
    session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    """The first look may fail; what is there when one succeeds is where the watch starts."""
    with caplog.at_level(logging.WARNING, "agentbay.files"):
        async with watching(session, "later") as told:
            await session.fs.create_directory("later")
            for number in range(1000):
                await session.fs.write_file(f"later/{number}", "")
                if not told.empty():
                    break
            first = (await take(told, 1))[0]
    assert first.event_type == "create"
    assert "No such file or directory" in caplog.text


async def test_the_end_of_the_session_ends_the_thread(session: AsyncSession) -> None:
    thread = session.fs.watch_directory("/tmp", print, 0.01)
    thread.start()
    await anyio.to_thread.run_sync(thread.ready_event.wait, SECONDS)
    await session.delete()
    await anyio.to_thread.run_sync(thread.join, SECONDS)
    assert not thread.is_alive()
    assert not thread.stop_event.is_set()


@contextmanager
def blocking_session(runtime: LocalRuntime) -> Iterator[Session]:
    with AgentBay(runtime.api_key, Config(endpoint=runtime.endpoint)) as bay, bay.session() as made:
        yield made


def test_a_callback_may_use_the_session(runtime: LocalRuntime) -> None:
    with blocking_session(runtime) as session:
        seen: queue.Queue[str] = queue.Queue()

        def callback(events: list[FileChangeEvent]) -> None:
            seen.put(session.file_system.read(events[-1].path).content)

        session.file_system.create_directory("w")
        thread = session.file_system.watch_directory("w", callback, 0.01)
        thread.start()
        assert thread.ready_event.wait(SECONDS)
        session.file_system.write_file("w/f", "content")
        assert seen.get(timeout=SECONDS) == "content"
        thread.stop_event.set()
        thread.join(SECONDS)
        assert not thread.is_alive()


async def test_changes_are_iterated_over(routed: AsyncSession) -> None:
    await routed.fs.write_file("w/old", "old")
    async with routed.fs.watch("w", interval=0.01) as changes:
        await routed.fs.write_file("w/new", "")
        await routed.fs.delete_file("w/old")
        found = []
        async for change in changes:
            found.append(change)
            if len(found) == 3:
                break
        assert sorted(found, key=lambda each: each.path) == [
            event("create", "w/new"),
            event("modify", "w/new"),
            event("delete", "w/old"),
        ]
        with anyio.fail_after(SECONDS):
            await routed.fs.write_file("w/new", "more")
            assert await changes.__anext__() == event("modify", "w/new")
    with pytest.raises(StopAsyncIteration):
        await changes.__anext__()


async def test_closing_ends_the_wait(session: AsyncSession) -> None:
    changes = session.fs.watch("/tmp", interval=600)
    ended = anyio.Event()

    async def wait() -> None:
        with pytest.raises(StopAsyncIteration):
            await changes.__anext__()
        ended.set()

    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            # Whether it waits already or not, it has to end.
            await session.fs.read("/etc/hostname")
            await changes.close()
            await ended.wait()
        await changes.close()


async def test_a_cancelled_wait_can_go_on(runtime: LocalRuntime) -> None:
    """Blocking calls cannot be cancelled; to end them there is `close`."""
    async with (
        AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint)) as bay,
        bay.session() as session,
        session.fs.watch("/home/wuying", interval=0.01) as changes,
    ):
        with anyio.move_on_after(0.05):
            await changes.__anext__()
        with anyio.fail_after(SECONDS):
            await session.fs.write_file("f", "")
            assert await changes.__anext__() == event("create", "f")


@pytest.mark.parametrize("cut_after", [None, 100, 500, 900, 2000])
async def test_no_change_is_lost_with_a_connection(
    runtime: LocalRuntime, cut_after: int | None
) -> None:
    """Each WebSocket breaks after so many bytes; what it was told may be told again."""
    async with (
        AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint)) as bay,
        bay.session() as session,
    ):
        url = urlsplit(session.ws_url)
        assert url.hostname
        assert url.port
        async with CuttingRelay(url.hostname, url.port).running() as relay:
            relay.cut_after = cut_after
            relayed = url._replace(netloc=f"127.0.0.1:{relay.port}").geturl()
            session._learn(attrs.evolve(session._facts, ws_url=relayed))
            names = [f"{HOME}/w/{number}" for number in range(10)]
            await session.fs.create_directory("w")
            seen: set[str] = set()
            with anyio.fail_after(3 * SECONDS):
                async with session.fs.watch("w", interval=0.05) as changes:
                    for name in names:
                        await session.fs.write_file(name, "")
                        while name not in seen:
                            seen.add((await changes.__anext__()).path)
            assert sorted(seen) == names


async def test_what_cannot_be_watched(session: AsyncSession) -> None:
    with pytest.raises(RemoteFileNotFoundError):
        async with session.fs.watch("/no/such/directory"):
            pass
    with pytest.raises(RemoteFileNotFoundError):
        await session.fs.watch("/no/such/directory").__anext__()
    async with session.fs.watch("/tmp", interval=0.01) as changes:
        await session.delete()
        with pytest.raises(AgentBayError):
            await changes.__anext__()
