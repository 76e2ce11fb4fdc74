"""Object storage: what is sent, and what the answers mean."""

from __future__ import annotations

from typing import Any

import pytest

from agentbay import AsyncSession, OssError
from agentbay.testing import RecordingServer, Text

CREDENTIALS = {"access_key_id": "id", "access_key_secret": "secret", "security_token": "token"}

CALLS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("env_init", CREDENTIALS, "oss_env_init", CREDENTIALS),
    (
        "env_init",
        {**CREDENTIALS, "endpoint": "", "region": "cn-hangzhou"},
        "oss_env_init",
        {**CREDENTIALS, "region": "cn-hangzhou"},
    ),
    (
        "upload",
        {"bucket": "b", "object": "d/r.pdf", "path": "/tmp/r.pdf"},
        "oss_upload",
        {"bucket": "b", "object": "d/r.pdf", "path": "/tmp/r.pdf"},
    ),
    (
        "download",
        {"bucket": "b", "object": "ü", "path": "/tmp/r"},
        "oss_download",
        {"bucket": "b", "object": "ü", "path": "/tmp/r"},
    ),
    (
        "upload_anonymous",
        {"url": "https://h.example/f?sig=1", "path": "/tmp/f"},
        "oss_upload_annon",
        {"url": "https://h.example/f?sig=1", "path": "/tmp/f"},
    ),
    (
        "download_anonymous",
        {"url": "https://h.example/f", "path": "/tmp/f"},
        "oss_download_annon",
        {"url": "https://h.example/f", "path": "/tmp/f"},
    ),
]

EMPTY_FAILURES = {
    "env_init": "Failed to initialize OSS environment",
    "upload": "Failed to upload to OSS",
    "download": "Failed to download from OSS",
    "upload_anonymous": "Failed to upload anonymously",
    "download_anonymous": "Failed to download anonymously",
}


@pytest.mark.parametrize(("member", "given", "tool", "sent"), CALLS)
async def test_call(
    server: RecordingServer,
    session: AsyncSession,
    member: str,
    given: dict[str, Any],
    tool: str,
    sent: dict[str, Any],
) -> None:
    server.answer(tool, "Upload success", Text("no such bucket", is_error=True), Text("", True))
    call = getattr(session.oss, member)
    done = await call(**given)
    assert done.success
    assert done.unwrap() == "Upload success"
    assert done.request_id
    refused = await call(**given)
    assert (refused.success, refused.error_message) == (False, "no such bucket")
    with pytest.raises(OssError, match="no such bucket"):
        refused.unwrap()
    assert (await call(**given)).error_message == EMPTY_FAILURES[member]
    assert [(call.name, call.arguments) for call in server.calls] == [(tool, sent)] * 3
    assert {call.server for call in server.calls} == {"wuying_oss"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Failed to initialize OSS environment"),
        ("Init FAILED: no", "OSS environment initialization failed: Init FAILED: no"),
    ],
)
async def test_credentials_count_only_when_the_session_says_so(
    server: RecordingServer, session: AsyncSession, text: str, problem: str
) -> None:
    server.answer("oss_env_init", text)
    result = await session.oss.env_init(**CREDENTIALS)
    assert (result.success, result.error_message) == (False, problem)
    assert result.client_config == {}


async def test_secrets_are_not_shown(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("oss_env_init", "the secret is hunter2")
    assert "hunter2" not in repr(await session.oss.env_init(**CREDENTIALS))
