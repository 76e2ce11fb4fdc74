"""The public names of ``agentbay.testing``."""

from __future__ import annotations

import ast
from pathlib import Path

from agentbay import testing


def test_every_name_is_there() -> None:
    assert list(testing.__all__) == sorted(testing.__all__)
    assert all(getattr(testing, name) is not None for name in testing.__all__)


def test_type_checkers_see_the_same_names() -> None:
    """What is loaded lazily must be written down for those who only read the source."""
    tree = ast.parse(Path(testing.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert seen == set(testing.__all__)
