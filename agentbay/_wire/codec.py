"""The only cattrs converters of the package.

Wire objects spell their names in PascalCase; the classes here spell them in snake_case.
:class:`WireObject` says how one class differs from that rule. ``null`` equals absent.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, ClassVar, TypeVar, cast, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.v import format_exception

from agentbay.errors import ProtocolError

__all__ = (
    "JsonText",
    "WireObject",
    "dump_json",
    "lenient_converter",
    "load_json",
    "strict_converter",
    "structure",
    "wire_name",
)

T = TypeVar("T")

MAX_PROBLEMS = 8
"""How many problems an error message lists."""


class JsonText(Enum):
    """How a value is written as JSON inside a string; services compare some of them bytewise."""

    COMPACT = "compact"
    """No blanks, non-ASCII kept."""
    SPACED = "spaced"
    """``", "`` and ``": "``, non-ASCII kept."""
    ASCII = "ascii"
    """``", "`` and ``": "``, non-ASCII escaped."""


class WireObject:
    """Base of the attrs classes that stand for an object on the wire.

    Attributes:
        pascal_case: Whether names are written in PascalCase, or just as the fields.
        wire_names: Wire spelling of the fields that do not follow that.
        also_read: Other spellings met in the wild, each with the one it stands for.
        json_text: Fields that travel as JSON inside a string, and how that is written.
    """

    __slots__ = ()

    pascal_case: ClassVar[bool] = True
    wire_names: ClassVar[Mapping[str, str]] = {}
    also_read: ClassVar[Mapping[str, str]] = {}
    json_text: ClassVar[Mapping[str, JsonText]] = {}


def wire_name(cls: type[WireObject], field: str) -> str:
    """Return how *field* of *cls* is spelled on the wire."""
    if field in cls.wire_names:
        return cls.wire_names[field]
    return "".join(part.capitalize() for part in field.split("_")) if cls.pascal_case else field


def dump_json(value: Any, style: JsonText) -> str:
    """Write *value* as JSON text in *style*."""
    return json.dumps(
        value,
        ensure_ascii=style is JsonText.ASCII,
        separators=(",", ":") if style is JsonText.COMPACT else (", ", ": "),
    )


def load_json(text: str) -> Any:
    """Parse *text*.

    Raises:
        ValueError: it is not JSON, or has too many objects and arrays inside each other.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("too many objects and arrays inside each other") from None


def _normalised(cls: type[WireObject], value: Any) -> dict[str, Any]:
    """Drop nulls, read other spellings, and parse what travels as JSON inside a string."""
    if not isinstance(value, Mapping):
        raise TypeError(f"expected an object, got {_kind(value)}")
    present = {key: item for key, item in value.items() if item is not None}
    for spelling, meant in cls.also_read.items():
        if spelling in present:
            present.setdefault(meant, present.pop(spelling))
    for field in cls.json_text:
        name = wire_name(cls, field)
        text = present.get(name)
        if isinstance(text, str):
            try:
                present[name] = load_json(text) if text.strip() else None
            except ValueError as exc:
                raise TypeError(f"{name} must be JSON: {exc}") from exc
            if present[name] is None:
                del present[name]
    return present


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return "null" if value is None else kinds.get(type(value), "a number")


def _structure_str(value: Any, _: type[str]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"expected a string, got {_kind(value)}")


def _structure_bool(value: Any, _: type[bool]) -> bool:
    # Python clients write True, the others true; inside JSON it is a literal.
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise TypeError(f"expected true or false, got {_kind(value)}")


def _structure_int(value: Any, _: type[int]) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.strip().lstrip("+-").isascii():
        try:
            return int(value)
        except ValueError:
            raise TypeError("expected a whole number") from None
    raise TypeError(f"expected a whole number, got {_kind(value)}")


def _make_converter(*, strict: bool) -> cattrs.Converter:
    converter = cattrs.Converter(omit_if_default=False, forbid_extra_keys=strict)
    converter.register_structure_hook(str, _structure_str)
    converter.register_structure_hook(bool, _structure_bool)
    converter.register_structure_hook(int, _structure_int)

    def is_wire(cls: Any) -> bool:
        cls = get_origin(cls) or cls
        return isinstance(cls, type) and issubclass(cls, WireObject) and attrs.has(cls)

    def structure_factory(cls: type[Any]) -> Callable[[Any, Any], Any]:
        names = {f.name: override(rename=wire_name(cls, f.name)) for f in attrs.fields(cls)}
        plain = make_dict_structure_fn(cls, converter, **cast("Any", names))
        return lambda value, _: plain(_normalised(cls, value), cls)

    def unstructure_factory(cls: type[Any]) -> Callable[[Any], dict[str, Any]]:
        names = {f.name: override(rename=wire_name(cls, f.name)) for f in attrs.fields(cls)}
        plain = make_dict_unstructure_fn(cls, converter, **cast("Any", names))
        styles = {wire_name(cls, field): style for field, style in cls.json_text.items()}

        def unstructure(value: Any) -> dict[str, Any]:
            present = {key: item for key, item in plain(value).items() if item is not None}
            for name, style in styles.items():
                if name in present:
                    present[name] = dump_json(present[name], style)
            return present

        return unstructure

    def list_factory(cls: type[Any]) -> Callable[[Any, Any], list[Any]]:
        items: Any = types.GenericAlias(tuple, (*get_args(cls), ...))

        def structure_list(value: Any, _: Any) -> list[Any]:
            if not isinstance(value, list | tuple):  # a string would be taken for its characters
                raise TypeError(f"expected an array, got {_kind(value)}")
            return list(converter.structure(value, items))

        return structure_list

    def is_list(cls: Any) -> bool:
        return get_origin(cls) is list

    converter.register_structure_hook_factory(is_list, list_factory)
    converter.register_structure_hook_factory(is_wire, structure_factory)
    converter.register_unstructure_hook_factory(is_wire, unstructure_factory)
    return converter


lenient_converter = _make_converter(strict=False)
"""The client's: services grow, so unknown names are ignored."""

strict_converter = _make_converter(strict=True)
"""The local runtime's: an unknown name is a typing error that must surface."""


def structure(converter: cattrs.Converter, value: Any, kind: Any, what: str) -> Any:
    """Turn JSON *value* into *kind*.

    Raises:
        ProtocolError: it does not fit; the message lists each ``problem @ $.path``.
    """
    try:
        return converter.structure(value, kind)
    except Exception as exc:
        # cattrs collects whatever its hooks raise.
        problems = tuple(_problems(exc, kind, "$"))
        shown = "; ".join(problems[:MAX_PROBLEMS])
        more = f" and {len(problems) - MAX_PROBLEMS} more" if len(problems) > MAX_PROBLEMS else ""
        raise ProtocolError(f"{what} cannot be read: {shown}{more}", path=problems) from exc


def _problems(error: BaseException, kind: Any, path: str) -> Iterator[str]:
    """Yield ``problem @ $.path`` for each error inside *error*, in the spelling of the wire."""
    if isinstance(error, cattrs.ClassValidationError):
        named, other = error.group_exceptions()
        for inner, note in named:
            spelled = _spelling(error.cl, note.name)
            yield from _problems(inner, note.type, f"{path}.{spelled}")
        for inner in other:
            yield from _problems(inner, error.cl, path)
    elif isinstance(error, cattrs.IterableValidationError):
        indexed, other = error.group_exceptions()
        for inner, place in indexed:
            yield from _problems(inner, place.type, f"{path}[{place.index!r}]")
        for inner in other:
            yield from _problems(inner, error.cl, path)
    elif isinstance(error, cattrs.ForbiddenExtraKeysError):
        yield f"unknown name {', '.join(sorted(error.extra_fields))} @ {path}"
    elif isinstance(error, TypeError | ValueError):
        yield f"{error} @ {path}"  # ours say what was expected, validators what is allowed
    else:
        yield f"{format_exception(error, kind)} @ {path}"


def _spelling(cls: Any, field: str) -> str:
    is_wire = isinstance(cls, type) and issubclass(cls, WireObject)
    return wire_name(cls, field) if is_wire else field
