"""The ``agentbay`` command: its commands and the options that they share."""

from __future__ import annotations

from typing import Annotated

import typer

from agentbay.cli import output
from agentbay.cli.context import context_app
from agentbay.cli.demo import demo
from agentbay.cli.doctor import doctor
from agentbay.cli.files import fs_app
from agentbay.cli.run import run
from agentbay.cli.serve import serve
from agentbay.cli.signals import signals
from agentbay.errors import AgentBayError

__all__ = ("app", "run_app")

app = typer.Typer(
    name="agentbay",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    # A traceback with local variables would show keys and tokens.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from agentbay import __version__

        output.print_line(f"agentbay {__version__}")
        raise typer.Exit


@app.callback()
def agentbay(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Machines for AI agents, in the cloud or on this computer.

    Sessions run in the cloud when AGENTBAY_API_KEY is set, else in sandboxes on this machine;
    AGENTBAY_ENDPOINT (local, a host name or a URL) decides otherwise.
    """


app.command()(demo)
# Everything after the first word of the command is the command's, options included.
app.command(context_settings={"allow_interspersed_args": False})(run)
app.command()(serve)
app.command()(doctor)
app.add_typer(context_app, name="context")
app.add_typer(fs_app, name="fs")


def run_app() -> int | None:
    """Run the command line of this process.

    Returns:
        1 for an error that is reported on standard error.

    Raises:
        SystemExit: the command ended in any other way, with its exit code.
    """
    signals.install()
    try:
        app(prog_name="agentbay")
    except AgentBayError as exc:
        output.note(f"error: {exc}")
        return 1
    return None
