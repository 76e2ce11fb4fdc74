"""What is needed of a page of Playwright, which need not be installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("BrowserPage",)


class BrowserPage(Protocol):
    """A page of that API of Playwright which goes with the client: asynchronous or blocking.

    The blocking client uses it in the thread that it was called from, as Playwright demands.
    """

    @property
    def context(self) -> Any:
        """The context that the page belongs to."""

    @property
    def screenshot(self) -> Callable[..., Any]:
        """Takes a picture."""

    def evaluate(self, expression: str, /) -> Any:
        """Run a script in the page."""

    def set_viewport_size(self, viewport_size: Any, /) -> Any:
        """Change the size of the part of the window that shows the page."""

    def wait_for_load_state(self, state: Any, /, *, timeout: float) -> Any:
        """Wait until the page has come so far."""

    def wait_for_timeout(self, timeout: float, /) -> Any:
        """Wait some milliseconds."""
