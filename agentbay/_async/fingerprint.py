"""Fingerprints taken from a browser on this machine."""

from __future__ import annotations

import contextlib
import logging
from importlib import resources
from typing import TYPE_CHECKING

import anyio
from anyio.abc import SocketAttribute

from agentbay.models.fingerprint import FingerprintFormat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import SocketStream

__all__ = ("AsyncBrowserFingerprintGenerator",)

logger = logging.getLogger("agentbay.browser")

TIME_LIMIT = 120.0
MAX_REQUEST_BYTES = 64 * 1024
HEADERS = (
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "upgrade-insecure-requests",
    "user-agent",
    "accept",
    "sec-fetch-site",
    "sec-fetch-mode",
    "sec-fetch-user",
    "sec-fetch-dest",
    "accept-encoding",
    "accept-language",
)
PAGE = b"<!doctype html><title>fingerprint</title>"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(PAGE), PAGE)
)


class AsyncBrowserFingerprintGenerator:
    """Takes the fingerprint of a browser on this machine, which it starts for that.

    It needs Playwright, which is not installed along with this package. No other machine is asked
    for anything: the headers are those of a request to this process.

    Args:
        headless: Start the browser without a window; some sites can tell.
        use_chrome_channel: Take Google Chrome as it is installed, not Playwright's Chromium.
        executable_path: Take this browser instead of either.
    """

    def __init__(
        self,
        headless: bool = False,
        use_chrome_channel: bool = True,
        executable_path: str | None = None,
    ) -> None:
        self._headless = headless
        self._channel = "chrome" if use_chrome_channel and not executable_path else None
        self._executable_path = executable_path

    async def generate_fingerprint(self) -> FingerprintFormat | None:
        """Return the fingerprint; ``None`` if that failed, the reason of which is logged."""
        try:
            with anyio.fail_after(TIME_LIMIT):
                return await self._generate()
        except Exception as exc:  # noqa: BLE001 - Playwright has exceptions of its own
            logger.warning("No fingerprint could be taken: %r", exc)
            return None

    async def generate_fingerprint_to_file(
        self, output_filename: str = "fingerprint_output.json"
    ) -> bool:
        """Store the fingerprint in a file, as JSON.

        Args:
            output_filename: The file; one that exists is replaced.

        Returns:
            Whether it was stored; if not, the reason is logged.
        """
        fingerprint = await self.generate_fingerprint()
        if fingerprint is None:
            return False
        try:
            await anyio.Path(output_filename).write_text(fingerprint.to_json(), encoding="utf-8")
        except OSError as exc:
            logger.warning("The fingerprint could not be stored: %s", exc)
            return False
        return True

    async def _generate(self) -> FingerprintFormat:
        from playwright.async_api import async_playwright

        script = resources.files(__package__).joinpath("_fingerprint.js").read_text("utf-8")
        headers: dict[str, str] = {}
        async with _serve_page(headers) as url, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                headless=self._headless,
                channel=self._channel,
                executable_path=self._executable_path,
                args=["--start-maximized"],
            )
            try:
                page = await (await browser.new_context(no_viewport=True)).new_page()
                await page.goto(url)
                found = await page.evaluate(script)
            finally:
                await browser.close()
        return FingerprintFormat.load({"fingerprint": found, "headers": headers})


@contextlib.asynccontextmanager
async def _serve_page(headers: dict[str, str]) -> AsyncIterator[str]:
    """Serve an empty page and yield its URL; *headers* become those of the request for it.

    A page of this machine counts as secure, so the browser shows it everything.
    """

    async def answer(stream: SocketStream) -> None:
        with contextlib.suppress(anyio.BrokenResourceError, anyio.EndOfStream):
            async with stream:
                request = b""
                while b"\r\n\r\n" not in request and len(request) < MAX_REQUEST_BYTES:
                    request += await stream.receive()
                if request.startswith(b"GET / "):
                    headers.update(_kept(request))
                await stream.send(ANSWER)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - nothing of a database
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, answer)
        yield f"http://127.0.0.1:{port}/"
        group.cancel_scope.cancel()


def _kept(request: bytes) -> dict[str, str]:
    lines = request.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines)
    found = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return {name: found[name] for name in HEADERS if name in found}
