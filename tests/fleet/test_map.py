"""What `fleet.map` does with items, on both surfaces."""

from __future__ import annotations

import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from agentbay import AsyncSession, CreateSessionParams, FleetOutcome, FleetStats
from agentbay.errors import (
    ClientClosedError,
    CommandError,
    ConfigurationError,
    ItemTimeoutError,
    RateLimitError,
)
from agentbay.testing import Capacity, Raw, Refusal, Text
from tests.children import run_script
from tests.fleet.conftest import ServeFunction, async_only, blocking_only
from tests.surfaces import Lift, callback_for

Outcomes = list[FleetOutcome[Any, Any]]


async def echo(session: AsyncSession, item: object) -> str:
    done = await session.command.execute_command(f"echo {item}")
    done.raise_for_error()
    return f"{session.session_id}: {item}"


async def collect(outcomes: Any) -> Outcomes:
    return [outcome async for outcome in outcomes]


async def test_every_item_gets_a_session_of_its_own(serve: ServeFunction) -> None:
    async with serve() as (server, bay):
        params = CreateSessionParams(image_id="linux_latest", labels={"job": "grade"})
        seen: list[dict[str, str]] = []

        async def grade(session: AsyncSession, item: int) -> str:
            seen.append(dict(server.sessions[session.session_id].labels))
            return await echo(session, item)

        async with bay.fleet(params, concurrency=5) as fleet:
            outcomes = await collect(fleet.map(callback_for(bay, grade), range(20)))
        assert sorted(outcome.item for outcome in outcomes) == list(range(20))
        for outcome in outcomes:
            assert outcome
            assert outcome.success
            assert outcome.error is None
            assert outcome.value == outcome.unwrap() == f"{outcome.session_id}: {outcome.item}"
            assert outcome.index == outcome.item
            assert outcome.attempts == 1
            assert 0 < outcome.seconds < 20
        assert len({outcome.session_id for outcome in outcomes}) == 20
        assert server.most_sessions <= 5
        assert len({labels["agentbay-fleet"] for labels in seen}) == 1
        assert len({labels["agentbay-creation"] for labels in seen}) == 20
        assert {labels["job"] for labels in seen} == {"grade"}
        assert params.labels == {"job": "grade"}


async def test_a_session_can_serve_several_items(serve: ServeFunction) -> None:
    async with serve() as (server, bay):
        async with bay.fleet(concurrency=3, reuse=True) as fleet:
            outcomes = await collect(fleet.map(callback_for(bay, echo), range(30)))
            again = await collect(fleet.map(callback_for(bay, echo), "abc"))
            assert len(server.sessions) <= 3
        assert all(outcomes)
        assert all(again)
        assert len(outcomes) == 30
        assert server.sessions_created <= 3
        assert fleet.stats.created == fleet.stats.deleted == server.sessions_created


async def test_outcomes_come_as_items_end_or_in_order(serve: ServeFunction) -> None:
    async with serve() as (_, bay), bay.fleet(concurrency=2) as fleet:
        first_may_end = threading.Event()

        async def work(_: AsyncSession, item: int) -> int:
            if item == 0:
                assert await anyio.to_thread.run_sync(first_may_end.wait, 20)
            elif item == 2:
                first_may_end.set()
            return item

        ended = [o.item async for o in fleet.map(callback_for(bay, work), range(3))]
        assert ended.index(1) < ended.index(0)
        first_may_end.clear()
        ordered = fleet.map(callback_for(bay, work), range(3), ordered=True)
        assert [outcome.item async for outcome in ordered] == [0, 1, 2]


async def test_a_failing_item_harms_no_other(serve: ServeFunction) -> None:
    async with serve() as (_, bay):

        async def work(session: AsyncSession, item: int) -> int:
            if item % 3 == 0:
                raise ValueError(f"bad item {item}")
            return item

        async with bay.fleet(concurrency=4, reuse=True) as fleet:
            outcomes = await collect(fleet.map(callback_for(bay, work), range(12), ordered=True))
        for outcome in outcomes:
            assert outcome.success == bool(outcome) == bool(outcome.item % 3)
            assert outcome.attempts == 1  # it was not the session's fault
            if not outcome:
                with pytest.raises(ValueError, match=f"bad item {outcome.item}"):
                    outcome.unwrap()
        assert fleet.stats.failed == 4
        assert fleet.stats.succeeded == 8
        # A session in which something failed serves nothing more.
        failed = {outcome.session_id for outcome in outcomes if not outcome}
        assert len(failed) == 4


async def test_an_item_whose_session_failed_is_tried_on_another(serve: ServeFunction) -> None:
    async with serve() as (server, bay):
        server.answer("shell", Refusal("ServiceUnavailable", "gone", 503), Text('{"stdout": ""}'))
        async with bay.fleet(concurrency=1, reuse=True) as fleet:
            (outcome,) = await collect(fleet.map(callback_for(bay, fail_loudly), ["x"]))
        assert outcome.success, outcome.error
        assert outcome.attempts == 2
        assert fleet.stats.retried == 1
        assert fleet.stats.created == 2


async def fail_loudly(session: AsyncSession, item: str) -> str:
    result = await session.call_mcp_tool("shell", {"command": item})
    result.raise_for_error()
    return session.session_id


async def test_a_session_that_is_gone_is_noticed_behind_the_functions_error(
    serve: ServeFunction,
) -> None:
    async with serve() as (_, bay):
        attempts = itertools.count(1)

        async def work(session: AsyncSession, item: int) -> int:
            if next(attempts) == 1:
                await session.delete()
                raise ValueError("the output is empty")
            return item

        async with bay.fleet(concurrency=1) as fleet:
            (outcome,) = await collect(fleet.map(callback_for(bay, work), [7]))
        assert outcome.value == 7
        assert outcome.attempts == 2


async def test_attempts_are_bounded_and_the_last_error_is_told(serve: ServeFunction) -> None:
    async with serve() as (server, bay):
        server.answer("shell", Raw(b"not JSON", 200))
        for retries in (0, 3):
            async with bay.fleet(concurrency=2) as fleet:
                outcomes = fleet.map(callback_for(bay, fail_loudly), "ab", retries=retries)
                for outcome in await collect(outcomes):
                    assert not outcome
                    assert outcome.attempts == retries + 1
            assert fleet.stats.retried == 2 * retries


async def test_errors_of_the_function_can_be_tried_again(serve: ServeFunction) -> None:
    async with serve() as (_, bay):
        attempts = itertools.count(1)

        async def work(_: AsyncSession, item: int) -> int:
            if next(attempts) < 3:
                raise CommandError("flaky")
            return item

        async with bay.fleet() as fleet:
            (outcome,) = await collect(
                fleet.map(callback_for(bay, work), [1], retry_on=(CommandError,))
            )
        assert outcome.value == 1
        assert outcome.attempts == 3


async def test_an_item_has_its_time(serve: ServeFunction) -> None:
    never = threading.Event()
    try:
        async with serve() as (_, bay):

            async def work(_: AsyncSession, item: int) -> int:
                if item == 1:
                    if isinstance(bay, Lift):
                        never.wait(30)
                    await anyio.sleep_forever()
                return item

            async with bay.fleet(concurrency=3, reuse=True) as fleet:
                mapped = fleet.map(callback_for(bay, work), range(3), timeout=0.3, retries=1)
                outcomes = {outcome.item: outcome for outcome in await collect(mapped)}
                never.set()
            assert outcomes[0].value == 0
            assert outcomes[2].value == 2
            assert isinstance(outcomes[1].error, ItemTimeoutError)
            assert isinstance(outcomes[1].error, TimeoutError)
            assert str(outcomes[1].error) == "Item 1 was not done within 0.3 s"
            assert outcomes[1].attempts == 2
    finally:
        never.set()


async def test_items_are_asked_for_as_they_are_needed(serve: ServeFunction) -> None:
    asked = []

    def endless() -> Iterator[int]:
        for number in itertools.count():
            asked.append(number)
            yield number

    async with serve() as (_, bay):
        async with bay.fleet(concurrency=4) as fleet:
            outcomes = fleet.map(callback_for(bay, echo), endless())
            assert not asked  # the work begins with the first step
            taken = [await anext(outcomes) for _ in range(10)]
            assert all(taken)
            # Two per session may wait to be taken.
            assert len(asked) <= 10 + 2 * 4 + 4
        with pytest.raises(ClientClosedError):
            await collect(outcomes)


@async_only
async def test_an_asynchronous_iterable_gives_items(serve: ServeFunction) -> None:
    async def numbers() -> AsyncIterator[int]:
        for number in range(5):
            await anyio.lowlevel.checkpoint()
            yield number

    async with serve() as (_, bay):
        async with bay.fleet() as fleet:
            outcomes = await collect(fleet.map(echo, numbers()))
        assert sorted(outcome.item for outcome in outcomes) == [0, 1, 2, 3, 4]


@blocking_only
async def test_items_may_be_made_by_blocking_calls(serve: ServeFunction) -> None:
    async with serve() as (_, bay):
        assert isinstance(bay, Lift)
        blocking = bay._blocking

        def labels() -> Iterator[str]:
            for name in "ab":
                created = blocking.create(CreateSessionParams(labels={"name": name}))  # type: ignore[attr-defined]
                yield created.session.session_id
                assert created.session.delete()

        async with bay.fleet(concurrency=1) as fleet:
            outcomes = await collect(fleet.map(callback_for(bay, echo), labels()))
        assert [outcome.success for outcome in outcomes] == [True, True]


async def test_errors_of_the_iterable_are_raised_after_the_outcomes_before(
    serve: ServeFunction,
) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("no more")

    async with serve() as (_, bay), bay.fleet(concurrency=1) as fleet:
        outcomes = fleet.map(callback_for(bay, echo), broken())
        assert (await anext(outcomes)).item == 1
        with pytest.raises(KeyError, match="no more"):
            await anext(outcomes)


async def test_nothing_to_do(serve: ServeFunction) -> None:
    async with serve() as (server, bay):
        async with bay.fleet() as fleet:
            assert await collect(fleet.map(callback_for(bay, echo), [])) == []
        assert server.sessions_created == 0
        assert fleet.stats == FleetStats(creating=16)


async def test_progress_is_told(serve: ServeFunction) -> None:
    async with serve() as (_, bay):
        told: list[FleetStats] = []
        async with bay.fleet(concurrency=2) as fleet:
            await collect(fleet.map(callback_for(bay, echo), range(6), progress=told.append))
        done = [stats.done for stats in told]
        assert len(done) == 6
        assert done == sorted(done)  # two may have ended before the first is told
        assert told[-1].succeeded == 6
        assert told[-1].items.count == 6
        assert 0 < told[-1].items.p50 <= told[-1].items.p95 <= told[-1].items.longest


async def test_an_error_of_the_progress_callback_is_raised(serve: ServeFunction) -> None:
    def show(_: FleetStats) -> None:
        raise RuntimeError("the display is gone")

    async with serve() as (_, bay), bay.fleet(concurrency=1) as fleet:
        with pytest.raises(RuntimeError, match="the display is gone"):
            await collect(fleet.map(callback_for(bay, echo), range(6), progress=show))


async def test_work_can_be_given_up(serve: ServeFunction) -> None:
    async with serve() as (_, bay), bay.fleet(concurrency=2) as fleet:
        outcomes = fleet.map(callback_for(bay, echo), itertools.count())
        await anext(outcomes)
        await outcomes.close()
        await outcomes.close()
        with pytest.raises(ClientClosedError):
            await collect(outcomes)
        assert all(await collect(fleet.map(callback_for(bay, echo), range(3))))


async def test_two_maps_share_the_sessions(serve: ServeFunction) -> None:
    async with serve() as (server, bay):
        async with bay.fleet(concurrency=2) as fleet, anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(collect, fleet.map(callback_for(bay, echo), range(10)))
        assert fleet.stats.succeeded == 20
        assert server.most_sessions <= 2


async def test_a_fleet_works_in_its_block_only(serve: ServeFunction) -> None:
    async with serve() as (_, bay):
        fleet = bay.fleet()
        with pytest.raises(ClientClosedError, match="'with' block"):
            fleet.map(callback_for(bay, echo), [1])
        async with fleet:
            pass
        with pytest.raises(ClientClosedError, match="'with' block"):
            fleet.map(callback_for(bay, echo), [1])
        with pytest.raises(ClientClosedError):
            await fleet.create_many(1)


@pytest.mark.parametrize("concurrency", [0, -1, 1.5, True, "8"])
async def test_bad_numbers_are_refused(serve: ServeFunction, concurrency: Any) -> None:
    async with serve() as (_, bay):
        with pytest.raises(ConfigurationError, match="concurrency must be a whole number"):
            bay.fleet(concurrency=concurrency)
        async with bay.fleet() as fleet:
            with pytest.raises(ConfigurationError, match="retries must be a whole number"):
                fleet.map(callback_for(bay, echo), [1], retries=-1)
            for timeout in (0, -1, float("nan")):
                with pytest.raises(ConfigurationError, match="timeout must be more than 0"):
                    fleet.map(callback_for(bay, echo), [1], timeout=timeout)


@async_only
async def test_a_function_that_is_not_asynchronous_is_refused(serve: ServeFunction) -> None:
    async with serve() as (_, bay), bay.fleet() as fleet:
        with pytest.raises(TypeError, match="write it as 'async def'"):
            await collect(fleet.map(lambda session, item: item, [1]))


async def test_what_no_attempt_will_mend_is_told_at_once(serve: ServeFunction) -> None:
    async with serve() as (server, bay):
        server.answer("CreateMcpSession", Refusal("InvalidImageId", "there is no such image", 400))
        async with bay.fleet(concurrency=2) as fleet:
            outcomes = await collect(fleet.map(callback_for(bay, echo), range(3)))
        assert [outcome.attempts for outcome in outcomes] == [1, 1, 1]
        assert all("no such image" in str(outcome.error) for outcome in outcomes)
        assert server.counts["CreateMcpSession"] == 3


async def test_a_wait_beyond_patience_is_not_begun(serve: ServeFunction) -> None:
    async with serve(capacity=Capacity(rate=1 / 3600, burst=1)) as (_, bay):
        async with bay.fleet(concurrency=2) as fleet:
            outcomes = await collect(fleet.map(callback_for(bay, echo), range(2)))
        assert sorted(outcome.success for outcome in outcomes) == [False, True]
        (failed,) = (outcome for outcome in outcomes if not outcome)
        assert isinstance(failed.error, RateLimitError)


def test_a_fleet_that_is_dropped_warns() -> None:
    source = """
        import asyncio, warnings
        from agentbay import AsyncAgentBay, Config

        warnings.simplefilter("always")
        bay = AsyncAgentBay("akm-x", Config(endpoint="http://127.0.0.1:9"))

        async def main():
            await bay.fleet().__aenter__()

        asyncio.run(main())
        """
    finished = run_script(source, flags=())
    assert finished.exit_code == 0
    assert "ResourceWarning: A fleet with 0 sessions was dropped" in finished.stderr
    assert "Its client was created at <string>:" in finished.stderr
