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
    from agentbay._async.agent import *
    from agentbay._async.agentbay import *
    from agentbay._async.application import *
    from agentbay._async.beta import *
    from agentbay._async.beta_network import *
    from agentbay._async.beta_skills import *
    from agentbay._async.browser import *
    from agentbay._async.browser_agent import *
    from agentbay._async.browser_operator import *
    from agentbay._async.code import *
    from agentbay._async.command import *
    from agentbay._async.computer import *
    from agentbay._async.computer_agent import *
    from agentbay._async.context import *
    from agentbay._async.context_iterator import *
    from agentbay._async.context_manager import *
    from agentbay._async.directory_watch import *
    from agentbay._async.env import *
    from agentbay._async.extension import *
    from agentbay._async.file_transfer import *
    from agentbay._async.filesystem import *
    from agentbay._async.fingerprint import *
    from agentbay._async.fleet import *
    from agentbay._async.fleet_outcomes import *
    from agentbay._async.git import *
    from agentbay._async.mobile import *
    from agentbay._async.mobile_agent import *
    from agentbay._async.mobile_simulate import *
    from agentbay._async.oss import *
    from agentbay._async.pty import *
    from agentbay._async.running_command import *
    from agentbay._async.scope import *
    from agentbay._async.session import *
    from agentbay._async.session_iterator import *
    from agentbay._async.task_execution import *
    from agentbay._async.ui import *
    from agentbay._async.window import *
    from agentbay._other_names import *
    from agentbay._sync.agent import *
    from agentbay._sync.agentbay import *
    from agentbay._sync.application import *
    from agentbay._sync.beta import *
    from agentbay._sync.beta_network import *
    from agentbay._sync.beta_skills import *
    from agentbay._sync.browser import *
    from agentbay._sync.browser_agent import *
    from agentbay._sync.browser_operator import *
    from agentbay._sync.code import *
    from agentbay._sync.command import *
    from agentbay._sync.computer import *
    from agentbay._sync.computer_agent import *
    from agentbay._sync.context import *
    from agentbay._sync.context_iterator import *
    from agentbay._sync.context_manager import *
    from agentbay._sync.directory_watch import *
    from agentbay._sync.env import *
    from agentbay._sync.extension import *
    from agentbay._sync.file_transfer import *
    from agentbay._sync.filesystem import *
    from agentbay._sync.fingerprint import *
    from agentbay._sync.fleet import *
    from agentbay._sync.fleet_outcomes import *
    from agentbay._sync.git import *
    from agentbay._sync.mobile import *
    from agentbay._sync.mobile_agent import *
    from agentbay._sync.mobile_simulate import *
    from agentbay._sync.oss import *
    from agentbay._sync.pty import *
    from agentbay._sync.running_command import *
    from agentbay._sync.scope import *
    from agentbay._sync.session import *
    from agentbay._sync.session_iterator import *
    from agentbay._sync.task_execution import *
    from agentbay._sync.ui import *
    from agentbay._sync.window import *
    from agentbay._version import __version__ as __version__
    from agentbay.config import Config as Config
    from agentbay.config import RetryPolicy as RetryPolicy
    from agentbay.errors import *
    from agentbay.logs import *
    from agentbay.models.agent import *
    from agentbay.models.browser import *
    from agentbay.models.browser_context import *
    from agentbay.models.browser_notices import *
    from agentbay.models.browser_operator import *
    from agentbay.models.browser_page import *
    from agentbay.models.code import *
    from agentbay.models.command import *
    from agentbay.models.computer import *
    from agentbay.models.context import *
    from agentbay.models.context_mount import *
    from agentbay.models.context_sync import *
    from agentbay.models.env import *
    from agentbay.models.extension import *
    from agentbay.models.extra_configs import *
    from agentbay.models.file_transfer import *
    from agentbay.models.filesystem import *
    from agentbay.models.fingerprint import FingerprintFormat as FingerprintFormat
    from agentbay.models.fleet import *
    from agentbay.models.git import *
    from agentbay.models.key_codes import *
    from agentbay.models.keys import *
    from agentbay.models.metrics import *
    from agentbay.models.mobile import *
    from agentbay.models.network import *
    from agentbay.models.oss import *
    from agentbay.models.pty import *
    from agentbay.models.reap import *
    from agentbay.models.results import *
    from agentbay.models.screenshots import *
    from agentbay.models.session import *
    from agentbay.models.session_params import *
    from agentbay.models.session_state import *
    from agentbay.models.skills import *

_HOMES = {
    "agentbay._async.agent": "AsyncAgent",
    "agentbay._async.agentbay": "AsyncAgentBay",
    "agentbay._async.application": "AsyncApplicationManager",
    "agentbay._async.beta": "AsyncBetaNamespace",
    "agentbay._async.beta_network": "AsyncBetaNetwork",
    "agentbay._async.beta_skills": "AsyncBetaSkills",
    "agentbay._async.browser": "AsyncBrowser",
    "agentbay._async.browser_agent": "AsyncBrowserAgent",
    "agentbay._async.browser_operator": "AsyncBrowserOperator",
    "agentbay._async.code": "AsyncCode",
    "agentbay._async.command": "AsyncCommand",
    "agentbay._async.computer": "AsyncComputer",
    "agentbay._async.computer_agent": "AsyncComputerAgent",
    "agentbay._async.context": "AsyncContextService",
    "agentbay._async.context_iterator": "AsyncContextFileIterator AsyncContextIterator",
    "agentbay._async.context_manager": "AsyncContextManager",
    "agentbay._async.directory_watch": "AsyncDirectoryWatch",
    "agentbay._async.env": "AsyncEnv",
    "agentbay._async.extension": "AsyncExtensionsService",
    "agentbay._async.file_transfer": "AsyncFileTransfer",
    "agentbay._async.filesystem": "AsyncFileSystem",
    "agentbay._async.fingerprint": "AsyncBrowserFingerprintGenerator",
    "agentbay._async.fleet": "AsyncFleet",
    "agentbay._async.fleet_outcomes": "AsyncFleetOutcomes",
    "agentbay._async.git": "AsyncGit",
    "agentbay._async.mobile": "AsyncMobile",
    "agentbay._async.mobile_simulate": "AsyncMobileSimulateService",
    "agentbay._async.mobile_agent": "AsyncMobileAgent",
    "agentbay._async.oss": "AsyncOss",
    "agentbay._async.pty": "AsyncPty AsyncPtyHandle",
    "agentbay._async.running_command": "AsyncRunningCommand",
    "agentbay._async.scope": "AsyncSessionScope",
    "agentbay._async.session": "AsyncSession",
    "agentbay._async.session_iterator": "AsyncSessionIterator",
    "agentbay._async.task_execution": "AsyncTaskExecution",
    "agentbay._async.ui": "AsyncUI",
    "agentbay._async.window": "AsyncWindowManager",
    "agentbay._other_names": (
        "AsyncBetaNetworkService AsyncBetaSkillsService SyncBetaNamespace SyncBetaNetworkService "
        "SyncBetaSkillsService SyncGit"
    ),
    "agentbay._sync.agent": "Agent",
    "agentbay._sync.agentbay": "AgentBay",
    "agentbay._sync.application": "ApplicationManager",
    "agentbay._sync.beta": "BetaNamespace",
    "agentbay._sync.beta_network": "BetaNetwork",
    "agentbay._sync.beta_skills": "BetaSkills",
    "agentbay._sync.browser": "Browser",
    "agentbay._sync.browser_agent": "BrowserAgent",
    "agentbay._sync.browser_operator": "BrowserOperator",
    "agentbay._sync.code": "Code",
    "agentbay._sync.command": "Command",
    "agentbay._sync.computer": "Computer",
    "agentbay._sync.computer_agent": "ComputerAgent",
    "agentbay._sync.context": "ContextService",
    "agentbay._sync.context_iterator": "ContextFileIterator ContextIterator",
    "agentbay._sync.context_manager": "ContextManager",
    "agentbay._sync.directory_watch": "DirectoryWatch",
    "agentbay._sync.env": "Env",
    "agentbay._sync.extension": "ExtensionsService",
    "agentbay._sync.file_transfer": "FileTransfer",
    "agentbay._sync.filesystem": "FileSystem",
    "agentbay._sync.fingerprint": "BrowserFingerprintGenerator",
    "agentbay._sync.fleet": "Fleet",
    "agentbay._sync.fleet_outcomes": "FleetOutcomes",
    "agentbay._sync.git": "Git",
    "agentbay._sync.mobile": "Mobile",
    "agentbay._sync.mobile_simulate": "MobileSimulateService",
    "agentbay._sync.mobile_agent": "MobileAgent",
    "agentbay._sync.oss": "Oss",
    "agentbay._sync.pty": "Pty PtyHandle",
    "agentbay._sync.running_command": "RunningCommand",
    "agentbay._sync.scope": "SessionScope",
    "agentbay._sync.session": "Session",
    "agentbay._sync.session_iterator": "SessionIterator",
    "agentbay._sync.task_execution": "TaskExecution",
    "agentbay._sync.ui": "UI",
    "agentbay._sync.window": "WindowManager",
    "agentbay._version": "__version__",
    "agentbay.config": "Config RetryPolicy",
    "agentbay.errors": (
        "APIError AgentBayError AgentError AuthenticationError BlockingCallWarning BrowserError "
        "ClearanceTimeoutError ClientClosedError CodeFailedError CommandError CommandFailedError "
        "ConfigurationError ConflictError ConnectError FileError GitAuthError GitConflictError "
        "GitError GitNotARepoError GitNotFoundError ItemTimeoutError NotFoundError OssError "
        "PermissionDeniedError ProtocolError PtyError PtyNotConnectedError "
        "PtySessionNotFoundError RateLimitError RemoteFileNotFoundError RemoteOperationError "
        "RequestTimeoutError ScreenshotError ServerFaultError ServiceError SessionError "
        "SkillsError TransportError WsCancelledError"
    ),
    "agentbay.logs": "AgentBayLogger get_logger log",
    "agentbay.models.agent": "AgentEvent ExecutionResult OutputSchema QueryResult",
    "agentbay.models.browser": (
        "BrowserFingerprint BrowserOption BrowserProxy BrowserScreen BrowserViewport"
    ),
    "agentbay.models.browser_context": (
        "BrowserContext BrowserFingerprintContext BrowserSyncMode ExtensionOption"
    ),
    "agentbay.models.browser_notices": "BrowserNotifyMessage",
    "agentbay.models.browser_operator": (
        "ActOptions ActResult ExtractOptions ModelClass ObserveOptions ObserveResult"
    ),
    "agentbay.models.browser_page": "BrowserPage",
    "agentbay.models.code": (
        "CodeExecutionResult EnhancedCodeExecutionResult ExecutionError ExecutionLogs"
    ),
    "agentbay.models.command": "CommandOutput CommandResult",
    "agentbay.models.computer": (
        "AppOperationResult InstalledApp InstalledAppListResult MouseButton "
        "ProcessListResult ScrollDirection Window WindowInfoResult WindowListResult"
    ),
    "agentbay.models.context": (
        "ClearContextResult Context ContextBindResult ContextBinding ContextBindingsResult "
        "ContextFileEntry ContextFileListResult ContextInfoResult ContextListParams "
        "ContextListResult ContextResult ContextStatusData ContextSyncResult FileUrlResult"
    ),
    "agentbay.models.context_mount": (
        "BetaContextMount BetaContextMountAccessMode BetaContextMountStrategy"
    ),
    "agentbay.models.context_sync": (
        "BWList ContextSync DeletePolicy DownloadPolicy DownloadStrategy ExtractPolicy Lifecycle "
        "MappingPolicy RecyclePolicy SyncPolicy UploadMode UploadPolicy UploadStrategy WhiteList"
    ),
    "agentbay.models.extension": "Extension",
    "agentbay.models.extra_configs": (
        "AppManagerRule ExtraConfigs MobileExtraConfig MobileSimulateConfig MobileSimulateMode"
    ),
    "agentbay.models.env": "EnvResult",
    "agentbay.models.file_transfer": "DirectoryTransferResult DownloadResult UploadResult",
    "agentbay.models.filesystem": (
        "BinaryFileContentResult DirectoryEntry DirectoryListResult FileChangeCallback "
        "FileChangeEvent FileChangeResult FileContentResult FileInfoResult FileSearchResult "
        "MultipleFileContentResult WatchThread"
    ),
    "agentbay.models.fleet": "FleetOutcome FleetStats Latencies",
    "agentbay.models.fingerprint": "FingerprintFormat",
    "agentbay.models.git": (
        "GitBranchInfo GitBranchListResult GitCloneResult GitCommitResult GitFileStatus "
        "GitInitResult GitLogEntry GitLogResult GitStatusResult"
    ),
    "agentbay.models.key_codes": "KeyCode",
    "agentbay.models.keys": "get_supported_key_names normalize_keys",
    "agentbay.models.metrics": "SessionMetrics SessionMetricsResult",
    "agentbay.models.pty": "PtySession",
    "agentbay.models.mobile": "AdbUrlResult MobileSimulateUploadResult UIElementListResult",
    "agentbay.models.network": "NetworkResult NetworkStatusResult",
    "agentbay.models.oss": "OSSClientResult OSSDownloadResult OSSUploadResult",
    "agentbay.models.reap": "ReapResult",
    "agentbay.models.results": (
        "ApiResponse BaseResult BoolResult OperationResult Response extract_request_id"
    ),
    "agentbay.models.screenshots": "ScreenshotMode ScreenshotResult",
    "agentbay.models.session": (
        "DeleteResult McpTool McpToolResult McpToolsResult SessionInfo SessionListItem "
        "SessionListResult SessionResult SessionStatus SessionStatusResult"
    ),
    "agentbay.models.session_params": "CreateSessionParams LifecyclePolicy ListSessionParams",
    "agentbay.models.session_state": (
        "GetSessionData GetSessionResult SessionPauseResult SessionResumeResult"
    ),
    "agentbay.models.skills": "SkillInfo SkillsMetadataResult",
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
