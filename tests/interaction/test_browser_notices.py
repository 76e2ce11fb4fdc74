"""Notices of a browser, over a real WebSocket."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from agentbay import AsyncSession, BrowserNotifyMessage, Config
from agentbay.testing import RecordingServer
from tests.conftest import ConnectFunction
from tests.surfaces import Lift

SOURCE = "wuying_cdp_mcp_server"
REQUESTS_BEFORE = 1
"""The one that made the session."""
CAPTCHA = {
    "type": "call-for-user",
    "id": 7,
    "code": 201,
    "message": "captcha solving start",
    "action": "pause",
    "extraParams": {"max_wait_time": 60},
}
NOTICE = BrowserNotifyMessage(
    "call-for-user", 7, 201, "captcha solving start", "pause", {"max_wait_time": 60}
)


@pytest.fixture
async def channel() -> AsyncIterator[RecordingServer]:
    async with RecordingServer(channel=True) as server:
        yield server


@pytest.fixture
async def session(
    connect: ConnectFunction, channel: RecordingServer
) -> AsyncIterator[AsyncSession]:
    async with connect(channel.api_key, Config(endpoint=channel.endpoint)) as bay:
        yield (await bay.create()).unwrap()


class Heard:
    """Takes notices on whichever surface, and waits for them."""

    def __init__(self) -> None:
        self.notices: list[BrowserNotifyMessage] = []

    def __call__(self, notice: BrowserNotifyMessage) -> None:
        self.notices.append(notice)

    async def wait_for(self, count: int) -> None:
        await until(lambda: len(self.notices) >= count)


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()


async def test_notices_are_told(channel: RecordingServer, session: AsyncSession) -> None:
    heard = Heard()
    assert await session.browser.register_callback(heard)
    await channel.push(SOURCE, CAPTCHA)
    await channel.push(SOURCE, {"code": 202, "odd": 1})
    await heard.wait_for(2)
    assert heard.notices == [NOTICE, BrowserNotifyMessage(code=202)]


async def test_a_later_callback_replaces_the_earlier(
    channel: RecordingServer, session: AsyncSession
) -> None:
    first, second = Heard(), Heard()
    assert await session.browser.register_callback(first)
    assert await session.browser.register_callback(second)
    await channel.push(SOURCE, CAPTCHA)
    await second.wait_for(1)
    assert first.notices == []


async def test_after_the_end_nothing_is_told_and_the_socket_still_works(
    channel: RecordingServer, session: AsyncSession
) -> None:
    first, second = Heard(), Heard()
    assert await session.browser.register_callback(first)
    await session.browser.unregister_callback()
    await session.browser.unregister_callback()
    await channel.push(SOURCE, CAPTCHA)
    assert await session.browser.send_takeover_done(1)
    assert await session.browser.register_callback(second)
    await channel.push(SOURCE, CAPTCHA)
    await second.wait_for(1)
    assert first.notices == []


async def test_a_callback_that_fails_hears_the_next(
    channel: RecordingServer, session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    def callback(notice: BrowserNotifyMessage) -> None:
        heard(notice)
        if len(heard.notices) == 1:
            raise ValueError("no idea")

    with caplog.at_level(logging.ERROR, "agentbay.browser"):
        assert await session.browser.register_callback(callback)
        await channel.push(SOURCE, CAPTCHA)
        await channel.push(SOURCE, CAPTCHA)
        await heard.wait_for(2)
    assert "no idea" in caplog.text


async def test_a_callback_may_answer(channel: RecordingServer, session: AsyncSession) -> None:
    browser: Any = session.browser

    async def answer(notice: BrowserNotifyMessage) -> None:
        await browser.send_takeover_done(notice.id)

    def answer_blocking(notice: BrowserNotifyMessage) -> None:
        browser._blocking.send_takeover_done(notice.id)

    callback: Any = answer_blocking if isinstance(browser, Lift) else answer
    assert await session.browser.register_callback(callback)
    await channel.push(SOURCE, CAPTCHA)
    await until(lambda: len(channel.requests) == REQUESTS_BEFORE + 1)
    frame = channel.requests[-1]
    assert frame.server == SOURCE
    assert frame.data == {
        "type": "call-for-user",
        "id": 7,
        "code": 199,
        "message": "user handle done",
        "action": "takeoverdone",
    }


async def test_sending(channel: RecordingServer, session: AsyncSession) -> None:
    assert await session.browser.send_notify_message(NOTICE)
    await until(lambda: len(channel.requests) == REQUESTS_BEFORE + 1)
    frame = channel.requests[-1]
    assert (frame.server, frame.data) == (SOURCE, CAPTCHA)


async def test_a_callback_that_takes_its_time_holds_up_nothing_else(
    channel: RecordingServer, session: AsyncSession
) -> None:
    begun, others = Heard(), Heard()
    may_end, may_end_blocking = anyio.Event(), threading.Event()

    async def slow(notice: BrowserNotifyMessage) -> None:
        begun(notice)
        await may_end.wait()

    def slow_blocking(notice: BrowserNotifyMessage) -> None:
        begun(notice)
        assert may_end_blocking.wait(10)

    callback: Any = slow_blocking if isinstance(session.browser, Lift) else slow
    assert await session.browser.register_callback(callback)
    await channel.push(SOURCE, CAPTCHA)
    await begun.wait_for(1)
    assert await session.browser.register_callback(others)
    await channel.push(SOURCE, CAPTCHA)
    await others.wait_for(1)
    may_end.set()
    may_end_blocking.set()
    assert len(begun.notices) == 1


async def test_a_connection_that_is_lost_is_made_again(
    channel: RecordingServer, session: AsyncSession
) -> None:
    heard = Heard()
    assert await session.browser.register_callback(heard)
    await channel.drop_channels()
    with anyio.fail_after(10):
        while not heard.notices:
            await channel.push(SOURCE, CAPTCHA)
            await anyio.lowlevel.checkpoint()


async def test_without_a_socket_it_says_no(
    server: RecordingServer, connect: ConnectFunction, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        session = (await bay.create()).unwrap()
        with caplog.at_level(logging.WARNING, "agentbay.browser"):
            assert not await session.browser.register_callback(Heard())
            assert not await session.browser.send_takeover_done(1)
            await session.browser.unregister_callback()
        assert "ws_url is not available for this session" in caplog.text


async def test_a_socket_that_refuses_says_no(
    channel: RecordingServer, session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    channel.token = "another"
    with caplog.at_level(logging.WARNING, "agentbay.browser"):
        assert not await session.browser.register_callback(Heard())
        assert not await session.browser.send_takeover_done(1)
    assert "403" in caplog.text
