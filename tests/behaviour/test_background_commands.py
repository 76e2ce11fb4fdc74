"""Background commands, on both surfaces, in a real sandbox."""

from __future__ import annotations

import hashlib
import random

import anyio
import pytest

from agentbay import AsyncRunningCommand, AsyncSession, CommandError, WsCancelledError

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


async def collect(process: AsyncRunningCommand) -> dict[str, bytes]:
    found = {"stdout": b"", "stderr": b""}
    async for piece in process:
        found[piece.stream] += piece.data
    return found


async def first_output(process: AsyncRunningCommand) -> bytes:
    async for piece in process:
        return piece.data
    raise AssertionError("there was no output")


async def none_is_left(session: AsyncSession, pattern: str) -> None:
    """Wait for the end of what has been sent a signal: only the leader's is told."""
    with anyio.fail_after(10):
        while await is_running(session, pattern):
            pass


async def is_running(session: AsyncSession, pattern: str) -> bool:
    # The brackets keep the pattern from finding the command that looks for it.
    wanted = f"[{pattern[0]}]{pattern[1:]}"
    found = await session.command.execute_command(
        f"cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c '{wanted}'"
    )
    return found.stdout.strip() != "0"


async def test_output_comes_typed_and_the_end_with_its_status(session: AsyncSession) -> None:
    async with await session.command.start("echo out; echo err >&2; exit 3") as process:
        assert process.pid > 0
        assert process.exit_code is None
        assert await collect(process) == {"stdout": b"out\n", "stderr": b"err\n"}
        assert await process.wait(5) == 3
        assert process.exit_code == 3


async def test_output_comes_while_the_command_runs(session: AsyncSession) -> None:
    async with await session.command.start("echo first; read line; echo got $line") as process:
        assert await first_output(process) == b"first\n"
        await process.write(b"second\n")
        assert await first_output(process) == b"got second\n"
        assert await process.wait(5) == 0


async def test_directory_and_variables(session: AsyncSession) -> None:
    process = await session.command.start('echo "$PWD $A"', cwd="/tmp", envs={"A": "ü $HOME"})
    result = await process.communicate(timeout=5)
    assert (result.success, result.stdout) == (True, "/tmp ü $HOME\n")


async def test_any_bytes_pass_unchanged_both_ways(session: AsyncSession) -> None:
    data = bytes(range(256)) * 64 + random.Random(1).randbytes(300_000)
    async with await session.command.start("cat") as process:
        async with anyio.create_task_group() as group:

            async def feed() -> None:
                await process.write(data)
                await process.close_stdin()

            group.start_soon(feed)
            assert (await collect(process))["stdout"] == data
        assert await process.wait(5) == 0


async def test_much_output_arrives_whole(session: AsyncSession) -> None:
    script = "import sys; [sys.stdout.buffer.write(bytes([i % 256]) * 65536) for i in range(640)]"
    async with await session.command.start(f'python3 -c "{script}"') as process:
        digest, size = hashlib.sha256(), 0
        async for piece in process:
            digest.update(piece.data)
            size += len(piece.data)
        assert await process.wait(5) == 0
    expected = b"".join(bytes([i % 256]) * 65536 for i in range(640))
    assert size == 40 * MIB
    assert digest.digest() == hashlib.sha256(expected).digest()


async def test_waiting_keeps_the_output_for_later(session: AsyncSession) -> None:
    async with await session.command.start("head -c 3000000 /dev/zero; exit 2") as process:
        assert await process.wait(20) == 2
        assert len((await collect(process))["stdout"]) == 3_000_000


async def test_communicate_feeds_more_than_fits_anywhere(session: AsyncSession) -> None:
    data = b"0123456789abcdef" * (5 * MIB // 16)
    async with await session.command.start("cat") as process:
        result = await process.communicate(data, timeout=30)
    assert (result.exit_code, result.stdout.encode() == data) == (0, True)


async def test_a_command_that_reads_nothing_does_not_hold_up_its_end(
    session: AsyncSession,
) -> None:
    async with await session.command.start("exec <&-; sleep 0.05; exit 5") as process:
        result = await process.communicate(b"x" * 2 * MIB, timeout=20)
    assert result.exit_code == 5


@pytest.mark.parametrize(("number", "status"), [(15, 143), (9, 137), (2, 130)])
async def test_signals_reach_the_whole_group(
    session: AsyncSession, number: int, status: int
) -> None:
    async with await session.command.start("echo up; sleep 1234 | sleep 1235") as process:
        assert await first_output(process) == b"up\n"
        await process.send_signal(number)
        assert await process.wait(5) == status
    await none_is_left(session, "sleep 123")


async def test_terminate_may_be_ignored_and_kill_not(session: AsyncSession) -> None:
    script = "trap 'echo no' TERM; echo up; while :; do sleep 0.05; done"
    async with await session.command.start(script) as process:
        assert await first_output(process) == b"up\n"
        await process.terminate()
        while await first_output(process) != b"no\n":
            pass
        assert process.exit_code is None
        await process.kill()
        assert await process.wait(5) == 137
        await process.kill()  # after the end it does nothing


async def test_closing_kills_the_group_and_ends_the_iteration(session: AsyncSession) -> None:
    process = await session.command.start("echo up; sleep 4321 & sleep 4322")
    assert await first_output(process) == b"up\n"
    await process.close()
    await process.close()
    assert not await is_running(session, "sleep 432")
    with pytest.raises(WsCancelledError, match="closed"):
        await first_output(process)


async def test_a_flood_can_be_killed_while_nobody_reads(session: AsyncSession) -> None:
    async with await session.command.start("exec yes") as process:
        assert (await first_output(process)).startswith(b"y\n")
    assert process.exit_code == 137
    assert not await is_running(session, "yes")


async def test_a_wait_that_is_too_short_leaves_the_command_running(session: AsyncSession) -> None:
    async with await session.command.start("echo up; exec sleep 50") as process:
        with pytest.raises(TimeoutError, match=r"had not ended after 0\.05 s"):
            await process.wait(0.05)
        assert process.exit_code is None
        assert await first_output(process) == b"up\n"


async def test_a_child_that_holds_the_pipe_does_not_hold_up_the_end(session: AsyncSession) -> None:
    async with await session.command.start("sleep 3456 & echo done") as process:
        assert (await collect(process))["stdout"] == b"done\n"
        assert await process.wait(5) == 0
    assert await is_running(session, "sleep 3456")


async def test_a_command_that_closes_its_output_goes_on(session: AsyncSession) -> None:
    async with await session.command.start("exec >&- 2>&-; read line; exit 6") as process:
        await process.write(b"\n")
        assert await process.wait(5) == 6


async def test_many_at_once_do_not_disturb_each_other(session: AsyncSession) -> None:
    results: dict[int, bytes] = {}

    async def run(number: int) -> None:
        async with await session.command.start(f"seq {number} {number + 20000}") as process:
            results[number] = (await collect(process))["stdout"]

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(run, number)
    for number, output in results.items():
        expected = "".join(f"{line}\n" for line in range(number, number + 20001))
        assert output == expected.encode()


async def test_a_reader_that_stalls_does_not_stall_the_others(session: AsyncSession) -> None:
    async with await session.command.start("exec yes") as stalled:
        await first_output(stalled)
        async with await session.command.start("seq 200000") as other:
            with anyio.fail_after(20):
                assert (await collect(other))["stdout"].endswith(b"200000\n")


@pytest.mark.parametrize(
    ("command", "cwd", "reason"),
    [
        ("", None, "non-empty"),
        ("a\0b", None, "non-empty"),
        ("true", "/no/such/directory", "Failed to change directory: /no/such/directory"),
        ("true", "/etc/passwd", "Not a directory"),
        ("x" * 200_000, None, "Argument list too long"),
    ],
    ids=["empty", "null", "directory", "file", "long"],
)
async def test_what_cannot_be_started_is_told(
    session: AsyncSession, command: str, cwd: str | None, reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        await session.command.start(command, cwd)
    result = await session.command.execute_command("echo still here")
    assert result.stdout == "still here\n"


async def test_variables_have_to_be_strings(session: AsyncSession) -> None:
    with pytest.raises(ValueError, match="Invalid environment variables"):
        await session.command.start("true", envs={"A": 1})  # type: ignore[dict-item]  # on purpose


async def test_input_after_the_end_is_refused(session: AsyncSession) -> None:
    process = await session.command.start("exit 3")
    assert await process.wait(5) == 3
    with pytest.raises(CommandError, match="has ended with exit status 3"):
        await process.write(b"late")


async def test_an_unknown_signal_is_refused(session: AsyncSession) -> None:
    process = await session.command.start("sleep 60")
    await process.send_signal(1000)
    with pytest.raises(Exception, match="There is no signal 1000"):
        await process.wait(5)


async def test_the_end_of_the_session_is_an_error(session: AsyncSession) -> None:
    process = await session.command.start("echo up; sleep 60")
    assert await first_output(process) == b"up\n"
    assert (await session.delete()).success
    with pytest.raises(Exception, match=r"has ended|closed"):
        await process.wait(5)
