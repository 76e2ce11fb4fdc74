"""``agentbay serve``: the local runtime as a server for clients in other processes."""

from __future__ import annotations

import enum
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentbay.cli import output
from agentbay.cli.signals import signals
from agentbay.config import load_dotenv

if TYPE_CHECKING:
    from agentbay.local.faults import Faults

__all__ = ("serve",)


class Isolation(str, enum.Enum):
    """What a session is."""

    BUBBLEWRAP = "bubblewrap"
    NONE = "none"


class Network(str, enum.Enum):
    """What sessions can reach."""

    NAT = "nat"
    HOST = "host"
    NONE = "none"


class LogLevel(str, enum.Enum):
    """How much is told."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve(
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Loopback address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port; 0 for any free one.")
    ] = 8844,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Key that clients need; AGENTBAY_API_KEY by default, else a fresh random one.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Directory that outlives the server; a temporary one by default."
        ),
    ] = None,
    isolation: Annotated[
        Isolation, typer.Option(help="What a session is; none isolates nothing.")
    ] = Isolation.BUBBLEWRAP,
    network: Annotated[
        Network,
        typer.Option(help="What sessions can reach: the internet, all of this machine, nothing."),
    ] = Network.NAT,
    warm: Annotated[int, typer.Option(metavar="N", min=0, help="Sandboxes to keep ready.")] = 0,
    max_sessions: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Sessions at once; by default what memory and open files allow.",
        ),
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Speak HTTPS, with a certificate made for this run.")
    ] = False,
    log_level: Annotated[
        LogLevel, typer.Option(help="What to log on standard error.")
    ] = LogLevel.INFO,
    faults: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Fail on purpose, as this file (TOML or JSON) says; for tests."
        ),
    ] = None,
) -> None:
    """Serve sessions on this machine to clients in other processes.

    Prints one line of JSON when ready: what clients take as AGENTBAY_ENDPOINT and
    AGENTBAY_API_KEY. SIGTERM or Ctrl-C ends it, and every session with it.
    """
    from agentbay.local.serve import ServeOptions
    from agentbay.local.serve import serve as serve_until_signal

    load_dotenv()  # the key may be in there
    options = ServeOptions(
        host=host,
        port=port,
        api_key=api_key,
        data_dir=data_dir,
        isolation=isolation.value,
        network=network.value,
        warm=warm,
        max_sessions=max_sessions,
        tls=tls,
        log_level=logging.getLevelName(log_level.value.upper()),
        faults=None if faults is None else _faults(faults),
    )
    raise typer.Exit(signals.run(partial(serve_until_signal, options)))


def _faults(path: Path) -> Faults:
    from agentbay.testing.faults import FaultPlan

    plan = FaultPlan.load(path)
    what = f"{len(plan.rules)} rules in {path}, seed {plan.seed}"
    output.note(f"warning: this runtime fails on purpose ({what})")
    return plan
