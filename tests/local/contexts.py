"""Short forms for contexts on the wire."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from tests.local.wire import Answer, Started, Wire

ROOT = "/tmp/data"
LONG = 60.0


async def new_context(wire: Wire, name: str) -> str:
    data = (await wire.action("GetContext", {"Name": name, "AllowCreate": "True"})).data
    return str(data["Id"])


def item(context_id: str, path: str = ROOT, /, **policy: Any) -> dict[str, Any]:
    """An entry of PersistenceDataList."""
    found: dict[str, Any] = {"ContextId": context_id, "Path": path}
    return {**found, "Policy": json.dumps(policy)} if policy else found


async def start(wire: Wire, *items: dict[str, Any]) -> Started:
    """A new session, once it has got what it is to have."""
    session = await wire.create({"PersistenceDataList": json.dumps(items)})
    await succeeded(wire, session)
    return session


async def end(wire: Wire, session: Started) -> None:
    answer = await wire.action("ReleaseMcpSession", {"SessionId": session.id})
    assert answer.status == 200, answer.body


async def info(wire: Wire, session: Started, **filters: str) -> list[dict[str, Any]]:
    form = {"SessionId": session.id, **filters}
    data = (await wire.action("GetContextInfo", form)).data
    blocks = json.loads(data.get("ContextStatus") or "[]")
    return [found for block in blocks for found in json.loads(block["data"])]


async def settled(wire: Wire, session: Started, **filters: str) -> list[dict[str, Any]]:
    """The transfers, once none is under way."""
    with anyio.fail_after(LONG):
        while True:
            items = await info(wire, session, **filters)
            if all(found["status"] in ("Success", "Failed") for found in items):
                return items
            await anyio.sleep(0.01)


async def succeeded(wire: Wire, session: Started, **filters: str) -> list[dict[str, Any]]:
    items = await settled(wire, session, **filters)
    assert [found for found in items if found["status"] != "Success"] == []
    return items


async def sync(wire: Wire, session: Started, mode: str = "upload", **fields: str) -> Answer:
    return await wire.action("SyncContext", {"SessionId": session.id, "Mode": mode, **fields})


async def upload(wire: Wire, session: Started, **fields: str) -> None:
    assert (await sync(wire, session, **fields)).status == 200
    await succeeded(wire, session)


async def children(wire: Wire, context_id: str, folder: str = ROOT) -> dict[str, str]:
    """The names in a folder of a context, and what they are."""
    form = {"ContextId": context_id, "ParentFolderPath": folder, "PageSize": "1000"}
    data = (await wire.action("DescribeContextFiles", form)).data
    return {found["FileName"]: found["FileType"] for found in data}


async def url(wire: Wire, context_id: str, path: str, kind: str = "Download") -> str:
    form = {"ContextId": context_id, "FilePath": path}
    data = (await wire.action(f"GetContextFile{kind}Url", form)).data
    assert data["ExpireTime"] == 3600
    return str(data["Url"])


async def put(wire: Wire, context_id: str, path: str, content: bytes) -> str:
    """Store one object; return its ETag."""
    link = await url(wire, context_id, path, "Upload")
    # Before 3.12.1, aiohttp cannot send a file once more, when the connection was stale.
    body = content if len(content) < 2**20 else io.BytesIO(content)
    async with wire.http.put(link, data=body) as response:
        assert response.status == 200, await response.text()
        return response.headers["ETag"]


async def fetch(wire: Wire, context_id: str, path: str) -> bytes | None:
    """The content of one object, if there is one."""
    async with wire.http.get(await url(wire, context_id, path)) as response:
        if response.status == 404:
            return None
        assert response.status == 200, await response.text()
        return await response.read()


async def python(wire: Wire, session: Started, script: str) -> str:
    text = await wire.text(
        session,
        "shell",
        {"command": f"cd {ROOT} && python3 - <<'X'\n{script}\nX", "timeout_ms": 60_000},
    )
    result = json.loads(text)
    assert result["exit_code"] == 0, result
    return str(result["stdout"])


async def listing(wire: Wire, session: Started, path: str = ROOT) -> list[str]:
    """All names below a directory."""
    shown = await wire.shell(session, f"cd {path} && find . -mindepth 1 -printf '%P\\n' | sort")
    return shown.split()
