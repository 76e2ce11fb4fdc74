"""Terminals, on both surfaces, in a real sandbox."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from agentbay import (
    AsyncAgentBay,
    AsyncPtyHandle,
    AsyncSession,
    PtyError,
    PtyNotConnectedError,
    RemoteOperationError,
)

pytestmark = pytest.mark.anyio

# A prompt and line editing would be in the way of what the tests look for.
QUIET: dict[str, Any] = {"envs": {"PS1": "", "ENV": "", "PS2": ""}, "shell": "/bin/sh"}
TEN_MB = 10_000_000


class Screen:
    """Collects output; also from the worker thread of a blocking client."""

    def __init__(self) -> None:
        self.data = bytearray()

    def __call__(self, data: bytes) -> None:
        self.data += data

    async def shows(self, wanted: bytes | Callable[[bytes], bool]) -> None:
        found = wanted if callable(wanted) else (lambda data: wanted in data)
        with anyio.fail_after(20):
            while not found(bytes(self.data)):  # noqa: ASYNC110 - filled by another thread
                await anyio.sleep(0.005)

    def clear(self) -> None:
        self.data.clear()


async def quiet(session: AsyncSession, screen: Screen | None = None) -> AsyncPtyHandle:
    """Open a terminal that neither prompts nor echoes."""
    seen = screen or Screen()
    handle = await session.pty.create(on_data=seen, **QUIET)
    await handle.send_input(b"stty -echo; echo rea''dy\n")
    await seen.shows(b"ready\r\n")
    seen.clear()
    return handle


async def test_a_shell_runs_in_a_real_terminal(session: AsyncSession) -> None:
    screen = Screen()
    handle = await quiet(session, screen)
    before = (handle.exit_code, handle.is_connected)
    await handle.send_input(b"tty; test -t 0 && test -t 1 && test -t 2 && echo all; echo $TERM\n")
    await screen.shows(b"xterm-256color\r\n")
    assert b"/dev/pts/" in screen.data
    assert b"all\r\n" in screen.data
    await handle.send_input(b"exit 7\n")
    assert await handle.wait(10) == 7
    after = (handle.exit_code, handle.is_connected)
    assert (before, after) == ((None, True), (7, False))
    with pytest.raises(PtyNotConnectedError, match="PTY handle is not connected"):
        await handle.send_input(b"late")


async def test_size_and_resize(session: AsyncSession) -> None:
    screen = Screen()
    handle = await session.pty.create(123, 45, on_data=screen, **QUIET)
    await handle.send_input(b"trap 'stty size' WINCH; stty size\n")
    await screen.shows(b"45 123\r\n")
    await handle.resize(500, 1)
    await handle.send_input(b"\nstty size\n")
    await screen.shows(b"1 500\r\n")
    await handle.kill()
    assert await handle.wait(10) == 137


async def test_control_characters_have_their_effect(session: AsyncSession) -> None:
    screen = Screen()
    handle = await session.pty.create(shell="sh", envs={"PS1": "next> "}, on_data=screen)
    await screen.shows(b"next> ")
    # One process from the echo to the end: a shell between two commands takes the signal itself.
    await handle.send_input(b"sh -c \"echo be''gun; exec sleep 1000\"\n")
    await screen.shows(b"begun")
    screen.clear()
    await handle.send_input(b"\x03")
    await screen.shows(b"next> ")
    await handle.send_input(b"echo status $?\n")
    await screen.shows(b"status 130\r\nnext> ")
    await handle.send_input(b"cat; echo af''ter\n")
    await handle.send_input(b"typed\n\x04")
    await screen.shows(b"after\r\nnext> ")
    assert screen.data.count(b"typed") == 2
    await handle.send_input(b"\x04")
    assert await handle.wait(10) == 0


async def test_directory_variables_and_shell(session: AsyncSession) -> None:
    screen = Screen()
    handle = await session.pty.create(
        cwd="/tmp", envs={"A": "ü", "TERM": "dumb", "PS1": ""}, shell="sh", on_data=screen
    )
    await handle.send_input(b'echo "$PWD|$A|$TERM|$LANG|$0"\nexit\n')
    assert await handle.wait(10) == 0
    assert "/tmp|ü|dumb|en_US.UTF-8|".encode() in screen.data


async def test_any_bytes_reach_the_program_and_come_back(session: AsyncSession) -> None:
    screen = Screen()
    handle = await quiet(session, screen)
    data = bytes(range(1, 256)) * 40 + "grüße 🜂 你好".encode()
    script = f"stty raw; printf go; head -c {len(data)} | od -An -v -tx1 | tr -d ' \\n'; exit"
    await handle.send_input(f"{script}\n".encode())
    await screen.shows(b"go")
    screen.clear()
    await handle.send_input(data)
    assert await handle.wait(20) == 0
    assert bytes.fromhex(screen.data.decode()) == data


async def test_output_that_is_not_utf8_is_exact(session: AsyncSession) -> None:
    screen = Screen()
    handle = await quiet(session, screen)
    await handle.send_input(b"stty -opost; printf '\\377\\000\\344A'; exit\n")
    assert await handle.wait(10) == 0
    assert bytes(screen.data) == b"\xff\x00\xe4A"


async def test_ten_megabytes_arrive_without_loss(session: AsyncSession) -> None:
    screen = Screen()
    handle = await quiet(session, screen)
    await handle.send_input(b"stty -opost; seq -w 1 1250000; exit\n")
    assert await handle.wait(60) == 0
    assert len(screen.data) == TEN_MB
    assert bytes(screen.data) == b"".join(b"%07d\n" % n for n in range(1, 1_250_001))


async def test_the_first_output_is_not_lost(session: AsyncSession) -> None:
    for _ in range(5):
        screen = Screen()
        handle = await session.pty.create(shell="/bin/date", on_data=screen)
        assert await handle.wait(10) == 0
        assert screen.data


async def test_a_terminal_outlives_its_handle(session: AsyncSession) -> None:
    first, second = Screen(), Screen()
    handle = await quiet(session, first)
    identity = handle.pty_session_id
    assert [(one.pty_session_id, one.status) for one in await session.pty.list()] == [
        (identity, "running")
    ]
    handle.disconnect()
    handle.disconnect()
    assert not handle.is_connected
    with pytest.raises(PtyNotConnectedError):
        await handle.wait(5)
    again = await session.pty.connect(identity, on_data=second)
    await again.send_input(b"echo still $((6 * 7))\nexit 3\n")
    assert await again.wait(10) == 3
    assert b"still 42\r\n" in second.data
    assert not first.data
    assert await session.pty.list() == []


async def test_output_while_nobody_is_connected_is_kept(session: AsyncSession) -> None:
    handle = await quiet(session)
    await handle.send_input(b"while [ ! -e /tmp/go ]; do sleep 0.01; done; seq 100; > /tmp/done\n")
    handle.disconnect()
    script = "touch /tmp/go; while [ ! -e /tmp/done ]; do sleep 0.01; done"
    assert (await session.command.execute_command(script)).success
    screen = Screen()
    again = await session.pty.connect(handle.pty_session_id, on_data=screen)
    await again.send_input(b"exit\n")
    assert await again.wait(10) == 0
    assert screen.data.split() == [b"%d" % n for n in range(1, 101)]


async def test_a_program_does_not_stop_because_nobody_looks(session: AsyncSession) -> None:
    handle = await quiet(session)
    await handle.send_input(
        b"while [ ! -e /tmp/go ]; do sleep 0.01; done; seq 500000; > /tmp/done\n"
    )
    handle.disconnect()
    script = "touch /tmp/go; while [ ! -e /tmp/done ]; do sleep 0.01; done"
    assert (await session.command.execute_command(script)).success
    screen = Screen()
    again = await session.pty.connect(handle.pty_session_id, on_data=screen)
    await again.send_input(b"exit\n")
    assert await again.wait(10) == 0
    assert screen.data.endswith(b"499999\r\n500000\r\n")
    assert 200_000 < len(screen.data) < 600_000


async def test_the_end_of_a_terminal_that_nobody_watched_is_told_later(
    session: AsyncSession,
) -> None:
    handle = await quiet(session)
    await handle.send_input(b"while [ ! -e /tmp/go ]; do sleep 0.01; done; echo last; exit 9\n")
    handle.disconnect()
    assert (await session.command.execute_command("touch /tmp/go")).success
    with anyio.fail_after(10):
        while await session.pty.list():
            await anyio.lowlevel.checkpoint()
    screen = Screen()
    again = await session.pty.connect(handle.pty_session_id, on_data=screen)
    assert await again.wait(10) == 9
    assert bytes(screen.data) == b"last\r\n"


async def test_two_clients_watch_the_same_terminal(
    bay: AsyncAgentBay, session: AsyncSession
) -> None:
    first, second = Screen(), Screen()
    handle = await quiet(session, first)
    other = (await bay.get(session.session_id)).unwrap()
    again = await other.pty.connect(handle.pty_session_id, on_data=second)
    await handle.send_input(b"echo both; exit 4\n")
    assert (await handle.wait(10), await again.wait(10)) == (4, 4)
    assert bytes(first.data) == bytes(second.data) == b"both\r\n"


async def test_connecting_again_replaces_the_handle(session: AsyncSession) -> None:
    first, second = Screen(), Screen()
    handle = await quiet(session, first)
    again = await session.pty.connect(handle.pty_session_id, on_data=second)
    assert (handle.is_connected, again.is_connected) == (False, True)
    await again.send_input(b"echo new; exit\n")
    assert await again.wait(10) == 0
    assert (bytes(first.data), bytes(second.data)) == (b"", b"new\r\n")


async def test_killing_ends_all_processes_of_a_terminal(session: AsyncSession) -> None:
    screen = Screen()
    handle = await quiet(session, screen)
    await handle.send_input(b"set -m; sleep 7654 & sleep 7653 & echo star''ted\n")
    await screen.shows(b"started")
    await session.pty.kill(handle.pty_session_id)
    assert not handle.is_connected
    with anyio.fail_after(10):
        while await session.pty.list():
            await anyio.lowlevel.checkpoint()
    found = await session.command.execute_command(
        "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c '[s]leep 765'"
    )
    assert found.stdout == "0\n"


async def test_a_slow_callback_loses_nothing(session: AsyncSession) -> None:
    seen = bytearray()

    def slow(data: bytes) -> None:
        total = 0
        for number in range(20_000):
            total += number
        seen.extend(data)

    handle = await session.pty.create(on_data=slow, **QUIET)
    await handle.send_input(b"stty -echo -opost; echo rea''dy; seq 200000; exit\n")
    assert await handle.wait(60) == 0
    _, _, rest = bytes(seen).partition(b"ready\n")
    assert rest == b"".join(b"%d\n" % n for n in range(1, 200_001))


async def test_a_callback_that_fails_does_not_end_the_terminal(
    session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(data: bytes) -> None:
        raise ValueError("out of order")

    handle = await session.pty.create(on_data=fail, **QUIET)
    await handle.send_input(b"exit 2\n")
    assert await handle.wait(10) == 2
    assert "out of order" in caplog.text


async def test_without_a_callback_the_end_is_still_seen(session: AsyncSession) -> None:
    handle = await session.pty.create(**QUIET)
    await handle.send_input(b"seq 100000; exit 8\n")
    assert await handle.wait(20) == 8


async def test_a_wait_that_is_too_short(session: AsyncSession) -> None:
    handle = await quiet(session)
    with pytest.raises(TimeoutError, match=r"PTY wait timed out after 0\.05s"):
        await handle.wait(0.05)
    await handle.kill()
    assert await handle.wait(10) == 137


@pytest.mark.parametrize(("cols", "rows"), [(0, 24), (80, 0), (501, 24), (80, 501), (-1, -1)])
async def test_impossible_sizes(session: AsyncSession, cols: int, rows: int) -> None:
    message = rf"Invalid terminal size: cols={cols}, rows={rows} \(must be 1-500\)"
    with pytest.raises(PtyError, match=message):
        await session.pty.create(cols, rows)
    handle = await quiet(session)
    with pytest.raises(PtyError, match=message):
        await handle.resize(cols, rows)


async def test_what_cannot_be_opened_is_told(session: AsyncSession) -> None:
    with pytest.raises(RemoteOperationError, match="/no/such/shell"):
        await session.pty.create(shell="/no/such/shell")
    with pytest.raises(RemoteOperationError, match="no-such-shell"):
        await session.pty.create(shell="no-such-shell")
    with pytest.raises(RemoteOperationError, match="/no/such/directory"):
        await session.pty.create(cwd="/no/such/directory")
    with pytest.raises(RemoteOperationError, match="no terminal 'pty-unknown'"):
        await session.pty.connect("pty-unknown")
    with pytest.raises(RemoteOperationError, match="no terminal 'pty-unknown'"):
        await session.pty.kill("pty-unknown")
    assert await session.pty.list() == []


async def test_input_that_nobody_reads_is_told_at_last(session: AsyncSession) -> None:
    handle = await quiet(session)
    await handle.send_input(b"stty raw; sleep 1000\n")
    with contextlib.suppress(PtyNotConnectedError):  # it may be told before all is sent
        await handle.send_input(b"x" * 3_000_000)
    with pytest.raises(PtyError, match="does not read"):
        await handle.wait(20)
    await session.pty.kill(handle.pty_session_id)


async def test_the_end_of_the_session_is_an_error(session: AsyncSession) -> None:
    handle = await quiet(session)
    assert (await session.delete()).success
    with pytest.raises(Exception, match=r"has ended|closed"):
        await handle.wait(10)


async def test_disconnecting_leaves_other_handles_of_the_client_alone(
    bay: AsyncAgentBay, session: AsyncSession
) -> None:
    screen = Screen()
    other = (await bay.get(session.session_id)).unwrap()
    handle = await quiet(session)
    again = await other.pty.connect(handle.pty_session_id, on_data=screen)
    handle.disconnect()
    await again.send_input(b"echo mine; exit 4\n")
    assert await again.wait(10) == 4
    assert bytes(screen.data) == b"mine\r\n"
