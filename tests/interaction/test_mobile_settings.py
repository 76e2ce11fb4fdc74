"""Settings of a phone: the commands that apply them, alone and while a session is created."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from agentbay import (
    AppManagerRule,
    AsyncAgentBay,
    AsyncSession,
    Config,
    CreateSessionParams,
    ExtraConfigs,
    MobileExtraConfig,
    MobileSimulateConfig,
    MobileSimulateMode,
)
from agentbay._wire.actions.contexts import ContextInfoData, ContextStatusItem
from agentbay._wire.codec import lenient_converter
from agentbay.testing import Data, RecordingServer, Text
from tests.conftest import ConnectFunction
from tests.servers import Answer, ScriptedServer, Then, http

WHITE = (
    "cat > /data/system/pm_whitelist.txt << 'EOF'\na.b\nc.d\nEOF\n"
    "chmod 644 /data/system/pm_whitelist.txt\n"
    "setprop rw.wy.pm_whitelist.refresh 1\n"
    "setprop persist.wy.pm_blacklist.switch 2\n"
)
BLACK = (
    "cat > /data/system/pm_blacklist.txt << 'EOF'\na.b\nc.d\nEOF\n"
    "chmod 644 /data/system/pm_blacklist.txt\n"
    "setprop rw.wy.pm_blacklist.refresh 1\n"
    "setprop persist.wy.pm_blacklist.switch 1\n"
)
KEPT = (
    "cat > /data/system/pm_lock.conf << 'EOF'\na.b\nc.d\nEOF\n"
    "chmod 644 /data/system/pm_lock.conf\n"
    "setprop persist.wy.pm_lock.trigger "
)
LOCK = "setprop sys.wuying.lockres 1"
HIDE = "setprop persist.wy.hasnavibar false; killall com.android.systemui"
SHOW = "setprop persist.wy.hasnavibar true; killall com.android.systemui"
APPS = ["a.b", "c.d"]


def commands(server: RecordingServer) -> list[str]:
    assert {call.name for call in server.calls} <= {"shell"}
    return [call.arguments["command"] for call in server.calls]


@pytest.mark.parametrize(
    ("member", "given", "command"),
    [
        ("set_resolution_lock", True, LOCK),
        ("set_resolution_lock", False, "setprop sys.wuying.lockres 0"),
        ("set_app_whitelist", APPS, WHITE),
        ("set_app_blacklist", APPS, BLACK),
        ("set_navigation_bar_visibility", True, HIDE),
        ("set_navigation_bar_visibility", False, SHOW),
    ],
)
async def test_setting(
    server: RecordingServer, session: AsyncSession, member: str, given: Any, command: str
) -> None:
    assert await getattr(session.mobile, member)(given) is None
    assert commands(server) == [command]


async def test_the_trigger_of_kept_apps_is_the_time(
    server: RecordingServer, session: AsyncSession
) -> None:
    before = int(time.time())
    await session.mobile.set_uninstall_blacklist(APPS)
    (command,) = commands(server)
    beginning, _, trigger = command.rpartition(" ")
    assert f"{beginning} " == KEPT
    assert before <= int(trigger) <= time.time()
    assert trigger.endswith("\n")


LISTS = ("set_app_whitelist", "set_app_blacklist", "set_uninstall_blacklist")


@pytest.mark.parametrize("member", LISTS)
async def test_no_apps_change_nothing(
    server: RecordingServer, session: AsyncSession, member: str
) -> None:
    await getattr(session.mobile, member)([])
    assert server.calls == []


BAD_NAMES: list[Any] = ["EOF", "a\nEOF\nreboot", "a b", "", "a\r", 5, None]


@pytest.mark.parametrize("member", LISTS)
@pytest.mark.parametrize("names", ["com.example", *(["a.b", name] for name in BAD_NAMES)])
async def test_what_is_no_name_is_never_run(
    server: RecordingServer,
    session: AsyncSession,
    caplog: pytest.LogCaptureFixture,
    member: str,
    names: Any,
) -> None:
    await getattr(session.mobile, member)(names)
    assert server.calls == []
    assert "no package names" in caplog.text


async def test_a_failure_is_logged(
    server: RecordingServer, session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer("shell", Text("sh: setprop: not found", is_error=True))
    await session.mobile.set_resolution_lock(True)
    (record,) = [record for record in caplog.records if record.name == "agentbay.mobile"]
    assert record.levelno == logging.WARNING
    assert "setprop: not found" in record.getMessage()
    assert session.session_id in record.getMessage()


EVERYTHING = MobileExtraConfig(True, AppManagerRule("White", APPS), False, APPS)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, []),
        (MobileExtraConfig(), []),
        (MobileExtraConfig(lock_resolution=True), [LOCK]),
        (MobileExtraConfig(app_manager_rule=AppManagerRule("Black", APPS)), [BLACK]),
        (MobileExtraConfig(app_manager_rule=AppManagerRule("Grey", APPS)), []),
        (MobileExtraConfig(app_manager_rule=AppManagerRule("White", [])), []),
        (MobileExtraConfig(app_manager_rule=AppManagerRule(None, APPS)), []),
        (MobileExtraConfig(hide_navigation_bar=True), [HIDE]),
        (MobileExtraConfig(simulate_config=MobileSimulateConfig(True, "/data/x")), []),
        (EVERYTHING, [LOCK, WHITE, SHOW, KEPT]),
    ],
)
async def test_configure(
    server: RecordingServer,
    session: AsyncSession,
    config: MobileExtraConfig,
    expected: list[str],
) -> None:
    await session.mobile.configure(config)
    found = commands(server)
    assert len(found) == len(expected)
    for command, beginning in zip(found, expected, strict=True):
        assert command.startswith(beginning)


async def create(bay: AsyncAgentBay, config: MobileExtraConfig) -> AsyncSession:
    created = await bay.create(CreateSessionParams(extra_configs=ExtraConfigs(config)))
    return created.unwrap()


async def test_create_applies_settings(connect: ConnectFunction, server: RecordingServer) -> None:
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        await create(bay, MobileExtraConfig(lock_resolution=True, hide_navigation_bar=False))
    assert commands(server) == [LOCK, SHOW]


@pytest.mark.parametrize(
    ("mode", "option"),
    [
        (None, ""),
        (MobileSimulateMode.PROPERTIES_ONLY, ""),
        ("PropertiesOnly", ""),
        (MobileSimulateMode.SENSORS_ONLY, "-sensors"),
        (MobileSimulateMode.PACKAGES_ONLY, "-packages"),
        (MobileSimulateMode.SERVICES_ONLY, "-services"),
        (MobileSimulateMode.ALL, "-all"),
        ("All", "-all"),
    ],
)
async def test_create_imitates_a_device(
    connect: ConnectFunction, server: RecordingServer, mode: Any, option: str
) -> None:
    config = MobileSimulateConfig(True, "/data/agentbay_mobile_info", mode)
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        await create(bay, MobileExtraConfig(lock_resolution=True, simulate_config=config))
    path = "/data/agentbay_mobile_info"
    assert commands(server) == [
        LOCK,
        f"chmod -R a+rwx {path}; wya apply {option} {path}/dev_info.json",
    ]


async def test_a_path_is_one_word(connect: ConnectFunction, server: RecordingServer) -> None:
    config = MobileSimulateConfig(True, "/data/a b; reboot")
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        await create(bay, MobileExtraConfig(simulate_config=config))
    (command,) = commands(server)
    assert command == (
        "chmod -R a+rwx '/data/a b; reboot'; wya apply  '/data/a b; reboot/dev_info.json'"
    )


async def test_nothing_is_imitated_unasked(
    connect: ConnectFunction, server: RecordingServer
) -> None:
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        config = MobileSimulateConfig(False, "/data/x", MobileSimulateMode.ALL, "ctx-1")
        await create(bay, MobileExtraConfig(simulate_config=config))
    assert server.calls == []
    assert "PersistenceDataList" not in server.requests[0].arguments


async def test_the_description_arrives_before_it_is_used(
    connect: ConnectFunction, server: RecordingServer
) -> None:
    config = MobileSimulateConfig(True, "/data/agentbay_mobile_info", "All", "ctx-1")
    arrived = ContextStatusItem(context_id="ctx-1", status="Success", task_type="download")
    answer = lenient_converter.unstructure(ContextInfoData.of_items([arrived]))
    server.answer("GetContextInfo", Data(answer))
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        await create(bay, MobileExtraConfig(lock_resolution=True, simulate_config=config))
    created, *rest = server.requests
    assert "ctx-1" in created.arguments["PersistenceDataList"]
    assert [request.name for request in rest] == ["shell", "GetContextInfo", "shell"]


async def test_settings_that_fail_do_not_fail_the_session(
    connect: ConnectFunction, server: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer("shell", Text("not found", is_error=True))
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        config = MobileSimulateConfig(True, "/data/x")
        await create(bay, MobileExtraConfig(lock_resolution=True, simulate_config=config))
    assert len(commands(server)) == 2
    assert "failed to lock the resolution: not found" in caplog.text
    assert "failed to imitate another device: not found" in caplog.text


def test_unknown_modes_are_refused() -> None:
    wrong: Any = "Everything"
    with pytest.raises(ValueError, match="Everything"):
        MobileSimulateConfig(simulate_mode=wrong)


async def test_a_create_cancelled_while_settings_are_applied_leaves_no_session() -> None:
    answers = [
        Answer(reply({"SessionId": "s-1", "Success": True})),
        Answer(then=Then.HANG),
        Answer(reply(None)),
        Answer(http('{"Code": "InvalidMcpSession.NotFound", "Message": "gone"}', 404)),
    ]
    params = CreateSessionParams(
        extra_configs=ExtraConfigs(MobileExtraConfig(lock_resolution=True))
    )
    async with ScriptedServer(answers).running() as scripted:
        client = AsyncAgentBay("key", Config(endpoint=scripted.endpoint))
        async with client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.create, params)
            with anyio.fail_after(5):
                while len(scripted.requests) < 2:
                    await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        actions = [request.split(b"Action=")[1].split(b"&")[0] for request in scripted.requests]
        assert actions[:3] == [b"CreateMcpSession", b"CallMcpTool", b"DeleteSessionAsync"]


def reply(data: object) -> bytes:
    return http(json.dumps({"RequestId": "r", "Code": "ok", "Success": True, "Data": data}))
