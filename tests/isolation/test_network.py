"""The networks of sandboxes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from agentbay.local.sandbox.base import Network
from agentbay.local.sandbox.network import missing_for_nat
from tests.worker.support import sh

if TYPE_CHECKING:
    from tests.isolation.conftest import StartFunction


async def test_nat_has_an_interface_a_route_and_a_resolver(start: StartFunction) -> None:
    assert shutil.which("slirp4netns"), "a package of scripts/packages.txt is missing"
    sandbox = await start(network=Network.NAT)
    if missing_for_nat() is not None:
        # A machine that keeps its users from /dev/net/tun: no network, and no pretence of one.
        assert sandbox.spec.network is Network.NONE
        return
    done = await sh(sandbox, "cat /proc/net/dev /proc/net/route /etc/resolv.conf")
    assert "tap0:" in done.stdout
    assert "tap0\t00000000\t0202000A" in done.stdout  # default, by 10.0.2.2
    assert "nameserver 10.0.2.3\n" in done.stdout


async def test_none_has_loopback_only(start: StartFunction) -> None:
    sandbox = await start(network=Network.NONE)
    done = await sh(sandbox, "tail -n +3 /proc/net/dev | cut -d: -f1; cat /etc/resolv.conf")
    assert done.stdout.split() == ["lo"]


@pytest.mark.parametrize("network", [Network.NAT, Network.NONE])
async def test_loopback_inside_works(start: StartFunction, network: Network) -> None:
    code = """
import socket
server = socket.create_server(("127.0.0.1", 30100))
client = socket.create_connection(("localhost", 30100), 5)
client.sendall(b"hello")
print(server.accept()[0].recv(5).decode())
"""
    sandbox = await start(network=network)
    assert (await sh(sandbox, f"python3 -c '{code}'")).stdout == "hello\n"
