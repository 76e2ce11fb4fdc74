"""``agentbay doctor``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from agentbay.cli import output
from agentbay.cli.checks import Check, Status, run_checks
from agentbay.cli.signals import signals
from agentbay.cli.target import Target, choose_target, has_key
from agentbay.config import LOCAL_ENDPOINT
from agentbay.errors import AgentBayError

__all__ = ("doctor",)

_STYLES = {Status.OK: "green", Status.MISSING: "bold red", Status.OPTIONAL: "yellow"}
_STATUS_WIDTH = 10
_NAME_WIDTH = 27


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Say what is installed, what is missing, and how to get it.

    Starts one session on this machine to see that it works. Exits with 1 when something is
    missing that the configured target needs; what is optional is only named.
    """
    target = _target()
    checks: list[Check] = []
    for check in run_checks(target, signals.run):
        checks.append(check)
        if not as_json:
            _print_check(check)
    ok = all(check.status is not Status.MISSING for check in checks)
    if as_json:
        output.print_json(_report(target, checks, ok=ok))
    elif not ok:
        output.print_line()
        output.print_line(Text("Something that is needed is missing.", _STYLES[Status.MISSING]))
    raise typer.Exit(0 if ok else 1)


def _target() -> Target | AgentBayError:
    try:
        return choose_target()
    except AgentBayError as exc:
        return exc


def _print_check(check: Check) -> None:
    line = Text.assemble(
        (f"{check.status.value:<{_STATUS_WIDTH}}", _STYLES[check.status]),
        f"{check.name:<{_NAME_WIDTH}}{check.purpose}: {check.detail}",
    )
    output.print_line(line)
    if check.remedy:
        output.print_line(f"{'':<{_STATUS_WIDTH}}{'':<{_NAME_WIDTH}}-> {check.remedy}")


def _report(target: Target | AgentBayError, checks: list[Check], *, ok: bool) -> dict[str, Any]:
    place: dict[str, str | None]
    if isinstance(target, Target):
        place = {"endpoint": target.base_url or LOCAL_ENDPOINT, "reason": target.reason}
    else:
        place = {"endpoint": None, "reason": str(target)}
    return {
        "ok": ok,
        "target": {**place, "api_key": "set" if has_key() else "not set"},
        "checks": [
            {
                "name": check.name,
                "status": check.status.value,
                "purpose": check.purpose,
                "detail": check.detail,
                "remedy": check.remedy,
            }
            for check in checks
        ],
    }
