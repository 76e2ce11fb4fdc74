"""The names that `agentbay` promises exist, for programs and for type checkers alike."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata

import pytest

import agentbay
from tests.api.source import PACKAGE

# Second names, each with the one that the object calls itself.
OTHER_NAMES = {
    "AsyncBetaNetworkService": "AsyncBetaNetwork",
    "AsyncBetaSkillsService": "AsyncBetaSkills",
    "FileChangeCallback": "Callable",
    "Response": "ApiResponse",
    "SyncBetaNamespace": "BetaNamespace",
    "SyncBetaNetworkService": "BetaNetwork",
    "SyncBetaSkillsService": "BetaSkills",
    "SyncGit": "Git",
}


def test_names_are_listed_once_and_sorted() -> None:
    assert sorted(set(agentbay.__all__)) == list(agentbay.__all__)


@pytest.mark.parametrize("name", agentbay.__all__)
def test_name_resolves(name: str) -> None:
    value = getattr(agentbay, name)
    assert value is getattr(agentbay, name)
    assert getattr(value, "__name__", name) == OTHER_NAMES.get(name, name)


def test_star_import_brings_every_name() -> None:
    namespace: dict[str, object] = {}
    exec("from agentbay import *", namespace)  # the one place where a star import is the subject
    assert set(agentbay.__all__) <= namespace.keys()


def test_names_are_shown_before_they_are_loaded() -> None:
    assert set(agentbay.__all__) <= set(dir(agentbay))


def test_unknown_name_is_an_attribute_error() -> None:
    name = "no_such_name"
    with pytest.raises(AttributeError, match=name):
        getattr(agentbay, name)


def test_type_checkers_see_the_same_names() -> None:
    """What is loaded lazily must be written down for those who only read the source."""
    seen: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {alias.asname or alias.name for alias in node.names}
            stars = importlib.import_module(node.module).__all__ if "*" in names else ()
            seen |= {*names, *stars}
    assert set(agentbay.__all__) <= seen


def test_version_is_the_one_of_the_distribution() -> None:
    assert agentbay.__version__ == importlib.metadata.version("agentbay-sdk")
