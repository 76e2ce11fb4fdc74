"""Logging: standard library only, silent until asked, and free of secrets.

The package logs to ``agentbay`` and loggers below it. It shows nothing by itself: configure
:mod:`logging` as usual, or call :meth:`AgentBayLogger.setup`. In the environment, or in a ``.env``
file, ``AGENTBAY_LOG_LEVEL`` sets the level and ``AGENTBAY_LOG_FILE`` names a file to write. Each
event is one line: what ``AGENTBAY_LOG_FORMAT`` calls ``compact``.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

from agentbay._masking import mask_sensitive_text

__all__ = ("AgentBayLogger", "get_logger", "log")

ROOT = "agentbay"
LOG_VARIABLES = ("AGENTBAY_LOG_LEVEL", "AGENTBAY_LOG_FILE")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DEFAULT_SIZE = "10 MB"
BACKUPS = 100

_SIZES = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}
_AGES = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000}
_COLOURS = {"DEBUG": 36, "INFO": 32, "WARNING": 33, "ERROR": 31, "CRITICAL": 35}


def get_logger(name: str = ROOT) -> logging.Logger:
    """Return a logger of the package.

    Args:
        name: Its name; one that is not below ``agentbay`` is put there.
    """
    return logging.getLogger(name if name.split(".", maxsplit=1)[0] == ROOT else f"{ROOT}.{name}")


log = get_logger()
"""The package's own logger."""


class AgentBayLogger:
    """Shows the package's log; nothing of the program's own logging is touched."""

    _handlers: ClassVar[list[logging.Handler]] = []

    @classmethod
    def setup(
        cls,
        level: str = "INFO",
        log_file: str | os.PathLike[str] | None = None,
        enable_console: bool = True,
        enable_file: bool = True,
        rotation: str | None = None,
        retention: str = "30 days",
        max_file_size: str | None = None,
        colorize: bool | None = None,
        force_reinit: bool = True,
    ) -> None:
        """Show the log on standard error and write it to a file.

        Args:
            level: ``DEBUG``, ``INFO``, ``WARNING``, ``ERROR`` or ``CRITICAL``, in any case.
            log_file: The file; by default ``AGENTBAY_LOG_FILE``, else ``agentbay.log`` in the
                working directory, or in the system's temporary one where that cannot be written.
            enable_console: Write to standard error.
            enable_file: Write the file.
            rotation: Deprecated name of *max_file_size*.
            retention: Age at which rotated files are deleted, for example ``7 days``.
            max_file_size: Size at which a new file is begun, for example ``500 KB``.
            colorize: Use colours on standard error; found out when ``None``.
            force_reinit: Replace an earlier set-up; otherwise that stays.

        Raises:
            ValueError: a level, size or age cannot be understood.
            OSError: *log_file* cannot be written.
        """
        if cls._handlers and not force_reinit:
            return
        chosen = _level(level)
        size = _amount(max_file_size or rotation or DEFAULT_SIZE, _SIZES)
        age = _amount(retention, _AGES)
        handlers: list[logging.Handler] = []
        if enable_console:
            console = logging.StreamHandler()
            coloured = _wants_colour() if colorize is None else colorize
            console.setFormatter(_Formatter(coloured=coloured))
            handlers.append(console)
        if enable_file:
            file = _open_file(log_file, size, age)
            file.setFormatter(_Formatter(coloured=False))
            handlers.append(file)
        cls._replace(handlers)
        log.setLevel(chosen)

    @classmethod
    def _replace(cls, handlers: list[logging.Handler]) -> None:
        for handler in cls._handlers:
            log.removeHandler(handler)
            handler.close()
        cls._handlers = handlers
        for handler in handlers:
            log.addHandler(handler)

    @classmethod
    def get_logger(cls, name: str | None = None) -> logging.Logger:
        """Return a logger of the package.

        Args:
            name: Its name; one that is not below ``agentbay`` is put there.
        """
        return get_logger(name or ROOT)

    @classmethod
    def set_level(cls, level: str) -> None:
        """Change the level and keep everything else.

        Args:
            level: As for :meth:`setup`.

        Raises:
            ValueError: there is no such level.
        """
        log.setLevel(_level(level))


class _Formatter(logging.Formatter):
    """``time | AgentBay | level | process:thread | module:function:line | message``, masked."""

    default_msec_format = "%s.%03d"

    def __init__(self, *, coloured: bool) -> None:
        super().__init__(
            "{asctime} | AgentBay | {levelname:<8} | {process}:{thread} | "
            "{module}:{funcName}:{lineno} | {message}",
            style="{",
        )
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        text = mask_sensitive_text(super().format(record))
        if not self._coloured:
            return text
        colour = _COLOURS.get(record.levelname, 0)
        return text.replace(record.levelname, f"\x1b[{colour}m{record.levelname}\x1b[0m", 1)


class _RotatingFile(logging.handlers.RotatingFileHandler):
    """A rotating file that deletes what is older than *max_age* seconds."""

    def __init__(self, path: Path, size: int, max_age: int) -> None:
        super().__init__(path, maxBytes=size, backupCount=BACKUPS, encoding="utf-8")
        self._max_age = max_age

    def doRollover(self) -> None:  # noqa: N802 - the base class names it
        super().doRollover()
        current = Path(self.baseFilename)
        oldest = time.time() - self._max_age
        for backup in current.parent.glob(f"{current.name}.*"):
            if backup.suffix[1:].isdecimal() and backup.stat().st_mtime < oldest:
                backup.unlink(missing_ok=True)


def _open_file(log_file: str | os.PathLike[str] | None, size: int, age: int) -> _RotatingFile:
    named = log_file or os.environ.get("AGENTBAY_LOG_FILE")
    if named:
        path = Path(named)
        path.parent.mkdir(parents=True, exist_ok=True)
        return _RotatingFile(path, size, age)
    try:
        return _RotatingFile(Path.cwd() / "agentbay.log", size, age)
    except OSError:
        return _RotatingFile(Path(tempfile.gettempdir()) / "agentbay.log", size, age)


def _level(name: str) -> str:
    if name.upper() not in LEVELS:
        raise ValueError(f"Unknown log level {name!r}; there are {', '.join(LEVELS)}")
    return name.upper()


def _amount(text: str, units: dict[str, int]) -> int:
    """Read ``10 MB`` or ``7 days``."""
    found = re.fullmatch(r"\s*(\d+)\s*([A-Za-z]+)\s*", text)
    for unit, factor in units.items():
        if found and found[2].lower() in (unit.lower(), f"{unit.lower()}s"):
            return int(found[1]) * factor
    raise ValueError(f"{text!r} is not a number with one of {', '.join(units)}")


def _wants_colour() -> bool:
    environment = os.environ
    if environment.get("DISABLE_COLORS") == "1":
        return False
    if environment.get("FORCE_COLOR", "0") not in ("", "0") or sys.stderr.isatty():
        return True
    in_editor = "GOLAND" in environment or "IDEA_INITIAL_DIRECTORY" in environment
    return environment.get("TERM_PROGRAM") == "vscode" or in_editor


def configure_from_environment() -> None:
    """Do what ``AGENTBAY_LOG_LEVEL`` and ``AGENTBAY_LOG_FILE`` ask for; never raise."""
    level = os.environ.get("AGENTBAY_LOG_LEVEL") or "INFO"
    try:
        if os.environ.get("AGENTBAY_LOG_FILE"):
            AgentBayLogger.setup(level, enable_console=False)
        else:
            AgentBayLogger.set_level(level)
    except (OSError, ValueError) as exc:
        log.warning("The logging that the environment asks for is not possible: %s", exc)
