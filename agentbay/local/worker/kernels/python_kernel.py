"""The program that is the Python kernel: IPython, as in a notebook."""

from __future__ import annotations

import json
import os
import signal
import site
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    import zmq

_INTERRUPTED = compile("raise KeyboardInterrupt", "<interrupted>", "exec")


def main() -> None:
    """Serve the connection file that is the first argument.

    The second argument is a directory with the packages of the kernel, which comes last on the
    path: what users install in the session wins.
    """
    connection_file, packages = sys.argv[1:]
    sys.path[0] = ""  # this directory is not theirs to import from, the current one is
    _see_user_packages()
    if packages:
        sys.path.append(packages)
    _serve(connection_file)


def _see_user_packages() -> None:
    """Make what `pip install --user` brings importable at once, also the first time."""
    directory = site.getusersitepackages()
    if site.ENABLE_USER_SITE and directory not in sys.path:
        os.makedirs(directory, exist_ok=True)
        site.addsitedir(directory)


def _serve(connection_file: str) -> None:
    from ipykernel.ipkernel import IPythonKernel
    from ipykernel.kernelapp import IPKernelApp
    from ipykernel.zmqshell import ZMQInteractiveShell
    from traitlets import Type
    from traitlets.config import Config

    class Shell(ZMQInteractiveShell):
        """Lets itself be interrupted in the user's code only, but there even before it begins.

        Elsewhere an exception in the wrong place costs replies, or the kernel.
        """

        interrupted = False
        runs_code = False

        async def run_code(
            self, code_obj: CodeType, result: Any = None, *, async_: bool = False
        ) -> bool:
            before, self.runs_code = self.runs_code, True
            try:
                if self.interrupted:
                    code_obj, async_ = _INTERRUPTED, False
                failed: bool = await super().run_code(  # type: ignore[no-untyped-call] # theirs
                    code_obj, result, async_=async_
                )
                return failed
            finally:
                self.runs_code = before

        def on_interrupt(self, *_: object) -> None:
            if self.runs_code:
                raise KeyboardInterrupt
            self.interrupted = True

    class Kernel(IPythonKernel):
        shell_class = Type(Shell)

        def pre_handler_hook(self) -> None:
            """Leave the handler of the signal as it is."""

        def post_handler_hook(self) -> None:
            """Leave the handler of the signal as it is."""

        async def kernel_info_request(self, *args: Any) -> None:
            """Forget an interruption: the host asks after each, when the execution is over."""
            Shell.instance().interrupted = False
            await super().kernel_info_request(*args)  # type: ignore[no-untyped-call] # theirs

    class App(IPKernelApp):
        def init_iopub(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
            """Let the sockets keep what cannot be sent yet, instead of dropping it."""
            import zmq

            context.setsockopt(zmq.SNDHWM, 0)
            super().init_iopub(context)  # type: ignore[no-untyped-call] # theirs is not typed

    config = Config()
    config.IPKernelApp.capture_fd_output = False  # the host reads the descriptors itself
    config.IPKernelApp.connection_file = connection_file
    config.IPKernelApp.kernel_class = Kernel
    config.IPKernelApp.parent_handle = os.getppid()
    config.HistoryManager.hist_file = ":memory:"
    os.environ["IPYTHONDIR"] = os.path.dirname(connection_file)  # leaves nothing in the home
    app = App.instance(config=config)
    app.initialize([])  # type: ignore[no-untyped-call] # the same
    del os.environ["IPYTHONDIR"]
    app.session.pack = _pack
    signal.signal(signal.SIGINT, Shell.instance().on_interrupt)
    app.start()  # type: ignore[no-untyped-call] # the same


def _pack(content: object) -> bytes:
    """Write any text: the packers of the library drop messages with half of a surrogate pair."""
    from jupyter_client.jsonutil import json_default

    return json.dumps(content, default=json_default).encode("ascii")


main()
