"""The modules of a session: what can be done in it, by subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


class SessionModules:
    """The part of a session that leads to its modules, which the session makes itself."""

    _browser: AsyncBrowser
    _code: AsyncCode
    _command: AsyncCommand
    _pty: AsyncPty
    _file_system: AsyncFileSystem
    _context: AsyncContextManager
    _oss: AsyncOss
    _agent: AsyncAgent
    _computer: AsyncComputer
    _mobile: AsyncMobile
    _application: AsyncApplicationManager
    _window: AsyncWindowManager
    _ui: AsyncUI
    _env: AsyncEnv
    _git: AsyncGit

    @property
    def browser(self) -> AsyncBrowser:
        """Starts a browser, and works on its pages."""
        return self._browser

    @property
    def code(self) -> AsyncCode:
        """Runs code."""
        return self._code

    @property
    def command(self) -> AsyncCommand:
        """Runs commands."""
        return self._command

    @property
    def pty(self) -> AsyncPty:
        """Opens terminals."""
        return self._pty

    @property
    def file_system(self) -> AsyncFileSystem:
        """Reads and writes files."""
        return self._file_system

    @property
    def fs(self) -> AsyncFileSystem:
        """The same as :attr:`file_system`."""
        return self._file_system

    @property
    def filesystem(self) -> AsyncFileSystem:
        """The same as :attr:`file_system`."""
        return self._file_system

    @property
    def files(self) -> AsyncFileSystem:
        """The same as :attr:`file_system`."""
        return self._file_system

    @property
    def env(self) -> AsyncEnv:
        """Sets and reads environment variables."""
        return self._env

    @property
    def git(self) -> AsyncGit:
        """Runs git."""
        return self._git

    @property
    def agent(self) -> AsyncAgent:
        """Gives tasks to the agents in the session."""
        return self._agent

    @property
    def oss(self) -> AsyncOss:
        """Copies files to object storage and back."""
        return self._oss

    @property
    def computer(self) -> AsyncComputer:
        """Works the mouse, keyboard, screen, windows and applications of a desktop."""
        return self._computer

    @property
    def mobile(self) -> AsyncMobile:
        """Touches, reads and configures a phone."""
        return self._mobile

    @property
    def application(self) -> AsyncApplicationManager:
        """Applications, by the names of earlier releases; :attr:`computer` has them all."""
        return self._application

    @property
    def window(self) -> AsyncWindowManager:
        """Windows, by the names of earlier releases; :attr:`computer` has them all."""
        return self._window

    @property
    def ui(self) -> AsyncUI:
        """The screen, by the names of earlier releases; see :attr:`mobile`."""
        return self._ui

    @property
    def context(self) -> AsyncContextManager:
        """Synchronises the session with its contexts."""
        return self._context
