"""Object storage: files between a session and a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._wire.tools.oss import (
    OssDownload,
    OssDownloadAnonymous,
    OssEnvInit,
    OssUpload,
    OssUploadAnonymous,
)
from agentbay.models.oss import OSSClientResult, OSSDownloadResult, OSSUploadResult

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay._wire.tools.base import Tool
    from agentbay.models.session import McpToolResult

__all__ = ("AsyncOss",)


class AsyncOss:
    """Copies files and directories of one session to object storage and back.

    Failures are results, never raised. What the session says of a transfer is passed on as it is.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @property
    def session(self) -> AsyncSession:
        """The session whose files are copied."""
        return self._session

    async def env_init(
        self,
        access_key_id: str,
        access_key_secret: str,
        security_token: str,
        endpoint: str | None = None,
        region: str | None = None,
    ) -> OSSClientResult:
        """Give the session credentials for the transfers that follow.

        Whatever runs in the session can use them, so give temporary ones only.

        Args:
            access_key_id: Id of the temporary key.
            access_key_secret: Its secret.
            security_token: The token that belongs to them.
            endpoint: Where the storage is; decided by *region* when not given.
            region: Region of the storage.
        """
        call = OssEnvInit(
            access_key_id=access_key_id,
            access_key_secret=access_key_secret,
            security_token=security_token,
            endpoint=endpoint or None,
            region=region or None,
        )
        result = await self._call(call)
        problem = "" if result.success and result.data else "Failed to initialize OSS environment"
        if not result.success and result.error_message:
            problem = result.error_message
        elif "failed" in result.data.lower():
            problem = f"OSS environment initialization failed: {result.data}"
        if problem:
            return OSSClientResult.failure(problem, result.exception, request_id=result.request_id)
        return OSSClientResult(result.request_id, True, result.data)

    async def upload(self, bucket: str, object: str, path: str) -> OSSUploadResult:  # noqa: A002 - the documented name
        """Copy a file or directory of the session to a bucket; needs credentials.

        Args:
            bucket: The bucket.
            object: Name that it gets there.
            path: Where it is in the session.
        """
        return _uploaded(
            await self._call(OssUpload(bucket=bucket, object=object, path=path)),
            "Failed to upload to OSS",
        )

    async def upload_anonymous(self, url: str, path: str) -> OSSUploadResult:
        """Copy a file of the session to a URL, with a plain ``PUT``.

        Args:
            url: A URL that authorises by itself; a secret.
            path: Where the file is in the session.
        """
        return _uploaded(
            await self._call(OssUploadAnonymous(url=url, path=path)),
            "Failed to upload anonymously",
        )

    async def download(self, bucket: str, object: str, path: str) -> OSSDownloadResult:  # noqa: A002 - the documented name
        """Copy something from a bucket to the session; needs credentials.

        Args:
            bucket: The bucket.
            object: Its name there.
            path: Where it goes in the session.
        """
        return _downloaded(
            await self._call(OssDownload(bucket=bucket, object=object, path=path)),
            "Failed to download from OSS",
        )

    async def download_anonymous(self, url: str, path: str) -> OSSDownloadResult:
        """Copy what a URL gives to a file of the session, with a plain ``GET``.

        Args:
            url: A URL that authorises by itself; a secret.
            path: Where the file goes in the session.
        """
        return _downloaded(
            await self._call(OssDownloadAnonymous(url=url, path=path)),
            "Failed to download anonymously",
        )

    async def _call(self, tool: Tool) -> McpToolResult:
        return await self._session.call_mcp_tool(tool.tool_name, tool.arguments())


def _uploaded(result: McpToolResult, problem: str) -> OSSUploadResult:
    if result.success:
        return OSSUploadResult(result.request_id, True, result.data)
    message = result.error_message or problem
    return OSSUploadResult.failure(message, result.exception, request_id=result.request_id)


def _downloaded(result: McpToolResult, problem: str) -> OSSDownloadResult:
    if result.success:
        return OSSDownloadResult(result.request_id, True, result.data)
    message = result.error_message or problem
    return OSSDownloadResult.failure(message, result.exception, request_id=result.request_id)
