"""Short forms for calling a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from agentbay.local.sandbox.base import Sandbox, WorkerReply

CALL_SECONDS = 20.0
COMMAND_MS = 15_000


@frozen
class Finished:
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str
    timed_out: bool
    output_limit: bool
    signal: int | None
    raw: dict[str, bytes]


async def sh(
    sandbox: Sandbox,
    command: str,
    timeout_ms: int = COMMAND_MS,
    timeout: float = CALL_SECONDS,
    **params: Any,
) -> Finished:
    """Run a shell command in the sandbox."""
    arguments = {"command": command, "timeout_ms": timeout_ms, **params}
    reply = await sandbox.call("shell", arguments, timeout=timeout)
    blobs = reply.blobs
    return Finished(
        exit_code=reply.result["exit_code"],
        stdout=blobs["stdout"].decode(errors="replace"),
        stderr=blobs["stderr"].decode(errors="replace"),
        timed_out=reply.result["timed_out"],
        output_limit=reply.result["output_limit"],
        signal=reply.result.get("signal"),
        raw=blobs,
    )


async def call(sandbox: Sandbox, method: str, payload: bytes = b"", **params: Any) -> WorkerReply:
    """Call a method of the worker."""
    return await sandbox.call(method, params, payload=payload, timeout=CALL_SECONDS)


async def read(sandbox: Sandbox, path: str, **params: Any) -> bytes:
    """Return the content of a file in the sandbox."""
    return (await call(sandbox, "read_file", path=path, **params)).blobs["content"]
