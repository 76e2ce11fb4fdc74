"""Contexts: by name, their files, and their way into sessions and back."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from agentbay._wire.actions.contexts import (
    BindContexts,
    BindingData,
    ClearContext,
    ContextData,
    ContextFileData,
    ContextInfoData,
    DeleteContext,
    DeleteContextFile,
    DescribeContextFiles,
    DescribeSessionContexts,
    FileUrlData,
    GetAndLoadInternalContext,
    GetContext,
    GetContextFileDownloadUrl,
    GetContextFileUploadUrl,
    GetContextInfo,
    InternalContextData,
    ListContexts,
    ModifyContext,
    SyncContext,
)
from agentbay._wire.envelope import Code, Reply, service_error
from agentbay.local.contexts.attached import FILE_TRANSFER_PATH
from agentbay.local.contexts.bindings import Binding, make_binding
from agentbay.local.contexts.keys import parse_folder, parse_key, shown
from agentbay.local.contexts.service import FILE_TRANSFER
from agentbay.local.contexts.signing import VALID_SECONDS
from agentbay.local.contexts.store import context_not_found
from agentbay.local.handlers.registry import Call, handles
from agentbay.local.states import State

if TYPE_CHECKING:
    from agentbay._wire.persistence import PersistenceItem
    from agentbay.errors import ServiceError
    from agentbay.local.contexts.entries import Child, ContextRecord
    from agentbay.local.session import Session

__all__ = ("bindings_of",)

_MAX_PAGE = 1000
_TOKEN = re.compile(r"at:(\d{1,18})", re.ASCII)
_TASKS = ("upload", "download")


@handles(GetContext)
async def get_context(call: Call, request: GetContext) -> Reply[ContextData]:
    """Look a context up, by id or by name, or create it."""
    contexts = call.services.contexts
    if request.context_id:
        if request.allow_create:
            raise _invalid("A context is created by its name, not by ContextId")
        return Reply(data=_described(call, await contexts.get(request.context_id)))
    if not request.name:
        raise service_error(
            Code.MISSING_PARAMETER, "GetContext needs Name or ContextId", http_status=400
        )
    found = await contexts.find(request.name, create=request.allow_create)
    return Reply(data=_described(call, found))


def _described(call: Call, context: ContextRecord) -> ContextData:
    return ContextData(
        id=context.id,
        name=context.name,
        state=call.services.contexts.state(context.id),
        os_type="Linux",
        create_time=_time(context.created_at),
        last_used_time=_time(context.used_at),
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@handles(ListContexts)
async def list_contexts(call: Call, request: ListContexts) -> Reply[tuple[ContextData, ...]]:
    """List contexts, newest first; those of sessions' own only when asked for by their type."""
    if request.max_results < 1:
        raise _invalid("MaxResults must be at least 1")
    size = min(request.max_results, _MAX_PAGE)
    only = None
    if request.session_id:
        session = call.services.sessions.get(request.session_id)
        only = {binding.context.id for binding in session.contexts.all_bindings()}
    before = _position(request.next_token)
    page = await call.services.contexts.store.page(request.context_type or "", only, before, size)
    return Reply(
        data=tuple(_described(call, record) for record in page.records),
        next_token="" if page.next_before is None else _page_token(page.next_before),
        max_results=size,
        total_count=page.total,
    )


def _page_token(position: int) -> str:
    return base64.urlsafe_b64encode(b"at:%d" % position).decode("ascii")


def _position(token: str | None) -> int | None:
    if not token:
        return None
    try:
        text = base64.urlsafe_b64decode(token).decode("ascii")
    except ValueError:
        text = ""
    if (found := _TOKEN.fullmatch(text)) is None:
        raise _invalid("NextToken is not a token of this runtime")
    return int(found[1])


@handles(ModifyContext)
async def rename_context(call: Call, request: ModifyContext) -> Reply[None]:
    """Rename a context."""
    await call.services.contexts.rename(request.id, request.name)
    return Reply()


@handles(DeleteContext)
async def delete_context(call: Call, request: DeleteContext) -> Reply[None]:
    """Delete a context that no session uses."""
    await call.services.contexts.delete(request.id)
    return Reply()


@handles(ClearContext)
async def clear_context(call: Call, request: ClearContext) -> Reply[None]:
    """Begin to empty a context; it is ``clearing`` when the reply leaves."""
    await call.services.contexts.begin_clear(request.id)
    return Reply()


@handles(GetContextFileUploadUrl)
async def upload_url(call: Call, request: GetContextFileUploadUrl) -> Reply[FileUrlData]:
    """Return a URL that takes one file."""
    return await _signed(call, "PUT", request.context_id, request.file_path)


@handles(GetContextFileDownloadUrl)
async def download_url(call: Call, request: GetContextFileDownloadUrl) -> Reply[FileUrlData]:
    """Return a URL that gives one file."""
    return await _signed(call, "GET", request.context_id, request.file_path)


async def _signed(call: Call, method: str, context_id: str, path: str) -> Reply[FileUrlData]:
    key = parse_key(path, "FilePath")
    contexts = call.services.contexts
    await contexts.get(context_id)
    url = call.services.endpoint + contexts.signer.sign(method, context_id, key)
    return Reply(data=FileUrlData(url=url, expire_time=VALID_SECONDS))


@handles(DeleteContextFile)
async def delete_file(call: Call, request: DeleteContextFile) -> Reply[None]:
    """Delete one object; a folder with all that is in it."""
    key = parse_key(request.file_path, "FilePath")
    contexts = call.services.contexts
    async with contexts.changing(request.context_id):
        found = await contexts.store.objects(request.context_id, key)
        if not found:
            raise service_error(
                Code.CONTEXT_FILE_NOT_FOUND,
                f"There is no file {request.file_path[:200]!r} in the context",
                http_status=404,
            )
        await contexts.replace(request.context_id, [item.key for item in found], [])
    return Reply()


@handles(DescribeContextFiles)
async def list_files(
    call: Call, request: DescribeContextFiles
) -> Reply[tuple[ContextFileData, ...]]:
    """List what is directly in a folder, by page number or by token."""
    folder = parse_folder(request.parent_folder_path, "ParentFolderPath")
    children = await call.services.contexts.store.children(request.context_id, folder)
    by_token = request.max_results is not None or request.next_token is not None
    size = (request.max_results if by_token else request.page_size) or 50
    page = 1 if by_token else 1 if request.page_number is None else request.page_number
    if size < 1 or page < 1:
        raise _invalid("A page must have a number and a size of at least 1")
    size = min(size, _MAX_PAGE)
    start = (_position(request.next_token) or 0) if by_token else (page - 1) * size
    shown_part = children[start : start + size]
    more = start + size < len(children)
    return Reply(
        data=tuple(_file(request.context_id, child) for child in shown_part),
        next_token=_page_token(start + size) if more else "",
        max_results=size,
        total_count=len(children),
        count=len(children),
    )


def _file(context_id: str, child: Child) -> ContextFileData:
    identity = hashlib.blake2b(context_id.encode() + b"\0" + child.key, digest_size=12)
    item = child.object
    stored = "" if item is None else _time(item.stored_at)
    path = shown(child.key)
    return ContextFileData(
        file_id=f"f-{identity.hexdigest()}",
        file_name=path.rpartition("/")[2],
        file_path=path,
        file_type="FOLDER" if child.is_folder else "FILE",
        gmt_create=stored,
        gmt_modified=stored,
        size=0 if item is None else item.size,
        status="available",
    )


async def bindings_of(call: Call, items: list[PersistenceItem]) -> list[Binding]:
    """Return the bindings that a client asks for.

    Raises:
        ServiceError: A context is not there, or a path or policy is not valid.
    """
    found = []
    for item in items:
        context = await call.services.contexts.get(item.context_id)
        if context.type:  # a session's own, and not to be shared
            raise context_not_found(item.context_id)
        found.append(make_binding(item, context))
    return found


@handles(BindContexts)
async def bind_contexts(call: Call, request: BindContexts) -> Reply[None]:
    """Bind contexts to a running session; their download has begun when the reply leaves."""
    session = _running(call, request.session_id, "contexts are bound to a RUNNING session")
    if not request.persistence_data_list:
        raise _invalid("PersistenceDataList is empty")
    await session.contexts.bind(await bindings_of(call, request.persistence_data_list))
    return Reply()


def _running(call: Call, session_id: str, rule: str) -> Session:
    session = call.services.sessions.get(session_id)
    if session.state is not State.RUNNING:
        raise session.wrong_state(rule)
    return session


@handles(DescribeSessionContexts)
async def list_bindings(
    call: Call, request: DescribeSessionContexts
) -> Reply[tuple[BindingData, ...]]:
    """List what is bound to a session."""
    session = call.services.sessions.get(request.session_id)
    found = []
    for binding in session.contexts.bindings:
        context = await call.services.contexts.store.find(context_id=binding.context.id)
        found.append(
            BindingData(
                context_id=binding.context.id,
                context_name=context.name if context is not None else binding.context.name,
                path=binding.path,
                policy=binding.policy_text,
                bind_time=_time(binding.bound_at),
            )
        )
    return Reply(data=tuple(found))


@handles(SyncContext)
async def sync_context(call: Call, request: SyncContext) -> Reply[None]:
    """Begin to transfer; GetContextInfo knows of it when the reply leaves."""
    session = _running(call, request.session_id, "only a RUNNING session can be synchronised")
    session.contexts.sync(request.context_id, request.path, request.mode)
    return Reply()


@handles(GetContextInfo)
async def get_info(call: Call, request: GetContextInfo) -> Reply[ContextInfoData]:
    """Tell how transfers stand."""
    if request.task_type and request.task_type not in _TASKS:
        raise _invalid(f"TaskType must be one of {', '.join(_TASKS)}")
    board = call.services.sessions.get(request.session_id).contexts.board
    items = board.items(request.context_id, request.path, request.task_type)
    return Reply(data=ContextInfoData.of_items(items) if items else ContextInfoData())


@handles(GetAndLoadInternalContext)
async def get_internal(
    call: Call, request: GetAndLoadInternalContext
) -> Reply[tuple[InternalContextData, ...]]:
    """Return the contexts that are the session's own."""
    unknown = [kind for kind in request.context_types if kind != FILE_TRANSFER]
    if unknown or not request.context_types:
        raise _invalid(f"ContextTypes must be {FILE_TRANSFER!r}")
    session = _running(call, request.session_id, "its own contexts are for a RUNNING session")
    binding = await session.contexts.file_transfer()
    return Reply(
        data=(
            InternalContextData(
                context_id=binding.context.id,
                context_path=FILE_TRANSFER_PATH,
                context_type=FILE_TRANSFER,
            ),
        )
    )


def _invalid(problem: str) -> ServiceError:
    return service_error(Code.INVALID_PARAMETER, problem, http_status=400)
