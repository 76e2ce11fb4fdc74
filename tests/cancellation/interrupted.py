"""Blocking calls interrupted by SIGINT at every suspension: to be run in a process of its own."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType
from typing import Any

from attrs import define, field

from agentbay import AgentBay, Session, _loop_thread
from agentbay._portal import run
from tests.cancellation.injection import Injection

__all__ = ("main",)

PATIENCE = 10.0
PROMPT_SECONDS = 3.0
"""Within which KeyboardInterrupt must be there; less than the grace for clean-up."""

NEVER = sys.maxsize

Call = Callable[[], object]


@define(eq=False)
class World:
    """What is interrupted, and what is left of it when an interrupt has been seen to."""

    bay: AgentBay
    witness: AgentBay
    session: Session
    directory: Path
    before: set[str] = field(factory=set)

    def session_ids(self) -> set[str]:
        return {info.session_id for info in self.witness.list_all(limit=100)}

    async def in_use(self) -> tuple[set[asyncio.Task[Any]], int]:
        """Return the tasks of the loop thread, and how many connections are in use."""
        pool: Any = self.bay._impl._http._by_loop[asyncio.get_running_loop()]
        return asyncio.all_tasks() - {asyncio.current_task()}, len(pool[0]._acquired)

    def check_untouched(self, tasks: set[asyncio.Task[Any]], connections: int) -> None:
        def is_quiet() -> bool:
            now, in_use = run(self.in_use())
            return now <= tasks and in_use <= connections

        wait_until(is_quiet, "nothing of the call is left")
        wait_until(lambda: self.session_ids() == self.before, "no session is left")
        assert self.bay.list().success
        assert self.session.command.execute_command("echo usable").stdout == "usable\n"


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {PATIENCE:g} s: {what}"
        time.sleep(0.005)


def create(world: World) -> Generator[Call, None, None]:
    made = []
    yield lambda: made.append(world.bay.create())
    for result in made:
        assert result.unwrap().delete().success


def session_scope(world: World) -> Generator[Call, None, None]:
    def call() -> None:
        with world.bay.session() as session:
            session.call_mcp_tool("shell", {"command": "true"})

    yield call


def delete(world: World) -> Generator[Call, None, None]:
    session = world.bay.create().unwrap()
    yield session.delete


def pause(world: World) -> Generator[Call, None, None]:
    yield world.session.pause
    wait_until(lambda: world.session.get_status().status in ("PAUSED", "RUNNING"), "it is settled")
    assert world.session.resume().success


def call_tool(world: World) -> Generator[Call, None, None]:
    yield lambda: world.session.call_mcp_tool("shell", {"command": "echo output"})


def list_all(world: World) -> Generator[Call, None, None]:
    yield lambda: list(world.bay.list_all(limit=1))


def fleet_map(world: World) -> Generator[Call, None, None]:
    def work(session: Session, item: int) -> int:
        session.call_mcp_tool("shell", {"command": "true"})
        return item

    def call() -> None:
        with world.bay.fleet(concurrency=2) as fleet:
            done = [outcome.value for outcome in fleet.map(work, range(3))]
        assert set(done) == {0, 1, 2}

    yield call


def upload_file(world: World) -> Generator[Call, None, None]:
    content = bytes(range(256)) * 4096
    local = world.directory / "up"
    local.write_bytes(content)
    yield lambda: world.session.fs.upload_file(str(local), "/home/wuying/uploaded")
    found = world.session.command.execute_command(
        "cat uploaded 2>/dev/null | wc -c; rm -f uploaded"
    )
    assert int(found.stdout) in (0, len(content))


def running_command(world: World) -> Generator[Call, None, None]:
    marker = f"60{secrets.randbelow(10**6):06d}"

    def call() -> None:
        with world.session.command.start(f"echo begun; sleep {marker}") as running:
            next(running)

    yield call

    def is_gone() -> bool:
        found = world.session.command.execute_command(f"pgrep -f '[s]leep {marker}'")
        return found.exit_code == 1

    wait_until(is_gone, "the command is killed")


OPERATIONS: dict[str, Callable[[World], Generator[Call, None, None]]] = {
    operation.__name__: operation
    for operation in (
        create,
        session_scope,
        delete,
        pause,
        call_tool,
        list_all,
        fleet_map,
        upload_file,
        running_command,
    )
}


class Interrupts:
    """Sends SIGINT at some suspensions of a call, and sees that each has its effect, and soon.

    Signals that come in quick succession may have one effect for all, as everywhere.
    """

    def __init__(self, call: Call, points: tuple[int, ...]) -> None:
        self._thread = _loop_thread.running()
        self._calls_before = len(self._thread.calls)
        self._injection = Injection(self._thread.loop, self._send, points)
        self._call: Call | None = call
        self._most = len(points)
        self._sent = self._seen = 0
        self._sent_at = 0.0

    @property
    def reached(self) -> bool:
        """Whether the first of the suspensions was."""
        return self._injection.reached

    def _send(self) -> None:
        self._sent += 1
        self._sent_at = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._seen = self._sent
        signal.default_int_handler(number, frame)

    def run(self) -> None:
        """Make the call, and wait for its clean-up, which may be interrupted as well."""
        former = signal.signal(signal.SIGINT, self._handle)
        try:
            with self._injection:
                self._go_on_in_spite_of(self._most)
        finally:
            signal.signal(signal.SIGINT, former)

    def _go_on_in_spite_of(self, interrupts: int) -> None:
        # Nested, not a loop: the next one may come while this one is being seen to.
        if interrupts == 0:
            self._go_on()
            return
        try:
            self._go_on_in_spite_of(interrupts - 1)
        except KeyboardInterrupt:
            self._go_on()

    def _go_on(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()
        seconds = time.monotonic() - self._sent_at
        assert not self._sent or seconds < PROMPT_SECONDS, f"the interrupt took {seconds:.1f} s"
        wait_until(
            lambda: len(self._thread.calls) <= self._calls_before, "the clean-up of the call ends"
        )
        wait_until(lambda: self._seen == self._sent, "every interrupt arrives")


def main(name: str, *further: int, stride: int = 1) -> None:
    """Interrupt an operation at every suspension, and print how often that was.

    Args:
        name: The operation.
        further: How many suspensions later it is interrupted again.
        stride: Every how many suspensions.
    """
    times = 0
    with AgentBay() as bay, AgentBay() as witness, tempfile.TemporaryDirectory() as directory:
        with bay.session() as session:
            world = World(bay, witness, session, Path(directory))
            if session.ws_url:
                session.command.start("true").close()  # the channel has tasks, too
            world.before = world.session_ids()
            interrupted_at(world, OPERATIONS[name], (NEVER,))  # imports what is imported late
            point = 1
            while interrupted_at(world, OPERATIONS[name], (point, *(point + n for n in further))):
                times += 1
                point += stride
        assert world.session_ids() == world.before - {session.session_id}
    sys.stdout.write(f"{name} {times}\n")


def interrupted_at(
    world: World, operation: Callable[[World], Generator[Call, None, None]], points: tuple[int, ...]
) -> bool:
    """Interrupt an operation at some suspensions; return whether there were so many."""
    steps = operation(world)
    call = next(steps)
    tasks, connections = run(world.in_use())
    interrupts = Interrupts(call, points)
    try:
        interrupts.run()
        for _ in steps:
            raise AssertionError("an operation has one call")
        world.check_untouched(tasks, connections)
    except Exception as exc:
        raise AssertionError(f"SIGINT at suspension {points}: {exc!r}") from exc
    return interrupts.reached
