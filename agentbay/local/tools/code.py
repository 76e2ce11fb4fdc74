"""Tool ``run_code``."""

from __future__ import annotations

from attrs import define, evolve, field

from agentbay._wire.tools.code import CodeAnswer, RunCode, read_result
from agentbay.local.failures import LocalRuntimeError
from agentbay.local.ids import new_trace_id
from agentbay.local.kernels.kernel import (
    Ended,
    Event,
    Failed,
    KernelFailedError,
    Shown,
    Take,
    Wrote,
)
from agentbay.local.tools.registry import ToolFailedError, Workplace, runs
from agentbay.local.tools.worker import BAD_ARGUMENT, STOPPED
from agentbay.models.code import CodeExecutionResult, ExecutionError, ExecutionLogs

__all__ = ("execute", "outcome", "run_code")

_MAX_TIMEOUT_S = 24 * 3600


@runs(RunCode)
async def run_code(tool: RunCode, place: Workplace) -> str:
    """Run the code, and answer with all that it wrote and showed, also when it failed.

    A failure is an error of the tool, for only so clients of all ages see that there is one;
    its text has the form of a success.
    """
    collected = _Collected()
    ended = await execute(tool, place, collected.take)
    answer = evolve(
        outcome(tool, place, ended, collected.error),
        logs=collected.logs,
        results=tuple(collected.results),
    )
    if not answer.success:
        raise ToolFailedError(answer.to_text())
    return answer.to_text()


async def execute(tool: RunCode, place: Workplace, take: Take) -> Ended:
    """Run the code and have *take* called with each event.

    Raises:
        ToolFailedError: It was not run, or what became of it is not known.
    """
    if not 1 <= tool.timeout_s <= _MAX_TIMEOUT_S:
        raise ToolFailedError.of_code(
            BAD_ARGUMENT, f"timeout_s must be between 1 and {_MAX_TIMEOUT_S}"
        )
    kernel = place.kernels.of(tool.language)
    limit = place.limits.output_bytes
    try:
        return await kernel.execute(tool.code, take, seconds=tool.timeout_s, output_bytes=limit)
    except (KernelFailedError, LocalRuntimeError) as exc:
        raise ToolFailedError.of_code(STOPPED, str(exc)) from exc


def outcome(
    tool: RunCode, place: Workplace, ended: Ended, error: ExecutionError | None
) -> CodeAnswer:
    """Return how an execution went that raised *error*, without what it wrote and showed."""
    stop = _stop_error(ended, tool, place.limits.output_bytes)
    if stop is not None:
        # That of the interruption tells where the code was.
        error = evolve(stop, traceback=error.traceback if error is not None else "")
    return CodeAnswer(
        success=error is None,
        error=error,
        execution_count=ended.count,
        execution_time=ended.seconds,
        trace_id=new_trace_id() if error is not None else "",
        stopped=ended.stopped,
        state_lost=bool(ended.reason),
    )


def _stop_error(ended: Ended, tool: RunCode, output_bytes: int) -> ExecutionError | None:
    """Return why the code was stopped, and what became of its variables."""
    if not ended.stopped:
        return None
    flood = (
        f"[output limit] The code was stopped after {output_bytes} bytes of output; this is the "
        "first part. Write large output to a file and read that"
    )
    name, problem = {
        "timeout": ("TimeoutError", f"[timeout] The code was stopped after {tool.timeout_s} s"),
        "output_limit": ("OutputLimitError", flood),
        "interrupted": ("InterruptedError", "The code was interrupted"),
        "died": ("KernelDiedError", f"The {tool.language} kernel ended while it ran the code"),
    }[ended.stopped]
    if ended.reason:
        consequence = f"{ended.reason}. Variables are gone, the next execution starts a new kernel"
    else:
        consequence = "variables are kept"
    return ExecutionError(name, f"{problem}: {consequence}")


@define
class _Collected:
    """What an execution has written and shown until now."""

    logs: ExecutionLogs = field(factory=ExecutionLogs)
    results: list[CodeExecutionResult] = field(factory=list)
    error: ExecutionError | None = None
    _displays: dict[str, int] = field(factory=dict)

    async def take(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, Wrote):
            (self.logs.stdout if event.stream == "stdout" else self.logs.stderr).append(event.chunk)
        elif isinstance(event, Failed):
            self.error = ExecutionError(event.name, event.value, event.traceback)
        else:
            self._show(event)

    def _show(self, event: Shown) -> None:
        result = read_result(event.mime, is_main=event.is_main, short_names=False)
        place = self._displays.get(event.display_id or "")
        if place is not None:
            self.results[place] = result
            return
        if event.display_id is not None:
            self._displays[event.display_id] = len(self.results)
        self.results.append(result)
