"""Tool ``get_metrics``: its figures are those of the session."""

from __future__ import annotations

import json
import os
import shlex
from datetime import datetime, timezone
from typing import Any, get_args

import pytest

from agentbay.local import Limits, LocalRuntime
from agentbay.local.runtime import IsolationName
from agentbay.local.sandbox.network import missing_for_nat
from agentbay.local.sandbox.usage import traffic
from tests.local.wire import Started, Wire, wire_to

KEYS = (
    *("cpu_count", "cpu_used_pct", "mem_total", "mem_used", "disk_total", "disk_used"),
    *("rx_rate_kbyte_per_s", "tx_rate_kbyte_per_s", "rx_used_kbyte", "tx_used_kbyte", "timestamp"),
)
LIMIT = 2 << 30


async def metrics(wire: Wire, session: Started) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await wire.text(session, "get_metrics", {}))
    return found


@pytest.mark.parametrize("isolation", get_args(IsolationName))
async def test_figures_follow_what_the_session_does(isolation: IsolationName) -> None:
    async with (
        LocalRuntime(
            isolation=isolation, network="none", limits=Limits(memory_bytes=LIMIT)
        ) as runtime,
        wire_to(runtime) as wire,
    ):
        session = await wire.create()
        rest = await metrics(wire, session)
        assert tuple(rest) == KEYS
        assert rest["cpu_count"] == len(os.sched_getaffinity(0))
        assert rest["cpu_used_pct"] < 50
        work = "data = b'x' * (64 << 20); open('begun', 'w')\nwhile True: pass"
        await wire.shell(session, f'python3 -c "{work}" >/dev/null 2>&1 &')
        await wire.shell(session, "until [ -e begun ]; do sleep 0.01; done")
        busy = await metrics(wire, session)
        # One processor's worth, on a machine that may have more to do.
        assert 20 / busy["cpu_count"] < busy["cpu_used_pct"] <= 100
        assert (60 << 20) < busy["mem_used"] - rest["mem_used"] < (200 << 20)
        assert busy["mem_used"] < busy["mem_total"]
        assert 0 < busy["disk_used"] < busy["disk_total"]
        assert busy["timestamp"] > rest["timestamp"]
        age = datetime.now(timezone.utc) - datetime.fromisoformat(busy["timestamp"])
        assert age.total_seconds() < 60


async def test_the_total_is_the_limit_where_it_holds_for_the_session() -> None:
    limits = Limits(memory_bytes=LIMIT)
    async with LocalRuntime(network="none", limits=limits) as runtime, wire_to(runtime) as wire:
        session = await wire.create()
        groups = getattr(runtime.sessions.get(session.id).sandbox, "cgroup", None)
        bounded = groups is not None and groups.memory_bytes() is not None
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        total = (await metrics(wire, session))["mem_total"]
        assert total == (min(LIMIT, machine) if bounded else machine)


async def test_a_session_without_network_has_no_traffic(wire: Wire, started: Started) -> None:
    """Its own loopback does not count."""
    send = "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0))"
    loop = "[s.sendto(b'x' * 9000, s.getsockname()) for _ in range(20)]"
    await wire.shell(started, f'python3 -c "{send}; {loop}"')
    found = await metrics(wire, started)
    assert [found[key] for key in KEYS[6:10]] == [0, 0, 0, 0]


# What is sent before the router's address is known waits in a queue of few packets.
SEND = """
import socket, time
s = socket.socket(type=socket.SOCK_DGRAM)
deadline = time.monotonic() + 10
s.sendto(b'x', ('10.0.2.2', 9))
while not any(line.split()[2] == '0x2' for line in list(open('/proc/net/arp'))[1:]):
    assert time.monotonic() < deadline
    time.sleep(0.01)
for _ in range(100):
    s.sendto(b'x' * 1024, ('10.0.2.2', 9))
"""


async def test_traffic_of_a_session_is_counted() -> None:
    async with LocalRuntime(network="nat") as runtime, wire_to(runtime) as wire:
        session = await wire.create()
        before = await metrics(wire, session)
        # An ordinary user may have no access to /dev/net/tun; then there is no traffic to count.
        has_network = missing_for_nat() is None
        if has_network:
            await wire.shell(session, f"python3 -c {shlex.quote(SEND)}")
        after = await metrics(wire, session)
    sent = after["tx_used_kbyte"] - before["tx_used_kbyte"]
    assert 100 <= sent < 120 if has_network else sent == 0


def test_traffic_adds_up_the_interfaces_without_the_loopback() -> None:
    text = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
    lo:  900    1    0    0    0     0          0         0      900    1    0    0
  tap0:2048      2    0    0    0     0          0         0     1024    1    0    0
eth0:1: 100      2    0    0    0     0          0         0       50    1    0    0
"""
    assert traffic(text) == (2148, 1074)


async def test_it_is_announced_with_its_server(wire: Wire, started: Started) -> None:
    tools = {tool["name"]: tool["server"] for tool in json.loads(started.data["ToolList"])}
    assert tools["get_metrics"] == "wuying_system"
