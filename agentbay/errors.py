"""Every exception of the package; :class:`AgentBayError` is the single root.

A class exists where a caller would branch on it. Other distinctions are attributes (``code``,
``http_status``, ``request_id``). Both surfaces raise the same classes, and all of them survive
pickling.
"""

from __future__ import annotations

from typing import Any

__all__ = (
    "APIError",
    "AgentBayError",
    "AgentError",
    "AuthenticationError",
    "BlockingCallWarning",
    "BrowserError",
    "ClearanceTimeoutError",
    "ClientClosedError",
    "CodeFailedError",
    "CommandError",
    "CommandFailedError",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "FileError",
    "GitAuthError",
    "GitConflictError",
    "GitError",
    "GitNotARepoError",
    "GitNotFoundError",
    "ItemTimeoutError",
    "NotFoundError",
    "OssError",
    "PermissionDeniedError",
    "ProtocolError",
    "PtyError",
    "PtyNotConnectedError",
    "PtySessionNotFoundError",
    "RateLimitError",
    "RemoteFileNotFoundError",
    "RemoteOperationError",
    "RequestTimeoutError",
    "ScreenshotError",
    "ServerFaultError",
    "ServiceError",
    "SessionError",
    "SkillsError",
    "TransportError",
    "WsCancelledError",
)


class AgentBayError(Exception):
    """Base of every error the package raises.

    Args:
        message: What failed, on which object, and what to do about it. The class's default
            message when ``None``.
        extra: Further facts, kept in :attr:`extra`.
    """

    default_message: str = ""

    def __init__(self, message: str | None = None, *args: object, **extra: Any) -> None:
        super().__init__(message if message is not None else self._default(), *args)
        self.extra: dict[str, Any] = extra

    @classmethod
    def _default(cls) -> str:
        return cls.default_message or cls.__name__


class ConfigurationError(AgentBayError, ValueError):
    """The client cannot be used as configured; found before any request is made."""

    default_message = "Invalid configuration"


class ClientClosedError(AgentBayError):
    """The client was used after it was closed, after interpreter exit, or from its own loop."""

    default_message = "The client is closed"


class TransportError(AgentBayError):
    """No usable answer arrived.

    Attributes:
        retryable: Whether the request certainly never reached the service, so that repeating
            it cannot do anything twice.
    """

    default_message = "The service could not be reached"

    def __init__(
        self, message: str | None = None, *args: object, retryable: bool = False, **extra: Any
    ) -> None:
        super().__init__(message, *args, **extra)
        self.retryable = retryable


class ConnectError(TransportError):
    """No connection could be made: refused, unknown host, or a failed TLS handshake."""

    default_message = "No connection to the service"


class RequestTimeoutError(TransportError, TimeoutError):
    """The deadline passed before the answer was complete."""

    default_message = "The request timed out"


class ProtocolError(AgentBayError):
    """An answer arrived that cannot be understood.

    Attributes:
        path: One line ``problem @ $.path`` for each thing found wrong.
    """

    default_message = "The service sent an answer that cannot be read"

    def __init__(
        self,
        message: str | None = None,
        *args: object,
        path: tuple[str, ...] = (),
        request_id: str = "",
        **extra: Any,
    ) -> None:
        super().__init__(message, *args, **extra)
        self.path = path
        self.request_id = request_id


class APIError(AgentBayError):
    """The service answered with an error.

    Attributes:
        status_code: HTTP status, or ``None`` when it is not known.
    """

    default_message = "API error"

    def __init__(
        self,
        message: str | None = None,
        status_code: int | None = None,
        *args: object,
        **extra: Any,
    ) -> None:
        super().__init__(message, *args, **extra)
        self.status_code = status_code


class ServiceError(APIError):
    """The service said no.

    Attributes:
        code: The service's error code, for example ``InvalidMcpSession.NotFound``.
        detail: The service's own message, without the facts added to ``str(error)``.
        request_id: Identifies the request in the service's logs.
        retry_after: Seconds the service asked to wait, or ``None``.
    """

    default_message = "The service refused the request"

    def __init__(
        self,
        message: str | None = None,
        status_code: int | None = None,
        *args: object,
        code: str = "",
        detail: str = "",
        request_id: str = "",
        retry_after: float | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(message, status_code, *args, **extra)
        self.code = code
        self.detail = detail
        self.request_id = request_id
        self.retry_after = retry_after

    @property
    def http_status(self) -> int | None:
        """The HTTP status of the answer."""
        return self.status_code


class AuthenticationError(ServiceError):
    """The API key or the session token was not accepted."""

    default_message = "Authentication failed"


class PermissionDeniedError(ServiceError):
    """The key is valid but may not do this."""

    default_message = "Permission denied"


class NotFoundError(ServiceError):
    """The session, context or other object does not exist (any more)."""

    default_message = "Not found"


class ConflictError(ServiceError):
    """The object is in a state in which this is impossible."""

    default_message = "Conflict with the current state"


class RateLimitError(ServiceError):
    """Too many requests; :attr:`ServiceError.retry_after` says how long to wait, if known."""

    default_message = "Too many requests"


class ServerFaultError(ServiceError):
    """The service itself failed (HTTP 5xx)."""

    default_message = "The service failed"


class RemoteOperationError(AgentBayError):
    """The request arrived, but what it asked for failed inside the session."""

    default_message = "The operation failed in the session"


class FileError(RemoteOperationError):
    """A file operation failed."""

    default_message = "File operation error"


class RemoteFileNotFoundError(FileError):
    """Nothing exists at the path in the session."""

    default_message = "No such file or directory in the session"


class CommandError(RemoteOperationError):
    """A command could not be run or did not succeed."""

    default_message = "Command execution error"


class CommandFailedError(CommandError):
    """A command ran and ended with a non-zero exit status.

    Attributes:
        exit_code: The exit status.
        stdout: What it wrote to standard output.
        stderr: What it wrote to standard error.
    """

    default_message = "The command failed"

    def __init__(
        self,
        message: str | None = None,
        *args: object,
        exit_code: int = 1,
        stdout: str = "",
        stderr: str = "",
        **extra: Any,
    ) -> None:
        super().__init__(message, *args, **extra)
        self.exit_code = exit_code
        self.stdout = stdout
        self.stderr = stderr


class CodeFailedError(RemoteOperationError):
    """Code was run and failed, or was stopped by a limit.

    Attributes:
        name: The class of the exception in the session, such as ``ValueError``.
        value: Its message.
        traceback: Where it happened; empty when that is not known.
    """

    default_message = "The code failed"

    def __init__(
        self,
        message: str | None = None,
        *args: object,
        name: str = "",
        value: str = "",
        traceback: str = "",
        **extra: Any,
    ) -> None:
        super().__init__(message, *args, **extra)
        self.name = name
        self.value = value
        self.traceback = traceback


class SessionError(AgentBayError):
    """A session operation failed."""

    default_message = "Session error"


class OssError(RemoteOperationError):
    """An object storage operation failed."""

    default_message = "OSS operation error"


class BrowserError(RemoteOperationError):
    """A browser operation failed."""

    default_message = "Browser error"


class ScreenshotError(BrowserError, RuntimeError):
    """A page could not be captured; the cause is what Playwright raised."""

    default_message = "Failed to capture screenshot"


class AgentError(RemoteOperationError):
    """An agent task failed."""

    default_message = "Agent action error"


class ItemTimeoutError(AgentBayError, TimeoutError):
    """A fleet's function did not return in time for an item."""

    default_message = "The item took too long"


class ClearanceTimeoutError(AgentBayError, TimeoutError):
    """A context was not cleared in time."""

    default_message = "Context clearing operation timed out"


class SkillsError(AgentBayError, RuntimeError):
    """Skills could not be described."""

    default_message = "Skills error"


class WsCancelledError(AgentBayError):
    """A stream was cancelled by its caller."""


class GitError(RemoteOperationError):
    """A git command failed.

    Attributes:
        exit_code: Exit status of git.
        stderr: What git wrote to standard error.
    """

    default_message = "Git operation error"
    default_exit_code = 1

    def __init__(
        self,
        message: str | None = None,
        exit_code: int | None = None,
        stderr: str = "",
        *args: object,
        **extra: Any,
    ) -> None:
        super().__init__(message, *args, **extra)
        self.exit_code = self.default_exit_code if exit_code is None else exit_code
        self.stderr = stderr


class GitAuthError(GitError):
    """The remote repository refused the credentials."""

    default_message = "Git authentication error"


class GitNotFoundError(GitError):
    """The git program is missing in the session."""

    default_message = "Git not found"
    default_exit_code = 127


class GitConflictError(GitError):
    """A merge left conflicts."""

    default_message = "Git merge conflict"


class GitNotARepoError(GitError):
    """The directory is not a git repository."""

    default_message = "Not a git repository"
    default_exit_code = 128


class PtyError(RemoteOperationError):
    """A terminal operation failed."""

    default_message = "PTY operation error"


class PtySessionNotFoundError(PtyError):
    """The terminal does not exist (any more)."""

    default_message = "PTY session not found"


class PtyNotConnectedError(PtyError):
    """The handle is not connected to its terminal."""

    default_message = "PTY handle is not connected"


class BlockingCallWarning(UserWarning):
    """A blocking call was made inside a running event loop, which stands still meanwhile."""
