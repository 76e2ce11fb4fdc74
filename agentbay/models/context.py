"""Contexts: storage that outlives sessions. Descriptions and results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from agentbay.models.results import ApiResponse, Outcome

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

__all__ = (
    "ClearContextResult",
    "Context",
    "ContextBindResult",
    "ContextBinding",
    "ContextBindingsResult",
    "ContextFileEntry",
    "ContextFileListResult",
    "ContextInfoResult",
    "ContextListParams",
    "ContextListResult",
    "ContextResult",
    "ContextStatusData",
    "ContextSyncResult",
    "FileUrlResult",
)


@define
class Context:
    """A named storage that outlives sessions.

    Attributes:
        id: Its id.
        name: Its name, unique per account; ``update`` stores a changed one.
        created_at: When it was made, as the service says it.
        last_used_at: When a session last used it, as the service says it.
    """

    id: str
    name: str
    created_at: str | None = None
    last_used_at: str | None = None


@define
class ContextListParams:
    """How to list contexts.

    Args:
        max_results: Page size; default 10.
        next_token: Where to go on; the first page when ``None``.
        session_id: List only contexts of this session.
    """

    max_results: int | None = None
    next_token: str | None = None
    session_id: str | None = None


@frozen
class ContextFileEntry:
    """A file or folder in a context.

    Attributes:
        file_id: Its id.
        file_name: Its name, without the folder.
        file_path: Its whole path.
        file_type: ``FILE`` or ``FOLDER``.
        gmt_create: When it was made, as the service says it.
        gmt_modified: When it was last changed, as the service says it.
        size: Its size in bytes.
        status: Its state, as the service says it.
    """

    file_id: str
    file_name: str
    file_path: str
    file_type: str | None = None
    gmt_create: str | None = None
    gmt_modified: str | None = None
    size: int | None = None
    status: str | None = None


@frozen
class ContextStatusData:
    """How one task stands that copies between a session and a context.

    Attributes:
        context_id: The context.
        path: The path in the session.
        error_message: Why it failed.
        status: ``Success`` and ``Failed`` are final; anything else is under way.
        start_time: When it began, as the service counts.
        finish_time: When it ended.
        task_type: ``upload`` (into the context) or ``download`` (into the session).
    """

    context_id: str = ""
    path: str = ""
    error_message: str = ""
    status: str = ""
    start_time: int = 0
    finish_time: int = 0
    task_type: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ContextStatusData:
        """Return the status in an object of the service; missing parts get their default."""
        return cls(
            context_id=data.get("contextId", ""),
            path=data.get("path", ""),
            error_message=data.get("errorMessage", ""),
            status=data.get("status", ""),
            start_time=data.get("startTime", 0),
            finish_time=data.get("finishTime", 0),
            task_type=data.get("taskType", ""),
        )

    @property
    def is_final(self) -> bool:
        """Whether the task has ended, well or not."""
        return self.status in {"Success", "Failed"}


@frozen
class ContextBinding:
    """A context that is attached to a session.

    Attributes:
        context_id: The context.
        context_name: Its name.
        path: Where it appears in the session.
        policy: How it is synchronised, as JSON text.
        bind_time: When it was attached, as the service says it.
    """

    context_id: str = ""
    context_name: str = ""
    path: str = ""
    policy: str = ""
    bind_time: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ContextBinding:
        """Return the binding in an object of the service; missing parts get their default."""
        names = ("ContextId", "ContextName", "Path", "Policy", "BindTime")
        return cls(*(data.get(name, "") for name in names))


@define
class ContextResult(ApiResponse, Outcome):
    """The outcome of looking a context up, or of creating it."""

    success: bool = False
    context_id: str = ""
    context: Context | None = None
    error_message: str = ""

    def unwrap(self) -> Context:
        """Return the context, or raise the error of a failed result."""
        if not self.success or self.context is None:
            self._raise()
        return self.context


@define
class ContextListResult(ApiResponse, Outcome):
    """One page of contexts.

    Attributes:
        contexts: The contexts of this page.
        next_token: Where the next page starts; empty or ``None`` on the last one.
        max_results: Page size.
        total_count: Number of contexts on all pages.
    """

    success: bool = False
    contexts: list[Context] = field(factory=list)
    next_token: str | None = None
    max_results: int | None = None
    total_count: int | None = None
    error_message: str = ""

    def unwrap(self) -> list[Context]:
        """Return the contexts, or raise the error of a failed result."""
        self.raise_for_error()
        return self.contexts


@define
class ContextFileListResult(ApiResponse, Outcome):
    """One page of the files in a folder of a context.

    Attributes:
        entries: Files and folders.
        count: How many there are on all pages, where the service says so.
        next_token: Where the next page starts; empty or ``None`` on the last one.
    """

    success: bool = False
    entries: list[ContextFileEntry] = field(factory=list)
    count: int | None = None
    next_token: str | None = None
    error_message: str = ""

    def unwrap(self) -> list[ContextFileEntry]:
        """Return the entries, or raise the error of a failed result."""
        self.raise_for_error()
        return self.entries


@define
class FileUrlResult(ApiResponse, Outcome):
    """A URL for one object of a context. It lets in whoever has it."""

    success: bool = False
    url: str = field(default="", repr=False)
    expire_time: int | None = None
    error_message: str = ""

    def unwrap(self) -> str:
        """Return the URL, or raise the error of a failed result."""
        self.raise_for_error()
        return self.url


@define
class ClearContextResult(ApiResponse, Outcome):
    """How the emptying of a context stands.

    Attributes:
        status: ``clearing``, ``pre-available``, or ``available`` when it is done.
        context_id: The context.
    """

    success: bool = False
    error_message: str = ""
    status: str | None = None
    context_id: str | None = None

    def unwrap(self) -> str | None:
        """Return the status, or raise the error of a failed result."""
        self.raise_for_error()
        return self.status


@define
class ContextInfoResult(ApiResponse, Outcome):
    """How the tasks stand that copy between a session and its contexts."""

    success: bool = True
    context_status_data: list[ContextStatusData] = field(factory=list)
    error_message: str = ""

    def unwrap(self) -> list[ContextStatusData]:
        """Return the tasks, or raise the error of a failed result."""
        self.raise_for_error()
        return self.context_status_data


@define
class ContextSyncResult(ApiResponse, Outcome):
    """The outcome of a synchronisation.

    Awaiting one gives the same object at once: programs written for releases in which the
    blocking ``sync`` was a coroutine go on working.
    """

    success: bool = False
    error_message: str = ""

    def __await__(self) -> Generator[None, None, ContextSyncResult]:
        yield from ()
        return self

    def unwrap(self) -> None:
        """Return nothing, or raise the error of a failed result."""
        self.raise_for_error()


@define
class ContextBindResult(ApiResponse, Outcome):
    """The outcome of attaching contexts to a running session."""

    success: bool = False
    error_message: str = ""

    def unwrap(self) -> None:
        """Return nothing, or raise the error of a failed result."""
        self.raise_for_error()


@define
class ContextBindingsResult(ApiResponse, Outcome):
    """The contexts that are attached to a session."""

    success: bool = False
    bindings: list[ContextBinding] = field(factory=list)
    error_message: str = ""

    def unwrap(self) -> list[ContextBinding]:
        """Return the bindings, or raise the error of a failed result."""
        self.raise_for_error()
        return self.bindings
