"""AgentBay: machines for AI agents, in the cloud or on your own computer.

The asynchronous surface is :class:`AsyncAgentBay`, the blocking one :class:`AgentBay`; both have
the same members. Names are resolved on first use, so that importing the package costs little.
"""

from __future__ import annotations

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # What type checkers see; at run time the table below says where each name lives.
    from agentbay._async.agentbay import *
    from agentbay._async.command import *
    from agentbay._async.filesystem import *
    from agentbay._async.scope import *
    from agentbay._async.session import *
    from agentbay._async.session_iterator import *
    from agentbay._sync.agentbay import *
    from agentbay._sync.command import *
    from agentbay._sync.filesystem import *
    from agentbay._sync.scope import *
    from agentbay._sync.session import *
    from agentbay._sync.session_iterator import *
    from agentbay._version import __version__ as __version__
    from agentbay.config import Config as Config
    from agentbay.errors import *
    from agentbay.logs import *
    from agentbay.models.browser_context import *
    from agentbay.models.command import *
    from agentbay.models.context_mount import *
    from agentbay.models.context_sync import *
    from agentbay.models.extra_configs import *
    from agentbay.models.filesystem import *
    from agentbay.models.keys import *
    from agentbay.models.metrics import *
    from agentbay.models.results import *
    from agentbay.models.session import *
    from agentbay.models.session_params import *
    from agentbay.models.session_state import *

_HOMES = {
    "agentbay._async.agentbay": "AsyncAgentBay",
    "agentbay._async.command": "AsyncCommand",
    "agentbay._async.filesystem": "AsyncFileSystem",
    "agentbay._async.scope": "AsyncSessionScope",
    "agentbay._async.session": "AsyncSession",
    "agentbay._async.session_iterator": "AsyncSessionIterator",
    "agentbay._sync.agentbay": "AgentBay",
    "agentbay._sync.command": "Command",
    "agentbay._sync.filesystem": "FileSystem",
    "agentbay._sync.scope": "SessionScope",
    "agentbay._sync.session": "Session",
    "agentbay._sync.session_iterator": "SessionIterator",
    "agentbay._version": "__version__",
    "agentbay.config": "Config",
    "agentbay.errors": (
        "APIError AgentBayError AgentError AuthenticationError BlockingCallWarning BrowserError "
        "ClearanceTimeoutError ClientClosedError CommandError CommandFailedError "
        "ConfigurationError ConflictError ConnectError FileError GitAuthError GitConflictError "
        "GitError GitNotARepoError GitNotFoundError NotFoundError OssError "
        "PermissionDeniedError ProtocolError PtyError PtyNotConnectedError "
        "PtySessionNotFoundError RateLimitError RemoteFileNotFoundError RemoteOperationError "
        "RequestTimeoutError ServerFaultError ServiceError SessionError TransportError "
        "WsCancelledError"
    ),
    "agentbay.logs": "AgentBayLogger get_logger log",
    "agentbay.models.browser_context": (
        "BrowserContext BrowserFingerprintContext BrowserSyncMode ExtensionOption"
    ),
    "agentbay.models.command": "CommandResult",
    "agentbay.models.context_mount": (
        "BetaContextMount BetaContextMountAccessMode BetaContextMountStrategy"
    ),
    "agentbay.models.context_sync": (
        "BWList ContextSync DeletePolicy DownloadPolicy DownloadStrategy ExtractPolicy Lifecycle "
        "MappingPolicy RecyclePolicy SyncPolicy UploadMode UploadPolicy UploadStrategy WhiteList"
    ),
    "agentbay.models.extra_configs": (
        "AppManagerRule ExtraConfigs MobileExtraConfig MobileSimulateConfig MobileSimulateMode"
    ),
    "agentbay.models.filesystem": "DirectoryEntry DirectoryListResult FileContentResult",
    "agentbay.models.keys": "get_supported_key_names normalize_keys",
    "agentbay.models.metrics": "SessionMetrics SessionMetricsResult",
    "agentbay.models.results": (
        "ApiResponse BaseResult BoolResult OperationResult Response extract_request_id"
    ),
    "agentbay.models.session": (
        "DeleteResult McpTool McpToolResult McpToolsResult SessionInfo SessionListItem "
        "SessionListResult SessionResult SessionStatus SessionStatusResult"
    ),
    "agentbay.models.session_params": "CreateSessionParams LifecyclePolicy ListSessionParams",
    "agentbay.models.session_state": (
        "GetSessionData GetSessionResult SessionPauseResult SessionResumeResult"
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = tuple(sorted(_HOME_OF))

# A library leaves it to its user what to show.
logging.getLogger(__name__).addHandler(logging.NullHandler())
if os.environ.get("AGENTBAY_LOG_LEVEL") or os.environ.get("AGENTBAY_LOG_FILE"):
    import_module("agentbay.logs").configure_from_environment()


if not TYPE_CHECKING:  # a type checker would take any misspelt name for Any

    def __getattr__(name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
