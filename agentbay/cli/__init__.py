"""The ``agentbay`` command; needs the extra ``cli``."""

from __future__ import annotations

import sys

__all__ = ("main",)

_EXTRA = frozenset({"click", "rich", "typer"})


def main() -> int | None:
    """Run the command line of this process and return its exit code."""
    try:
        from agentbay.cli.app import run_app
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in _EXTRA:
            raise
        print(
            f"agentbay: the command needs a package that is not installed: {exc.name}\n"
            'Install it with: pip install "agentbay-sdk[cli]"',
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:  # nothing is begun yet: no traceback for an impatient Ctrl-C
        return 130
    return run_app()
