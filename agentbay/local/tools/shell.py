"""Tool ``shell``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._wire.tools.shell import TIMEOUT_MARK, Shell, ShellAnswer
from agentbay.local.ids import new_trace_id
from agentbay.local.tools.registry import ToolFailedError, Workplace, runs
from agentbay.local.tools.worker import BAD_ARGUMENT, STOPPED, call_worker

if TYPE_CHECKING:
    from agentbay.local.sandbox.base import WorkerReply

_MAX_TIMEOUT_MS = 24 * 3600 * 1000
# The worker ends the command; this is for its answer to arrive, with all the output.
_ANSWER_SECONDS = 60.0


@runs(Shell)
async def run_shell(tool: Shell, place: Workplace) -> str:
    """Run the command; bytes of its output that are not UTF-8 become U+FFFD.

    A failure carries both streams, also what a stopped command had written until then.
    """
    if not 1 <= tool.timeout_ms <= _MAX_TIMEOUT_MS:
        raise ToolFailedError.of_code(
            BAD_ARGUMENT, f"timeout_ms must be between 1 and {_MAX_TIMEOUT_MS}"
        )
    reply = await call_worker(
        place,
        "shell",
        {**tool.arguments(), "output_bytes": place.limits.output_bytes},
        timeout=tool.timeout_ms / 1000 + _ANSWER_SECONDS,
    )
    answer = _answer(tool, place, reply)
    if answer.exit_code or answer.reason:
        raise ToolFailedError(answer.to_text())
    return answer.to_text()


def _answer(tool: Shell, place: Workplace, reply: WorkerReply) -> ShellAnswer:
    exit_code = int(reply.result["exit_code"])
    reason = ""
    if reply.result["output_limit"]:
        exit_code = STOPPED
        reason = (
            f"[output limit] The command was stopped after {place.limits.output_bytes} bytes of "
            "output; this is the first part. Write large output to a file and read that."
        )
    elif reply.result["timed_out"]:
        exit_code = STOPPED
        reason = f"{TIMEOUT_MARK} The command was stopped after {tool.timeout_ms} ms"
    return ShellAnswer(
        exit_code=exit_code,
        stdout=reply.blobs.get("stdout", b"").decode(errors="replace"),
        stderr=reply.blobs.get("stderr", b"").decode(errors="replace"),
        trace_id=new_trace_id() if exit_code else "",
        reason=reason,
    )
