"""The modules of a session: what can be done in it, by subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentbay._async.agent import AsyncAgent
    from agentbay._async.application import AsyncApplicationManager
    from agentbay._async.browser import AsyncBrowser
    from agentbay._async.code import AsyncCode
    from agentbay._async.command import AsyncCommand
    from agentbay._async.computer import AsyncComputer
    from agentbay._async.context_manager import AsyncContextManager
    from agentbay._async.env import AsyncEnv
    from agentbay._async.filesystem import AsyncFileSystem
    from agentbay._async.git import AsyncGit
    from agentbay._async.mobile import AsyncMobile
    from agentbay._async.oss import AsyncOss
    from agentbay._async.pty import AsyncPty
    from agentbay._async.ui import AsyncUI
    from agentbay._async.window import AsyncWindowManager

T = TypeVar("T")


class SessionModules:
    """The part of a session that leads to its modules.

    A module is imported for its first use: with its tools and models it costs milliseconds, and
    most programs use a few.
    """

    def __init__(self) -> None:
        self._modules: dict[object, Any] = {}

    def _module(self, kind: Callable[[Any], T]) -> T:
        """Return the session's only object of *kind*."""
        if kind not in self._modules:
            self._modules.setdefault(kind, kind(self))
        module: T = self._modules[kind]
        return module

    @property
    def browser(self) -> AsyncBrowser:
        """Starts a browser, and works on its pages."""
        from agentbay._async.browser import AsyncBrowser

        return self._module(AsyncBrowser)

    @property
    def code(self) -> AsyncCode:
        """Runs code."""
        from agentbay._async.code import AsyncCode

        return self._module(AsyncCode)

    @property
    def command(self) -> AsyncCommand:
        """Runs commands."""
        from agentbay._async.command import AsyncCommand

        return self._module(AsyncCommand)

    @property
    def pty(self) -> AsyncPty:
        """Opens terminals."""
        from agentbay._async.pty import AsyncPty

        return self._module(AsyncPty)

    @property
    def file_system(self) -> AsyncFileSystem:
        """Reads and writes files."""
        from agentbay._async.filesystem import AsyncFileSystem

        return self._module(AsyncFileSystem)

    @property
    def fs(self) -> AsyncFileSystem:
        """The same as :attr:`file_system`."""
        return self.file_system

    @property
    def filesystem(self) -> AsyncFileSystem:
        """The same as :attr:`file_system`."""
        return self.file_system

    @property
    def files(self) -> AsyncFileSystem:
        """The same as :attr:`file_system`."""
        return self.file_system

    @property
    def env(self) -> AsyncEnv:
        """Sets and reads environment variables."""
        from agentbay._async.env import AsyncEnv

        return self._module(AsyncEnv)

    @property
    def git(self) -> AsyncGit:
        """Runs git."""
        from agentbay._async.git import AsyncGit

        return self._module(AsyncGit)

    @property
    def agent(self) -> AsyncAgent:
        """Gives tasks to the agents in the session."""
        from agentbay._async.agent import AsyncAgent

        return self._module(AsyncAgent)

    @property
    def oss(self) -> AsyncOss:
        """Copies files to object storage and back."""
        from agentbay._async.oss import AsyncOss

        return self._module(AsyncOss)

    @property
    def computer(self) -> AsyncComputer:
        """Works the mouse, keyboard, screen, windows and applications of a desktop."""
        from agentbay._async.computer import AsyncComputer

        return self._module(AsyncComputer)

    @property
    def mobile(self) -> AsyncMobile:
        """Touches, reads and configures a phone."""
        from agentbay._async.mobile import AsyncMobile

        return self._module(AsyncMobile)

    @property
    def application(self) -> AsyncApplicationManager:
        """Applications, by the names of earlier releases; :attr:`computer` has them all."""
        from agentbay._async.application import AsyncApplicationManager

        return self._module(AsyncApplicationManager)

    @property
    def window(self) -> AsyncWindowManager:
        """Windows, by the names of earlier releases; :attr:`computer` has them all."""
        from agentbay._async.window import AsyncWindowManager

        return self._module(AsyncWindowManager)

    @property
    def ui(self) -> AsyncUI:
        """The screen, by the names of earlier releases; see :attr:`mobile`."""
        from agentbay._async.ui import AsyncUI

        return self._module(AsyncUI)

    @property
    def context(self) -> AsyncContextManager:
        """Synchronises the session with its contexts."""
        from agentbay._async.context_manager import AsyncContextManager

        return self._module(AsyncContextManager)
