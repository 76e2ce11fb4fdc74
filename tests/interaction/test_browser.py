"""Starting and stopping a browser: what is sent, and what the answers mean."""

from __future__ import annotations

import inspect
import json
import logging
from typing import Any

import pytest

import agentbay
from agentbay import (
    AsyncSession,
    BrowserError,
    BrowserOption,
    BrowserProxy,
    Config,
    CreateSessionParams,
    ServiceError,
)
from agentbay.testing import Answer, Data, Raw, RecordingServer, Refusal, Route, Text
from tests.api.test_reference import parameters_of
from tests.conftest import ConnectFunction

DEFAULTS = (
    '{"useStealth": false, "solveCaptchas": false, "autoLogin": false, "callForUser": false, '
    '"extensionPath": "/tmp/extensions/"}'
)
BEHAVIOR = "AGENTBAY_BROWSER_BEHAVIOR_SIMULATE"


def sent_option(server: RecordingServer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.named("InitBrowser")[-1].arguments["BrowserOption"])
    return found


async def test_initialize(server: RecordingServer, session: AsyncSession) -> None:
    browser = session.browser
    assert browser.session == session
    assert not browser.is_initialized()
    assert (browser.get_option(), browser.endpoint_router_port) == (None, None)
    assert await browser.initialize()
    assert browser.is_initialized()
    assert (browser.get_option(), browser.endpoint_router_port) == (BrowserOption(), 9222)
    (request,) = server.requests
    assert (request.name, request.arguments) == (
        "InitBrowser",
        {
            "SessionId": session.session_id,
            "PersistentPath": "/tmp/agentbay_browser",
            "BrowserOption": DEFAULTS,
        },
    )


async def test_initialize_is_asked_for_once(server: RecordingServer, session: AsyncSession) -> None:
    option = BrowserOption(user_agent="Grüße")
    assert await session.browser.init(option)
    assert await session.browser.initialize(BrowserOption(use_stealth=True))
    assert session.browser.get_option() is option
    assert len(server.requests) == 1
    assert "Gr\\u00fc\\u00dfe" in server.requests[0].arguments["BrowserOption"]


@pytest.mark.parametrize(("value", "sent"), [("1", True), ("0", False), ("", None), (None, None)])
async def test_simulated_behaviour_is_chosen_by_the_environment(
    server: RecordingServer,
    session: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
    value: str | None,
    sent: bool | None,
) -> None:
    monkeypatch.delenv(BEHAVIOR, raising=False)
    if value is not None:
        monkeypatch.setenv(BEHAVIOR, value)
    assert await session.browser.initialize()
    assert sent_option(server).get("behaviorSimulate") is sent


@pytest.mark.parametrize("replay", [True, False, None])
async def test_recording_is_as_the_session_was_created(
    server: RecordingServer, session: AsyncSession, replay: bool | None
) -> None:
    params = CreateSessionParams(enable_browser_replay=replay)
    recorded = (await session.agent_bay.create(params)).unwrap()
    assert await recorded.browser.initialize()
    assert sent_option(server).get("enableRecord") is replay


NOT_STARTED: dict[str, tuple[Answer, str]] = {
    "refused": (Refusal("Busy", "try later", 200), "try later"),
    "fault": (Refusal("Some.Fault", "broken", 500), "broken"),
    "no-port": (Data({}), "ok"),
    "null-port": (Data({"Port": None}), "ok"),
    "no-data": (Data(None, {"Message": "not here"}), "not here"),
    "odd-port": (Data({"Port": "many"}), "whole number"),
    "odd-data": (Data([1]), "expected an object"),
    "html": (Raw(b"<html>"), "not JSON"),
    "nothing": (Raw(b""), "not JSON"),
    "truncated": (Raw(b'{"Data": {"Po'), "not JSON"),
}


@pytest.mark.parametrize("name", NOT_STARTED)
async def test_a_browser_that_does_not_start(
    server: RecordingServer, session: AsyncSession, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    answer, reason = NOT_STARTED[name]
    server.answer("InitBrowser", answer, Data({"Port": 1}))
    with caplog.at_level(logging.WARNING, "agentbay.browser"):
        assert not await session.browser.initialize()
    assert reason in caplog.text
    assert not session.browser.is_initialized()
    assert session.browser.get_option() is None
    assert await session.browser.initialize()


@pytest.mark.parametrize("port", [9333, "9333"], ids=["number", "text"])
async def test_only_the_port_tells_whether_it_runs(
    server: RecordingServer, session: AsyncSession, port: object
) -> None:
    server.answer("InitBrowser", Data({"Port": port}, {"Success": False, "Code": "Odd"}))
    assert await session.browser.initialize()
    assert session.browser.endpoint_router_port == 9333


async def test_secrets_of_a_proxy_are_not_logged(
    session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = BrowserProxy("custom", "http://u:secret-1@p:1", "u", "secret-2")
    with caplog.at_level(logging.DEBUG, "agentbay"):
        assert await session.browser.initialize(BrowserOption(proxies=[proxy]))
    assert "InitBrowser" in caplog.text
    assert "secret" not in caplog.text


async def test_endpoint_url(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("GetCdpLink", Data({"Url": "wss://h.example/cdp?ticket=1"}))
    assert await session.browser.initialize()
    assert await session.browser.get_endpoint_url() == "wss://h.example/cdp?ticket=1"
    assert server.requests[-1].name == "GetCdpLink"
    assert server.requests[-1].arguments == {"SessionId": session.session_id}


UNKNOWN_URL: dict[str, tuple[Answer, str]] = {
    "refused": (Refusal("Busy", "try later", 200), "Failed to get CDP link: try later"),
    "refused-silently": (Refusal("Busy", "", 200), "Failed to get CDP link: Unknown error"),
    "no-data": (Data(None), "Failed to get CDP link: Unknown error"),
    "no-url": (Data({}), "Failed to get CDP link: Unknown error"),
    "fault": (Refusal("Some.Fault", "broken", 400), "Some.Fault: broken"),
    "html": (Raw(b"<html>"), "The service answered HTTP 200 with something that is not JSON"),
    "odd-url": (Data({"Url": [1]}), "The reply to GetCdpLink (Data) cannot be read"),
}


@pytest.mark.parametrize("name", UNKNOWN_URL)
async def test_endpoint_url_that_cannot_be_had(
    server: RecordingServer, session: AsyncSession, name: str
) -> None:
    answer, message = UNKNOWN_URL[name]
    server.answer("GetCdpLink", answer)
    assert await session.browser.initialize()
    with pytest.raises(BrowserError) as caught:
        await session.browser.get_endpoint_url()
    assert str(caught.value).startswith(f"Failed to get endpoint URL from session: {message}")


async def test_the_refusal_is_the_cause(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("GetCdpLink", Refusal("Busy", "try later", 200))
    assert await session.browser.initialize()
    with pytest.raises(BrowserError) as caught:
        await session.browser.get_endpoint_url()
    assert isinstance(caught.value.__cause__, ServiceError)
    assert caught.value.__cause__.code == "Busy"


async def test_endpoint_url_inside_a_vpc(connect: ConnectFunction) -> None:
    async with RecordingServer(route=Route.VPC) as server:
        async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
            session = (await bay.create(CreateSessionParams(is_vpc=True))).unwrap()
            assert await session.browser.initialize()
            assert await session.browser.get_endpoint_url() == "ws://127.0.0.1:9222"
        assert not server.named("GetCdpLink")


@pytest.mark.parametrize("answer", ["true", Text("no", is_error=True), Raw(b"<html>")])
async def test_destroy(server: RecordingServer, session: AsyncSession, answer: Answer) -> None:
    server.answer("stopChrome", answer)
    assert await session.browser.initialize()
    await session.browser.destroy()
    (call,) = server.calls
    assert (call.name, call.server, call.arguments) == ("stopChrome", "wuying_cdp_mcp_server", {})
    assert not session.browser.is_initialized()
    assert (session.browser.get_option(), session.browser.endpoint_router_port) == (None, None)
    assert await session.browser.initialize()
    assert len(server.named("InitBrowser")) == 2


async def test_not_initialized(server: RecordingServer, session: AsyncSession) -> None:
    browser, page = session.browser, object()
    messages = []
    for call in (browser.get_endpoint_url, browser.destroy, lambda: browser.screenshot(page)):  # type: ignore[arg-type]  # whatever it is
        with pytest.raises(BrowserError) as caught:
            await call()
        messages.append(str(caught.value))
    assert messages == [
        "Browser is not initialized. Cannot access endpoint URL.",
        "Browser is not initialized. Cannot stop browser.",
        "Browser must be initialized before calling screenshot.",
    ]
    assert server.requests == []


async def test_the_old_name_of_the_operator(session: AsyncSession) -> None:
    with pytest.warns(
        DeprecationWarning, match=r"^browser\.agent is deprecated.*browser\.operator"
    ):
        operator = session.browser.agent
    assert operator == session.browser.operator


SIGNATURES: dict[str, dict[str, str]] = {
    "Browser": {
        "initialize": "option=None",
        "init": "option=None",
        "is_initialized": "",
        "get_option": "",
        "get_endpoint_url": "",
        "destroy": "",
        "screenshot": (
            "page, full_page=False, type='png', quality=None, omit_background=None, clip=None, "
            "animations='disabled', caret='hide', scale='css', mask=None, mask_color=None, "
            "style=None, path=None, timeout=60000"
        ),
        "register_callback": "callback",
        "unregister_callback": "",
        "send_notify_message": "notify_message",
        "send_takeover_done": "notify_id",
    },
    "BrowserOperator": {
        "navigate": "url",
        "screenshot": "page=None, full_page=True, quality=80, clip=None, timeout=None",
        "close": "",
        "act": "action_input, page=None",
        "observe": "options, page=None",
        "extract": "options, page=None",
        "login": "login_config, page=None, use_vision=False",
    },
    "BrowserFingerprintGenerator": {
        "generate_fingerprint": "",
        "generate_fingerprint_to_file": "output_filename='fingerprint_output.json'",
    },
}
CLASSES: dict[str, str] = {
    "BrowserOption": (
        "use_stealth user_agent viewport screen fingerprint fingerprint_format "
        "fingerprint_persistent solve_captchas auto_login call_for_user proxies extension_path "
        "cmd_args default_navigate_url browser_type"
    ),
    "BrowserViewport": "width height",
    "BrowserScreen": "width height",
    "BrowserFingerprint": "devices operating_systems locales",
    "BrowserProxy": (
        "proxy_type server username password strategy pollsize user_id isp country province city"
    ),
    "BrowserNotifyMessage": "type id code message action extra_params",
    "ActOptions": "action variables use_vision timeout",
    "ObserveOptions": "instruction use_vision selector timeout",
    "ExtractOptions": ("instruction schema use_text_extract use_vision selector timeout max_page"),
    "ActResult": "success message",
    "ObserveResult": "selector description method arguments",
    "FingerprintFormat": "fingerprint headers",
    "BrowserFingerprintGenerator": "headless use_chrome_channel executable_path",
}


@pytest.mark.parametrize("prefix", ["", "Async"], ids=["sync", "async"])
@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name: str, prefix: str) -> None:
    cls = getattr(agentbay, prefix + name)
    expected = SIGNATURES[name]
    members = {member for member in dir(cls) if not member.startswith("_")}
    properties = {"agent", "endpoint_router_port", "operator", "session"}
    assert members - properties == set(expected)
    assert {member: parameters_of(getattr(cls, member)) for member in expected} == expected


@pytest.mark.parametrize("name", CLASSES)
def test_constructors(name: str) -> None:
    parameters = inspect.signature(getattr(agentbay, name)).parameters
    assert list(parameters) == CLASSES[name].split()
