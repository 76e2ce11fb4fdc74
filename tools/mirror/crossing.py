"""How the values of each annotation cross over between the two surfaces."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tools.mirror.source import AWAITED, elements, marker, union_of

if TYPE_CHECKING:
    from tools.mirror.source import Package, Source

LISTS = {"Iterable", "Sequence", "list"}


@dataclass
class Imports:
    """What the mirror of one module imports."""

    module: str
    runtime: set[str] = field(default_factory=lambda: {"from agentbay._portal import Mirror"})
    typing: set[str] = field(default_factory=set)

    def add(self, line: str, *, runtime: bool) -> None:
        if line and f"agentbay._sync.{self.module} " not in line:
            (self.runtime if runtime else self.typing).add(line)


@dataclass(frozen=True)
class Type:
    """An annotation: its text in the mirror, and how its values cross over."""

    text: str
    kind: str = "plain"  # or none, self, handle, list, result, results, callback, iterable
    handle: str = ""  # the mirror class
    optional: bool = False
    arguments: tuple[Type, ...] = ()  # of a callback

    def wrapped(self, value: str) -> str:
        """Return the expression for *value* as the blocking surface shows it."""
        if self.kind == "handle":
            return f"{self.handle}._wrap{'_optional' * self.optional}({value})"
        if self.kind in {"list", "results"}:
            result = "_result" * (self.kind == "results")
            return f"[{self.handle}._wrap{result}(item) for item in {value}]"
        return f"type(self)._wrap({value})" if self.kind == "self" else value

    def handed_on(self, name: str) -> str:
        """Return the expression for the parameter *name* as the async twin takes it."""
        if self.kind == "list":
            return f"[item._impl for item in {name}]"
        if self.kind not in {"handle", "callback", "iterable"}:
            return name
        value = f"{name}._impl" if self.kind == "handle" else f"Mirror._{self.kind}({name})"
        if any(argument.handle for argument in self.arguments):
            names = [f"arg{number}" for number, _ in enumerate(self.arguments, 1)]
            wrapped = ", ".join(map(Type.wrapped, self.arguments, names))
            value = f"Mirror._callback(lambda {', '.join(names)}: {name}({wrapped}))"
        return f"None if {name} is None else {value}" if self.optional else value


class Crossing:
    """Reads the annotations of one module, and imports what the mirror needs for them."""

    def __init__(self, package: Package, source: Source, imports: Imports) -> None:
        self.package = package
        self.source = source
        self.imports = imports

    def use(self, node: ast.AST, *, runtime: bool = False) -> None:
        """Import what *node* names."""
        for name in ast.walk(node):
            if isinstance(name, ast.Name):
                self.imports.add(self.package.import_of(self.source, name), runtime=runtime)

    def annotation(self, node: ast.expr, what: str) -> Type:
        text, union = self.source.slice(node), union_of(node)
        if text == "None":
            return Type(text, "none")
        inner, is_optional = union[0], len(union) == 2 and marker(union[1]) == "None"
        outer = inner.value if isinstance(inner, ast.Subscript) else inner
        if marker(outer) == "Callable":
            return self.callback(inner, what, is_optional=is_optional)
        if {marker(part).partition("[")[0] for part in union} == {"Iterable", "AsyncIterable"}:
            plain = next(part for part in union if marker(part).startswith("Iterable"))
            self.use(plain)
            return Type(self.source.slice(plain), "iterable")
        words = {getattr(part, "attr", getattr(part, "id", "")) for part in ast.walk(node)}
        if words & {*AWAITED, "Callable"}:
            self.source.refuse(node, what, f"{text} cannot cross over to a blocking caller")
        if {'"', "'"} & {*text} and "Literal" not in text:
            self.source.refuse(node, what, f"the annotation {text} is quoted")
        self.use(node)
        names = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
        handles = [name for name in names if name.id in self.package.homes]
        if not handles:
            return Type(text, "self" if text == "Self" else "plain")
        is_list = marker(outer) in LISTS
        model = marker(elements(inner)[0] if is_list else outer).partition("[")[0]
        is_model = self.source.imports.get(model, "").startswith("from agentbay.models")
        kind = "list" if is_list and elements(inner) == handles else "unknown"
        kind = "result" + "s" * is_list if is_model else kind
        kind = "handle" if handles == [outer] else kind if len(handles) == len(union) else "unknown"
        if kind == "unknown" or len(union) > 1 + is_optional:
            self.source.refuse(node, what, f"there is no rule for {text}")
        handle = self.package.rename(handles[0].id)
        return Type(self.package.rename(text), kind, handle, is_optional)

    def callback(self, node: ast.expr, what: str, *, is_optional: bool) -> Type:
        """``Callable[[A], Awaitable[B]]`` is ``Callable[[A], B]`` for a blocking caller."""
        arguments, result = elements(node) if len(elements(node)) == 2 else (node, node)
        union = union_of(result)
        awaited = [part for part in union if marker(part).startswith("Awaitable[")]
        if len(awaited) != 1 or not isinstance(arguments, ast.List):
            self.source.refuse(node, what, "the form of a callback is Callable[[A], Awaitable[B]]")
        value = self.annotation(elements(awaited[0])[0], what)
        types = tuple(self.annotation(argument, what) for argument in arguments.elts)
        others = {self.source.slice(part) for part in union if part not in awaited}
        kinds = {type_.kind for type_ in types} - {"handle"} | {value.kind}
        if others - {value.text} or not kinds <= {"none", "plain"}:
            self.source.refuse(node, what, f"there is no rule for {self.source.slice(node)}")
        self.imports.add(self.source.imports["Callable"], runtime=False)
        text = f"Callable[[{', '.join(type_.text for type_ in types)}], {value.text}]"
        return Type(text + " | None" * is_optional, "callback", "", is_optional, types)
