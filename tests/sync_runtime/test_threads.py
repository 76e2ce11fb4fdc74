"""Blocking calls from many threads and from callbacks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.children import lines_of
from tests.sync_runtime.machine import Machine

THREADS = 20
# More than the 40 worker threads that anyio allows by default.
NESTED = 50


def test_calls_of_twenty_threads_run_at_the_same_time() -> None:
    machine = Machine()
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(machine.meet, [THREADS] * THREADS, timeout=20))
    assert results == [THREADS] * THREADS


def test_threads_that_make_the_first_call_together_share_one_loop_thread() -> None:
    assert lines_of(
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        from tests.sync_runtime.machine import Machine

        def work(number):
            barrier.wait(20)
            return machine.echo(number)

        barrier = threading.Barrier(20)
        machine = Machine()
        with ThreadPoolExecutor(20) as pool:
            print(list(pool.map(work, range(20))) == list(range(20)))
        print([thread.name for thread in threading.enumerate()])
        """
    ) == ["True", "['MainThread', 'agentbay-loop']"]


def test_a_callback_can_make_blocking_calls() -> None:
    machine = Machine()
    assert machine.each(3, lambda number: machine.echo(number * 10)) == [0, 10, 20]


def test_a_callback_runs_in_another_thread_than_the_caller_and_the_loop() -> None:
    names = set(Machine().each(2, lambda _: threading.current_thread().name))
    assert names.isdisjoint({"MainThread", "agentbay-loop", threading.current_thread().name})


def test_callbacks_that_nest_deeply_do_not_run_out_of_threads() -> None:
    machine = Machine()

    def descend(depth: int) -> int:
        if depth == NESTED:
            return depth
        return machine.each(1, lambda _: descend(depth + 1))[0]

    assert descend(0) == NESTED


def test_an_error_of_a_callback_reaches_the_caller() -> None:
    def fail(number: int) -> None:
        raise LookupError(number)

    with pytest.raises(LookupError, match="0"):
        Machine().each(1, fail)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_an_exit_in_a_callback_reaches_the_caller_and_the_loop_lives_on(
    error: BaseException,
) -> None:
    def leave(number: int) -> None:
        raise error

    machine = Machine()
    with pytest.raises(type(error)) as caught:
        machine.each(1, leave)
    assert caught.value is error
    assert machine.echo("usable") == "usable"
