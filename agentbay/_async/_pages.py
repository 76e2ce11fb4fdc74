"""Work on pages of Playwright, in the thread that they belong to."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from agentbay._caller import in_callers_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentbay.models.browser_page import BrowserPage

LOAD_TIMEOUT_MS = 30_000
SCROLL_STEPS = 8
SCROLL_PAUSE_MS = 1200
IMAGES_PAUSE_MS = 1500
WIDTH = 1920
MAX_HEIGHT = 10_000

SCROLL_DOWN = "window.scrollTo(0, document.documentElement.scrollHeight)"
PAGE_HEIGHT = "document.documentElement.scrollHeight"
LOAD_LAZY_IMAGES = """() => {
    for (const element of document.querySelectorAll('[data-src], [data-bg]')) {
        const { src, bg } = element.dataset;
        if (src && element.tagName === 'IMG') element.src = src;
        if (bg) element.style.backgroundImage = `url(${JSON.stringify(bg)})`;
    }
}"""


async def capture(page: BrowserPage, options: Mapping[str, Any]) -> bytes:
    """Return a picture of *page* after everything in it was made to load."""
    return await in_callers_thread(_capture(page, options))


async def locate(page: BrowserPage) -> tuple[str, int]:
    """Return the id of *page*, and the number of its context among those of the browser."""
    return await in_callers_thread(_locate(page))


async def _capture(page: BrowserPage, options: Mapping[str, Any]) -> bytes:
    await _value(page.evaluate(SCROLL_DOWN))
    await _value(page.wait_for_load_state("domcontentloaded", timeout=LOAD_TIMEOUT_MS))
    await _scroll_to_the_end(page)
    await _value(page.evaluate(LOAD_LAZY_IMAGES))
    await _value(page.wait_for_timeout(IMAGES_PAUSE_MS))
    height = int(await _value(page.evaluate(PAGE_HEIGHT)))
    size = {"width": WIDTH, "height": max(1, min(height, MAX_HEIGHT))}
    await _value(page.set_viewport_size(size))
    picture: bytes = await _value(page.screenshot(**options))
    return picture


async def _scroll_to_the_end(page: BrowserPage) -> None:
    """Scroll down until the page has stopped growing, or for long enough."""
    height = await _value(page.evaluate(PAGE_HEIGHT))
    for _ in range(SCROLL_STEPS):
        await _value(page.evaluate(SCROLL_DOWN))
        await _value(page.wait_for_timeout(SCROLL_PAUSE_MS))
        before, height = height, await _value(page.evaluate(PAGE_HEIGHT))
        if height == before:
            break


async def _locate(page: BrowserPage) -> tuple[str, int]:
    context = page.context
    cdp = await _value(context.new_cdp_session(page))
    try:
        answer = await _value(cdp.send("Target.getTargetInfo"))
    finally:
        await _value(cdp.detach())
    browser = context.browser
    number = 0 if browser is None else browser.contexts.index(context)
    return str(answer["targetInfo"]["targetId"]), number


async def _value(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
