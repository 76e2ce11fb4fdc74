"""Work on many items by several workers, whose outcomes are taken one after the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from typing import Generic, TypeVar

import anyio

from agentbay._transport.background import Background
from agentbay.errors import ClientClosedError

__all__ = ("Deliver", "Job")

ItemT = TypeVar("ItemT")
OutcomeT = TypeVar("OutcomeT")

Deliver = Callable[[OutcomeT], Awaitable[None]]

AHEAD = 2
"""How many outcomes per worker may wait to be taken before no further item is begun."""


class Job(Generic[ItemT, OutcomeT]):
    """One run over items. It begins with the first outcome that is asked for.

    An item is asked for only when there is a worker for it, so there may be any number.

    Args:
        items: The items.
        work: Works on one: its number, the item, and what takes its outcome. What it does after
            that still occupies its worker.
        workers: How many, at most.
        ordered: Whether outcomes are taken in the order of the items, not of their ends.
    """

    def __init__(
        self,
        items: Iterable[ItemT] | AsyncIterable[ItemT],
        work: Callable[[int, ItemT, Deliver[OutcomeT]], Awaitable[None]],
        *,
        workers: int,
        ordered: bool,
    ) -> None:
        self._items = _asynchronous(items)
        self._work = work
        self._workers = workers
        self._ordered = ordered
        self._background = Background()
        self._ready: dict[int, OutcomeT] = {}
        self._failure: Exception | None = None
        self._running = 0
        self._begun = 0
        self._taken = 0
        self._exhausted = False
        self._closed = False
        # Made with the first use, which is on a loop.
        self._pulling: anyio.Lock | None = None
        self._changed: anyio.Event | None = None

    async def next(self) -> OutcomeT:
        """Return the next outcome.

        Raises:
            StopAsyncIteration: there are no more.
            ClientClosedError: the job was closed before its end.
            Exception: what the items, or a worker itself, raised.
        """
        if self._changed is None:
            self._pulling, self._changed = anyio.Lock(), anyio.Event()
            self._add_worker()
        while True:
            number = self._next_ready()
            if number is not None:
                self._taken += 1
                self._notify()
                return self._ready.pop(number)
            if self._failure is not None:
                raise self._failure
            if self._exhausted and self._taken == self._begun:
                raise StopAsyncIteration
            if self._closed:
                raise ClientClosedError("The fleet was closed before all items were done")
            await self._changed.wait()

    def _next_ready(self) -> int | None:
        if self._ordered:
            return self._taken if self._taken in self._ready else None
        return next(iter(self._ready), None)

    async def close(self) -> None:
        """Give up what is still worked on. Idempotent."""
        self._closed = True
        await self._background.close()
        await self._items.aclose()
        self._notify()

    def _notify(self) -> None:
        """Wake whoever waits for a change."""
        changed, self._changed = self._changed, anyio.Event()
        if changed is not None:
            changed.set()

    def _add_worker(self) -> None:
        if self._running < self._workers and not self._closed:
            self._running += 1
            self._background.start(self._run_worker())

    async def _run_worker(self) -> None:
        try:
            while (begun := await self._begin_next()) is not None:
                self._add_worker()  # for the item after this one
                number, item = begun

                async def deliver(outcome: OutcomeT, number: int = number) -> None:
                    self._ready[number] = outcome
                    self._notify()

                await self._work(number, item, deliver)
        except Exception as exc:  # noqa: BLE001 - carried to whoever takes the outcomes
            self._failure = self._failure or exc
            self._exhausted = True
        finally:
            self._running -= 1
            self._notify()

    async def _begin_next(self) -> tuple[int, ItemT] | None:
        assert self._pulling is not None  # noqa: S101 - workers are started after it is made
        async with self._pulling:
            while self._begun - self._taken >= AHEAD * self._workers and not self._exhausted:
                assert self._changed is not None  # noqa: S101 - made together
                await self._changed.wait()
            if self._exhausted:
                return None
            try:
                item = await anext(self._items)
            except StopAsyncIteration:
                self._exhausted = True
                return None
            self._begun += 1
            return self._begun - 1, item


async def _asynchronous(
    items: Iterable[ItemT] | AsyncIterable[ItemT],
) -> AsyncGenerator[ItemT, None]:
    """Iterate over *items*; a generator is closed at the end, whatever that is."""
    if isinstance(items, AsyncIterable):
        try:
            async for item in items:
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()
    else:
        for item in items:
            yield item
