"""What the generator has no rule for is refused, with its place and the reason."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from tools.generate_sync import render
from tools.mirror.source import RefusalError

HEADER = """\
from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import cached_property

from agentbay._async._helpers import AsyncHelper, private_alias
from agentbay._async._markers import async_only, awaitable_twin
from agentbay.models.things import Result

__all__ = ("AsyncThing",)

Hidden = Callable[[], Awaitable[None]]


class AsyncInternal:
    pass


class AsyncThing:
"""
LINE = HEADER.count("\n") + 1  # of the first member

MEMBERS = {
    "varargs-of-handles": (
        "async def m(self, *things: AsyncThing) -> None: ...",
        "AsyncThing.m(things) because it takes *Thing",
    ),
    "varargs-without-annotation": (
        "async def m(self, *names) -> None: ...",
        "AsyncThing.m(names) because it has no annotation",
    ),
    "keywords": (
        "async def m(self, **options: str) -> None: ...",
        "AsyncThing.m because its parameters are not all explicit and named",
    ),
    "positional-only": (
        "async def m(self, name: str, /) -> None: ...",
        "AsyncThing.m because its parameters are not all explicit and named",
    ),
    "parameter-without-annotation": (
        "async def m(self, name) -> None: ...",
        "AsyncThing.m(name) because it has no annotation",
    ),
    "no-return-annotation": (
        "async def m(self): ...",
        "AsyncThing.m because its return type is not annotated",
    ),
    "async-generator": (
        "async def m(self) -> int:\n    yield 1",
        "AsyncThing.m because it is a generator; return an object with __anext__",
    ),
    "async-iterator": (
        "def m(self) -> AsyncIterator[int]: ...",
        "AsyncThing.m because AsyncIterator[int] cannot cross over to a blocking caller",
    ),
    "awaitable": (
        "def m(self) -> Awaitable[int]: ...",
        "AsyncThing.m because Awaitable[int] cannot cross over to a blocking caller",
    ),
    "awaitable-parameter": (
        "async def m(self, work: Awaitable[int] | None = None) -> int: ...",
        "AsyncThing.m(work) because Awaitable[int] | None cannot cross over to a blocking caller",
    ),
    "quoted": (
        'async def m(self) -> "AsyncThing": ...',
        'AsyncThing.m because the annotation "AsyncThing" is quoted',
    ),
    "tuple-of-handles": (
        "async def m(self) -> tuple[AsyncThing, int]: ...",
        "AsyncThing.m because there is no rule for tuple[AsyncThing, int]",
    ),
    "union-with-handle": (
        "async def m(self, thing: AsyncThing | str) -> None: ...",
        "AsyncThing.m(thing) because there is no rule for AsyncThing | str",
    ),
    "optional-list-of-handles": (
        "async def m(self) -> list[AsyncThing] | None: ...",
        "AsyncThing.m because there is no rule for list[AsyncThing] | None",
    ),
    "optional-result": (
        "async def m(self) -> Result[AsyncThing] | None: ...",
        "AsyncThing.m because there is no rule for Result[AsyncThing] | None",
    ),
    "result-parameter": (
        "async def m(self, result: Result[AsyncThing]) -> None: ...",
        "AsyncThing.m(result) because it takes Result[Thing]",
    ),
    "plain-callback": (
        "async def m(self, on_text: Callable[[str], None]) -> None: ...",
        "AsyncThing.m(on_text) because the form of a callback is Callable[[A], Awaitable[B]]",
    ),
    "callback-of-anything": (
        "async def m(self, on_text: Callable[..., Awaitable[None]]) -> None: ...",
        "AsyncThing.m(on_text) because the form of a callback is Callable[[A], Awaitable[B]]",
    ),
    "bare-callback": (
        "async def m(self, on_text: Callable) -> None: ...",
        "AsyncThing.m(on_text) because the form of a callback is Callable[[A], Awaitable[B]]",
    ),
    "callback-with-two-results": (
        "async def m(self, ask: Callable[[], Awaitable[str] | int]) -> None: ...",
        "AsyncThing.m(ask) because there is no rule for Callable[[], Awaitable[str] | int]",
    ),
    "callback-returning-handle": (
        "async def m(self, ask: Callable[[], Awaitable[AsyncThing]]) -> None: ...",
        "AsyncThing.m(ask) because there is no rule for Callable[[], Awaitable[AsyncThing]]",
    ),
    "callback-taking-list-of-handles": (
        "async def m(self, ask: Callable[[list[AsyncThing]], Awaitable[None]]) -> None: ...",
        (
            "AsyncThing.m(ask) because "
            "there is no rule for Callable[[list[AsyncThing]], Awaitable[None]]"
        ),
    ),
    "callback-among-others": (
        "async def m(self, ask: Sequence[Callable[[], Awaitable[None]]]) -> None: ...",
        (
            "AsyncThing.m(ask) because "
            "Sequence[Callable[[], Awaitable[None]]] cannot cross over to a blocking caller"
        ),
    ),
    "qualified-callback": (
        "async def m(self, work: abc.Callable[[], abc.Awaitable[None]]) -> None: ...",
        (
            "AsyncThing.m(work) because "
            "abc.Callable[[], abc.Awaitable[None]] cannot cross over to a blocking caller"
        ),
    ),
    "hidden-type": (
        "async def m(self, work: Hidden) -> None: ...",
        "Hidden because its definition cannot be shared by both surfaces",
    ),
    "class-outside-all": (
        "async def m(self) -> AsyncInternal: ...",
        "AsyncInternal because its definition cannot be shared by both surfaces",
    ),
    "private-class": (
        "async def m(self) -> AsyncHelper: ...",
        "AsyncHelper because it is private to the async surface",
    ),
    "private-alias": (
        "async def m(self, work: private_alias) -> None: ...",
        "private_alias because it is private to the async surface",
    ),
    "unknown-name": (
        "async def m(self) -> Missing: ...",
        "Missing because it is not defined at the top of the module",
    ),
    "unknown-decorator": (
        "@cached_property\ndef m(self) -> int: ...",
        "AsyncThing.m because there is no rule for @cached_property",
    ),
    "static-method": (
        "@staticmethod\ndef m() -> int: ...",
        "AsyncThing.m because there is no rule for @staticmethod",
    ),
    "setter": (
        "@property\ndef m(self) -> int: ...\n@m.setter\ndef m(self, value: int) -> None: ...",
        "AsyncThing.m because there is no rule for @m.setter",
    ),
    "coroutine-property": (
        "@property\nasync def m(self) -> int: ...",
        "AsyncThing.m because it is a coroutine",
    ),
    "plain-twin": (
        "@awaitable_twin\ndef m(self) -> int: ...",
        "AsyncThing.m because it is not a coroutine",
    ),
    "coroutine-iter": (
        "async def __aiter__(self) -> AsyncThing: ...\nasync def __anext__(self) -> int: ...",
        "AsyncThing.__aiter__ because it is a coroutine",
    ),
    "plain-anext": (
        "def __anext__(self) -> int: ...\ndef __aiter__(self) -> AsyncThing: ...",
        "AsyncThing.__anext__ because it is not a coroutine",
    ),
    "special-method": (
        "def __len__(self) -> int: ...",
        "AsyncThing.__len__ because there is no rule for this special method",
    ),
    "async-only-without-reason": (
        '@async_only("")\nasync def m(self) -> None: ...',
        "AsyncThing.m because @async_only gives no reason",
    ),
    "async-only-not-called": (
        "@async_only\nasync def m(self) -> None: ...",
        "AsyncThing.m because @async_only gives no reason",
    ),
    "marker-on-private-method": (
        '@async_only("reason")\nasync def _m(self) -> None: ...',
        "@async_only because it has no effect here",
    ),
    "class-attribute": (
        "limit = 5",
        "AsyncThing.limit because public data must be a property or an alias of a method",
    ),
    "annotated-attribute": (
        "limit: int",
        "AsyncThing.limit because public data must be a property or an alias of a method",
    ),
    "alias-of-private-method": (
        "async def _m(self) -> None: ...\nm = _m",
        "AsyncThing.m because public data must be a property or an alias of a method",
    ),
    "instance-attribute": (
        "def __init__(self) -> None:\n    self.limit = 5",
        "AsyncThing.limit because public data must be a property or an alias of a method",
    ),
    "nested-class": (
        "class Options: ...",
        "AsyncThing.Options because public data must be a property or an alias of a method",
    ),
}
# Where the problem is not in the first line of the members.
LATER = {
    "alias-of-private-method": 1,
    "coroutine-property": 1,
    "instance-attribute": 1,
    "plain-twin": 1,
    "setter": 2,
}


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_without_a_rule_is_refused(name: str) -> None:
    member, problem = MEMBERS[name]
    line = LINE + LATER.get(name, 0)
    with pytest.raises(RefusalError) as refusal:
        render({"thing.py": HEADER + indent(member, "    ") + "\n"})
    assert str(refusal.value) == f"agentbay/_async/thing.py:{line}: cannot mirror {problem}"


MODULES = {
    "no-all": ("class AsyncThing: ...", 1, "module thing because it has no literal __all__"),
    "computed-all": (
        "__all__ = sorted(globals())",
        1,
        "module thing because it has no literal __all__",
    ),
    "function-in-all": (
        """
        __all__ = ("connect",)
        def connect() -> None: ...
        """,
        2,
        "connect because it is no class named Async...; what both surfaces share belongs in models",
    ),
    "data-class-in-all": (
        """
        __all__ = ("Stats",)
        class Stats: ...
        """,
        2,
        "Stats because it is no class named Async...; what both surfaces share belongs in models",
    ),
    "decorated-class": (
        """
        __all__ = ("AsyncThing",)
        @final
        class AsyncThing: ...
        """,
        4,
        "AsyncThing because there is no rule for decorated classes",
    ),
    "base-class": (
        """
        __all__ = ("AsyncThing",)
        class Base: ...
        class AsyncThing(Base): ...
        """,
        4,
        "AsyncThing because there is no rule for inherited members",
    ),
    "half-a-context-manager": (
        """
        __all__ = ("AsyncThing",)
        class AsyncThing:
            async def __aenter__(self) -> None: ...
        """,
        3,
        "AsyncThing because __aenter__ and __aexit__ come together",
    ),
    "half-an-iterator": (
        """
        __all__ = ("AsyncThing",)
        class AsyncThing:
            async def __anext__(self) -> None: ...
        """,
        3,
        "AsyncThing because __aiter__ and __anext__ come together",
    ),
    "marker-outside-a-class": (
        """
        __all__ = ()
        @awaitable_twin
        async def connect() -> None: ...
        """,
        3,
        "@awaitable_twin because it has no effect here",
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_without_a_rule_is_refused(name: str) -> None:
    source, line, problem = MODULES[name]
    with pytest.raises(RefusalError) as refusal:
        render({"thing.py": dedent(source)})
    assert str(refusal.value) == f"agentbay/_async/thing.py:{line}: cannot mirror {problem}"


def test_logic_in_the_package_itself_is_refused() -> None:
    with pytest.raises(RefusalError) as refusal:
        render({"__init__.py": '"""Docstring."""\n\nVERSION = 1\n'})
    assert str(refusal.value) == (
        "agentbay/_async/__init__.py:3: cannot mirror __init__.py "
        "because it holds more than a docstring"
    )


def test_a_relative_import_is_refused() -> None:
    source = """
    from .models import Thing
    __all__ = ("AsyncThing",)
    class AsyncThing:
        async def m(self) -> Thing: ...
    """
    with pytest.raises(RefusalError, match=r"thing\.py:5: cannot mirror Thing because it is priv"):
        render({"thing.py": dedent(source)})
