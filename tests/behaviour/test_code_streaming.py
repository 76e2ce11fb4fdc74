"""Code whose output comes while it runs, on both surfaces."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from aiohttp import web

from agentbay import (
    AgentBayError,
    AsyncAgentBay,
    AsyncSession,
    CodeExecutionResult,
    Config,
    EnhancedCodeExecutionResult,
)
from agentbay.local.runtime import LocalRuntime
from tests.conftest import ConnectFunction

DEADLINE = 30.0
WAITS = "print('begun', flush=True)\nopen('go').read()\nprint('went on')"


async def stream(
    session: AsyncSession, code: str, language: str = "python", timeout_s: int = 60, **listen: Any
) -> EnhancedCodeExecutionResult:
    return await session.code.run_code(code, language, timeout_s, stream_beta=True, **listen)


async def test_everything_arrives_in_order(session: AsyncSession) -> None:
    heard: list[str] = []
    errors: list[Any] = []
    result = await stream(
        session,
        "import sys\nfor i in range(200):\n"
        "    print(i, flush=True); print(-i, file=sys.stderr, flush=True)\ndisplay('shown')\n42",
        on_stdout=lambda chunk: heard.append(f"out {chunk}"),
        on_stderr=lambda chunk: heard.append(f"err {chunk}"),
        on_error=errors.append,
    )
    assert result.success
    assert result.error_message == ""
    assert len(result.request_id) == 32
    assert result.execution_count == 1
    assert result.execution_time > 0
    lines = "".join(text.removeprefix("out ") for text in heard if text.startswith("out "))
    assert lines == "".join(f"{i}\n" for i in range(200)) == "".join(result.logs.stdout)
    assert "".join(result.logs.stderr) == "".join(f"{-i}\n" for i in range(200))
    assert [(item.text, item.is_main_result) for item in result.results] == [
        ("'shown'", False),
        ("42", True),
    ]
    assert errors == []


async def test_output_arrives_while_the_code_runs(session: AsyncSession) -> None:
    await session.command.run("mkfifo go")
    begun = threading.Event()
    results: list[EnhancedCodeExecutionResult] = []

    async def run() -> None:
        results.append(await stream(session, WAITS, on_stdout=lambda _chunk: begun.set()))

    with anyio.fail_after(DEADLINE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await anyio.to_thread.run_sync(begun.wait)
            assert results == []
            await session.command.run("echo > go")
    assert results[0].logs.stdout == ["begun\n", "went on\n"]


@pytest.mark.parametrize(
    ("language", "code", "result"),
    [
        ("javascript", "console.log('one'); console.log('two'); 3", "3"),
        ("java", 'System.out.println("one"); System.out.println("two"); 3', "3"),
        ("r", "cat('one\\n'); cat('two\\n'); 3", "[1] 3"),
    ],
)
async def test_other_languages(
    session: AsyncSession, language: str, code: str, result: str
) -> None:
    heard: list[str] = []
    outcome = await stream(session, code, language, on_stdout=heard.append)
    assert "".join(heard) == "one\ntwo\n"
    assert outcome.result == result


async def test_an_exception_is_told_once_and_returned(session: AsyncSession) -> None:
    errors: list[Any] = []
    result = await stream(session, "print('before')\n{}['key']", on_error=errors.append)
    assert not result
    assert result.error is not None
    assert (result.error.name, result.error.value) == ("KeyError", "'key'")
    assert "{}['key']" in result.error.traceback
    assert result.error_message == "KeyError: 'key'"
    assert result.logs.stdout == ["before\n"]
    assert len(errors) == 1
    assert (errors[0]["code"], errors[0]["message"]) == ("KeyError", "'key'")


async def test_time_limit(session: AsyncSession) -> None:
    errors: list[Any] = []
    result = await stream(session, "x = 1\nwhile True: pass", timeout_s=1, on_error=errors.append)
    assert result.timed_out
    assert not result.state_lost
    assert [error["code"] for error in errors] == ["TimeoutError"]
    assert (await stream(session, "x")).result == "1"


async def test_kernel_that_ends(session: AsyncSession) -> None:
    result = await stream(session, "print('last', flush=True)\nimport os; os._exit(7)")
    assert not result
    assert result.state_lost
    assert "it ended itself with status 7" in result.error_message
    assert (await stream(session, "1")).logs.stderr != []


async def test_large_output_and_results(session: AsyncSession) -> None:
    size = 3_000_000
    result = await stream(session, f"print('é' * {size}, end='')")
    assert "".join(result.logs.stdout) == "é" * size
    fits = await stream(session, "'y' * 900_000")
    assert len(fits.result) == 900_002
    too_large = await stream(session, "print('kept')\n'y' * 2_000_000")
    assert not too_large
    assert "too large for a stream" in too_large.error_message
    assert too_large.logs.stdout == ["kept\n"]


async def test_a_callback_that_raises_interrupts_the_code(session: AsyncSession) -> None:
    class OwnError(Exception):
        pass

    def refuse(_chunk: str) -> None:
        raise OwnError

    with pytest.raises(OwnError):
        await stream(session, "x = 1\nprint(x, flush=True)\nwhile True: pass", on_stdout=refuse)
    with anyio.fail_after(DEADLINE):
        assert (await session.code.run_code("x", "python")).result == "1"


async def test_halves_of_surrogate_pairs(session: AsyncSession) -> None:
    result = await stream(session, "print('a\\ud800b')")
    assert result.logs.stdout == ["a?b\n"]


@pytest.fixture
async def own_session(runtime: LocalRuntime) -> AsyncIterator[AsyncSession]:
    """A session of the asynchronous surface, for what only tasks can do."""
    async with (
        AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint)) as bay,
        bay.session() as session,
    ):
        yield session


async def test_callbacks_may_be_coroutine_functions(own_session: AsyncSession) -> None:
    heard: list[str] = []

    async def listen(chunk: str) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append(chunk)

    code = "for i in range(100): print(i, flush=True)"
    await stream(own_session, code, on_stdout=listen)
    assert "".join(heard) == "".join(f"{i}\n" for i in range(100))


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(
    ("language", "code", "read"),
    [
        ("python", "x = 1\nopen('begun', 'w')\nwhile True: pass", "x"),
        (
            "javascript",
            "const x = 1; require('fs').writeFileSync('begun', ''); while (true) {}",
            "x",
        ),
    ],
)
async def test_cancelling_interrupts_the_code(
    own_session: AsyncSession, language: str, code: str, read: str, streaming: bool
) -> None:
    code_of = own_session.code
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(code_of.run_code, code, language, 3600, streaming)
        waiting = "until [ -e begun ]; do :; done"
        assert (await own_session.command.run(waiting)).success
        tasks.cancel_scope.cancel()
    with anyio.fail_after(DEADLINE):
        after = await code_of.run_code(read, language)
    assert (after.result, after.logs.stderr) == ("1", [])


async def test_a_client_that_vanishes_interrupts_the_code(
    own_session: AsyncSession, runtime: LocalRuntime
) -> None:
    async with AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint)) as other:
        session = (await other.get(own_session.session_id)).unwrap()
        assert session is not None
        begun = anyio.Event()
        results: list[EnhancedCodeExecutionResult] = []

        async def run() -> None:
            code = "x = 1\nprint('begun', flush=True)\nwhile True: pass"
            results.append(
                await stream(session, code, timeout_s=3600, on_stdout=lambda _chunk: begun.set())
            )

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            with anyio.fail_after(DEADLINE):
                await begun.wait()
            await other.close()
    assert not results[0]
    assert results[0].logs.stdout == ["begun\n"]
    with anyio.fail_after(DEADLINE):
        assert (await own_session.code.run_code("x", "python")).result == "1"


async def test_without_a_web_socket(connect: ConnectFunction) -> None:
    errors: list[Any] = []
    for facts, missing in (
        ({}, "ws_url is not available for this session"),
        ({"WsUrl": "ws://127.0.0.1:9/"}, "token is not available for WS connection"),
    ):
        async with scripted(connect, [], facts) as session:
            result = await stream(session, "1", on_error=errors.append)
        assert not result
        assert result.error_message == f"AgentBay error: {missing}"
        assert result.request_id == ""
    assert errors == []


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"data": {"phase": "event", "eventType": kind, **fields}}


BEGUN = [
    event("stdout", chunk="a"),
    event("other", chunk="?"),
    event("result", result={"mime": {"text/plain": "1"}}),
]


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (None, "connection closed"),
        ({"data": {"phase": "error", "error": "bad"}}, "bad"),
        ({"data": {"phase": "event", "error": "bad"}}, "bad"),
        ({"source": "WEBSOCKET_SERVER", "error": "bad", "data": {}}, "bad"),
        ({"data": {"phase": "odd"}}, "odd"),
        ({"data": {}}, "phase"),
    ],
)
async def test_a_stream_that_breaks_is_no_success(
    connect: ConnectFunction, last: dict[str, Any] | None, message: str
) -> None:
    errors: list[Any] = []
    async with scripted(connect, BEGUN + ([last] if last else [])) as session:
        result = await stream(session, "1", on_error=errors.append)
    assert not result
    assert message in result.error_message
    assert result.request_id == ""
    assert result.logs.stdout == ["a"]
    assert result.results == [CodeExecutionResult(text="1")]
    assert len(errors) == 1
    assert isinstance(errors[0], AgentBayError)
    assert str(errors[0]) == result.error_message
    with pytest.raises(AgentBayError):
        result.unwrap()


@pytest.mark.parametrize(
    ("events", "end", "success", "message"),
    [
        ([], {"status": "finished"}, True, ""),
        ([], {}, True, ""),
        ([], {"executionError": ""}, True, ""),
        ([], {"status": "failed"}, False, ""),
        ([], {"executionError": "bad"}, False, "bad"),
        ([event("error", error={"code": "E", "message": "told"})], {}, False, "told"),
        ([event("error", error={"error": "told"})], {"executionError": "end"}, False, "end"),
        ([event("error", code="E", message="flat", traceId="t")], {}, False, "flat"),
    ],
)
async def test_ends(
    connect: ConnectFunction,
    events: list[dict[str, Any]],
    end: dict[str, Any],
    success: bool,
    message: str,
) -> None:
    errors: list[Any] = []
    last = {"data": {"phase": "end", "executionCount": 5, "executionTime": 0.5, **end}}
    async with scripted(connect, [*BEGUN, *events, last]) as session:
        result = await stream(session, "1", on_error=errors.append)
    assert (result.success, result.error_message) == (success, message)
    assert (result.execution_count, result.execution_time) == (5, 0.5)
    assert result.request_id
    assert len(errors) == len(events)


@contextlib.asynccontextmanager
async def scripted(
    connect: ConnectFunction, frames: list[dict[str, Any]], facts: dict[str, str] | None = None
) -> AsyncIterator[AsyncSession]:
    """A session of a service whose WebSocket answers the first frame with *frames* and closes."""

    async def action(request: web.Request) -> web.Response:
        here = f"ws://{request.host}/ws"
        known = {"WsUrl": here, "Token": "t"} if facts is None else facts
        return web.json_response(
            {"RequestId": "r", "Success": True, "Data": {"SessionId": "s-1", **known}}
        )

    async def channel(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        asked = json.loads(await socket.receive_str())
        assert asked["target"] == "wuying_codespace"
        assert asked["data"]["params"] == {"language": "python", "timeoutS": 60, "code": "1"}
        for frame in frames:
            identity = asked["invocationId"]
            whole = {
                "invocationId": identity,
                "source": "wuying_codespace",
                "target": "SDK",
                **frame,
            }
            await socket.send_json(whole)
        await socket.close()
        return socket

    application = web.Application()
    application.router.add_post("/", action)
    application.router.add_get("/ws", channel)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with connect("key", Config(endpoint=endpoint)) as bay:
            session = (await bay.create()).unwrap()
            assert session is not None
            yield session
    finally:
        await runner.cleanup()
