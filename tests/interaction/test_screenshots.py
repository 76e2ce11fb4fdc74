"""Screenshots: which way is taken, and what counts as a picture."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agentbay import (
    AgentBayError,
    AsyncSession,
    Config,
    ProtocolError,
    ScreenshotMode,
    ScreenshotResult,
)
from agentbay.testing import RecordingServer, Route, Text
from tests.conftest import ConnectFunction

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256))
HANDLES = ["computer", "mobile"]
NO_URL = (
    "This cloud environment does not support `screenshot()`. "
    "Please use `beta_take_screenshot()` instead."
)
NO_BYTES = (
    "This cloud environment does not support `beta_take_screenshot()`. "
    "Please use `screenshot()` instead."
)


def picture(data: bytes = PNG, kind: str = "image/png", **others: Any) -> str:
    encoded = base64.b64encode(data).decode()
    return json.dumps({"type": "image", "mime_type": kind, "data": encoded, **others})


@pytest.fixture
async def linked_server() -> AsyncIterator[RecordingServer]:
    async with RecordingServer(route=Route.LINK) as running:
        yield running


@pytest.fixture
async def linked(
    connect: ConnectFunction, linked_server: RecordingServer
) -> AsyncIterator[AsyncSession]:
    """A session with a direct route."""
    config = Config(endpoint=linked_server.endpoint)
    async with connect(linked_server.api_key, config) as bay:
        yield (await bay.create()).unwrap()


@pytest.mark.parametrize("handle", [*HANDLES, "ui"])
async def test_a_picture_to_fetch(
    server: RecordingServer, session: AsyncSession, handle: str
) -> None:
    url = "http://127.0.0.1:8080/shots/9a1.png?sig=hunter2"
    server.answer("system_screenshot", url, Text("no screen", True), Text("", True), " ")
    take = getattr(session, handle).screenshot
    found = await take()
    assert found.unwrap() == url
    assert "hunter2" not in repr(found)
    refused = await take()
    assert (refused.success, refused.error_message, refused.data) == (False, "no screen", None)
    assert (await take()).error_message == "Failed to take screenshot"
    nowhere = await take()
    assert not nowhere.success
    assert nowhere.error_message == "Failed to take screenshot: the answer holds no URL"
    assert [(call.name, call.arguments, call.server) for call in server.calls] == [
        ("system_screenshot", {}, "wuying_capture")
    ] * 4


@pytest.mark.parametrize("handle", HANDLES)
async def test_each_kind_of_session_refers_to_the_way_that_works(
    server: RecordingServer,
    session: AsyncSession,
    linked_server: RecordingServer,
    linked: AsyncSession,
    handle: str,
) -> None:
    refused = await getattr(linked, handle).screenshot()
    assert (refused.success, refused.error_message) == (False, NO_URL)
    assert (refused.request_id, refused.data) == ("", None)
    with pytest.raises(AgentBayError) as caught:
        await getattr(session, handle).beta_take_screenshot("no format either")
    assert str(caught.value) == NO_BYTES
    assert server.calls == linked_server.calls == []


@pytest.mark.parametrize("handle", HANDLES)
@pytest.mark.parametrize(
    ("given", "data", "kind", "sent"),
    [
        ([], PNG, "image/png", "png"),
        (["PNG "], PNG, " Image/PNG", "png"),
        (["jpeg"], JPEG, "image/jpeg", "jpeg"),
        ([" Jpg"], JPEG, "image/jpeg", "jpeg"),
    ],
)
async def test_bytes(
    linked_server: RecordingServer,
    linked: AsyncSession,
    handle: str,
    given: list[str],
    data: bytes,
    kind: str,
    sent: str,
) -> None:
    linked_server.answer("screenshot", picture(data, kind, width=1280, height=800))
    found = await getattr(linked, handle).beta_take_screenshot(*given)
    assert (found.success, found.data, found.unwrap()) == (True, data, data)
    assert (found.type, found.mime_type, found.format) == ("image", f"image/{sent}", sent)
    assert (found.width, found.height, found.size) == (1280, 800, (1280, 800))
    assert found.request_id
    assert [(call.name, call.arguments) for call in linked_server.calls] == [
        ("screenshot", {"format": sent})
    ]


async def test_long_picture(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("long_screenshot", picture(), picture(JPEG, "image/jpeg"))
    take = session.mobile.beta_take_long_screenshot
    assert (await take()).data == PNG
    assert (await take(10, "jpg", 80)).data == JPEG
    assert [call.arguments for call in server.calls] == [
        {"max_screens": 4, "format": "png"},
        {"max_screens": 10, "format": "jpeg", "quality": 80},
    ]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"format": "gif"}, "Invalid format: must be 'png', 'jpeg', or 'jpg'"),
        ({"format": None}, "Invalid format: must be 'png', 'jpeg', or 'jpg'"),
        *(
            ({"max_screens": value}, "Invalid max_screens: must be an integer in [2, 10]")
            for value in (1, 11, 2.0, "3", None, True)
        ),
        *(
            ({"quality": value}, "Invalid quality: must be an integer in [1, 100]")
            for value in (0, 101, 50.0, "50", True)
        ),
    ],
)
async def test_long_picture_refuses_wrong_arguments(
    server: RecordingServer, session: AsyncSession, given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match="Invalid") as caught:
        await session.mobile.beta_take_long_screenshot(**given)
    assert str(caught.value) == problem
    assert server.calls == []


@pytest.mark.parametrize("handle", HANDLES)
@pytest.mark.parametrize("given", ["gif", "", "image/png"])
async def test_unknown_formats_are_refused(
    linked_server: RecordingServer, linked: AsyncSession, handle: str, given: str
) -> None:
    with pytest.raises(ValueError, match="Invalid format: must be 'png', 'jpeg', or 'jpg'"):
        await getattr(linked, handle).beta_take_screenshot(given)
    assert linked_server.calls == []


ENCODED = base64.b64encode(PNG).decode()
UNREADABLE = [
    ("", "Screenshot tool returned empty data"),
    (" \n", "Screenshot tool returned empty data"),
    ("https://example.com/a.png", "Screenshot tool returned non-JSON data"),
    ("[1]", "Screenshot tool returned non-JSON data"),
    ('{"type": "image", ', "Invalid screenshot JSON: "),
    ('{"a":' * 5000, "Invalid screenshot JSON: "),
    ("{}", "Screenshot JSON missing base64 field"),
    (picture(data=b""), "Screenshot JSON missing base64 field"),
    ('{"data": ["a"]}', "Screenshot JSON missing base64 field"),
    (picture(type=" "), "Invalid screenshot JSON: expected non-empty string 'type'"),
    (picture(type=None), "Invalid screenshot JSON: expected non-empty string 'type'"),
    (picture(kind=""), "Invalid screenshot JSON: expected non-empty string 'mime_type'"),
    (picture(width="12"), "Invalid screenshot JSON: expected integer 'width'"),
    (picture(width=True), "Invalid screenshot JSON: expected integer 'width'"),
    (picture(height=1.5), "Invalid screenshot JSON: expected integer 'height'"),
    (json.dumps({"data": "a b", "type": "i", "mime_type": "m"}), "Failed to decode "),
    (json.dumps({"data": "ü", "type": "i", "mime_type": "m"}), "Failed to decode "),
    (
        json.dumps({"data": ENCODED[:76] + "\n" + ENCODED[76:], "type": "i", "mime_type": "m"}),
        "Failed to decode screenshot data: ",
    ),
    (
        picture(kind="image/jpeg"),
        (
            "Screenshot JSON mime_type does not match expected format: "
            "expected 'image/png', got 'image/jpeg'"
        ),
    ),
]


@pytest.mark.parametrize("handle", HANDLES)
@pytest.mark.parametrize(("text", "problem"), UNREADABLE)
async def test_what_is_no_picture_is_an_error(
    linked_server: RecordingServer, linked: AsyncSession, handle: str, text: str, problem: str
) -> None:
    linked_server.answer("screenshot", text)
    linked_server.answer("long_screenshot", text)
    with pytest.raises(ProtocolError) as caught:
        await getattr(linked, handle).beta_take_screenshot()
    assert str(caught.value).startswith(problem)
    with pytest.raises(ProtocolError) as caught:
        await linked.mobile.beta_take_long_screenshot()
    assert str(caught.value).startswith(problem)


async def test_each_handle_has_its_words(
    linked_server: RecordingServer, linked: AsyncSession
) -> None:
    linked_server.answer("screenshot", picture(JPEG, "image/jpeg"))
    linked_server.answer("long_screenshot", picture(PNG, "image/jpeg"))
    mismatch = "Decoded image does not match expected format"
    taking: Any
    for taking, words in (
        (
            linked.computer.beta_take_screenshot,
            "Screenshot data does not match expected format 'png'",
        ),
        (linked.mobile.beta_take_screenshot, mismatch),
    ):
        with pytest.raises(AgentBayError) as caught:
            await taking()
        assert str(caught.value) == words
    with pytest.raises(AgentBayError, match=mismatch):
        await linked.mobile.beta_take_long_screenshot(format="jpeg")
    for tool in ("screenshot", "long_screenshot"):
        linked_server.answer(tool, Text("no screen", is_error=True))
    for taking, words in (
        (
            linked.computer.beta_take_screenshot,
            "Failed to take screenshot via MCP tool 'screenshot': no screen",
        ),
        (linked.mobile.beta_take_screenshot, "Failed to take screenshot: no screen"),
        (linked.mobile.beta_take_long_screenshot, "Failed to take long screenshot: no screen"),
    ):
        with pytest.raises(AgentBayError) as caught:
            await taking()
        assert str(caught.value) == words


def test_a_picture_saves_and_shows_itself(tmp_path: Path) -> None:
    taken: Any = ScreenshotResult("r", True, type="image", data=PNG, mime_type="image/png")
    for target in (tmp_path / "a.png", str(tmp_path / "b.png")):
        saved = taken.save(target)
        assert saved == Path(target)
        assert saved.read_bytes() == PNG
    assert (taken._repr_png_(), taken._repr_jpeg_()) == (PNG, None)
    assert taken.size is None
    assert "264 bytes" in repr(taken)
    photo: Any = ScreenshotResult("r", True, data=JPEG, mime_type="image/jpeg")
    assert (photo._repr_png_(), photo._repr_jpeg_()) == (None, JPEG)


def test_a_missing_picture_is_not_saved(tmp_path: Path) -> None:
    failed: Any = ScreenshotResult.failure("no screen")
    with pytest.raises(AgentBayError, match="no screen"):
        failed.save(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
    assert (failed.format, failed._repr_png_(), failed._repr_jpeg_()) == ("", None, None)


def test_modes() -> None:
    assert [mode.value for mode in ScreenshotMode] == ["normal"]
