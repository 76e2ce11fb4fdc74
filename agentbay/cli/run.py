"""``agentbay run``: one command in a session of its own."""

from __future__ import annotations

import codecs
import itertools
import shlex
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated

import anyio
import typer
from attrs import field, frozen

from agentbay.cli import output
from agentbay.cli.places import find_context
from agentbay.cli.signals import signals
from agentbay.cli.target import Target, choose_target
from agentbay.errors import AgentBayError, CommandError
from agentbay.models.command import CommandResult

if TYPE_CHECKING:
    from agentbay import AsyncRunningCommand, AsyncSession

__all__ = ("run",)

EXIT_FAILED = 1
EXIT_TIMEOUT = 124
"""As timeout(1) has it."""
MAX_EXIT_CODE = 255
"""A larger one, as Windows has them, would be cut to its last byte, which may be 0."""
NOT_OFFERED = "not_offered"
"""The code of the error for a service without background commands."""
TIMEOUT_MARK = "[timeout]"
DEFAULT_SECONDS = 600.0
MAX_SECONDS = 24 * 3600.0


@frozen
class Job:
    """The command and how to run it."""

    command: str
    image_id: str | None
    timeout_ms: int
    cwd: str | None
    envs: dict[str, str] = field(repr=False)
    contexts: tuple[tuple[str, str], ...] = ()
    """Names or ids of contexts, each with the directory that it is bound to."""


def _check_seconds(value: float) -> float:
    if not 0 < value <= MAX_SECONDS:  # nan is neither
        raise typer.BadParameter(f"must be above 0 and at most {MAX_SECONDS:.0f} seconds")
    return value


def _check_variables(values: list[str] | None) -> list[str]:
    for value in values or ():
        name, equals, _ = value.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{name!r} is not of the form NAME=VALUE")
    return values or []


def _check_contexts(values: list[str] | None) -> list[str]:
    for value in values or ():
        name, _, path = value.rpartition(":")
        if not (name and path.startswith("/")):
            raise typer.BadParameter(f"{value!r} is not of the form CONTEXT:/PATH")
    return values or []


def run(
    command: Annotated[
        list[str],
        typer.Argument(metavar="CMD", help="The command and its arguments.", show_default=False),
    ],
    image: Annotated[
        str | None,
        typer.Option(metavar="IMAGE", help="Image of the session; the service's by default."),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            callback=_check_seconds,
            show_default="600",
            help="Stop the command after this time, with exit code 124.",
        ),
    ] = DEFAULT_SECONDS,
    cwd: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Directory in the session; its home by default."),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            callback=_check_variables,
            help="Environment variable of the command; may be repeated.",
        ),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONTEXT:PATH",
            callback=_check_contexts,
            help="Files of a context at this path, stored again at the end; may be repeated.",
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Do not say on standard error where it runs."),
    ] = False,
) -> None:
    """Run one command in a session of its own.

    Exits with the exit code of the command. Its arguments reach it as they are; for the syntax
    of a shell, run one: agentbay run -- sh -c '...'. The output is shown as it comes, and the
    session is always deleted.
    """
    job = Job(
        shlex.join(command),
        image,
        max(1, round(timeout * 1000)),
        cwd,
        dict(_split(variable) for variable in env or ()),
        tuple(_split_context(binding) for binding in context or ()),
    )
    _check_text(job)
    target = choose_target()
    if not quiet:
        output.note(f"using {target}")
    output.log_to_stderr("error" if quiet else "warning")
    result, leftover = signals.run(partial(_execute, target, job))
    code = _report(result)
    if leftover is not None:
        output.note(f"error: {leftover}")
        code = code or EXIT_FAILED
    raise typer.Exit(code)


def _split(variable: str) -> tuple[str, str]:
    name, _, value = variable.partition("=")
    return name, value


def _split_context(binding: str) -> tuple[str, str]:
    name, _, path = binding.rpartition(":")
    return name, path


def _check_text(job: Job) -> None:
    """Refuse what cannot travel: arguments that are not valid UTF-8."""
    texts = [job.command, job.image_id or "", job.cwd or ""]
    texts += [*job.envs.keys(), *job.envs.values(), *itertools.chain(*job.contexts)]
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as exc:
        raise typer.BadParameter("arguments must be valid UTF-8") from exc


async def _execute(target: Target, job: Job) -> tuple[CommandResult, AgentBayError | None]:
    """Run the job; also return what failed after it: storing its files, or the deletion."""
    from agentbay import ContextSync, CreateSessionParams

    result: CommandResult | None = None
    leftover: AgentBayError | None = None
    try:
        async with target.client() as agent_bay:
            bound = [
                ContextSync((await find_context(agent_bay, name)).id, path)
                for name, path in job.contexts
            ]
            params = CreateSessionParams(image_id=job.image_id, context_syncs=bound)
            async with agent_bay.session(params) as session:
                result = await _run_in(session, job)
                if bound:
                    (await session.context.sync(mode="upload")).raise_for_error()
    except AgentBayError as exc:
        if result is None:
            raise
        leftover = exc
    return result, leftover


async def _run_in(session: AsyncSession, job: Job) -> CommandResult:
    """Run the command and show its output as it comes, or at the end where that is not offered."""
    command = session.command
    try:
        process = await command.start(job.command, job.cwd, job.envs)
    except CommandError as exc:
        if exc.extra.get("code") != NOT_OFFERED:
            raise
        return await command.execute_command(job.command, job.timeout_ms, job.cwd, job.envs)
    async with process:
        with suppress(CommandError):  # it has ended already
            await process.close_stdin()
        with anyio.move_on_after(job.timeout_ms / 1000):
            exit_code = await _show(process)
            return CommandResult(success=exit_code == 0, exit_code=exit_code)
    problem = f"{TIMEOUT_MARK} The command was stopped after {job.timeout_ms} ms"
    return CommandResult(exit_code=-1, error_message=problem, timed_out=True)


async def _show(process: AsyncRunningCommand) -> int:
    """Write the output of the command where it belongs, and return its exit status."""
    decoder = codecs.getincrementaldecoder("utf-8")
    streams = {
        "stdout": (sys.stdout, decoder("replace")),
        "stderr": (sys.stderr, decoder("replace")),
    }
    async for piece in process:
        stream, decode = streams[piece.stream]
        await output.write_live(stream, decode.decode(piece.data))
    for stream, decode in streams.values():
        await output.write_live(stream, decode.decode(b"", final=True))
    return await process.wait()


def _report(result: CommandResult) -> int:
    """Write what the command left behind and return the exit code that fits it."""
    if _is_refusal(result):
        output.note(f"error: {result.error_message}")
        return EXIT_TIMEOUT if result.timed_out else EXIT_FAILED
    output.write(sys.stdout, result.stdout)
    output.write(sys.stderr, result.stderr)
    if result.exit_code >= 0:
        return min(result.exit_code, MAX_EXIT_CODE)
    output.note(f"error: {result.error_message}")
    return EXIT_TIMEOUT if result.timed_out else EXIT_FAILED


def _is_refusal(result: CommandResult) -> bool:
    """Tell whether the command left no streams: a text about it came instead, or nothing.

    Older images answer a failure with such a text, which the result then repeats as standard
    output.
    """
    if result.success or not result.error_message:
        return False
    plain_text = not result.stderr and result.stdout == result.error_message
    return result.exception is not None or plain_text
