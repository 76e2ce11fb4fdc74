"""Who is let in."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

import pytest

from agentbay.local import LocalRuntime, LocalRuntimeError
from tests.local.wire import Started, Wire, raw_request, wire_to


async def test_the_key_is_needed(wire: Wire) -> None:
    answer = await wire.action("ListSession", authorised=False)
    assert answer.error == (401, "InvalidApiKey")
    assert "no API key" in answer.message
    assert "agentbay serve" in answer.message


@pytest.mark.parametrize("given", ["Bearer akm-wrong", "Bearer ", "Bearer é\udcff", "Basic x"])
async def test_a_wrong_key_is_refused(wire: Wire, given: str) -> None:
    value = given.encode(errors="surrogateescape").decode(errors="replace")
    answer = await wire.action("ListSession", {"Authorization": value})
    assert answer.error == (401, "InvalidApiKey")
    assert wire.api_key not in answer.message


async def test_the_key_may_be_in_the_query(wire: Wire) -> None:
    query = {"Authorization": f"Bearer {wire.api_key}"}
    assert (await wire.action("ListSession", query=query, authorised=False)).status == 200


async def test_a_wrong_key_learns_nothing_about_actions_and_sessions(
    wire: Wire, started: Started
) -> None:
    for action in ("MakeTea", "GetSession"):
        answer = await wire.action(action, {"SessionId": started.id}, authorised=False)
        assert answer.error == (401, "InvalidApiKey")


async def call_link(
    wire: Wire, path: str, header: str | None, body_token: str | None
) -> tuple[int, str]:
    headers = {} if header is None else {"X-Access-Token": header}
    body: dict[str, object] = {"tool": "shell", "args": {"command": "true"}}
    if body_token is not None:
        body["token"] = body_token
    async with wire.http.post(wire.endpoint + path, json=body, headers=headers) as response:
        return response.status, (await response.json())[
            "code" if response.status == 200 else "Code"
        ]


async def test_the_token_may_be_in_header_or_body_and_must_be_right(
    wire: Wire, started: Started
) -> None:
    path = f"/link/{started.id}/callTool"
    token, other = started.token, started.token[::-1]
    for header, body in ((token, token), (token, None), (None, token)):
        assert await call_link(wire, path, header, body) == (200, "ok")
    for header, body in ((None, None), (other, token), (token, other), ("", token), (other, other)):
        assert await call_link(wire, path, header, body) == (401, "InvalidToken")


async def test_a_token_opens_its_own_session_only(wire: Wire, started: Started) -> None:
    other = await wire.create()
    refused = await call_link(wire, f"/link/{other.id}/callTool", started.token, started.token)
    await wire.action("ReleaseMcpSession", {"SessionId": other.id})
    assert refused == (401, "InvalidToken")
    gone = await call_link(wire, f"/link/{other.id}/callTool", other.token, other.token)
    assert gone == (400, "InvalidMcpSession.NotFound")


async def send(runtime: LocalRuntime, *headers: str) -> tuple[int, str]:
    form = urlencode({"Authorization": f"Bearer {runtime.api_key}"})
    lines = ["POST /?Action=ListSession HTTP/1.1", *headers, f"Content-Length: {len(form)}"]
    request = "\r\n".join([*lines, "", form]).encode("latin-1")
    status, body = await raw_request(runtime.endpoint, request)
    return status, body["Code"]


def port_of(runtime: LocalRuntime) -> int:
    port = urlsplit(runtime.endpoint).port
    assert port is not None
    return port


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:{port}",
        "localhost:{port}",
        "LOCALHOST",
        "[::1]:{port}",
        "127.0.0.1",
        "localhost:9999",  # through a forwarded port
        "http://127.0.0.1:{port}",  # what public clients send for an endpoint with a scheme
        "http://127.0.0.1:{port}/",
        "https://localhost:{port}",
    ],
)
async def test_hosts_of_this_machine(runtime: LocalRuntime, host: str) -> None:
    assert await send(runtime, f"Host: {host.format(port=port_of(runtime))}") == (200, "ok")


@pytest.mark.parametrize(
    "host",
    [
        "Host: evil.example",
        "Host: evil.example:{port}",
        "Host: 127.0.0.1.evil.example",
        "Host: localhost.evil.example:{port}",
        "Host: http://evil.example:{port}",
        "Host: http://127.0.0.1@evil.example",
        "Host: evil.example@127.0.0.1",
        "Host: 10.0.0.1:{port}",
        "Host: 0.0.0.0:{port}",
        "Host: 127.0.0.1:port",
        "Host: [::1",
        "Host: ftp://127.0.0.1",
        "Host:",
        "Host: 127.0.0.1:{port}/?x",
    ],
)
async def test_other_hosts_are_refused(runtime: LocalRuntime, host: str) -> None:
    refused = await send(runtime, host.format(port=port_of(runtime)))
    assert refused == (403, "HostNotAllowed")


async def test_a_page_of_the_runtime_itself_may_ask(runtime: LocalRuntime) -> None:
    own = f"127.0.0.1:{port_of(runtime)}"
    assert await send(runtime, f"Host: {own}", f"Origin: http://{own}") == (200, "ok")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost", "file://"]
)
async def test_pages_of_elsewhere_are_refused(runtime: LocalRuntime, origin: str) -> None:
    own = f"127.0.0.1:{port_of(runtime)}"
    refused = await send(runtime, f"Host: {own}", f"Origin: {origin}")
    assert refused == (403, "HostNotAllowed")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])
def test_only_loopback_can_be_bound(host: str) -> None:
    with pytest.raises(LocalRuntimeError, match="binds to loopback only"):
        LocalRuntime(host=host)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
async def test_every_loopback_address_can_be_bound(host: str) -> None:
    async with LocalRuntime(host=host, network="none") as runtime, wire_to(runtime) as wire:
        assert (await wire.action("ListSession")).status == 200


async def test_a_port_that_is_taken(runtime: LocalRuntime) -> None:
    port = port_of(runtime)
    with pytest.raises(LocalRuntimeError, match=f"port {port}.*choose another --port"):
        await LocalRuntime(port=port, network="none").start()


async def test_every_runtime_has_a_key_of_its_own() -> None:
    keys = {LocalRuntime().api_key for _ in range(3)}
    assert len(keys) == 3
    assert all(key.startswith("akm-") for key in keys)
    assert LocalRuntime(api_key="mine").api_key == "mine"
    assert all(key not in repr(LocalRuntime(api_key=key)) for key in keys)
