"""Plans in files."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from attrs import frozen

from agentbay._wire.codec import strict_converter, structure
from agentbay.errors import ConfigurationError, ProtocolError
from agentbay.testing.faults.kinds import KINDS, Fault
from agentbay.testing.faults.rules import FaultRule

if TYPE_CHECKING:
    from pathlib import Path

    import cattrs

__all__ = ("PlanContent", "read_plan")


@frozen
class PlanContent:
    """What a file of a plan holds."""

    seed: int = 0
    rules: tuple[FaultRule, ...] = ()


def read_plan(path: Path) -> PlanContent:
    """Read a plan from *path*.

    Raises:
        ConfigurationError: It cannot be read, or is no plan.
    """
    try:
        found = _parsed(path)
        content: PlanContent = structure(_converter(), found, PlanContent, "The plan")
    except OSError as exc:
        raise ConfigurationError(f"The faults in {path} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:  # also when it is not UTF-8
        raise ConfigurationError(f"The faults in {path} cannot be read: {exc}") from exc
    except ProtocolError as exc:
        problems = "; ".join(exc.path)
        raise ConfigurationError(f"The faults in {path} cannot be used: {problems}") from exc
    return content


def _parsed(path: Path) -> Any:
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    if path.suffix != ".toml":
        raise ValueError("the name must end in .toml or .json")
    if sys.version_info >= (3, 11):
        import tomllib

        return tomllib.loads(path.read_text(encoding="utf-8"))
    raise ValueError("TOML needs Python 3.11 or newer; write it as JSON")


def _converter() -> cattrs.Converter:
    converter = strict_converter.copy()

    def structure_fault(value: Any, _: Any) -> Fault:
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, Mapping):
            raise TypeError("expected a kind of fault, or an object with one")
        facts = dict(value)
        kind = KINDS.get(str(facts.pop("kind", "")))
        if kind is None:
            raise TypeError(f"kind must be one of {', '.join(sorted(KINDS))}")
        fault: Fault = converter.structure(facts, kind)
        return fault

    def structure_number(value: Any, _: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError("expected a number")
        return float(value)

    def structure_choice(value: Any, kind: Any) -> Any:
        if value not in get_args(kind):
            raise TypeError(f"must be one of {', '.join(get_args(kind))}")
        return value

    converter.register_structure_hook(float, structure_number)
    converter.register_structure_hook_func(lambda kind: kind is Fault, structure_fault)
    converter.register_structure_hook_func(_is_choice, structure_choice)
    return converter


def _is_choice(kind: Any) -> bool:
    return get_origin(kind) is Literal
