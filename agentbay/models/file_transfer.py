"""Files that travel between this machine and a session or a context: results."""

from __future__ import annotations

from attrs import define, field

from agentbay.errors import AgentBayError, FileError
from agentbay.models.results import Outcome

__all__ = ("DirectoryTransferResult", "DownloadResult", "UploadResult")


@define
class UploadResult(Outcome):
    """The outcome of sending a file.

    Attributes:
        request_id_upload_url: Id of the request for the URL.
        request_id_sync: Id of the request that brought the file into the session.
        http_status: HTTP status of the transfer.
        etag: What the storage says of the content.
        bytes_sent: Size of the file.
        path: Where the file is now.
    """

    error_class = FileError

    success: bool = False
    request_id_upload_url: str | None = None
    request_id_sync: str | None = None
    http_status: int | None = None
    etag: str | None = None
    bytes_sent: int = 0
    path: str = ""
    error_message: str = ""
    exception: AgentBayError | None = field(default=None, kw_only=True, eq=False, repr=False)

    @property
    def error(self) -> str:
        """The same as ``error_message``."""
        return self.error_message

    def unwrap(self) -> str:
        """Return the path in the session, or raise the error of a failed result."""
        self.raise_for_error()
        return self.path


@define
class DownloadResult(Outcome):
    """The outcome of fetching a file.

    Attributes:
        request_id_download_url: Id of the request for the URL.
        request_id_sync: Id of the request that brought the file out of the session.
        http_status: HTTP status of the transfer.
        bytes_received: Size of the file.
        path: Where the file came from.
        local_path: Where it is now.
    """

    error_class = FileError

    success: bool = False
    request_id_download_url: str | None = None
    request_id_sync: str | None = None
    http_status: int | None = None
    bytes_received: int = 0
    path: str = ""
    local_path: str = ""
    error_message: str = ""
    exception: AgentBayError | None = field(default=None, kw_only=True, eq=False, repr=False)

    @property
    def error(self) -> str:
        """The same as ``error_message``."""
        return self.error_message

    def unwrap(self) -> str:
        """Return the local path, or raise the error of a failed result."""
        self.raise_for_error()
        return self.local_path


@define
class DirectoryTransferResult(Outcome):
    """The outcome of sending or fetching a whole directory.

    Attributes:
        path: The directory in the session.
        local_path: The directory on this machine.
        entries: How many files, directories and links travelled.
        bytes_transferred: Size of the archive that carried them.
        skipped: Names that were left out: sockets, pipes and devices.
    """

    error_class = FileError

    success: bool = False
    path: str = ""
    local_path: str = ""
    entries: int = 0
    bytes_transferred: int = 0
    skipped: tuple[str, ...] = ()
    error_message: str = ""
    exception: AgentBayError | None = field(default=None, kw_only=True, eq=False, repr=False)

    def unwrap(self) -> int:
        """Return the number of entries, or raise the error of a failed result."""
        self.raise_for_error()
        return self.entries
