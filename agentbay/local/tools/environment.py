"""Tools ``set_env`` and ``get_env``."""

from __future__ import annotations

from agentbay._wire.tools.system import GetEnv, SetEnv
from agentbay.local.tools.registry import Workplace, runs
from agentbay.local.tools.worker import call_worker


@runs(SetEnv)
async def set_env(tool: SetEnv, place: Workplace) -> str:
    """Set variables for everything that the session starts from now on."""
    variables = {variable.key: variable.value for variable in tool.envs}
    await call_worker(place, "set_env", {"variables": variables})
    return "ok"


@runs(GetEnv)
async def get_env(tool: GetEnv, place: Workplace) -> str:
    """Return variables as commands see them; names that are not set are left out."""
    reply = await call_worker(place, "get_env", {"names": tool.keys or []})
    return GetEnv.format(reply.result["variables"])
