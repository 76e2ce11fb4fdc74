"""Agents, object storage, networks and skills have every member of the reference."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import pytest

import agentbay

CALLBACKS = (
    "on_reasoning=None, on_content=None, on_tool_call=None, on_tool_result=None, on_error=None, "
    "on_call_for_user=None"
)
TASK = {"get_task_status": "task_id", "terminate_task": "task_id"}
SHOWN = "use_vision=False, output_schema=None, full_page_screenshot=False"
MEMBERS: Mapping[str, Mapping[str, str]] = {
    "Agent": {"async_execute_task": "task", "execute_task": "task, max_try_times", **TASK},
    "ComputerAgent": {"execute_task": "task", "execute_task_and_wait": "task, timeout", **TASK},
    "BrowserAgent": {
        "initialize": "option=None",
        "execute_task": f"task, {SHOWN}",
        "execute_task_and_wait": f"task, timeout, {SHOWN}",
        **TASK,
    },
    "MobileAgent": {
        "execute_task": f"task, max_steps=50, {CALLBACKS}",
        "execute_task_and_wait": f"task, timeout, max_steps=50, {CALLBACKS}",
        **TASK,
    },
    "TaskExecution": {"wait": "timeout=300"},
    "Oss": {
        "env_init": (
            "access_key_id, access_key_secret, security_token, endpoint=None, region=None"
        ),
        "upload": "bucket, object, path",
        "upload_anonymous": "url, path",
        "download": "bucket, object, path",
        "download_anonymous": "url, path",
    },
    "BetaNetwork": {"get_network_bind_token": "network_id=None", "describe": "network_id"},
    "BetaSkills": {
        "get_metadata": "image_id=None, skill_names=None, skill_ids=None",
        "bind_context": "items",
        "unbind_context": "items",
    },
}
HANDLES: Mapping[str, str] = {
    "Session": "agent oss",
    "AgentBay": "beta beta_network beta_skills",
    "BetaNamespace": "network skills",
    "Agent": "computer browser mobile",
}
FIELDS: Mapping[str, str] = {
    "QueryResult": (
        "request_id success error_message task_id task_status task_action task_product stream error"
    ),
    "ExecutionResult": "request_id success error_message task_id task_status task_result",
    "AgentEvent": "type seq round content tool_call_id tool_name args result prompt error",
    "OSSClientResult": "request_id success client_config error_message",
    "OSSUploadResult": "request_id success content error_message",
    "OSSDownloadResult": "request_id success content error_message",
    "NetworkResult": "request_id success network_id network_token error_message",
    "NetworkStatusResult": "request_id success online error_message",
    "SkillInfo": "name description skill_id",
    "SkillsMetadataResult": "skills skills_root_path",
}


@pytest.mark.parametrize("prefix", ["", "Async"])
@pytest.mark.parametrize(
    ("cls", "member"), [(cls, member) for cls, members in MEMBERS.items() for member in members]
)
def test_member(prefix: str, cls: str, member: str) -> None:
    function = getattr(getattr(agentbay, prefix + cls), member)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    shown = [
        parameter.name
        if parameter.default is parameter.empty
        else f"{parameter.name}={parameter.default!r}"
        for parameter in parameters
    ]
    assert ", ".join(shown) == MEMBERS[cls][member]
    assert inspect.iscoroutinefunction(function) == bool(prefix)


@pytest.mark.parametrize("prefix", ["", "Async"])
@pytest.mark.parametrize("cls", HANDLES)
def test_handles(prefix: str, cls: str) -> None:
    for name in HANDLES[cls].split():
        assert isinstance(inspect.getattr_static(getattr(agentbay, prefix + cls), name), property)


@pytest.mark.parametrize("name", FIELDS)
def test_fields(name: str) -> None:
    parameters = inspect.signature(getattr(agentbay, name)).parameters.values()
    positional = [item.name for item in parameters if item.kind is item.POSITIONAL_OR_KEYWORD]
    assert " ".join(positional) == FIELDS[name]
