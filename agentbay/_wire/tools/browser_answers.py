"""What the tools of the page operator answer."""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen

from agentbay._wire.codec import JsonText, WireObject, dump_json
from agentbay._wire.tools.answers import read_object, read_objects

__all__ = ("ActAnswer", "ObservedElement", "StartedTask", "action_text", "schema_text")

NOTHING_DONE = "No actions have been executed."


def action_text(method: str, arguments: Any) -> str:
    """Return the argument ``action`` that does *method* to an element that was found."""
    return dump_json({"method": method, "arguments": _decoded(arguments)}, JsonText.SPACED)


def _decoded(arguments: Any) -> Any:
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        return arguments


def schema_text(schema: dict[str, Any]) -> str:
    """Return the argument ``field_schema`` for a JSON schema."""
    return f"schema: {dump_json(schema, JsonText.SPACED)}"


@frozen(kw_only=True)
class StartedTask(WireObject):
    """The answer of the tools that start a task."""

    pascal_case = False

    task_id: str

    @classmethod
    def from_text(cls, text: str) -> StartedTask:
        """Read the answer.

        Raises:
            ValueError: it is not JSON.
            ProtocolError: it names no task.
        """
        return read_object(text, cls, "The answer about the new task")


@frozen(kw_only=True)
class ActAnswer(WireObject):
    """How acting on a page stands."""

    pascal_case = False

    is_done: bool = False
    success: bool = False
    steps: Any = None
    """What was done: a text, or a list of anything."""

    @classmethod
    def from_text(cls, text: str) -> ActAnswer:
        """Read the answer.

        Raises:
            ValueError: it is not JSON.
            ProtocolError: it is something else.
        """
        return read_object(text, cls, "The answer about the action")

    @property
    def message(self) -> str:
        """What was done, in words."""
        if isinstance(self.steps, str):
            return self.steps
        if isinstance(self.steps, list) and self.steps:
            return dump_json(self.steps, JsonText.SPACED)
        return NOTHING_DONE


@frozen(kw_only=True)
class ObservedElement(WireObject):
    """One element of the answer about elements of a page."""

    pascal_case = False

    selector: str = ""
    description: str = ""
    method: str = ""
    arguments: Any = "{}"
    """JSON text; some services send the object itself."""

    @classmethod
    def list_from_text(cls, text: str) -> list[ObservedElement]:
        """Read the answer.

        Raises:
            ValueError: it is not JSON.
            ProtocolError: it is no list of elements.
        """
        return read_objects(text, cls, "The answer about elements of the page")

    @property
    def decoded_arguments(self) -> dict[str, Any] | str:
        """The arguments as an object; as text where they are none."""
        found = _decoded(self.arguments)
        if isinstance(found, dict):
            return found
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)
