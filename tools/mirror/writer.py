"""Writes the mirror of a module: each member is a signature, a docstring and one call."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, TypeAlias

from tools.mirror.crossing import Crossing, Imports, Type
from tools.mirror.source import MARKERS, marker, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from tools.mirror.source import Package, Source

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

# Name in the mirror, whether the original is a coroutine, and the call that stands for it.
DUNDERS = {
    "__init__": ("__init__", False, "super().__init__({cls}({arguments}))"),
    "__aenter__": ("__enter__", True, "self._enter(self._impl)"),
    "__aexit__": ("__exit__", True, "self._exit({arguments})"),
    "__aiter__": ("__iter__", False, "self._impl.__aiter__()"),
    "__anext__": ("__next__", True, "self._next(self._impl.__anext__())"),
}
UNMIRRORED_DUNDERS = {"__del__", "__repr__", "__slots__", "__str__"}
PUBLIC_DATA = "public data must be a property or an alias of a method"


class Writer:
    """Writes the mirror of one module."""

    def __init__(self, package: Package, source: Source, imports: Imports | None = None) -> None:
        self.package = package
        self.source = source
        self.imports = imports or Imports(source.name)
        self.crossing = Crossing(package, source, self.imports)
        self.cls = ""

    def module(self) -> str:
        classes = [self.mirror(node) for node in self.source.exports()]
        names = sorted(self.package.rename(node.name) for node in self.source.exports())
        typing = [f"    {line}" for line in sorted(self.imports.typing - self.imports.runtime)]
        if typing:
            typing.insert(0, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:")
        return "\n".join(
            [
                self.package.start(self.source),
                "from __future__ import annotations",
                *sorted(self.imports.runtime),
                *typing,
                f"\n__all__ = {tuple(names)}",
                *classes,
            ]
        )

    def parameters(self, node: Function, what: str) -> tuple[list[str], list[str], list[Type]]:
        """Return the parameters as declared, the arguments that hand them on, and their types."""
        spec = node.args
        if spec.kwarg or spec.posonlyargs:
            self.source.refuse(node, what, "its parameters are not all explicit and named")
        rest = [spec.vararg] if spec.vararg else []
        required: list[ast.expr | None] = [None] * (len(spec.args) - len(spec.defaults))
        defaults = [*required, *spec.defaults, *[None for _ in rest], *spec.kw_defaults]
        declared, arguments, types = [], [], []
        for arg, default in zip([*spec.args, *rest, *spec.kwonlyargs], defaults, strict=True):
            name, star = arg.arg, "*" if arg in rest else ""
            declared += ["*"] * (not rest and arg in spec.kwonlyargs[:1])
            declared.append(star + name)
            if arg.annotation is not None:
                type_ = self.crossing.annotation(arg.annotation, f"{what}({name})")
                if type_.kind in {"self", "result", "results"} or (star and type_.kind != "plain"):
                    self.source.refuse(arg, f"{what}({name})", f"it takes {star}{type_.text}")
                declared[-1] += f": {type_.text}"
                types.append(type_)
                keyword = f"{name}=" if arg in spec.kwonlyargs else star
                arguments.append(keyword + type_.handed_on(name))
            elif name not in {"self", "cls"}:
                self.source.refuse(arg, f"{what}({name})", "it has no annotation")
            if default is not None:
                self.crossing.use(default, runtime=True)
                declared[-1] += f" = {self.source.slice(default)}"
        return declared, arguments, types

    def kinds(self, node: Function, what: str) -> set[str]:
        """Return the names of the decorators of *node*, all of which must be known."""
        kinds = {marker(decorator): decorator for decorator in node.decorator_list}
        for kind, decorator in kinds.items():
            if kind not in {"property", "classmethod", *MARKERS}:
                self.source.refuse(decorator, what, f"there is no rule for @{kind}")
            if kind == "async_only" and not re.search(r"\(.{3,}\)", ast.unparse(decorator)):
                self.source.refuse(decorator, what, "@async_only gives no reason")
        self.package.used_markers.update(kinds.values())
        return set(kinds)

    def function(self, node: Function) -> str:
        """Return the mirror of a method or property, nothing if it is for coroutines only."""
        what, refuse = f"{self.cls}.{node.name}", self.source.refuse
        kinds = self.kinds(node, what)
        if "async_only" in kinds:
            return ""
        is_async = isinstance(node, ast.AsyncFunctionDef)
        name, is_special_async, special = DUNDERS.get(node.name, (node.name, is_async, ""))
        if node.name.startswith("__") and not special:
            refuse(node, what, "there is no rule for this special method")
        wrong = "property" if is_async else "awaitable_twin"
        if is_special_async != is_async or wrong in kinds:
            refuse(node, what, f"it is {'' if is_async else 'not '}a coroutine")
        if any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in ast.walk(node)):
            refuse(node, what, "it is a generator; return an object with __anext__")
        if node.returns is None:
            refuse(node, what, "its return type is not annotated")
        declared, arguments, types = self.parameters(node, what)
        returns = self.crossing.annotation(node.returns, what)
        call = self.call(name, kinds, arguments, is_async=is_async)
        if special:
            call = special.format(arguments=", ".join(arguments), cls=self.cls)
        wrapping = {returns.handle, *(part.handle for type_ in types for part in type_.arguments)}
        body = [self.package.docstring(self.source, node), *self.local_imports(wrapping)]
        body += self.returning(returns, call, kept=name if "property" in kinds else "")
        keyword = "async def" if "awaitable_twin" in kinds else "def"
        head = [f"@{kind}" for kind in sorted(kinds - MARKERS)]
        head += [f"{keyword} {name}({', '.join(declared)}) -> {returns.text}:"]
        lines = [*(f"    {line}" for line in head), *(f"        {line}" for line in body if line)]
        return "\n".join(lines)

    def call(self, name: str, kinds: set[str], arguments: list[str], *, is_async: bool) -> str:
        """Return the expression or statement that stands for the member of the async twin."""
        if "property" in kinds:
            return f"self._impl.{name}"
        receiver, owner = ("cls", self.cls) if "classmethod" in kinds else ("self", "self._impl")
        call = f"{owner}.{name}({', '.join(arguments)})"
        if "awaitable_twin" in kinds:
            return f"await {receiver}._run_twin({call})"
        return f"{receiver}._run({call})" if is_async else call

    def local_imports(self, handles: set[str]) -> Iterator[str]:
        """Import the classes that wrap handles in the function: their modules need each other."""
        for handle in sorted(handles - {""}):
            home = self.package.homes[f"Async{handle}"]
            if home != self.imports.module:
                yield f"from agentbay._sync.{home} import {handle}\n"

    def returning(self, type_: Type, call: str, kept: str) -> list[str]:
        if type_.kind == "none":
            return [call]
        if type_.kind == "result":
            return [f"result: {type_.text} = {type_.handle}._wrap_result({call})", "return result"]
        if type_.handle and kept:
            return [f'return self._keep("{kept}", {type_.wrapped(call)})']
        return [f"return {type_.wrapped(call)}"]

    def mirror(self, node: ast.ClassDef) -> str:
        """Return the mirror of a class."""
        self.cls = node.name
        if node.decorator_list:
            self.source.refuse(node, node.name, "there is no rule for decorated classes")
        bases, members = [f"Mirror[{node.name}]"], self.members(node)
        for base in node.bases:
            name = marker(base)
            if name.startswith("Generic["):
                self.crossing.use(base, runtime=True)
                bases = [f"Mirror[{node.name}{name[7:]}]", name]
            else:
                members += self.inherited(node, base)
        line = f"from agentbay._async.{self.source.name} import {node.name}"
        self.imports.add(line, runtime=True)
        head = f"class {self.package.rename(node.name)}({', '.join(bases)}):"
        docstring = f"    {self.package.docstring(self.source, node)}"
        return "\n".join([head, docstring, *members, *([] if any(members) else ["    pass"])])

    def inherited(self, node: ast.ClassDef, base: ast.expr) -> list[str]:
        """Return what *base*, a class in a private module, brings as if it stood in the class."""
        name = marker(base)
        home = self.package.private_home(self.source, name)
        definition = home and home.definitions.get(name)
        if not home or not isinstance(definition, ast.ClassDef) or definition.bases:
            self.source.refuse(base, node.name, "there is no rule for inherited members")
        writer = Writer(self.package, home, self.imports)
        writer.cls = node.name
        own = {name for statement in node.body for name in names_of(statement)}
        return writer.members(definition, overridden=own)

    def members(self, node: ast.ClassDef, overridden: Set[str] = frozenset()) -> list[str]:
        own = {name for statement in node.body for name in names_of(statement)}
        for pair in (("__aenter__", "__aexit__"), ("__aiter__", "__anext__")):
            if len(own.intersection(pair)) == 1:
                self.source.refuse(node, node.name, f"{' and '.join(pair)} come together")
        return [
            self.member(statement, own)
            for statement in node.body
            if overridden.isdisjoint(names_of(statement))
        ]

    def member(self, statement: ast.stmt, own: set[str]) -> str:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for part in ast.walk(statement):
                if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
                    is_data = marker(part.value) == "self" and not part.attr.startswith("_")
                    if is_data and part.attr not in own:
                        self.source.refuse(part, f"{self.cls}.{part.attr}", PUBLIC_DATA)
            is_private = re.match(r"_(?!_)", statement.name) or statement.name in UNMIRRORED_DUNDERS
            return "" if is_private else self.function(statement)
        names = [name for name in names_of(statement) if not name.startswith("_")]
        if not names:
            return ""
        value = getattr(statement, "value", None)
        if not isinstance(value, ast.Name) or value.id not in own or value.id.startswith("_"):
            self.source.refuse(statement, f"{self.cls}.{names[0]}", PUBLIC_DATA)
        return f"    {names[0]} = {value.id}"
