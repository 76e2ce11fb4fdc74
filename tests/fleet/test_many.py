"""Sessions of a fleet that the caller holds: many are created, used and deleted at once."""

from __future__ import annotations

import anyio
import pytest

from agentbay import AsyncSession
from agentbay.errors import ConfigurationError, ItemTimeoutError
from agentbay.testing import Capacity, Refusal
from tests.fleet.conftest import ServeFunction, async_only
from tests.surfaces import callback_for


async def name(session: AsyncSession) -> str:
    return session.session_id


async def test_many_are_created_and_used(serve: ServeFunction) -> None:
    async with serve() as (server, bay):
        async with bay.fleet(concurrency=8) as fleet:
            created = await fleet.create_many(40)
            sessions = [result.unwrap() for result in created]
            ids = [session.session_id for session in sessions]
            assert sorted(ids) == sorted(server.sessions)
            outcomes = await fleet.run_all(sessions, callback_for(bay, name))
            assert [outcome.value for outcome in outcomes] == ids
            assert [outcome.item for outcome in outcomes] == ids
            assert [outcome.index for outcome in outcomes] == list(range(40))
            deleted = await fleet.delete_many(sessions[:10])
            assert [bool(result) for result in deleted] == [True] * 10
            assert sorted(server.sessions) == sorted(ids[10:])
        assert not server.sessions
        assert fleet.stats.created == fleet.stats.deleted == 40


async def test_one_that_fails_harms_no_other(serve: ServeFunction) -> None:
    async with serve() as (server, bay), bay.fleet() as fleet:
        sessions = [result.unwrap() for result in await fleet.create_many(3)]
        odd = sessions[1].session_id

        async def work(session: AsyncSession) -> str:
            if session.session_id == odd:
                raise ValueError("odd")
            return session.session_id

        good, bad, good_too = await fleet.run_all(sessions, callback_for(bay, work))
        assert good
        assert good_too
        assert not bad
        with pytest.raises(ValueError, match="odd"):
            bad.unwrap()
        assert len(server.sessions) == 3  # they stay the caller's


@async_only  # a blocking function cannot be stopped; see the tests of map
async def test_calls_have_their_time(serve: ServeFunction) -> None:
    async with serve() as (_, bay), bay.fleet() as fleet:
        sessions = [result.unwrap() for result in await fleet.create_many(2)]

        async def work(session: AsyncSession) -> None:
            if session is sessions[0]:
                await anyio.sleep_forever()

        late, done = await fleet.run_all(sessions, work, timeout=0.2)
        assert done
        assert isinstance(late.error, ItemTimeoutError)
        assert sessions[0].session_id in str(late.error)


async def test_what_cannot_be_created_is_told(serve: ServeFunction) -> None:
    async with serve() as (server, bay), bay.fleet() as fleet:
        server.answer("CreateMcpSession", Refusal("InvalidImageId", "no such image", 400))
        for result in await fleet.create_many(3):
            assert not result
            assert "no such image" in result.error_message
        assert await fleet.create_many(0) == []
        with pytest.raises(ConfigurationError, match="count must be a whole number"):
            await fleet.create_many(-1)


async def test_sessions_of_others_can_be_deleted(serve: ServeFunction) -> None:
    async with serve() as (server, bay), bay.fleet() as fleet:
        other = (await bay.create()).unwrap()
        (deleted,) = await fleet.delete_many([other])
        assert deleted
        assert not server.sessions
        assert fleet.stats.deleted == 0


async def test_a_quota_is_respected(serve: ServeFunction) -> None:
    """More items than sessions may exist: the fleet waits for its own to go."""
    async with serve(capacity=Capacity(max_sessions=3)) as (server, bay):
        async with bay.fleet(concurrency=10) as fleet:
            outcomes = [o async for o in fleet.map(callback_for(bay, item_of), range(12))]
        assert all(outcomes)
        assert {outcome.value for outcome in outcomes} == set(range(12))
        assert server.most_sessions == 3
        assert fleet.stats.throttled > 0


async def item_of(_: AsyncSession, item: int) -> int:
    return item
