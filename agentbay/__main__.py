"""``python -m agentbay`` is the ``agentbay`` command."""

from __future__ import annotations

import sys

from agentbay.cli import main

if __name__ == "__main__":
    sys.exit(main())
