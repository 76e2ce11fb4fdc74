"""One call in progress: its arguments, the way back, and its cancellation."""

from __future__ import annotations

import os
import threading

from .failures import CallError
from .frames import Frame, Kind, batches, blob_frames, result_frames
from .threads import TurnLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

_MESSAGE_CHARACTERS = 8192


class Settings:
    """What every call of this worker starts from."""

    def __init__(
        self, home: str, env: dict[str, str], cpu_seconds: int | None, packages: str = ""
    ) -> None:
        self.home = home
        self.env = env
        self.cpu_seconds = cpu_seconds
        self.packages = packages  # what kernels import, where it is seen inside
        self._lock = threading.Lock()

    def resolve(self, path: str) -> str:
        """Return *path* as an absolute one; relative paths start at home."""
        return os.path.join(self.home, path)

    def environment(self, variables: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment for something that is started now; *variables* win.

        Whatever starts a program in the sandbox takes it from here: the variables of the
        session are in it as they are at this moment.
        """
        return {**self.env, **(variables or {})}

    def set_variables(self, variables: Mapping[str, str]) -> None:
        """Set variables of the session, for all that is started from now on."""
        with self._lock:
            # Replaced as a whole: a thread that starts something may be reading the former one.
            self.env = {**self.env, **variables}


class Sender:
    """Writes frames of all calls to the socket, in turns."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._turn = TurnLock()

    def send(self, frames: Iterable[Frame]) -> None:
        """Write *frames*; blocks while the runtime is slow to read them."""
        for batch in batches(frames):
            data = memoryview(batch)
            with self._turn:
                while data:
                    data = data[os.write(self._fd, data) :]


class Call:
    """A call while its method runs in a thread."""

    def __init__(
        self, number: int, method: str, params: dict[str, Any], payload: bytes, sender: Sender
    ) -> None:
        self.number = number
        self.method = method
        self.params = params
        self.payload = payload
        self._sender = sender
        self._lock = threading.Lock()
        self._cancelled = False
        self._abort: Callable[[], None] | None = None

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._cancelled

    def cancel(self) -> None:
        """Stop what the call does, if it can be stopped, and drop its answer."""
        with self._lock:
            self._cancelled = True
            if self._abort is not None:
                self._abort()

    def set_abort(self, abort: Callable[[], None] | None) -> None:
        """Say how to stop the call from another thread; runs at once when it is cancelled."""
        with self._lock:
            self._abort = abort
            if self._cancelled and abort is not None:
                abort()

    def send_blob(self, name: str, data: bytes) -> None:
        """Send a piece of blob *name*; the pieces of one name are joined by the receiver."""
        if not self._cancelled:
            self._sender.send(blob_frames(self.number, name, data))

    def finish(self, result: dict[str, Any]) -> None:
        """Send the facts and the end of the answer."""
        if not self._cancelled:
            self._sender.send(result_frames(self.number, result))

    def fail(self, code: str, message: str) -> None:
        """Send a failure instead of an answer."""
        if not self._cancelled:
            header = {"code": code, "message": message[:_MESSAGE_CHARACTERS]}
            self._sender.send([Frame(Kind.ERROR, self.number, header)])

    def text(self, key: str) -> str:
        """Return a required parameter that is a non-empty string."""
        value = self.params.get(key)
        if not isinstance(value, str) or not value or "\0" in value:
            raise CallError("invalid_argument", f"{key}: a non-empty string is required")
        return value

    def number_of(self, key: str, default: int) -> int:
        """Return a parameter that is a whole number of at least zero."""
        value = self.params.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise CallError("invalid_argument", f"{key}: a whole number from 0 is required")
        return value

    def text_map(self, key: str) -> dict[str, str]:
        """Return an optional parameter that maps strings to strings."""
        value = self.params.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise CallError("invalid_argument", f"{key}: an object of strings is required")
        return value
