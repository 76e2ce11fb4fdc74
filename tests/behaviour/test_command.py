"""Commands, on both surfaces."""

from __future__ import annotations

import time

import anyio
import pytest

from agentbay import AsyncSession, CommandFailedError


async def test_output_and_streams(session: AsyncSession) -> None:
    result = await session.command.execute_command("echo out; echo err >&2")
    assert result.success
    assert (result.stdout, result.stderr, result.output) == ("out\n", "err\n", "out\nerr\n")
    assert result.exit_code == 0
    assert result.error_message == ""
    assert result.request_id
    assert result.unwrap() is result


async def test_failure(session: AsyncSession) -> None:
    result = await session.command.execute_command("echo out; echo err >&2; exit 7")
    assert not result.success
    assert (result.exit_code, result.stdout, result.stderr) == (7, "out\n", "err\n")
    assert not result.timed_out
    assert result.error_message == "err\n"
    assert result.trace_id
    with pytest.raises(CommandFailedError, match="exit status 7: err") as caught:
        result.unwrap()
    assert (caught.value.exit_code, caught.value.stdout) == (7, "out\n")


async def test_aliases(session: AsyncSession) -> None:
    assert (await session.command.run("echo 1")).output == "1\n"
    assert (await session.command.exec("echo 2")).output == "2\n"


async def test_cwd_and_variables_are_data(session: AsyncSession) -> None:
    await session.command.execute_command("mkdir -p 'a dir; exit 9'")
    value = 'it\'s "$HOME" `id`; exit 8\nnext'
    result = await session.command.execute_command(
        'pwd; printf %s "$VALUE"', cwd="/home/wuying/a dir; exit 9", envs={"VALUE": value}
    )
    assert result.stdout == f"/home/wuying/a dir; exit 9\n{value}"


async def test_missing_cwd_is_named(session: AsyncSession) -> None:
    result = await session.command.execute_command("true", cwd="/no/such/dir")
    assert not result.success
    assert "/no/such/dir" in result.error_message


async def test_variables_must_be_strings(session: AsyncSession) -> None:
    with pytest.raises(ValueError, match=r"Invalid environment variables.*'N' \(type: int\)"):
        await session.command.execute_command("true", envs={"N": 1})  # type: ignore[dict-item]  # wrong on purpose


async def test_timeout_stops_the_whole_group(session: AsyncSession) -> None:
    started = time.monotonic()
    result = await session.command.execute_command(
        "echo begun; (sleep 300; touch late) & sleep 300", timeout_ms=300
    )
    assert time.monotonic() - started < 10
    assert not result.success
    assert result.exit_code == -1
    assert result.timed_out
    assert "[timeout]" in result.error_message
    assert "300 ms" in result.error_message
    assert result.stdout == "begun\n"
    left = await session.command.execute_command("pgrep -c sleep || ps -e | grep -c '[s]leep'")
    assert left.stdout.strip().splitlines()[-1] == "0"


async def test_five_megabytes_arrive_whole(session: AsyncSession) -> None:
    result = await session.command.execute_command(
        "head -c 5000000 /dev/zero | tr '\\0' x; printf END"
    )
    assert result.success
    assert len(result.stdout) == 5_000_003
    assert result.stdout.endswith("xEND")


async def test_invalid_utf8_is_replaced_visibly(session: AsyncSession) -> None:
    result = await session.command.execute_command(r"printf 'a\377\376z'")
    assert result.stdout == "a\ufffd\ufffdz"


async def test_unicode_passes_both_ways(session: AsyncSession) -> None:
    result = await session.command.execute_command("printf %s 'grüße 世界 🚀'")
    assert result.stdout == "grüße 世界 🚀"


async def test_background_process_does_not_hold_the_answer(session: AsyncSession) -> None:
    started = time.monotonic()
    result = await session.command.execute_command("sleep 300 & echo started")
    assert result.stdout == "started\n"
    assert time.monotonic() - started < 10


async def test_calls_do_not_block_each_other(session: AsyncSession) -> None:
    finished: list[str] = []

    async def run(name: str, command: str) -> None:
        result = await session.command.execute_command(command)
        finished.append(name if result.success else result.error_message)

    async with anyio.create_task_group() as group:
        group.start_soon(run, "slow", "while ! [ -e go ]; do sleep 0.02; done")
        group.start_soon(run, "fast", "echo fast && touch go")
    assert sorted(finished) == ["fast", "slow"]


async def test_session_keeps_its_files_but_not_the_shell(session: AsyncSession) -> None:
    await session.command.execute_command("cd /tmp; export X=1; echo kept > kept.txt")
    assert (await session.command.execute_command("cat /tmp/kept.txt")).stdout == "kept\n"
    assert (await session.command.execute_command('pwd; echo "$X"')).stdout == "/home/wuying\n\n"


async def test_python_is_there(session: AsyncSession) -> None:
    result = await session.command.execute_command("python3 -c 'print(6 * 7)'")
    assert result.stdout == "42\n", result.stderr


async def test_empty_and_broken_commands(session: AsyncSession) -> None:
    empty = await session.command.execute_command("")
    assert not empty.success
    assert "command: a non-empty string is required" in empty.error_message
    broken = await session.command.execute_command("if")
    assert not broken.success
    assert "Syntax error" in broken.error_message or "syntax error" in broken.error_message


async def test_a_command_cannot_have_no_time(session: AsyncSession) -> None:
    result = await session.command.execute_command("true", timeout_ms=0)
    assert not result.success
    assert "timeout_ms" in result.error_message
