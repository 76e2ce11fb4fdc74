"""Whoever serves actions and tools knows all of them; a client need not."""

from __future__ import annotations

import pkgutil

from agentbay._wire import actions, tools
from agentbay._wire.catalogue import TOOLS
from agentbay._wire.tools.base import Tool
from agentbay._wire.tools.reading import tool_text
from tests.children import lines_of

LOADED = """
    import sys
    {statement}
    for name in sorted(sys.modules):
        if name.startswith(("agentbay._wire.actions.", "agentbay._wire.tools.")):
            print(name)
    """


def test_every_module_is_in_the_catalogue() -> None:
    found = [
        module.name
        for package in (actions, tools)
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
        if not module.name.endswith(".reading")
    ]
    statement = "import agentbay._wire.catalogue"
    assert lines_of(LOADED.format(statement=statement)) == sorted(found)


def test_a_client_imports_what_it_uses() -> None:
    loaded = lines_of(LOADED.format(statement="from agentbay import AgentBay"))
    assert "agentbay._wire.actions.sessions" in loaded
    assert {"agentbay._wire.tools.browser", "agentbay._wire.tools.mobile"}.isdisjoint(loaded)


def test_texts_are_read_as_their_tools_read_them() -> None:
    for name, kind in TOOLS.items():
        for text in ("plain", "{}", '{"exit_code": 1, "errorCode": "x", "stderr": "why"}'):
            for is_error in (False, True):
                expected = kind.read_text(text, is_error=is_error)
                assert tool_text(name, text, is_error=is_error) == expected
    assert tool_text("unknown", "x", is_error=False) == Tool.read_text("x", is_error=False)
