"""The tools of a phone that a desktop does not have, and what they answer."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from attrs import frozen

from agentbay._wire.tools.answers import load_bounded
from agentbay._wire.tools.desktop import UiTool
from agentbay.errors import ProtocolError

__all__ = ("GetAllUiElements", "GetClickableUiElements", "SendKey", "Swipe", "Tap")

Element = dict[str, Any]

MAX_DEPTH = 256
"""Objects and arrays inside each other: 128 elements, and phones give up far earlier."""

EDGES = ("left", "top", "right", "bottom")
NUMBER = re.compile("-?[0-9]{1,18}")


@frozen(kw_only=True)
class Tap(UiTool):
    """Tap a point of the screen."""

    tool_name = "tap"

    x: int
    y: int


@frozen(kw_only=True)
class Swipe(UiTool):
    """Swipe from one point of the screen to another."""

    tool_name = "swipe"

    start_x: int
    start_y: int
    end_x: int
    end_y: int
    duration_ms: int = 300


@frozen(kw_only=True)
class SendKey(UiTool):
    """Press a key, named by its Android key code."""

    tool_name = "send_key"

    key: int


@frozen(kw_only=True)
class GetClickableUiElements(UiTool):
    """Return what can be clicked on the screen, as a JSON array."""

    tool_name = "get_clickable_ui_elements"

    timeout_ms: int = 2000

    @staticmethod
    def parse(text: str) -> list[Element]:
        """Return the elements in *text* as they are, each with its ``bounds_rect``.

        Raises:
            ValueError: it is not JSON, or too deep.
            ProtocolError: it says something else.
        """
        found = _elements(load_bounded(text, max_depth=MAX_DEPTH))
        pending = list(found)
        while pending:
            element = pending.pop()
            element["bounds_rect"] = bounds_rect(element.get("bounds"))
            children = element.get("children")
            if isinstance(children, list):
                pending += [child for child in children if isinstance(child, dict)]
        return found


@frozen(kw_only=True)
class GetAllUiElements(UiTool):
    """Return the trees of elements on the screen, as a JSON array or an XML document."""

    tool_name = "get_all_ui_elements"

    timeout_ms: int = 2000
    format: str | None = "json"

    @staticmethod
    def parse(text: str) -> list[Element]:
        """Return the trees in *text*, each element with exactly the documented names.

        Raises:
            ValueError: it is not JSON, or too deep.
            ProtocolError: it says something else.
        """
        trees: list[Element] = []
        pending = [(load_bounded(text, max_depth=MAX_DEPTH), trees)]
        while pending:
            found, target = pending.pop()
            for node in _elements(found):
                element = _normalised(node)
                target.append(element)
                pending.append((node.get("children") or [], element["children"]))
        return trees


def _normalised(node: Element) -> Element:
    defaults: Element = {"bounds": "", "className": "", "text": "", "type": "", "resourceId": ""}
    defaults |= {"index": -1, "isParent": False}
    given = {name: node[name] for name in defaults if node.get(name) is not None}
    rect = bounds_rect(node.get("bounds"))
    return {**defaults, **given, "bounds_rect": rect, "children": []}


def _elements(found: object) -> list[Element]:
    if not isinstance(found, list):
        raise ProtocolError("The elements cannot be read: expected an array")
    if not all(isinstance(element, dict) for element in found):
        raise ProtocolError("The elements cannot be read: expected an array of objects")
    return found


def bounds_rect(bounds: object) -> dict[str, int] | None:
    """Return the edges that *bounds* names, an object or a text such as ``[0,63][720,1208]``."""
    values: list[Any] = []
    if isinstance(bounds, dict):
        values = [bounds.get(edge) for edge in EDGES]
    elif isinstance(bounds, str):
        values = [int(match.group()) for match in islice(NUMBER.finditer(bounds), len(EDGES))]
    if len(values) < len(EDGES) or any(type(value) is not int for value in values):
        return None
    return dict(zip(EDGES, values, strict=True))
