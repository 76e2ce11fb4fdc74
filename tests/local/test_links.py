"""Links to ports of sessions, as browsers and other clients use them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import anyio
import anyio.lowlevel
import pytest
from yarl import URL

from agentbay.local import LocalRuntime
from tests.local.wire import DEADLINE, Started, Wire, until, wire_to

PORT = 30150
INSIDE = (Path(__file__).parent / "inside.py").read_text()


async def serve(wire: Wire, session: Started, name: str, port: int = PORT, *more: str) -> None:
    await wire.text(session, "write_file", {"path": "inside.py", "content": INSIDE})
    command = " ".join(["python3 inside.py", str(port), name, *more])
    pipe = f"ready.{port}"
    ready = await wire.shell(session, f"mkfifo {pipe}; {command} >{pipe} 2>&1 & head -1 {pipe}")
    assert ready == "ready\n"


async def link_of(wire: Wire, session: Started, port: int = PORT, protocol: str = "https") -> str:
    form = {"SessionId": session.id, "ProtocolType": protocol, "Port": str(port)}
    return str((await wire.action("GetLink", form)).data["Url"])


def at(url: str, path: str, query: str = "") -> str:
    """Return *url*, as GetLink gave it, with another path and more in the query."""
    parts = urlsplit(url)
    return parts._replace(
        path=path, query=f"{parts.query}&{query}" if query else parts.query
    ).geturl()


@pytest.fixture
async def served(wire: Wire, started: Started) -> str:
    """The link to a server inside a session."""
    await serve(wire, started, "one")
    return await link_of(wire, started)


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that keeps cookies, also of addresses."""
    jar = aiohttp.CookieJar(unsafe=True)
    timeout = aiohttp.ClientTimeout(DEADLINE)
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=timeout) as http:
        yield http


async def get(http: aiohttp.ClientSession, url: str | URL, **options: Any) -> tuple[int, bytes]:
    async with http.get(url, **options) as response:
        return response.status, await response.read()


async def refused(http: aiohttp.ClientSession, url: str | URL, **options: Any) -> tuple[int, str]:
    status, body = await get(http, url, **options)
    return status, json.loads(body)["Code"]


async def seen_by_server(
    http: aiohttp.ClientSession, url: str | URL, **options: Any
) -> dict[str, Any]:
    status, body = await get(http, url, **options)
    assert status == 200, body
    found = json.loads(body)
    return {"path": found["path"], **{name.lower(): value for name, value in found["headers"]}}


async def test_two_sessions_serve_the_same_port(
    wire: Wire, started: Started, served: str, browser: aiohttp.ClientSession
) -> None:
    other = await wire.create()
    await serve(wire, other, "two")
    second = await link_of(wire, other)
    one, two = await asyncio.gather(
        get(browser, at(served, "/who")), get(browser, at(second, "/who"))
    )
    pages = (one, two)
    await wire.action("ReleaseMcpSession", {"SessionId": other.id})
    assert pages == ((200, b"one"), (200, b"two"))
    assert urlsplit(served).hostname != urlsplit(second).hostname


async def test_servers_on_ipv6_are_found(wire: Wire, started: Started) -> None:
    await serve(wire, started, "six", 30151, "ipv6")
    url = await link_of(wire, started, 30151)
    assert await get(wire.http, at(url, "/who")) == (200, b"six")


async def test_the_cookie_is_enough_for_what_a_page_loads(
    served: str, browser: aiohttp.ClientSession
) -> None:
    bare = at(served, "/who").partition("?")[0]
    assert (await refused(browser, bare)) == (401, "InvalidToken")
    async with browser.get(served) as response:
        cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert await get(browser, bare) == (200, b"one")


async def test_who_is_let_in(wire: Wire, started: Started, served: str) -> None:
    bare = at(served, "/who").partition("?")[0]
    token = urlsplit(served).query.removeprefix("token=")
    for given in (token, started.token):
        assert await get(wire.http, bare, headers={"X-Access-Token": given}) == (200, b"one")
    for given in ("", token[::-1], wire.api_key, "é"):
        assert await refused(wire.http, f"{bare}?token={given}") == (401, "InvalidToken")
    assert await refused(wire.http, bare, headers={"X-Access-Token": ""}) == (401, "InvalidToken")


async def test_the_link_opens_its_own_port_only(wire: Wire, started: Started, served: str) -> None:
    other = await link_of(wire, started, 30160)
    assert other != served
    crossed = urlsplit(other)._replace(query=urlsplit(served).query).geturl()
    assert await refused(wire.http, crossed) == (401, "InvalidToken")
    token = urlsplit(served).query.removeprefix("token=")
    call = {"tool": "shell", "args": {"command": "id"}, "token": token}
    async with wire.http.post(f"{started.link_url}/callTool", json=call) as response:
        assert response.status == 401
    # And the runtime's own routes are not at that address.
    form = {"Authorization": f"Bearer {wire.api_key}", "Action": "ListSession"}
    address = urlsplit(served)._replace(path="/", query="").geturl()
    async with wire.http.post(address, data=form) as response:
        assert (response.status, (await response.json())["Code"]) == (401, "InvalidToken")


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
)
async def test_pages_of_elsewhere_are_refused(
    wire: Wire, served: str, headers: dict[str, str]
) -> None:
    assert await refused(wire.http, served, headers=headers) == (403, "HostNotAllowed")


async def test_the_server_sees_no_token(
    started: Started, served: str, browser: aiohttp.ClientSession
) -> None:
    token = urlsplit(served).query.removeprefix("token=")
    await get(browser, served)
    headers = {
        "Referer": served,
        "X-Access-Token": started.token,
        "Cookie": f"theirs=1; agentbay_link={token}",
    }
    url = at(served, "/a%2Fb/%7Ec//d", "q=%41+b&token=theirs")
    seen = await seen_by_server(browser, URL(url, encoded=True), headers=headers)
    assert token not in json.dumps(seen)
    assert started.token not in json.dumps(seen)
    assert seen["path"] == "/a%2Fb/%7Ec//d?q=%41+b&token=theirs"
    assert "theirs=1" in seen["cookie"]
    assert seen["referer"] == served.partition("?")[0]


async def test_headers_of_the_connection_stay_behind(wire: Wire, served: str) -> None:
    headers = {
        "Connection": "close, X-Secret-Hop",
        "X-Secret-Hop": "1",
        "TE": "trailers",
        "Authorization": "Basic dTpw",
        "X-Forwarded-For": "10.1.1.1",
        "X-Forwarded-Proto": "gopher",
    }
    seen = await seen_by_server(wire.http, at(served, "/x"), headers=headers)
    host = urlsplit(served).netloc
    assert not {"x-secret-hop", "te", "keep-alive"} & seen.keys()
    assert seen["authorization"] == "Basic dTpw"
    assert seen["host"] == seen["x-forwarded-host"] == host
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-for"] == "10.1.1.1, 127.0.0.1"


async def test_answers_come_as_they_are(wire: Wire, served: str) -> None:
    async with wire.http.get(at(served, "/moved"), allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"] == "/who"
        assert "own=1; Path=/" in response.headers.getall("Set-Cookie")
    async with wire.http.head(at(served, "/who")) as response:
        assert (response.status, response.headers["Content-Length"]) == (200, "3")
        assert await response.read() == b""
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        assert await get(http, at(served, "/zipped")) == (200, b"\x1f\x8bnot really")


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "length"])
async def test_20_mb_up(wire: Wire, served: str, chunked: bool) -> None:
    data = os.urandom(1_000_000) * 20

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 100_000):
            yield data[start : start + 100_000]

    headers = {} if chunked else {"Content-Length": str(len(data))}
    async with wire.http.post(at(served, "/"), data=pieces(), headers=headers) as response:
        found = await response.json(content_type=None)
    expected = hashlib.sha256(data).hexdigest()
    assert found == {"size": len(data), "sha256": expected, "chunked": chunked}


async def test_20_mb_down(wire: Wire, served: str) -> None:
    url = f"{at(served, '/big')}".partition("?")[0] + "?20000000"
    token = urlsplit(served).query.removeprefix("token=")
    status, body = await get(wire.http, url, headers={"X-Access-Token": token})
    assert (status, len(body)) == (200, 20_000_000)


async def test_events_arrive_one_by_one(wire: Wire, served: str) -> None:
    async with wire.http.get(at(served, "/events")) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        for number in range(3):
            event = await response.content.readuntil(b"\n\n")
            assert event == f"data: {number}\n\n".encode()
            assert await get(wire.http, at(served, "/next")) == (200, b"")
        assert await response.content.read() == b""


async def test_an_answer_that_was_cut_is_not_whole(wire: Wire, served: str) -> None:
    async with wire.http.get(at(served, "/cut")) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


@pytest.mark.parametrize("path", ["/garbage", "/silence"])
async def test_a_server_that_does_not_answer(wire: Wire, served: str, path: str) -> None:
    assert await refused(wire.http, at(served, path)) == (502, "PortUnreachable")


async def test_a_reader_that_stalls_holds_up_nothing_else(wire: Wire, served: str) -> None:
    token = {"X-Access-Token": urlsplit(served).query.removeprefix("token=")}
    url = served.partition("?")[0] + "big?200000000"
    async with wire.http.get(url, headers=token) as stalled:
        assert len(await stalled.content.readexactly(1000)) == 1000
        assert await get(wire.http, at(served, "/who")) == (200, b"one")
        assert (
            len((await get(wire.http, url.replace("200000000", "5000000"), headers=token))[1])
            == 5_000_000
        )


async def test_a_client_that_leaves_takes_its_connection_along(wire: Wire, served: str) -> None:
    async def opened() -> int:
        return int((await get(wire.http, at(served, "/open")))[1])

    async def reaches(count: int) -> None:
        with anyio.fail_after(DEADLINE):
            while await opened() != count:
                pass

    waiting = asyncio.ensure_future(get(wire.http, at(served, "/stuck")))
    await reaches(1)
    waiting.cancel()
    await asyncio.wait([waiting])
    await reaches(0)


async def test_websockets_pass(wire: Wire, started: Started, served: str) -> None:
    url = await link_of(wire, started, protocol="wss")
    assert url.startswith("ws://")
    assert url.partition(":")[2] == served.partition(":")[2]
    protocols = ("one.v1", "two.v2")
    async with wire.http.ws_connect(at(url, "/ws"), protocols=protocols, autoping=False) as socket:
        assert socket.protocol == "two.v2"
        await socket.send_str("hällo")
        assert await socket.receive_str() == "hällo"
        for size in (0, 5, 200, 70_000, 3_000_000):
            data = os.urandom(size)
            await socket.send_bytes(data)
            assert await socket.receive_bytes() == data
        await socket.ping(b"there?")
        pong = await socket.receive()
        assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, b"there?")
        await socket.send_str("close")
        closed = await socket.receive()
        assert (closed.type, closed.data, closed.extra) == (
            aiohttp.WSMsgType.CLOSE,
            4001,
            "as asked",
        )


async def test_who_uses_a_link_uses_the_session(wire: Wire) -> None:
    """An open WebSocket keeps it for twice the time that it may be idle; then it goes."""
    watched = await wire.create({"Timeout": "1"})
    await serve(wire, watched, "page")
    url = await link_of(wire, watched, protocol="wss")
    async with wire.http.ws_connect(at(url, "/ws")) as socket:
        until_later = time.monotonic() + 2
        while time.monotonic() < until_later:
            await socket.send_str("still here")
            assert await socket.receive_str() == "still here"
            with anyio.move_on_after(0.1):
                await socket.receive()
        assert await wire.status(watched.id) == "RUNNING"
    with anyio.fail_after(DEADLINE):
        while await wire.status(watched.id) not in ("DELETING", "FINISH"):
            await anyio.lowlevel.checkpoint()


async def test_websockets_end_like_the_other_side(
    wire: Wire, started: Started, served: str
) -> None:
    url = at(served.replace("http", "ws", 1), "/ws")
    async with wire.http.ws_connect(url) as socket:
        await socket.send_str("crash")
        closed = await socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1011)
    async with wire.http.ws_connect(url) as socket:
        assert await socket.close(code=4002)
        assert socket.close_code == 4002
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await wire.http.ws_connect(at(served, "/who"))
    assert refusal.value.status == 502
    bare = at(served, "/ws").partition("?")[0]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await wire.http.ws_connect(bare)
    assert refusal.value.status == 401


async def test_nothing_listens(wire: Wire, started: Started) -> None:
    url = await link_of(wire, started, 30199)
    status, body = await get(wire.http, url)
    found = json.loads(body)
    assert (status, found["Code"]) == (502, "PortUnreachable")
    assert "nothing listens on port 30199" in found["Message"]
    assert started.id in found["Message"]


async def becomes(wire: Wire, session: Started, status: str) -> None:
    with anyio.fail_after(DEADLINE):
        while await wire.status(session.id) != status:
            pass


async def test_links_of_paused_and_deleted_sessions(wire: Wire) -> None:
    session = await wire.create()
    await serve(wire, session, "here")
    url = at(await link_of(wire, session), "/who")
    async with wire.http.ws_connect(at(url, "/ws")) as socket:
        assert (await wire.action("PauseSessionAsync", {"SessionId": session.id})).status == 200
        await becomes(wire, session, "PAUSED")
        async with wire.http.get(url) as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "5"
        assert await refused(wire.http, url.partition("?")[0]) == (401, "InvalidToken")
        assert (await wire.action("ResumeSessionAsync", {"SessionId": session.id})).status == 200
        await becomes(wire, session, "RUNNING")
        assert await get(wire.http, url) == (200, b"here")
        await socket.send_str("still")
        assert await socket.receive_str() == "still"
        await wire.action("ReleaseMcpSession", {"SessionId": session.id})
        closed = await socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1011)
    assert await refused(wire.http, url) == (404, "InvalidMcpSession.NotFound")
    assert await refused(wire.http, url.partition("?")[0]) == (404, "InvalidMcpSession.NotFound")


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({"ProtocolType": "https", "Port": "30099"}, "30100, 30199"),
        ({"ProtocolType": "wss", "Port": "30200"}, "30100, 30199"),
        ({"ProtocolType": "ftp", "Port": "30150"}, "https, wss"),
    ],
)
async def test_what_cannot_be_linked(
    wire: Wire, started: Started, form: dict[str, str], named: str
) -> None:
    answer = await wire.action("GetLink", {"SessionId": started.id, **form})
    assert answer.error == (400, "InvalidParameter")
    assert named in answer.message


async def test_there_is_one_link_per_port(wire: Wire, started: Started) -> None:
    urls = await asyncio.gather(*(link_of(wire, started) for _ in range(3)))
    assert len(set(urls)) == 1
    unknown = await wire.action("GetLink", {"SessionId": "s-none", "Port": "30150"})
    assert unknown.error == (400, "InvalidMcpSession.NotFound")


async def test_the_default_link_answers(wire: Wire) -> None:
    session = await wire.create()
    url = (await wire.action("GetLink", {"SessionId": session.id})).data["Url"]
    status, body = await get(wire.http, url)
    assert (status, json.loads(body)["data"]["status"]) == (200, "RUNNING")
    assert await refused(wire.http, url.partition("?")[0]) == (401, "InvalidToken")
    await wire.action("PauseSessionAsync", {"SessionId": session.id})
    assert await refused(wire.http, url) == (503, "InvalidSessionState")
    await wire.action("ReleaseMcpSession", {"SessionId": session.id})
    assert await refused(wire.http, url) == (404, "InvalidMcpSession.NotFound")


async def test_links_of_a_runtime_with_tls() -> None:
    async with LocalRuntime(network="none", tls=True) as runtime:
        trust = ssl.create_default_context(cafile=str(runtime.ca_file))
        connector = aiohttp.TCPConnector(ssl=trust)
        async with aiohttp.ClientSession(connector=connector) as http:
            wire = Wire(runtime.endpoint, runtime.api_key, http)
            session = await wire.create()
            await serve(wire, session, "safe")
            url = await link_of(wire, session)
            assert url.startswith("https://127.")
            async with http.get(at(url, "/who")) as response:
                assert await response.text() == "safe"
                assert "Secure" in response.headers["Set-Cookie"]
            seen = await seen_by_server(http, at(url, "/x"))
            assert seen["x-forwarded-proto"] == "https"
            secure = await link_of(wire, session, protocol="wss")
            assert secure.startswith("wss://127.")
            async with http.ws_connect(at(secure, "/ws")) as socket:
                await socket.send_str("hello")
                assert await socket.receive_str() == "hello"


async def test_links_without_isolation() -> None:
    async with LocalRuntime(isolation="none") as runtime, wire_to(runtime) as wire:
        session = await wire.create()
        await serve(wire, session, "plain", 30177)
        assert await get(wire.http, at(await link_of(wire, session, 30177), "/who")) == (
            200,
            b"plain",
        )


async def test_links_of_ended_sessions_do_not_pile_up(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentbay.local.links._MOST_ENDED", 1)
    urls = []
    for _ in range(3):
        session = await wire.create()
        urls.append(await link_of(wire, session))
        await wire.action("ReleaseMcpSession", {"SessionId": session.id})
    statuses = []
    for url in urls:
        try:
            statuses.append((await get(wire.http, url))[0])
        except aiohttp.ClientConnectorError:
            statuses.append(0)
    assert statuses == [0, 404, 404]


def open_files() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


async def test_nothing_is_left(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    before = len(asyncio.all_tasks()), open_files()
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        session = await wire.create()
        await serve(wire, session, "brief")
        url = await link_of(wire, session)
        waiting = asyncio.ensure_future(get(wire.http, at(url, "/stuck")))
        with anyio.fail_after(DEADLINE):
            while (await get(wire.http, at(url, "/open")))[1] != b"1":
                pass
        began = time.monotonic()
        await runtime.stop()
        assert time.monotonic() - began < DEADLINE / 2
        with pytest.raises(aiohttp.ClientError):
            await waiting
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
    await until(lambda: len(asyncio.all_tasks()) <= before[0])
    await until(lambda: open_files() <= before[1])
    assert urlsplit(url).query.removeprefix("token=") not in caplog.text
