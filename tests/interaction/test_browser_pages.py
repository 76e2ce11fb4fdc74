"""Pages: real ones of Playwright on both surfaces, and made ones that belong to a thread."""

from __future__ import annotations

import struct
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio.from_thread
import anyio.lowlevel
import pytest
from playwright.async_api import Browser as AsyncChromium
from playwright.async_api import async_playwright
from playwright.sync_api import sync_playwright

from agentbay import (
    ActOptions,
    AgentBay,
    AsyncAgentBay,
    AsyncSession,
    BrowserError,
    BrowserPage,
    Config,
    ScreenshotError,
    Session,
)
from agentbay.testing import RecordingServer
from tests.interaction.pages import chromium

DONE = '{"is_done": true, "success": true, "steps": "done"}'
# A page that is longer than any window, grows when it is scrolled, and loads pictures late.
GROWING = """<!doctype html><body style="margin: 0">
<div style="height: 3000px"></div>
<img id="late" data-src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
<p id="background" data-bg="data:image/gif;base64,R0lGODlhAQABAAAAACw=">text</p>
<script>
    addEventListener('scroll', () => {
        if (!document.getElementById('more')) {
            document.body.insertAdjacentHTML('beforeend', '<div id="more" style="height: 900px">');
        }
    });
</script>"""


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.fixture
async def session(server: RecordingServer) -> AsyncIterator[AsyncSession]:
    """A session on the asynchronous surface; pages of the blocking API cannot be lifted."""
    async with AsyncAgentBay(server.api_key, Config(endpoint=server.endpoint)) as bay:
        made = (await bay.create()).unwrap()
        assert await made.browser.initialize()
        yield made


@pytest.fixture
def threaded_server() -> Iterator[RecordingServer]:
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(RecordingServer()) as running,
    ):
        yield running


@pytest.fixture
def blocking_session(threaded_server: RecordingServer) -> Iterator[Session]:
    server = threaded_server
    with AgentBay(server.api_key, Config(endpoint=server.endpoint)) as bay:
        made = bay.create().unwrap()
        assert made.browser.initialize()
        server.requests.clear()
        yield made


@pytest.fixture
async def browser() -> AsyncIterator[AsyncChromium]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium())
        try:
            yield launched
        finally:
            await launched.close()


async def test_screenshot_of_a_real_page(session: AsyncSession, browser: AsyncChromium) -> None:
    page = await browser.new_page(viewport={"width": 400, "height": 300})
    await page.set_content(GROWING)
    picture = await session.browser.screenshot(page, full_page=True)
    width, height = size_of(picture)
    assert width == 1920
    assert height >= 3900
    assert page.viewport_size == {"width": 1920, "height": height}
    assert await page.evaluate("document.getElementById('late').src.startsWith('data:')")
    background = "document.getElementById('background').style.backgroundImage"
    assert (await page.evaluate(background)).startswith("url(")


async def test_options_of_a_screenshot(session: AsyncSession, browser: AsyncChromium) -> None:
    page = await browser.new_page()
    clip = {"x": 0, "y": 0, "width": 30, "height": 20}
    picture = await session.browser.screenshot(page, clip=clip, type="jpeg", quality=10)
    assert picture.startswith(b"\xff\xd8")
    assert struct.pack(">HH", 20, 30) in picture
    await page.close()
    with pytest.raises(ScreenshotError, match=r"^Failed to capture screenshot: ") as caught:
        await session.browser.screenshot(page)
    assert isinstance(caught.value, RuntimeError)
    assert caught.value.__cause__ is not None


async def test_place_of_a_real_page(
    server: RecordingServer, session: AsyncSession, browser: AsyncChromium
) -> None:
    server.answer("page_use_act_async", '{"task_id": "t"}')
    server.answer("page_use_get_act_result", DONE)
    await browser.new_context()
    page = await (await browser.new_context()).new_page()
    cdp = await page.context.new_cdp_session(page)
    target = await cdp.send("Target.getTargetInfo")
    assert await session.browser.operator.act(ActOptions("x"), page)
    sent = server.named("page_use_act_async")[0].arguments
    assert (sent["page_id"], sent["context_id"]) == (target["targetInfo"]["targetId"], 1)
    await page.close()
    with pytest.raises(BrowserError, match=r"^Failed to act: Failed to get page/context index: "):
        await session.browser.operator.act(ActOptions("x"), page)


def test_real_pages_of_the_blocking_api(
    threaded_server: RecordingServer, blocking_session: Session
) -> None:
    """Playwright forbids another thread to touch them, and keeps an event loop in ours."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium())
        page = launched.new_page(viewport={"width": 400, "height": 300})
        page.set_content(GROWING)
        size = size_of(blocking_session.browser.screenshot(page))
        assert size == (1920, page.evaluate("innerHeight"))
        threaded_server.answer("page_use_screenshot", "data:,")
        assert blocking_session.browser.operator.screenshot(page) == "data:,"
        cdp = page.context.new_cdp_session(page)
        target = cdp.send("Target.getTargetInfo")["targetInfo"]["targetId"]
        launched.close()
        with pytest.raises(ScreenshotError):
            blocking_session.browser.screenshot(page)
    (call,) = threaded_server.named("page_use_screenshot")
    assert (call.arguments["page_id"], call.arguments["context_id"]) == (target, 0)


class MadePage:
    """A page that may be used in the thread that made it only, and is as high as it is told."""

    def __init__(self, *heights: int) -> None:
        self._thread = threading.get_ident()
        self._heights = [*heights]
        self.calls: list[Any] = []

    def _note(self, *call: Any) -> None:
        assert threading.get_ident() == self._thread
        self.calls.append(call)

    @property
    def context(self) -> Any:
        raise LookupError("it has no context")

    def evaluate(self, expression: str, /) -> Any:
        self._note("evaluate")
        if "scrollTo" in expression or not expression.endswith("scrollHeight"):
            return None
        return self._heights.pop(0) if len(self._heights) > 1 else self._heights[0]

    def set_viewport_size(self, viewport_size: Any, /) -> None:
        self._note("size", viewport_size)

    def wait_for_load_state(self, state: Any, /, *, timeout: float) -> None:
        self._note("load", state, timeout)

    def wait_for_timeout(self, timeout: float, /) -> None:
        self._note("wait", timeout)

    def screenshot(self, **options: Any) -> bytes:
        self._note("screenshot", options)
        return b"picture"


def test_steps_of_a_screenshot(blocking_session: Session) -> None:
    page = MadePage(1000, 2000, 2000)
    assert blocking_session.browser.screenshot(page, style="b {}") == b"picture"
    assert [call for call in page.calls if call[0] != "evaluate"] == [
        ("load", "domcontentloaded", 30000),
        ("wait", 1200),
        ("wait", 1200),
        ("wait", 1500),
        ("size", {"width": 1920, "height": 2000}),
        (
            "screenshot",
            {
                "animations": "disabled",
                "caret": "hide",
                "scale": "css",
                "timeout": 60000,
                "type": "png",
                "full_page": False,
                "style": "b {}",
            },
        ),
    ]


def test_a_page_that_grows_for_ever_is_captured_all_the_same(blocking_session: Session) -> None:
    page = MadePage(*range(9000, 90000, 1000))
    blocking_session.browser.screenshot(page)
    assert page.calls.count(("wait", 1200)) == 8
    assert ("size", {"width": 1920, "height": 10000}) in page.calls


async def test_a_made_page_works_on_the_asynchronous_surface_too(session: AsyncSession) -> None:
    assert await session.browser.screenshot(MadePage(10)) == b"picture"


def test_each_caller_works_on_its_own_page(blocking_session: Session) -> None:
    together = threading.Barrier(3)

    class SharedMoment(MadePage):
        def wait_for_load_state(self, state: Any, /, *, timeout: float) -> None:
            super().wait_for_load_state(state, timeout=timeout)
            together.wait(10)

    def capture() -> bytes:
        return blocking_session.browser.screenshot(SharedMoment(1))

    with ThreadPoolExecutor(3) as pool:
        pictures = [pool.submit(capture) for _ in range(3)]
        assert [picture.result(20) for picture in pictures] == [b"picture"] * 3


def test_no_page(blocking_session: Session) -> None:
    nothing: Any = None
    with pytest.raises(ValueError, match=r"^Page cannot be None$"):
        blocking_session.browser.screenshot(nothing)


def test_a_page_without_a_place(blocking_session: Session) -> None:
    page: BrowserPage = MadePage(1)
    with pytest.raises(BrowserError) as caught:
        blocking_session.browser.operator.screenshot(page)
    assert str(caught.value) == (
        "Failed to call screenshot: Failed to get page/context index: it has no context"
    )
    assert isinstance(caught.value.__cause__, BrowserError)
    assert isinstance(caught.value.__cause__.__cause__, LookupError)


class AsynchronousPage(MadePage):
    async def _later(self) -> None:
        await anyio.lowlevel.checkpoint()

    def evaluate(self, expression: str, /) -> Any:
        return self._later()


def test_an_asynchronous_page_is_for_the_asynchronous_client(blocking_session: Session) -> None:
    with pytest.raises(ScreenshotError, match="Failed to capture screenshot: "):
        blocking_session.browser.screenshot(AsynchronousPage(1))


class InterruptedPage(MadePage):
    def wait_for_load_state(self, state: Any, /, *, timeout: float) -> None:
        raise KeyboardInterrupt


def test_an_interruption_in_a_page_ends_the_call(blocking_session: Session) -> None:
    with pytest.raises(KeyboardInterrupt):
        blocking_session.browser.screenshot(InterruptedPage(1))
    assert blocking_session.browser.screenshot(MadePage(1)) == b"picture"
