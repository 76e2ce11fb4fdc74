"""The worker: reads calls from its socket and answers each from a thread of its own."""

from __future__ import annotations

import os
import resource
import signal
import sys

from . import edit, environment, files, search
from .calls import Call, Sender, Settings
from .commands import Drain, run_shell
from .failures import CallError
from .frames import (
    CHUNK_BYTES,
    PROTOCOL_VERSION,
    STREAM_KINDS,
    Decoder,
    Frame,
    FrameError,
    Kind,
    Message,
    MessageTooLargeError,
)
from .kernel_hosts import open_kernel
from .leftovers import kill_marked
from .ports import connect
from .processes import open_process
from .streams import Streams
from .terminals import open_terminal
from .threads import NoThreadError, ThreadPool
from .trees import read_tree, select_names, write_tree
from .watch import Watches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MOST_THREADS = 128
_SPARE_THREADS = 2
_KILL_SECONDS = 5.0
_RLIMITS = {
    "processes": resource.RLIMIT_NPROC,
    "open_files": resource.RLIMIT_NOFILE,
    "file_bytes": resource.RLIMIT_FSIZE,
    "data_bytes": resource.RLIMIT_DATA,
}


class Worker:
    """Everything between the socket and the methods."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._sender = Sender(fd)
        self._pool = ThreadPool(_MOST_THREADS, _SPARE_THREADS)
        self._drain = Drain()
        self._streams = Streams(
            self._sender,
            {
                "connect": connect,
                "kernel": open_kernel,
                "read_tree": read_tree,
                "write_tree": write_tree,
                "process": lambda params, settings: open_process(params, settings, self._drain),
                "terminal": open_terminal,
            },
        )
        self._watches = Watches()
        self._settings: Settings | None = None
        self._mark: str | None = None
        self._arriving: dict[int, Message] = {}
        self._running: dict[int, Call] = {}
        self._methods: dict[str, Callable[[Call, Settings], dict[str, Any]]] = {
            "shell": lambda call, settings: run_shell(call, settings, self._drain),
            "read_file": files.read_file,
            "write_file": files.write_file,
            "list_directory": files.list_directory,
            "get_file_info": files.get_file_info,
            "create_directory": files.create_directory,
            "delete_file": files.delete_file,
            "move_file": files.move_file,
            "select_names": select_names,
            "edit_file": edit.edit_file,
            "search_files": search.search_files,
            "get_file_change": self._watches.get_file_change,
            "settle_file_change": self._watches.settle_file_change,
            "set_env": environment.set_env,
            "get_env": environment.get_env,
        }

    def serve(self) -> None:
        """Answer calls until the runtime closes the socket."""
        decoder = Decoder()
        try:
            while data := os.read(self._fd, CHUNK_BYTES):
                for frame in decoder.feed(data):
                    self._handle(frame)
        finally:
            if self._mark is not None:
                kill_marked(self._mark, _KILL_SECONDS)

    def _handle(self, frame: Frame) -> None:
        number = frame.call
        if frame.kind is Kind.CALL:
            self._arriving[number] = Message(frame.text("method"))
        elif frame.kind is Kind.DATA:
            self._add(number, frame)
        elif frame.kind is Kind.END:
            if (message := self._arriving.pop(number, None)) is not None:
                self._accept(number, message)
        elif frame.kind in STREAM_KINDS:
            self._streams.take(frame)
        elif frame.kind is Kind.CANCEL:
            self._arriving.pop(number, None)
            if (call := self._running.get(number)) is not None:
                call.cancel()
        else:
            raise FrameError(f"unexpected {frame.kind.name} frame")

    def _add(self, number: int, frame: Frame) -> None:
        message = self._arriving.get(number)
        if message is None:
            return  # withdrawn or refused while its data was on the way
        try:
            message.add(frame)
        except MessageTooLargeError as exc:
            del self._arriving[number]
            Call(number, "", {}, b"", self._sender).fail("too_large", str(exc))

    def _accept(self, number: int, message: Message) -> None:
        params = message.take_object("params")
        if self._settings is None:
            self._configure(message.method, params)
            return
        payload = message.take_blobs().get("payload", b"")
        call = Call(number, message.method, params, payload, self._sender)
        self._running[number] = call
        settings = self._settings
        try:
            self._pool.submit(lambda: self._run(call, settings))
        except NoThreadError:
            del self._running[number]
            call.fail("resource_limit", "The sandbox is at its limit of processes and threads")

    def _configure(self, method: str, params: dict[str, Any]) -> None:
        """Take the settings of the sandbox, bind this process to its limits and say hello."""
        if method != "configure":
            raise FrameError("the first call has to be 'configure'")
        for name, value in params["rlimits"].items():
            hard = resource.getrlimit(_RLIMITS[name])[1]
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(_RLIMITS[name], (bound, bound))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.umask(files.UMASK)
        self._mark = params["mark"]
        self._settings = Settings(
            params["home"], params["env"], params["cpu_seconds"], params["packages"]
        )
        self._pool.start()
        self._drain.start()
        self._streams.start(self._settings)
        self._sender.send([Frame(Kind.HELLO, 0, {"protocol": PROTOCOL_VERSION})])

    def _run(self, call: Call, settings: Settings) -> None:
        try:
            method = self._methods.get(call.method)
            if method is None:
                raise CallError("unknown_method", f"Unknown method: {call.method}")
            if not call.cancelled:
                call.finish(method(call, settings))
        except CallError as exc:
            call.fail(exc.code, exc.message)
        except MemoryError:
            call.fail("resource_limit", "The sandbox is at its limit of memory")
        except BrokenPipeError:
            return  # the runtime is gone; the reading thread ends this process
        except Exception as exc:  # noqa: BLE001 - one broken call must not take the others along
            _tell(exc)
            call.fail("internal", f"{call.method} failed in the worker: {exc!r}")
        finally:
            self._running.pop(call.number, None)


def main() -> None:
    """Serve the socket whose number is the only argument, and end with it."""
    # A runtime started in the background by a shell ignores SIGINT, and commands would as well.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    status = 1
    try:
        Worker(int(sys.argv[1])).serve()
        status = 0
    except ConnectionError:
        status = 0  # the runtime closed the socket while something was on the way
    except Exception as exc:  # noqa: BLE001 - the last stop before the process ends
        _tell(exc)
    finally:
        # Threads of calls may be blocked, and there is nobody left to answer.
        os._exit(status)


def _tell(exc: Exception) -> None:
    """Print a traceback to standard error, whose last part the runtime keeps.

    By the interpreter itself: the module `traceback` takes as long to import as all of this.
    """
    sys.__excepthook__(type(exc), exc, exc.__traceback__)
