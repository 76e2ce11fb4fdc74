"""Logging: silent until asked, complete when asked, and never with a secret in it."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentbay import AgentBayLogger, AsyncAgentBay, Config, get_logger, log
from agentbay._masking import mask_sensitive_data, mask_sensitive_text
from agentbay.local.runtime import LocalRuntime
from tests.children import lines_of, run_script

ROOT = "agentbay"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    before = log.level, list(log.handlers)
    yield
    AgentBayLogger._replace([])
    log.setLevel(before[0])
    assert log.handlers == before[1]


def test_loggers_are_below_the_package() -> None:
    assert get_logger() is log is logging.getLogger(ROOT)
    assert get_logger("agentbay.api").name == "agentbay.api"
    assert get_logger("mine").name == "agentbay.mine"
    assert AgentBayLogger.get_logger() is log
    assert AgentBayLogger.get_logger("x").name == "agentbay.x"


async def test_calls_are_logged_without_secrets(
    runtime: LocalRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    bay = AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint))
    with caplog.at_level(logging.DEBUG, logger=ROOT):
        async with bay, bay.session() as session:
            command = {"command": "echo do-not-log", "timeout_ms": 9000}
            await session.call_mcp_tool("shell", command)
            session.mcp_tools.clear()  # so that the next call goes through the API
            await session.call_mcp_tool("shell", command)
            (await bay.get(session.session_id)).unwrap()
        token, session_id = session.token, session.session_id
    text = "\n".join(f"{record.levelname} {record.getMessage()}" for record in caplog.records)
    assert "DEBUG API Call: CreateMcpSession, {" in text
    assert f"DEBUG API Call: GetSession, {{'SessionId': '{session_id}'}}" in text
    assert "INFO API Response: CreateMcpSession, RequestId=" in text
    assert f"INFO Tool Response: shell of {session_id}, RequestId=link-" in text
    for secret in (runtime.api_key, token, "do-not-log"):
        assert secret not in text


async def test_failures_are_logged(runtime: LocalRuntime, caplog: pytest.LogCaptureFixture) -> None:
    bay = AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint))
    with caplog.at_level(logging.INFO, logger=ROOT):
        await bay.get("s-missing")
    assert "API Response: GetSession failed after" in caplog.text
    assert "InvalidMcpSession.NotFound" in caplog.text


def test_setup_writes_console_and_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "logs" / "sdk.log"
    AgentBayLogger.setup("debug", path, colorize=True)
    log.debug("hello %s", "world")
    shown = capsys.readouterr().err
    assert "\x1b[36mDEBUG\x1b[0m" in shown
    written = path.read_text()
    assert "\x1b" not in written
    date, name, level, process, place, message = written.strip().split(" | ")
    assert time.strptime(date.partition(".")[0], "%Y-%m-%d %H:%M:%S")
    assert (name, level, message) == ("AgentBay", "DEBUG   ", "hello world")
    assert process.split(":")[0] == str(os.getpid())
    assert place.startswith("test_logs:test_setup_writes_console_and_file:")
    AgentBayLogger.set_level("error")
    log.warning("unseen")
    assert "unseen" not in path.read_text()
    AgentBayLogger.setup("INFO", tmp_path / "other.log", force_reinit=False)
    assert not (tmp_path / "other.log").exists()
    AgentBayLogger.setup("INFO", enable_console=False, enable_file=False)
    log.error("nowhere")
    assert capsys.readouterr().err == ""


def test_secrets_are_masked_in_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "sdk.log"
    AgentBayLogger.setup("INFO", path, enable_console=False)
    log.info("GET https://h/x?token=abcdefghijklmnop&a=1 with Bearer akm-0123456789abcdef")
    written = path.read_text()
    assert "cdefghijklmn" not in written
    assert "0123456789" not in written
    assert "token=ab****op&a=1" in written


def test_files_rotate_and_old_ones_go(tmp_path: Path) -> None:
    path = tmp_path / "sdk.log"
    path.with_name("sdk.log.7").write_text("old")
    os.utime(path.with_name("sdk.log.7"), (1, 1))
    AgentBayLogger.setup(
        "INFO", path, enable_console=False, max_file_size="1 KB", rotation="1 GB", retention="1 day"
    )
    for _ in range(30):
        log.info("x" * 100)
    names = {item.name for item in tmp_path.iterdir()}
    assert {"sdk.log", "sdk.log.1", "sdk.log.2"} <= names
    assert "old" not in {item.read_text() for item in tmp_path.iterdir()}


@pytest.mark.parametrize(
    "wrong",
    [{"level": "LOUD"}, {"max_file_size": "big"}, {"retention": "7 MB"}, {"rotation": "MB"}],
    ids=str,
)
def test_nonsense_is_refused_and_changes_nothing(wrong: dict[str, Any], tmp_path: Path) -> None:
    handlers = list(log.handlers)
    with pytest.raises(ValueError, match=next(iter(wrong.values()))):
        AgentBayLogger.setup(log_file=tmp_path / "x.log", **wrong)
    assert log.handlers == handlers
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({"DISABLE_COLORS": "1", "FORCE_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"TERM_PROGRAM": "vscode"}, True),
        ({"GOLAND": "1"}, True),
        ({"IDEA_INITIAL_DIRECTORY": "/"}, True),
        ({}, False),
    ],
    ids=str,
)
def test_colours_are_found_out(
    environment: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("DISABLE_COLORS", "FORCE_COLOR", "TERM_PROGRAM", "GOLAND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("IDEA_INITIAL_DIRECTORY", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    AgentBayLogger.setup(enable_file=False)
    log.info("hello")
    assert ("\x1b[" in capsys.readouterr().err) == coloured


def test_environment_is_followed_at_import(tmp_path: Path) -> None:
    path = tmp_path / "sdk.log"
    script = """
        import agentbay
        agentbay.log.debug("details")
        print(len(agentbay.log.handlers))
    """
    env = {"AGENTBAY_LOG_LEVEL": "debug", "AGENTBAY_LOG_FILE": str(path)}
    assert lines_of(script, env=env) == ["2"]
    assert "details" in path.read_text()
    assert lines_of(script, env={"AGENTBAY_LOG_LEVEL": "DEBUG"}) == ["1"]
    assert lines_of(script) == ["1"]
    for env in ({"AGENTBAY_LOG_LEVEL": "LOUD"}, {"AGENTBAY_LOG_FILE": "/proc/none/x.log"}):
        finished = run_script(script, env=env)
        assert (finished.exit_code, finished.stderr) == (0, "")


def test_a_dotenv_file_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "sdk.log"
    (tmp_path / "settings.env").write_text(
        f"AGENTBAY_LOG_LEVEL=debug\nAGENTBAY_LOG_FILE={path}\nAGENTBAY_API_KEY=akm-x\n"
    )
    script = f"""
        import agentbay
        agentbay.log.debug("before")
        agentbay.AgentBay(env_file={str(tmp_path / "settings.env")!r})
        agentbay.log.debug("after")
    """
    assert lines_of(script) == []
    assert "after" in path.read_text()
    assert "before" not in path.read_text()


def test_masking_by_name() -> None:
    data = {
        "Api_Key": "short",
        "AccessToken": "0123456789abcdef",
        "nested": [{"password": {"a": 1}, "plain": "0123456789abcdef"}],
        "AuthCode": 5,
        "plain": None,
    }
    masked = {
        "Api_Key": "****",
        "AccessToken": "01****ef",
        "nested": [{"password": "****", "plain": "0123456789abcdef"}],
        "AuthCode": "****",
        "plain": None,
    }
    assert mask_sensitive_data(data) == masked
    assert data["Api_Key"] == "short", "the original is untouched"
    assert mask_sensitive_data({"colour": "red", "token": "t"}, ["COLOUR"]) == {
        "colour": "****",
        "token": "t",
    }
    assert json.loads(mask_sensitive_text(json.dumps(data))) == masked
    assert mask_sensitive_text('é {"Ticket": "0123456789abcdef", "x": "y"}') == (
        'é {"Ticket": "01****ef", "x": "y"}'
    )
    assert mask_sensitive_text("nothing here") == "nothing here"
