"""What is needed to run the public client beside this package.

Both are imported as ``agentbay``, so the public client lives in a virtual environment of its own;
``nox -s compat`` makes it and names its interpreter. These tests belong to that session only.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PUBLIC_CLIENT = os.environ.get("PUBLIC_CLIENT_PYTHON", "")

collect_ignore_glob = [] if PUBLIC_CLIENT else ["test_*.py"]


@pytest.fixture(scope="session")
def public_client() -> Path:
    """The interpreter of the environment that has the public client."""
    python = Path(PUBLIC_CLIENT)
    assert python.is_file(), f"PUBLIC_CLIENT_PYTHON={PUBLIC_CLIENT} is no interpreter"
    return python
