"""What the base class of the blocking classes does for them."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from contextvars import ContextVar

import pytest

from tests.sync_runtime.machine import AsyncMachine, Machine, MachineResult, Scope


class DerivedMachine(Machine):
    """A class of the user."""


def test_one_implementation_has_one_mirror() -> None:
    impl = AsyncMachine()
    mirror = Machine._wrap(impl)
    assert Machine._wrap(impl) is mirror
    assert Machine._wrap_optional(impl) is mirror
    assert Machine._wrap_optional(None) is None


def test_a_child_is_kept_and_leads_back_to_the_object_that_the_user_made() -> None:
    machine = DerivedMachine()
    disk = machine.disk
    gc.collect()
    assert machine.disk is disk
    assert disk.machine is machine


def test_a_mirror_keeps_its_implementation_but_not_the_other_way_round() -> None:
    impl = AsyncMachine()
    mirror = weakref.ref(Machine._wrap(impl))
    gc.collect()
    assert mirror() is None
    assert type(Machine._wrap(impl)) is Machine


def test_objects_that_come_from_elsewhere_bypass_the_constructor() -> None:
    class Counted(Machine):
        made = 0

        def __init__(self) -> None:
            super().__init__()
            Counted.made += 1

    assert Counted._wrap(AsyncMachine("given")).echo(1) == 1
    assert Counted.made == 0


def test_the_handle_in_a_result_is_wrapped_and_the_rest_is_the_same() -> None:
    impl = AsyncMachine()
    result = Machine._wrap_result(MachineResult(success=True, machine=impl))
    assert result.success
    assert result.machine is Machine._wrap(impl)
    failed = Machine._wrap_result(MachineResult(success=False))
    assert failed == MachineResult(success=False)


def test_the_representation_names_the_blocking_class() -> None:
    assert repr(Machine("m1")) == "<Machine m1>"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_live_handle_cannot_be_copied_or_pickled(duplicate: object) -> None:
    assert callable(duplicate)
    with pytest.raises(TypeError, match="Machine is a live handle: it cannot be copied or pickled"):
        duplicate(Machine())


def test_an_iterator_ends() -> None:
    assert list(Machine().countdown(3)) == [3, 2, 1]
    with pytest.raises(StopIteration):
        next(Machine().countdown(0))


@pytest.mark.parametrize(
    "error",
    [LookupError("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), BaseException("x")],
    ids=repr,
)
def test_every_exception_is_carried_out_and_the_loop_lives_on(error: BaseException) -> None:
    machine = Machine()
    with pytest.raises(type(error)) as caught:
        machine.fail(error)
    assert caught.value is error
    assert machine.echo("usable") == "usable"


def test_an_exception_is_not_part_of_a_reference_cycle() -> None:
    class MarkedError(Exception):
        pass

    def call() -> weakref.ref[MarkedError]:
        try:
            Machine().fail_with(MarkedError)
        except MarkedError as exc:
            return weakref.ref(exc)
        raise AssertionError("nothing raised")

    gc.disable()
    try:
        error = call()
        assert Machine().echo("the loop thread has gone on") == "the loop thread has gone on"
        assert error() is None
    finally:
        gc.enable()


def test_context_variables_of_the_caller_are_visible_but_do_not_come_back() -> None:
    variable = ContextVar("variable", default="default")
    token = variable.set("of the caller")
    assert Machine().read(variable) == "of the caller"
    variable.reset(token)
    assert Machine().read(variable) == "default"


def test_a_task_group_inside_a_context_manager(capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine()
    with machine.scope() as entered:
        assert entered is machine
        assert machine.echo("inside") == "inside"
    assert capsys.readouterr().out.splitlines() == ["entered", "left None"]


def test_context_managers_nest_in_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine()
    with machine.scope(), machine.scope():
        pass
    assert capsys.readouterr().out.splitlines() == ["entered"] * 2 + ["left None"] * 2


def test_a_context_manager_sees_the_exception_and_may_suppress_it() -> None:
    with Machine().scope():
        raise LookupError("suppressed")
    with pytest.raises(ValueError, match="passed on"), Machine().scope():
        raise ValueError("passed on")


def test_a_context_manager_that_cannot_be_entered_raises_and_is_not_left() -> None:
    class AsyncBroken:
        async def __aenter__(self) -> None:
            raise LookupError("cannot enter")

        async def __aexit__(self, *_: object) -> None:
            raise AssertionError("never entered")

    scope = Scope._wrap(Machine().scope()._impl)
    with pytest.raises(LookupError, match="cannot enter"):
        scope._enter(AsyncBroken())
    assert scope._held == []
