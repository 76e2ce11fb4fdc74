"""Code in a session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from agentbay._transport.finishing import finish
from agentbay._wire.code_stream import StreamedCode, cancel_frame, run_frame
from agentbay._wire.tools.code import CODE_LANGUAGES, CodeAnswer, RunCode
from agentbay.errors import AgentBayError, SessionError, TransportError
from agentbay.models.code import EnhancedCodeExecutionResult

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay._transport.exchanges import ChannelStream

__all__ = ("AsyncCode",)

# What an answer may take beyond the code's own time limit, which counts twice: once while the
# kernel is busy with what came before. A kernel may have to be started, or made to stop.
ANSWER_GRACE_SECONDS = 150.0
CANCEL_SECONDS = 5.0

Listener = Callable[[Any], Awaitable[None] | None]


class AsyncCode:
    """Runs code in one session.

    Each language has a kernel that remembers what was defined, for as long as the session lives.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @property
    def session(self) -> AsyncSession:
        """The session in which the code runs."""
        return self._session

    async def run_code(
        self,
        code: str,
        language: str,
        timeout_s: int = 60,
        stream_beta: bool = False,
        on_stdout: Callable[[str], Awaitable[None] | None] | None = None,
        on_stderr: Callable[[str], Awaitable[None] | None] | None = None,
        on_error: Callable[[Any], Awaitable[None] | None] | None = None,
    ) -> EnhancedCodeExecutionResult:
        """Run *code* and wait for its end.

        Failures are results, whatever their cause; an exception in the code is one, too. Code
        that needs longer than its limit is interrupted, and the result says whether variables
        are kept. Giving up the wait interrupts the code as well. Calls in one language have
        their turns; a call that had to wait for longer than *timeout_s* fails unstarted.

        Callbacks are for streaming only. Each is called with one thing after the other, in order;
        may be a coroutine function; and interrupts the code by an exception, which is raised.

        Args:
            code: The source text.
            language: ``python``, ``javascript``, ``r`` or ``java``; also ``py``, ``python3``,
                ``js``, ``node`` and ``nodejs``.
            timeout_s: Time limit in seconds.
            stream_beta: Get output while the code runs, by the session's WebSocket.
            on_stdout: Called with each piece of standard output.
            on_stderr: Called with each piece of standard error.
            on_error: Called with what is known of an exception in the code, a dictionary, or with
                the error that broke the stream.

        Returns:
            What the code wrote and showed, its value, and why it failed. A stream that is lost
            is a failure, with what had arrived until then.
        """
        name = CODE_LANGUAGES.get(str(language).strip().lower())
        if name is None:
            return EnhancedCodeExecutionResult.failure(
                f"Unsupported language: {language}. "
                "Supported languages are 'python', 'javascript', 'r', and 'java'"
            )
        try:
            call = RunCode(code=code, language=name, timeout_s=timeout_s)
        except (TypeError, ValueError) as exc:
            return EnhancedCodeExecutionResult.failure(f"Failed to run code: {exc}")
        if stream_beta:
            return await self._stream(call, on_stdout, on_stderr, on_error)
        return await self._call(call)

    run = run_code
    execute = run_code

    async def _call(self, call: RunCode) -> EnhancedCodeExecutionResult:
        result = await self._session.call_mcp_tool(
            RunCode.tool_name, call.arguments(), read_timeout=_patience(call)
        )
        if not result.success and not result.is_error and not result.raw:
            return EnhancedCodeExecutionResult.failure(
                result.error_message, result.exception, request_id=result.request_id
            )
        answer = CodeAnswer.from_tool(result.raw, is_error=result.is_error)
        return _outcome(answer, result.request_id if answer.understood or result.is_error else "")

    async def _stream(
        self,
        call: RunCode,
        on_stdout: Listener | None,
        on_stderr: Listener | None,
        on_error: Listener | None,
    ) -> EnhancedCodeExecutionResult:
        try:
            channel = self._session._channel()
        except SessionError as exc:
            return EnhancedCodeExecutionResult.failure(f"AgentBay error: {exc}", exc)
        told = StreamedCode()
        listeners = {"stdout": on_stdout, "stderr": on_stderr, "error": on_error}
        tools = self._session.mcp_tools
        servers = (tool.server for tool in tools if tool.name == RunCode.tool_name)
        try:
            stream = await channel.open_stream(
                next(servers, "") or RunCode.server, run_frame(call), timeout=_patience(call)
            )
            end = await _follow(stream, told, listeners)
        except _ListenerFailedError as exc:
            raise exc.error from None
        except AgentBayError as exc:
            await _tell(on_error, exc)
            return EnhancedCodeExecutionResult.failure(
                str(exc), exc, request_id="", logs=told.logs, results=told.results, error=told.error
            )
        return _outcome(told.answer(end), stream.id)


class _ListenerFailedError(Exception):
    """A callback of the user raised *error*, which may be of any class."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


async def _follow(
    stream: ChannelStream,
    told: StreamedCode,
    listeners: dict[str, Listener | None],
) -> dict[str, Any]:
    """Pass on the events until the end, and return that; interrupt the code when given up.

    Raises:
        AgentBayError: The stream was lost.
    """
    try:
        while (event := await stream.receive()) is not None:
            kind, payload = told.take(event)
            try:
                await _tell(listeners.get(kind), payload)
            except Exception as exc:
                raise _ListenerFailedError(exc) from exc
    except AgentBayError:
        raise
    except BaseException:
        await _cancel(stream)
        raise
    finally:
        stream.close()
    return stream.end or {}


async def _tell(listener: Listener | None, payload: Any) -> None:
    if listener is not None:
        outcome = listener(payload)
        if isinstance(outcome, Awaitable):
            await outcome


async def _cancel(stream: ChannelStream) -> None:
    """Ask for an interruption; where the connection is lost, that has the same effect."""
    with suppress(TransportError):
        await finish(lambda: stream.write(cancel_frame()), grace=CANCEL_SECONDS)


def _patience(call: RunCode) -> float:
    return 2 * call.timeout_s + ANSWER_GRACE_SECONDS


def _outcome(answer: CodeAnswer, request_id: str) -> EnhancedCodeExecutionResult:
    return EnhancedCodeExecutionResult(
        request_id=request_id,
        success=answer.success,
        execution_count=answer.execution_count,
        execution_time=answer.execution_time,
        logs=answer.logs,
        results=list(answer.results),
        error=answer.error,
        error_message=answer.failure,
        timed_out=answer.stopped == "timeout",
        state_lost=answer.state_lost,
    )
