"""What an action is, and how its parameters travel.

Every action is ``POST /?Action=<name>&Format=json&Version=...`` with a form body
(``spec``: one style for all of them). A subclass of :class:`Request` is one action: its name is
the action's name, its fields are the parameters, its class attributes say what is special.
Adding an action is adding such a class.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Any, ClassVar, Generic, TypeVar

import attrs

from agentbay._wire.codec import (
    WireObject,
    dump_json,
    lenient_converter,
    strict_converter,
    structure,
    wire_name,
)
from agentbay.errors import ProtocolError

__all__ = (
    "API_VERSION",
    "REQUESTS",
    "EncodedRequest",
    "MissingParameterError",
    "Request",
    "SuccessRule",
)

API_VERSION = "2025-05-06"

DataT = TypeVar("DataT")


class MissingParameterError(ProtocolError):
    """A request lacks a parameter that its action needs."""


class SuccessRule(Enum):
    """How a reply's ``Success`` field is judged; actions differ, also when it is absent."""

    REFUSED_IF_FALSE_WITH_CODE = auto()
    """A failure only if it is false and there is a code."""
    NEEDS_TRUE_OR_NO_CODE = auto()
    """A failure if it is not true and there is a code."""
    ABSENT_IS_TRUE = auto()
    """A failure if it is false."""
    NEEDS_TRUE = auto()
    """A failure if it is not true."""
    IGNORED = auto()
    """Never a failure: whether it is one can be seen from the data."""


@attrs.frozen
class EncodedRequest:
    """A request as it travels.

    Attributes:
        action: The action's name.
        query: Parameters in the query string, besides the five that every call has.
        form: Parameters in the body, sorted by name.
    """

    action: str
    query: dict[str, str]
    form: dict[str, str] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Request(WireObject, Generic[DataT]):
    """Base of all actions; ``DataT`` is what the reply's ``Data`` holds.

    Attributes:
        data_type: The type of ``Data``; ``None`` when the reply has only the envelope.
        data_is_text: ``Data`` is sent as JSON inside a string. Either form is understood.
        success_rule: How ``Success`` is judged.
        idempotent: Whether doing it twice is the same as doing it once; each action says so. If
            not, it is sent again only when it certainly was not done.
        in_query: Fields that travel in the query string.
        key_in_query: Whether the API key does.
        flattened: Fields whose nested value travels as dotted names, lists counted from 1.
    """

    idempotent: ClassVar[bool]
    data_type: ClassVar[Any] = None
    data_is_text: ClassVar[bool] = False
    success_rule: ClassVar[SuccessRule] = SuccessRule.NEEDS_TRUE
    in_query: ClassVar[frozenset[str]] = frozenset()
    key_in_query: ClassVar[bool] = False
    flattened: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # attrs makes slotted classes twice; the second registration is the one that stays.
        REQUESTS[cls.__name__] = cls

    @classmethod
    def action(cls) -> str:
        """Return the action's name on the wire."""
        return cls.__name__

    def encode(self, api_key: str) -> EncodedRequest:
        """Return how this request travels, authorised by *api_key*."""
        query: dict[str, str] = {}
        form: dict[str, str] = {}
        (query if self.key_in_query else form)["Authorization"] = f"Bearer {api_key}"
        for name, field, value in self._present():
            place = query if field in self.in_query else form
            if field in self.flattened:
                place.update(_flatten(name, value))
            else:
                place[name] = self._to_text(field, value)
        return EncodedRequest(self.action(), query, dict(sorted(form.items())))

    def _present(self) -> Iterator[tuple[str, str, Any]]:
        for field in attrs.fields(type(self)):
            value = lenient_converter.unstructure(getattr(self, field.name))
            if value is not None:
                yield wire_name(type(self), field.name), field.name, value

    def _to_text(self, field: str, value: Any) -> str:
        if field in self.json_text:
            return dump_json(value, self.json_text[field])
        return str(value)

    @classmethod
    def decode(cls, parameters: Mapping[str, str]) -> Request[DataT]:
        """Read a request from the merged parameters of its query and body.

        Raises:
            MissingParameterError: a required parameter is missing.
            ProtocolError: one has the wrong form.
        """
        known: dict[str, Any] = {}
        missing = []
        for field in attrs.fields(cls):
            name = wire_name(cls, field.name)
            value = cls._find(field.name, name, parameters)
            # Clients send some optional parameters as an empty string instead of not at all.
            if value is not None and (value != "" or field.default is attrs.NOTHING):
                known[name] = cls._from_text(field.name, name, value)
            elif field.default is attrs.NOTHING:
                missing.append(name)
        if missing:
            listed = " and ".join(missing)
            raise MissingParameterError(
                f"{cls.action()} needs the parameter{'s' * (len(missing) > 1)} {listed}",
                path=tuple(f"required parameter is missing @ $.{name}" for name in missing),
            )
        request: Request[DataT] = structure(
            strict_converter, known, cls, f"The parameters of {cls.action()}"
        )
        return request

    @classmethod
    def _find(cls, field: str, name: str, parameters: Mapping[str, str]) -> Any:
        others = [other for other, meant in cls.also_read.items() if meant == name]
        for spelling in (name, *others):
            if spelling in parameters:
                return parameters[spelling]
        return _unflatten(name, parameters) if field in cls.flattened else None

    @classmethod
    def _from_text(cls, field: str, name: str, value: Any) -> Any:
        # Some clients send a nested value as dotted names, others as JSON in one string.
        if isinstance(value, str) and (field in cls.json_text or field in cls.flattened):
            try:
                return json.loads(value)
            except ValueError as exc:
                raise ProtocolError(
                    f"The parameter {name} of {cls.action()} must be JSON: {exc}",
                    path=(f"not JSON @ $.{name}",),
                ) from exc
        return value

    @classmethod
    def unknown(cls, parameters: Mapping[str, str]) -> list[str]:
        """Return the names in *parameters* that this action does not know."""
        names = {wire_name(cls, field.name) for field in attrs.fields(cls)} | set(cls.also_read)
        dotted = tuple(f"{wire_name(cls, field)}." for field in cls.flattened)
        return [name for name in parameters if name not in names and not name.startswith(dotted)]


REQUESTS: dict[str, type[Request[Any]]] = {}
"""Every action by its name."""


def _flatten(name: str, value: Any) -> dict[str, str]:
    """``{"a": [True]}`` becomes ``name.a.1=True``; an empty list becomes nothing at all."""
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, (list, tuple)):
        items = [(str(index), item) for index, item in enumerate(value, start=1)]
    else:
        return {name: str(value)}
    flat: dict[str, str] = {}
    for key, item in items:
        if item is not None:
            flat.update(_flatten(f"{name}.{key}", item))
    return flat


def _unflatten(name: str, parameters: Mapping[str, str]) -> Any:
    """Undo :func:`_flatten` for the parameters below *name*; ``None`` when there are none."""
    tree: dict[str, Any] = {}
    for key in sorted(parameters):
        if not key.startswith(f"{name}."):
            continue
        *branches, leaf = key[len(name) + 1 :].split(".")
        node = tree
        for branch in branches:
            child = node.setdefault(branch, {})
            if not isinstance(child, dict):
                raise ProtocolError(f"The parameter {key} contradicts another", path=(key,))
            node = child
        node[leaf] = parameters[key]
    return _listed(tree) if tree else None


def _listed(node: Any) -> Any:
    """Turn objects whose names count 1, 2, 3 ... into lists."""
    if not isinstance(node, dict):
        return node
    numbers = {int(key): key for key in node if key.isascii() and key.isdecimal()}
    if len(numbers) == len(node):
        return [_listed(node[numbers[number]]) for number in sorted(numbers)]
    return {key: _listed(item) for key, item in node.items()}
