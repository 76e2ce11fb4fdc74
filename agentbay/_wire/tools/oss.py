"""The tools that move files between a session and object storage."""

from __future__ import annotations

from attrs import field, frozen

from agentbay._wire.tools.base import Tool

__all__ = (
    "OssDownload",
    "OssDownloadAnonymous",
    "OssEnvInit",
    "OssUpload",
    "OssUploadAnonymous",
)


@frozen(kw_only=True)
class OssTool(Tool):
    """Base of the tools for object storage."""

    server = "wuying_oss"


@frozen(kw_only=True)
class OssEnvInit(OssTool):
    """Take temporary credentials for the transfers that follow."""

    tool_name = "oss_env_init"

    access_key_id: str = field(repr=False)
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False)
    endpoint: str | None = None
    region: str | None = None


@frozen(kw_only=True)
class OssUpload(OssTool):
    """Copy a file of the session to an object."""

    tool_name = "oss_upload"

    bucket: str
    object: str
    path: str


@frozen(kw_only=True)
class OssDownload(OssTool):
    """Copy an object to a file of the session."""

    tool_name = "oss_download"

    bucket: str
    object: str
    path: str


@frozen(kw_only=True)
class OssUploadAnonymous(OssTool):
    """Copy a file of the session to a URL that needs no credentials."""

    tool_name = "oss_upload_annon"

    url: str = field(repr=False)
    path: str


@frozen(kw_only=True)
class OssDownloadAnonymous(OssTool):
    """Copy what a URL without need of credentials gives to a file of the session."""

    tool_name = "oss_download_annon"

    url: str = field(repr=False)
    path: str
