"""Tools over both routes, with the raw answers that clients parse."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import anyio
import pytest

from agentbay.local import Limits, LocalRuntime
from tests.local.wire import Started, Wire, wire_to

ROUTES = ["link", "tool"]


def route_of(wire: Wire, name: str) -> Any:
    return getattr(wire, name)


def text_of(result: dict[str, Any]) -> str:
    assert [set(piece) for piece in result["content"]] == [{"type", "text"}]
    assert result["content"][0]["type"] == "text"
    return str(result["content"][0]["text"])


@pytest.mark.parametrize("route", ROUTES)
async def test_both_routes_give_the_same(wire: Wire, started: Started, route: str) -> None:
    call = route_of(wire, route)
    fine = await call(started, "shell", {"command": "echo out; echo err >&2", "timeout_ms": 5000})
    assert fine["isError"] is False
    assert json.loads(text_of(fine)) == {"exit_code": 0, "stdout": "out\n", "stderr": "err\n"}
    failed = await call(started, "shell", {"command": "echo out; nope", "timeout_ms": 5000})
    assert failed["isError"] is True
    found = json.loads(text_of(failed))
    assert re.fullmatch("[0-9a-f]{32}", found.pop("traceId"))
    assert found["stderr"].endswith("nope: not found\n")
    assert (found["errorCode"], found["stdout"]) == (127, "out\n")


@pytest.mark.parametrize("route", ROUTES)
async def test_an_unknown_tool_is_named_with_the_known_ones(
    wire: Wire, started: Started, route: str
) -> None:
    result = await route_of(wire, route)(started, "make_tea", {})
    assert result["isError"] is True
    text = text_of(result)
    assert text.startswith("Execution failed. Error code:-32602 Error message: ")
    assert "'make_tea'" in text
    assert {"shell", "read_file"} <= set(text.partition(" offers ")[2].split(", "))


@pytest.mark.parametrize(
    ("tool", "args", "named"),
    [
        ("shell", {}, "command"),
        ("shell", {"command": ["ls"]}, "command"),
        ("shell", {"command": "ls", "timeout_ms": "soon"}, "timeout_ms"),
        ("shell", {"command": "ls", "timeout_ms": 0}, "timeout_ms"),
        ("shell", {"command": "ls", "envs": {"A": ["b"]}}, "envs"),
        ("shell", {"command": "ls", "colour": "blue"}, "colour"),
        ("read_file", {"path": "x", "format": "pdf"}, "format"),
        ("read_file", {"path": "x", "offset": -1}, "offset"),
        ("read_file", {"path": "x", "length": -1}, "length"),
        ("write_file", {"path": "x"}, "content"),
        ("write_file", {"path": "x", "content": "", "mode": "prepend"}, "mode"),
        ("write_file", {"path": "x", "content": "\udc80"}, "content"),
    ],
)
async def test_a_wrong_argument_is_named(
    wire: Wire, started: Started, tool: str, args: dict[str, Any], named: str
) -> None:
    result = await wire.link(started, tool, args)
    assert result["isError"] is True
    assert text_of(result).startswith("Execution failed. Error code:-32602 Error message: ")
    assert named in text_of(result)


async def test_a_wrong_server_does_no_harm(wire: Wire, started: Started) -> None:
    args = {"command": "echo hi"}
    for server in ("", "wuying_shell", "wuying_filesystem", "nonsense"):
        assert (await wire.link(started, "shell", args, server))["isError"] is False
        assert (await wire.tool(started, "shell", args, Server=server))["isError"] is False


async def test_arguments_may_be_json_in_a_string(wire: Wire, started: Started) -> None:
    result = await wire.link(started, "shell", '{"command": "echo hi"}')
    assert json.loads(text_of(result))["stdout"] == "hi\n"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "InvalidRequestBody"),
        (b"{", "InvalidRequestBody"),
        (b"[]", "InvalidRequestBody"),
        (b'{"tool": "shell", "args": {}, "server": 5}', "InvalidParameter"),
        (b'{"tool": "shell", "args": [1]}', "InvalidParameter"),
        (b'{"args": {}}', "MissingParameter"),
    ],
)
async def test_a_malformed_direct_call(
    wire: Wire, started: Started, body: bytes, code: str
) -> None:
    path, headers = f"/link/{started.id}/callTool", {"X-Access-Token": started.token}
    assert (await wire.post(path, body, headers)).error == (400, code)


async def test_cwd_and_envs_are_data(wire: Wire, started: Started) -> None:
    nasty = "a b\"; touch /tmp/pwned; $(touch /tmp/pwned) `x`\n'é"
    await wire.text(started, "create_directory", {"path": f"/tmp/{nasty.replace('/', '_')}"})
    args = {
        "command": 'pwd; printf %s "$NASTY"; ls /tmp',
        "cwd": f"/tmp/{nasty.replace('/', '_')}",
        "envs": {"NASTY": nasty},
    }
    answer = json.loads(await wire.text(started, "shell", args))
    assert answer["stdout"].startswith(f"/tmp/{nasty.replace('/', '_')}\n{nasty}")
    assert "\npwned" not in answer["stdout"]


async def test_a_missing_cwd(wire: Wire, started: Started) -> None:
    result = await wire.link(started, "shell", {"command": "pwd", "cwd": "/nothing"})
    assert result["isError"] is True
    assert "/nothing, error: No such file or directory" in text_of(result)


async def test_a_timeout_keeps_what_was_written(wire: Wire, started: Started) -> None:
    args = {"command": "echo early; echo late >&2; sleep 60", "timeout_ms": 300}
    result = await wire.link(started, "shell", args)
    assert result["isError"] is True
    found = json.loads(text_of(result))
    assert (found["errorCode"], found["stdout"], found["stderr"]) == (-1, "early\n", "late\n")
    assert found["message"] == "[timeout] The command was stopped after 300 ms"


async def test_too_much_output_is_cut_and_told() -> None:
    limits = Limits(output_bytes=100_000)
    async with LocalRuntime(network="none", limits=limits) as runtime, wire_to(runtime) as wire:
        started = await wire.create()
        result = await wire.link(started, "shell", {"command": "yes", "timeout_ms": 20_000})
        assert result["isError"] is True
        found = json.loads(text_of(result))
        assert (found["errorCode"], found["stdout"]) == (-1, "y\n" * 50_000)
        assert "100000 bytes" in found["message"]
        assert "Write large output to a file" in found["message"]
        exactly = {"command": "head -c 100000 /dev/zero | tr '\\0' x", "timeout_ms": 20_000}
        assert len(json.loads(await wire.text(started, "shell", exactly))["stdout"]) == 100_000


async def test_output_that_is_not_utf8(wire: Wire, started: Started) -> None:
    assert await wire.shell(started, r"printf 'a\377b\303\251\0c'") == "a\ufffdbé\0c"


@pytest.mark.parametrize("route", ROUTES)
async def test_large_text_survives(wire: Wire, started: Started, route: str) -> None:
    text = 'é"\\\n\t\u2028 漢字 😀\x01' * 100_000
    call = route_of(wire, route)
    result = await call(started, "write_file", {"path": "large", "content": text})
    assert result["isError"] is False, result
    assert text_of(await call(started, "read_file", {"path": "large"})) == text
    size = len(text.encode())
    assert await wire.shell(started, "stat -c %s large") == f"{size}\n"


async def test_binary_files_survive(wire: Wire, started: Started) -> None:
    await wire.shell(started, "head -c 3000000 /dev/urandom > random; base64 -w0 random > text")
    encoded = await wire.text(started, "read_file", {"path": "text"})
    assert await wire.text(started, "read_file", {"path": "random", "format": "binary"}) == encoded
    part = {"path": "random", "format": "binary", "offset": 1_000_000, "length": 7}
    content = base64.b64decode(encoded)[1_000_000:1_000_007]
    assert base64.b64decode(await wire.text(started, "read_file", part)) == content


async def test_text_slices_join_to_the_file(wire: Wire, started: Started) -> None:
    text = "aé漢😀" * 5
    size = len(text.encode())
    await wire.text(started, "write_file", {"path": "slices", "content": text})
    slices: dict[str, Any] = {"path": "slices"}
    for length in (1, 2, 3, 5, size):
        parts = [
            await wire.text(started, "read_file", slices | {"offset": offset, "length": length})
            for offset in range(0, size, length)
        ]
        assert "".join(parts) == text
    beyond = {"path": "slices", "offset": size + 5, "length": 5}
    assert await wire.text(started, "read_file", beyond) == ""
    rest = await wire.text(started, "read_file", {"path": "slices", "offset": 2})
    assert rest == text[2:]


async def test_files_are_written_listed_and_described(wire: Wire, started: Started) -> None:
    for name, args, answer in (
        ("write_file", {"path": "n/u.txt", "content": "hé"}, "Successfully wrote to n/u.txt"),
        ("write_file", {"path": "n/u.txt", "content": "!", "mode": "append"}, "Successfully wrote"),
        ("create_directory", {"path": "n/p/q"}, "Successfully created directory n/p/q"),
        ("create_directory", {"path": "n/p/q"}, "Successfully created directory n/p/q"),
        ("read_file", {"path": "n/u.txt"}, "hé!"),
        ("list_directory", {"path": "n"}, "[DIR] p\n[FILE] u.txt"),
        ("list_directory", {"path": "n/p/q"}, ""),
        ("write_file", {"path": "empty", "content": ""}, "Successfully wrote to empty"),
        ("read_file", {"path": "empty"}, ""),
    ):
        assert (await wire.text(started, name, args)).startswith(answer)
    await wire.shell(started, "chmod 640 n/u.txt; touch -d 2025-05-01T10:00:00Z n/u.txt")
    lines = (await wire.text(started, "get_file_info", {"path": "n/u.txt"})).split("\n")
    facts = dict(line.split(": ", 1) for line in lines)
    accessed, created = facts.pop("accessed"), facts.pop("created")
    for found in (accessed, created):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found)
    assert facts == {
        "name": "u.txt",
        "path": "/home/wuying/n/u.txt",
        "size": "4",
        "isDirectory": "false",
        "isFile": "true",
        "permissions": "640",
        "modified": "2025-05-01T10:00:00Z",
        "modTime": "2025-05-01T10:00:00Z",
        "mode": "-rw-r-----",
        "owner": "wuying",
        "group": "wuying",
    }


@pytest.mark.parametrize(
    ("tool", "args", "message"),
    [
        ("read_file", {"path": "/no"}, "Failed to read file: /no, error: No such file"),
        ("read_file", {"path": "/tmp"}, "Failed to read file: /tmp, error: Is a directory"),
        ("get_file_info", {"path": "/no"}, "Failed to get file status: /no, error: No such file"),
        ("list_directory", {"path": "/no"}, "Failed to list directory: /no, error: No such file"),
        ("write_file", {"path": "/usr/x", "content": ""}, "Failed to write file: /usr/x, error: "),
        ("create_directory", {"path": "/proc/x"}, "Failed to create directory: /proc/x, error: "),
    ],
)
async def test_failures_of_files_have_the_words_of_the_service(
    wire: Wire, started: Started, tool: str, args: dict[str, Any], message: str
) -> None:
    result = await wire.link(started, tool, args)
    assert result["isError"] is True
    expected = f"Execution failed. Error code:-32602 Error message: {message}"
    assert text_of(result).startswith(expected)


async def test_names_that_are_not_utf8_or_have_line_breaks(wire: Wire, started: Started) -> None:
    await wire.shell(started, r"mkdir odd; printf hi > odd/$(printf 'a\377')")
    await wire.shell(started, "touch 'odd/x\n[DIR] y'")
    first, second = (await wire.text(started, "list_directory", {"path": "odd"})).split("\n")
    assert first == "[FILE] a\udcff"
    assert second == "[FILE] x\\n[DIR] y"
    name = first.removeprefix("[FILE] ")
    assert await wire.text(started, "read_file", {"path": f"odd/{name}"}) == "hi"


async def test_fifty_calls_at_once(wire: Wire, started: Started) -> None:
    outputs: set[str] = set()

    async def run(number: int) -> None:
        outputs.add(await wire.shell(started, f"sleep 0.2; echo {number}"))

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(run, number)
    assert outputs == {f"{number}\n" for number in range(50)}


async def test_the_tool_list_is_the_same_wherever_it_is_asked_for(
    wire: Wire, started: Started
) -> None:
    answer = await wire.action("ListMcpTools", {"ImageId": "linux_latest"})
    listed = json.loads(answer.data)
    assert listed == json.loads(started.data["ToolList"])
    shell = next(tool for tool in listed if tool["name"] == "shell")
    assert shell["inputSchema"]["required"] == ["command"]
    assert {"name", "server", "description", "inputSchema", "tool"} == shell.keys()
    assert (await wire.action("ListMcpTools")).data == answer.data
    assert (await wire.action("ListMcpTools", {"ImageId": "x"})).error == (400, "InvalidImageId")


async def test_every_tool_that_is_announced_can_be_called(wire: Wire, started: Started) -> None:
    for tool in json.loads(started.data["ToolList"]):
        text = text_of(await wire.link(started, tool["name"], {"no_such_argument": 1}))
        assert "no_such_argument" in text
        assert "Unknown tool" not in text
