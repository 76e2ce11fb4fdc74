"""Tool ``get_metrics``."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import anyio

from agentbay._wire.tools.system import GetMetrics
from agentbay.local.sandbox.base import SandboxDiedError, SandboxError, Usage
from agentbay.local.tools.registry import ToolFailedError, Workplace, runs
from agentbay.local.tools.worker import STOPPED

if TYPE_CHECKING:
    from agentbay.local.sandbox.base import Sandbox

logger = logging.getLogger(__name__)

_WINDOW_SECONDS = 0.2
"""Rates are those of so long; callers at the same time do not disturb each other."""
_KBYTE = 1024


@runs(GetMetrics)
async def get_metrics(_tool: GetMetrics, place: Workplace) -> str:
    """Measure twice, to tell rates, and return the second state."""
    before = await _measure(place.sandbox)
    await anyio.sleep(_WINDOW_SECONDS)
    return json.dumps(_metrics(before, await _measure(place.sandbox)))


async def _measure(sandbox: Sandbox) -> Usage:
    try:
        return await sandbox.usage()
    except SandboxDiedError as exc:
        raise ToolFailedError.of_code(
            STOPPED, "The session ended before the tool had finished"
        ) from exc
    except SandboxError as exc:
        logger.exception("Sandbox %s cannot be measured", sandbox.spec.id)
        raise ToolFailedError.of_code(STOPPED, str(exc)) from exc


def _metrics(before: Usage, after: Usage) -> dict[str, Any]:
    seconds = after.time - before.time

    def rate(earlier: float, later: float) -> float:
        return max(later - earlier, 0.0) / seconds  # a counter may lose ended processes

    cpu_share = rate(before.cpu_seconds, after.cpu_seconds) / after.cpus
    received = rate(before.received_bytes, after.received_bytes)
    sent = rate(before.sent_bytes, after.sent_bytes)
    return {
        "cpu_count": after.cpus,
        "cpu_used_pct": round(min(cpu_share, 1.0) * 100, 2),
        "mem_total": after.memory_total,
        "mem_used": after.memory_bytes,
        "disk_total": after.disk_total,
        "disk_used": after.disk_bytes,
        "rx_rate_kbyte_per_s": round(received / _KBYTE, 3),
        "tx_rate_kbyte_per_s": round(sent / _KBYTE, 3),
        "rx_used_kbyte": round(after.received_bytes / _KBYTE, 3),
        "tx_used_kbyte": round(after.sent_bytes / _KBYTE, 3),
        "timestamp": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
    }
