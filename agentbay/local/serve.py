"""The runtime as a server of its own: what ``agentbay serve`` runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from agentbay.local.faults import Faults
from agentbay.local.runtime import IsolationName, LocalRuntime, NetworkName

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("DEFAULT_PORT", "ServeOptions", "serve")

logger = logging.getLogger(__name__)

DEFAULT_PORT = 8844
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@frozen(kw_only=True)
class ServeOptions:
    """The options of ``agentbay serve``; see :class:`agentbay.local.LocalRuntime`.

    Attributes:
        api_key: The key; when it is not given ``AGENTBAY_API_KEY`` counts, then a random one.
        log_level: What is logged to standard error.
        faults: What is to go wrong.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    api_key: str | None = field(default=None, repr=False)
    data_dir: Path | None = None
    isolation: IsolationName = "bubblewrap"
    network: NetworkName = "nat"
    warm: int = 0
    max_sessions: int | None = None
    tls: bool = False
    log_level: int = logging.INFO
    faults: Faults | None = None


async def serve(options: ServeOptions) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit status.

    Prints one line of JSON on standard output when ready. A second signal makes the end faster:
    requests that are being handled are not waited for.

    Raises:
        AgentBayError: The runtime cannot be started.
    """
    _allow_open_files()
    with _logging_to_stderr(options.log_level):
        runtime = LocalRuntime(
            host=options.host,
            port=options.port,
            api_key=options.api_key or os.environ.get("AGENTBAY_API_KEY") or None,
            data_dir=options.data_dir,
            isolation=options.isolation,
            network=options.network,
            warm=options.warm,
            max_sessions=options.max_sessions,
            tls=options.tls,
            faults=options.faults,
        )
        stop = asyncio.Event()
        with _on_signals(stop, runtime):
            async with runtime:
                if not stop.is_set():
                    _announce(runtime)
                await stop.wait()
    return 0


def _allow_open_files() -> None:
    """Allow this process the open files that it may allow itself: each session needs some.

    The soft limit is low for programs that use ``select``; this one is none.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _announce(runtime: LocalRuntime) -> None:
    ready = {"endpoint": runtime.endpoint, "api_key": runtime.api_key, "pid": os.getpid()}
    if runtime.ca_file is not None:
        ready["ca_file"] = str(runtime.ca_file)
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _on_signals(stop: asyncio.Event, runtime: LocalRuntime) -> Iterator[None]:
    def handle(number: signal.Signals) -> None:
        if stop.is_set():
            logger.warning("%s again: not waiting for requests any more", number.name)
            runtime.hurry()
        else:
            logger.info("%s: stopping", number.name)
            stop.set()

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _logging_to_stderr(level: int) -> Iterator[None]:
    """A server is a program, and logs; the library it is made of leaves that to others."""
    package = logging.getLogger("agentbay")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    before = package.level
    package.addHandler(handler)
    package.setLevel(level)
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(before)
