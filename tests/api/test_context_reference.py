"""Every member that the reference names of contexts, file transfer and extensions is there."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import pytest

import agentbay
from tests.api.test_reference import parameters_of

WAIT = "wait=True, wait_timeout={}, poll_interval=1.5, progress_cb=None"
UPLOAD = f"local_path, remote_path, content_type=None, {WAIT.format(30.0)}"
DOWNLOAD = "remote_path, local_path, overwrite=True, " + WAIT
CLASSES: Mapping[str, Mapping[str, str]] = {
    "ContextService": {
        "list": "params=None",
        "get": "name=None, create=False, context_id=None",
        "create": "name",
        "update": "context",
        "delete": "context",
        "get_file_download_url": "context_id, file_path",
        "get_file_upload_url": "context_id, file_path",
        "delete_file": "context_id, file_path",
        "list_files": (
            "context_id, parent_folder_path, page_number=1, page_size=50, max_results=None, "
            "next_token=None"
        ),
        "clear_async": "context_id",
        "start_clear": "context_id",
        "get_clear_status": "context_id",
        "clear": "context_id, timeout=60, poll_interval=2.0",
    },
    "ContextManager": {
        "info": "context_id=None, path=None, task_type=None",
        "sync": (
            "context_id=None, path=None, mode=None, callback=None, max_retries=150, "
            "retry_interval=500"
        ),
        "bind": "contexts, wait_for_completion=True",
        "list_bindings": "",
    },
    "FileTransfer": {"upload": UPLOAD, "download": DOWNLOAD.format(300.0)},
    "FileSystem": {
        "upload_file": UPLOAD,
        "download_file": DOWNLOAD.format(30.0),
        "get_file_transfer_context_path": "",
    },
    "ExtensionsService": {
        "list": "",
        "create": "local_path",
        "update": "extension_id, new_local_path",
        "delete": "extension_id",
        "cleanup": "",
        "create_extension_option": "extension_ids",
    },
}
CONSTRUCTORS: Mapping[str, str] = {
    "ContextService": "agent_bay",
    "ContextManager": "session",
    "FileTransfer": "agent_bay, session, http_timeout=60.0, follow_redirects=True",
    "ExtensionsService": "agent_bay, context_id=''",
    "Context": "id, name, created_at=None, last_used_at=None",
    "ContextListParams": "max_results=None, next_token=None, session_id=None",
    "ContextFileEntry": (
        "file_id, file_name, file_path, file_type=None, gmt_create=None, gmt_modified=None, "
        "size=None, status=None"
    ),
    "ContextStatusData": (
        "context_id='', path='', error_message='', status='', start_time=0, finish_time=0, "
        "task_type=''"
    ),
    "ContextBinding": "context_id='', context_name='', path='', policy='', bind_time=''",
    "Extension": "id, name, created_at=None",
}
RESULTS: Mapping[str, str] = {
    "ContextResult": "success context_id context error_message",
    "ContextListResult": "success contexts next_token max_results total_count error_message",
    "ContextFileListResult": "success entries count next_token error_message",
    "FileUrlResult": "success url expire_time error_message",
    "ClearContextResult": "success error_message status context_id",
    "ContextInfoResult": "success context_status_data error_message",
    "ContextSyncResult": "success error_message",
    "ContextBindResult": "success error_message",
    "ContextBindingsResult": "success bindings error_message",
}
TRANSFERS: Mapping[str, str] = {
    "UploadResult": (
        "success request_id_upload_url request_id_sync http_status etag bytes_sent path "
        "error_message"
    ),
    "DownloadResult": (
        "success request_id_download_url request_id_sync http_status bytes_received path "
        "local_path error_message"
    ),
}
MEMBERS = [(cls, name) for cls, members in CLASSES.items() for name in members]


@pytest.mark.parametrize(("cls", "name"), MEMBERS)
def test_member(cls: str, name: str) -> None:
    for prefix in ("", "Async"):
        member = inspect.getattr_static(getattr(agentbay, prefix + cls), name)
        assert parameters_of(member) == CLASSES[cls][name]
        assert inspect.iscoroutinefunction(member) == bool(prefix)


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_constructor(name: str) -> None:
    for prefix in ("", "Async") if name in CLASSES else ("",):
        made = parameters_of(getattr(agentbay, prefix + name).__init__)
        assert made == CONSTRUCTORS[name]


@pytest.mark.parametrize("name", [*RESULTS, *TRANSFERS])
def test_result(name: str) -> None:
    cls = getattr(agentbay, name)
    parameters = inspect.signature(cls).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    leading = ["request_id"] if name in RESULTS else []
    assert positional == leading + {**RESULTS, **TRANSFERS}[name].split()
    failed = cls.failure("why")
    assert (failed.success, failed.error_message, bool(failed)) == (False, "why", False)
    with pytest.raises(agentbay.AgentBayError, match="why"):
        failed.unwrap()
    assert cls().success == (name == "ContextInfoResult")
    if name in TRANSFERS:
        assert failed.error == "why"


def test_services_are_properties() -> None:
    for prefix in ("", "Async"):
        for owner in ("AgentBay", "Session"):
            cls = getattr(agentbay, prefix + owner)
            assert isinstance(inspect.getattr_static(cls, "context"), property)


def test_status_and_binding_come_from_the_objects_of_the_service() -> None:
    item = {"contextId": "c", "path": "/d", "status": "Failed", "taskType": "upload", "new": 1}
    status = agentbay.ContextStatusData.from_dict(item)
    assert status == agentbay.ContextStatusData("c", "/d", "", "Failed", 0, 0, "upload")
    assert status.is_final
    assert not agentbay.ContextStatusData.from_dict({}).is_final
    binding = agentbay.ContextBinding.from_dict({"ContextId": "c", "BindTime": "t"})
    assert binding == agentbay.ContextBinding("c", bind_time="t")


def test_a_signed_url_is_not_shown() -> None:
    result = agentbay.FileUrlResult("r", True, "https://s.example/?sig=secret")
    assert "secret" not in repr(result)
    assert result.unwrap() == "https://s.example/?sig=secret"
