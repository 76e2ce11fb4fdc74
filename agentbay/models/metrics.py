"""What a session uses of its machine."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from attrs import define, field

from agentbay.errors import SessionError
from agentbay.models.results import ApiResponse, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("SessionMetrics", "SessionMetricsResult")

# Field -> the names under which services send it, the first that is not null counts.
_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "rx_rate_kbyte_per_s": ("rx_rate_kbyte_per_s", "rx_rate_kbps", "rx_rate_KBps"),
    "tx_rate_kbyte_per_s": ("tx_rate_kbyte_per_s", "tx_rate_kbps", "tx_rate_KBps"),
    "rx_used_kbyte": ("rx_used_kbyte", "rx_used_kb", "rx_used_KB"),
    "tx_used_kbyte": ("tx_used_kbyte", "tx_used_kb", "tx_used_KB"),
}
_INTEGERS = ("cpu_count", "disk_total", "disk_used", "mem_total", "mem_used")


@define(init=False)
class SessionMetrics:
    """What a session used when it was asked.

    Attributes:
        cpu_count: Number of processors.
        cpu_used_pct: Their use in percent.
        disk_total: Size of the disk in bytes.
        disk_used: Bytes used of it.
        mem_total: Size of the memory in bytes.
        mem_used: Bytes used of it.
        rx_rate_kbyte_per_s: Kilobytes received per second.
        tx_rate_kbyte_per_s: Kilobytes sent per second.
        rx_used_kbyte: Kilobytes received in all.
        tx_used_kbyte: Kilobytes sent in all.
        timestamp: When this was measured, in the words of the service.
    """

    cpu_count: int
    cpu_used_pct: float
    disk_total: int
    disk_used: int
    mem_total: int
    mem_used: int
    rx_rate_kbyte_per_s: float
    tx_rate_kbyte_per_s: float
    rx_used_kbyte: float
    tx_used_kbyte: float
    timestamp: str

    def __init__(
        self,
        cpu_count: int = 0,
        cpu_used_pct: float = 0.0,
        disk_total: int = 0,
        disk_used: int = 0,
        mem_total: int = 0,
        mem_used: int = 0,
        rx_rate_kbyte_per_s: float = 0.0,
        tx_rate_kbyte_per_s: float = 0.0,
        rx_used_kbyte: float = 0.0,
        tx_used_kbyte: float = 0.0,
        timestamp: str = "",
        rx_rate_kbps: float | None = None,
        tx_rate_kbps: float | None = None,
        rx_used_kb: float | None = None,
        tx_used_kb: float | None = None,
    ) -> None:
        """Build it; the last four arguments are older names of the four before ``timestamp``."""
        self.__attrs_init__(
            cpu_count,
            cpu_used_pct,
            disk_total,
            disk_used,
            mem_total,
            mem_used,
            rx_rate_kbyte_per_s or rx_rate_kbps or 0.0,
            tx_rate_kbyte_per_s or tx_rate_kbps or 0.0,
            rx_used_kbyte or rx_used_kb or 0.0,
            tx_used_kbyte or tx_used_kb or 0.0,
            timestamp,
        )

    @classmethod
    def from_json(cls, text: str) -> tuple[SessionMetrics, dict[str, Any]]:
        """Read the answer of tool ``get_metrics``; return it also as it came.

        Raises:
            ValueError: it is not a JSON object, or a value is no number.
        """
        raw = json.loads(text)
        if not isinstance(raw, dict):
            raise ValueError("get_metrics returned non-object JSON")
        found: dict[str, Any] = {name: int(_number(raw, (name,))) for name in _INTEGERS}
        found |= {name: _number(raw, spellings) for name, spellings in _SPELLINGS.items()}
        found["cpu_used_pct"] = _number(raw, ("cpu_used_pct",))
        timestamp = raw.get("timestamp")
        found["timestamp"] = "" if timestamp is None else str(timestamp)
        return cls(**found), raw

    @property
    def rx_rate_kbps(self) -> float:
        """Deprecated name of :attr:`rx_rate_kbyte_per_s`."""
        return self._renamed("rx_rate_kbps", "rx_rate_kbyte_per_s")

    @property
    def tx_rate_kbps(self) -> float:
        """Deprecated name of :attr:`tx_rate_kbyte_per_s`."""
        return self._renamed("tx_rate_kbps", "tx_rate_kbyte_per_s")

    @property
    def rx_used_kb(self) -> float:
        """Deprecated name of :attr:`rx_used_kbyte`."""
        return self._renamed("rx_used_kb", "rx_used_kbyte")

    @property
    def tx_used_kb(self) -> float:
        """Deprecated name of :attr:`tx_used_kbyte`."""
        return self._renamed("tx_used_kb", "tx_used_kbyte")

    def _renamed(self, old: str, new: str) -> float:
        warnings.warn(f"{old} is deprecated, use {new}", DeprecationWarning, stacklevel=3)
        value: float = getattr(self, new)
        return value


def _number(raw: Mapping[str, Any], spellings: tuple[str, ...]) -> float:
    value = next((raw[name] for name in spellings if raw.get(name) is not None), 0)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{spellings[0]} is not a number: {value!r}") from None


def _raw(value: dict[str, Any] | None) -> dict[str, Any]:
    return value or {}


@define
class SessionMetricsResult(ApiResponse, Outcome):
    """The outcome of asking for a session's metrics.

    Attributes:
        metrics: What was measured; ``None`` when it failed.
        raw: The answer as it came.
    """

    error_class = SessionError

    success: bool = False
    metrics: SessionMetrics | None = None
    error_message: str = ""
    raw: dict[str, Any] = field(default=None, converter=_raw)

    def unwrap(self) -> SessionMetrics:
        """Return the metrics, or raise the error of a failed result."""
        if not self.success or self.metrics is None:
            self._raise()
        return self.metrics
