"""Contexts: storage that outlives sessions, its files, and its way into sessions and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import field, frozen

from agentbay._wire.codec import (
    JsonText,
    WireObject,
    dump_json,
    lenient_converter,
    load_json,
    structure,
)
from agentbay._wire.persistence import PersistenceItem
from agentbay._wire.request import Request, SuccessRule

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = (
    "BindContexts",
    "BindingData",
    "ClearContext",
    "ContextData",
    "ContextFileData",
    "ContextInfoData",
    "ContextStatusItem",
    "DeleteContext",
    "DeleteContextFile",
    "DescribeContextFiles",
    "DescribeSessionContexts",
    "FileUrlData",
    "GetAndLoadInternalContext",
    "GetContext",
    "GetContextFileDownloadUrl",
    "GetContextFileUploadUrl",
    "GetContextInfo",
    "InternalContextData",
    "ListContexts",
    "ModifyContext",
    "SyncContext",
)

_STYLE = JsonText.COMPACT


@frozen(kw_only=True)
class ContextData(WireObject):
    """One context; times are passed on as they are."""

    id: str = ""
    name: str = ""
    state: str = ""
    """``available``, ``in-use``, ``pre-available`` or ``clearing``."""
    os_type: str = ""
    create_time: str = ""
    last_used_time: str = ""


@frozen(kw_only=True)
class GetContext(Request[ContextData]):
    """Look a context up by name or id; by name it can be created, too."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = ContextData
    success_rule: ClassVar[SuccessRule] = SuccessRule.REFUSED_IF_FALSE_WITH_CODE

    name: str | None = None
    context_id: str | None = None
    allow_create: bool = False
    login_region_id: str | None = None


@frozen(kw_only=True)
class ListContexts(Request[tuple[ContextData, ...]]):
    """List contexts, page by page."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = tuple[ContextData, ...]
    success_rule: ClassVar[SuccessRule] = SuccessRule.REFUSED_IF_FALSE_WITH_CODE

    max_results: int = 10
    next_token: str | None = None
    session_id: str | None = None
    context_type: str | None = None


@frozen(kw_only=True)
class ModifyContext(Request[None]):
    """Rename a context."""

    idempotent: ClassVar[bool] = True

    id: str
    name: str


@frozen(kw_only=True)
class DeleteContext(Request[None]):
    """Delete a context with all it holds."""

    idempotent: ClassVar[bool] = True

    id: str


@frozen(kw_only=True)
class ClearContext(Request[None]):
    """Start to empty a context; ``GetContext`` tells when it is ``available`` again."""

    idempotent: ClassVar[bool] = True
    success_rule: ClassVar[SuccessRule] = SuccessRule.NEEDS_TRUE_OR_NO_CODE

    id: str


@frozen(kw_only=True)
class FileUrlData(WireObject):
    """A signed URL for one object."""

    url: str = field(default="", repr=False)
    expire_time: int | None = None


@frozen(kw_only=True)
class GetContextFileUploadUrl(Request[FileUrlData]):
    """Ask for a URL to ``PUT`` an object to."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = FileUrlData

    context_id: str
    file_path: str


@frozen(kw_only=True)
class GetContextFileDownloadUrl(Request[FileUrlData]):
    """Ask for a URL to ``GET`` an object from."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = FileUrlData

    context_id: str
    file_path: str


@frozen(kw_only=True)
class DeleteContextFile(Request[None]):
    """Delete an object of a context."""

    idempotent: ClassVar[bool] = True

    context_id: str
    file_path: str


@frozen(kw_only=True)
class ContextFileData(WireObject):
    """One object or folder of a context."""

    file_id: str = ""
    file_name: str = ""
    file_path: str = ""
    file_type: str = ""
    """``FILE`` or ``FOLDER``."""
    gmt_create: str = ""
    gmt_modified: str = ""
    size: int | None = None
    status: str = ""


@frozen(kw_only=True)
class DescribeContextFiles(Request[tuple[ContextFileData, ...]]):
    """List what a folder of a context holds: by page number, or by token."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = tuple[ContextFileData, ...]
    in_query: ClassVar[frozenset[str]] = frozenset({"max_results", "next_token"})

    context_id: str
    parent_folder_path: str
    page_number: int | None = None
    page_size: int | None = None
    max_results: int | None = None
    next_token: str | None = None


@frozen(kw_only=True)
class BindContexts(Request[None]):
    """Attach contexts to a running session."""

    idempotent: ClassVar[bool] = True
    json_text = {"persistence_data_list": JsonText.COMPACT}

    session_id: str
    persistence_data_list: list[PersistenceItem]


@frozen(kw_only=True)
class BindingData(WireObject):
    """A context that is attached to a session."""

    context_id: str = ""
    context_name: str = ""
    path: str = ""
    policy: str = ""
    bind_time: str = ""


@frozen(kw_only=True)
class DescribeSessionContexts(Request[tuple[BindingData, ...]]):
    """List the contexts of a session."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = tuple[BindingData, ...]

    session_id: str


@frozen(kw_only=True)
class SyncContext(Request[None]):
    """Start to copy between a session and its contexts; ``GetContextInfo`` tells the progress."""

    idempotent: ClassVar[bool] = True
    key_in_query: ClassVar[bool] = True

    session_id: str
    context_id: str | None = None
    path: str | None = None
    mode: Literal["upload", "download"] | None = None


@frozen(kw_only=True)
class ContextStatusItem(WireObject):
    """How one task stands that copies between a session and a context."""

    pascal_case = False
    wire_names = {
        "context_id": "contextId",
        "error_message": "errorMessage",
        "start_time": "startTime",
        "finish_time": "finishTime",
        "task_type": "taskType",
    }

    context_id: str = ""
    path: str = ""
    error_message: str = ""
    status: str = ""
    """``Success`` and ``Failed`` are final; anything else is under way."""
    start_time: int = 0
    finish_time: int = 0
    task_type: str = ""
    """``upload`` or ``download``."""


_DATA_BLOCK = "data"


@frozen(kw_only=True)
class ContextInfoData(WireObject):
    """What ``GetContextInfo`` gives back: JSON in a string, with JSON in a string in it."""

    context_status: str = ""

    @classmethod
    def of_items(cls, items: Iterable[ContextStatusItem]) -> ContextInfoData:
        """Return the data that carries *items*."""
        inner = dump_json([lenient_converter.unstructure(item) for item in items], _STYLE)
        block = {"type": _DATA_BLOCK, "data": inner}
        return cls(context_status=dump_json([block], _STYLE))

    def items(self) -> tuple[ContextStatusItem, ...]:
        """Return the items of the ``data`` blocks; what cannot be read counts as none."""
        found: list[ContextStatusItem] = []
        for block in _array(self.context_status):
            if isinstance(block, dict) and block.get("type") == _DATA_BLOCK:
                found += [_status_item(item) for item in _array(block.get("data"))]
        return tuple(found)


def _status_item(item: Any) -> ContextStatusItem:
    known: ContextStatusItem = structure(
        lenient_converter, item, ContextStatusItem, "An item of ContextStatus"
    )
    return known


def _array(text: Any) -> list[Any]:
    try:
        found = load_json(text) if isinstance(text, str) and text.strip() else []
    except ValueError:
        return []
    return found if isinstance(found, list) else []


@frozen(kw_only=True)
class GetContextInfo(Request[ContextInfoData]):
    """Ask how the tasks stand that copy between a session and its contexts."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = ContextInfoData
    success_rule: ClassVar[SuccessRule] = SuccessRule.REFUSED_IF_FALSE_WITH_CODE

    session_id: str
    context_id: str | None = None
    path: str | None = None
    task_type: str | None = None


@frozen(kw_only=True)
class InternalContextData(WireObject):
    """A context that belongs to a session itself."""

    context_id: str = ""
    context_path: str = ""
    context_type: str = ""


@frozen(kw_only=True)
class GetAndLoadInternalContext(Request[tuple[InternalContextData, ...]]):
    """Ask for contexts that a session has of its own, such as the one for file transfers."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = tuple[InternalContextData, ...]
    success_rule: ClassVar[SuccessRule] = SuccessRule.REFUSED_IF_FALSE_WITH_CODE
    flattened: ClassVar[frozenset[str]] = frozenset({"context_types"})

    session_id: str
    context_types: list[str]
