"""Shell commands inside a real sandbox."""

from __future__ import annotations

import time

import anyio
import pytest

from agentbay.local.sandbox.base import Sandbox, WorkerError
from tests.worker.support import CALL_SECONDS, call, read, sh


async def test_output_and_exit_code(sandbox: Sandbox) -> None:
    done = await sh(sandbox, "echo out; echo err >&2; exit 3")
    assert (done.exit_code, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert not done.timed_out
    assert not done.output_limit
    assert done.signal is None


async def test_a_signal_counts_as_in_a_shell(sandbox: Sandbox) -> None:
    done = await sh(sandbox, "kill -9 $$")
    assert (done.exit_code, done.signal) == (137, 9)


async def test_unknown_command(sandbox: Sandbox) -> None:
    done = await sh(sandbox, "nope-nope")
    assert done.exit_code == 127
    assert "nope-nope" in done.stderr


async def test_output_is_raw_bytes(sandbox: Sandbox) -> None:
    done = await sh(sandbox, r"printf '\377\376\000x'; printf '\200' >&2")
    assert done.raw == {"stdout": b"\xff\xfe\x00x", "stderr": b"\x80"}


async def test_home_is_the_default_directory(sandbox: Sandbox) -> None:
    assert (await sh(sandbox, "pwd; echo $HOME")).stdout == f"{sandbox.home}\n{sandbox.home}\n"


async def test_standard_input_is_empty(sandbox: Sandbox) -> None:
    assert (await sh(sandbox, "cat; echo end")).stdout == "end\n"


@pytest.mark.parametrize("name", ["with space", "a;b", "$(id)", "quo'te\"", "new\nline", "-n"])
async def test_cwd_is_not_part_of_the_command(sandbox: Sandbox, folder: str, name: str) -> None:
    path = f"{folder}/{name}"
    await call(sandbox, "create_directory", path=path)
    done = await sh(sandbox, "pwd", cwd=path)
    assert done.stdout == f"{path}\n"


async def test_relative_cwd_starts_at_home(sandbox: Sandbox, folder: str) -> None:
    done = await sh(sandbox, "pwd", cwd=folder.removeprefix(f"{sandbox.home}/"))
    assert done.stdout == f"{folder}\n"


async def test_missing_cwd(sandbox: Sandbox) -> None:
    with pytest.raises(WorkerError) as caught:
        await sh(sandbox, "echo no", cwd="/nope")
    assert caught.value.code == "not_found"
    assert str(caught.value) == (
        "Failed to change directory: /nope, error: No such file or directory"
    )


async def test_cwd_that_is_a_file(sandbox: Sandbox) -> None:
    with pytest.raises(WorkerError) as caught:
        await sh(sandbox, "echo no", cwd="/etc/passwd")
    assert caught.value.code == "not_a_directory"


@pytest.mark.parametrize("value", ["a b", "q'u\"o", "$HOME `id` ;", "line\nbreak", "é", ""])
async def test_envs_arrive_literally(sandbox: Sandbox, value: str) -> None:
    done = await sh(sandbox, 'printf %s "$VALUE"', envs={"VALUE": value})
    assert done.stdout == value


async def test_envs_are_for_one_command(sandbox: Sandbox) -> None:
    assert (await sh(sandbox, "echo $ONCE", envs={"ONCE": "1"})).stdout == "1\n"
    assert (await sh(sandbox, "echo $ONCE")).stdout == "\n"


async def test_the_environment_of_the_session(sandbox: Sandbox) -> None:
    assert (await sh(sandbox, "echo $FROM_SESSION $USER")).stdout == "yes wuying\n"
    done = await sh(sandbox, "echo $FROM_SESSION", envs={"FROM_SESSION": "overridden"})
    assert done.stdout == "overridden\n"


@pytest.mark.parametrize(
    "params",
    [
        {"command": ""},
        {"command": 5},
        {"command": "x\0y"},
        {"command": "true", "timeout_ms": "soon"},
        {"command": "true", "timeout_ms": -1},
        {"command": "true", "timeout_ms": True},
        {"command": "true", "envs": {"A": 1}},
        {"command": "true", "envs": {"A=B": "1"}},
        {"command": "true", "envs": ["A"]},
        {"command": "true", "cwd": ""},
        {"command": "x" * 200_000},
    ],
    ids=lambda params: str(params)[:60],  # pytest puts the id into the environment
)
async def test_invalid_arguments(sandbox: Sandbox, params: dict[str, object]) -> None:
    with pytest.raises(WorkerError) as caught:
        await sandbox.call("shell", params, timeout=CALL_SECONDS)
    assert caught.value.code == "invalid_argument"


async def test_timeout_kills_the_whole_group(sandbox: Sandbox) -> None:
    started = time.monotonic()
    done = await sh(sandbox, "echo first; sleep 4321 & sleep 4321; echo never", timeout_ms=300)
    assert time.monotonic() - started < 5
    assert done.timed_out
    assert (done.exit_code, done.stdout) == (-1, "first\n")
    assert (await sh(sandbox, "pgrep -x sleep -a | grep 4321")).stdout == ""


async def test_timeout_does_not_ask_twice(sandbox: Sandbox) -> None:
    done = await sh(sandbox, "trap '' TERM INT HUP; sleep 4322; sleep 4322", timeout_ms=200)
    assert done.timed_out
    assert (await sh(sandbox, "pgrep -f 'sleep 432[2]'")).stdout == ""


async def test_a_background_child_does_not_hold_the_answer(sandbox: Sandbox) -> None:
    started = time.monotonic()
    done = await sh(sandbox, "sleep 30 & echo $!")
    assert time.monotonic() - started < 10
    assert (await sh(sandbox, f"kill {done.stdout}")).exit_code == 0


async def test_a_background_child_may_go_on_writing(sandbox: Sandbox, folder: str) -> None:
    # More than a pipe holds: it would block, or die by SIGPIPE, if nobody went on reading.
    done = await sh(
        sandbox,
        "mkfifo go done; (cat go; head -c 1000000 /dev/zero; echo $? >done) & echo early",
        cwd=folder,
    )
    assert done.stdout == "early\n"
    assert (await sh(sandbox, "echo now >go; cat done", cwd=folder)).stdout == "0\n"


async def test_an_endless_background_writer_does_not_hold_the_answer(sandbox: Sandbox) -> None:
    done = await sh(sandbox, "yes & echo $!; exit 4")
    assert done.exit_code == 4
    pid = next(line for line in done.stdout.splitlines() if line.isdigit())
    assert (await sh(sandbox, f"kill {pid}")).exit_code == 0


async def test_output_above_the_limit_ends_the_command(sandbox: Sandbox) -> None:
    done = await sh(sandbox, "echo start; yes; echo never", output_bytes=100_000)
    assert done.output_limit
    assert not done.timed_out
    assert len(done.raw["stdout"]) == 100_000
    assert done.stdout.startswith("start\ny\n")
    assert (await sh(sandbox, "pgrep -x yes")).stdout == ""


async def test_output_of_exactly_the_limit_is_fine(sandbox: Sandbox) -> None:
    done = await sh(sandbox, "head -c 70000 /dev/zero", output_bytes=70_000)
    assert (done.exit_code, done.output_limit, len(done.raw["stdout"])) == (0, False, 70_000)


async def test_the_limit_is_per_stream(sandbox: Sandbox) -> None:
    done = await sh(sandbox, "echo aaaa; echo bbbb >&2", output_bytes=5)
    assert (done.stdout, done.stderr, done.output_limit) == ("aaaa\n", "bbbb\n", False)


async def test_five_megabytes_of_output(sandbox: Sandbox, folder: str) -> None:
    done = await sh(sandbox, "head -c 5000000 /dev/urandom | tee copy", cwd=folder)
    assert len(done.raw["stdout"]) == 5_000_000
    assert done.raw["stdout"] == await read(sandbox, f"{folder}/copy")


async def test_cancelling_the_caller_kills_the_command(sandbox: Sandbox, folder: str) -> None:
    with anyio.fail_after(CALL_SECONDS):
        async with anyio.create_task_group() as group:
            group.start_soon(sh, sandbox, f"mkfifo {folder}/up; echo >{folder}/up; sleep 4323")
            while "up" not in (await sh(sandbox, f"ls {folder}")).stdout:
                pass
            await sh(sandbox, f"cat {folder}/up")
            group.cancel_scope.cancel()
    # The kill is on its way ahead of this call, on the same socket.
    done = await sh(sandbox, "while pgrep -f 'sleep 432[3]' >&2; do :; done; echo gone")
    assert done.stdout == "gone\n"


async def test_running_out_of_call_time_kills_the_command(sandbox: Sandbox) -> None:
    with pytest.raises(WorkerError) as caught:
        await sh(sandbox, "sleep 4324", timeout=0.3)
    assert caught.value.code == "timeout"
    done = await sh(sandbox, "while pgrep -f 'sleep 432[4]' >&2; do :; done; echo gone")
    assert done.stdout == "gone\n"


async def test_unknown_method(sandbox: Sandbox) -> None:
    with pytest.raises(WorkerError) as caught:
        await call(sandbox, "reformat")
    assert caught.value.code == "unknown_method"


async def test_python_inside_is_the_one_outside(sandbox: Sandbox) -> None:
    done = await sh(sandbox, "python3 -c 'import ssl, ctypes, sys; print(sys.version)'")
    import sys

    assert done.stdout == f"{sys.version}\n"
