"""Real browsers for tests."""

from __future__ import annotations

import shutil


def chromium() -> str:
    """Return where Chromium is; the system package, for Playwright's own must be downloaded."""
    found = shutil.which("chromium")
    assert found, "install the system package chromium (scripts/bootstrap does)"
    return found
