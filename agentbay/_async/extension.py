"""Browser extensions, kept in a context from which sessions get them."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from agentbay._transport.objects import put_object
from agentbay.errors import AgentBayError
from agentbay.models.browser_context import EXTENSIONS_PATH, ExtensionOption
from agentbay.models.extension import Extension

if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence

    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay._async.context import AsyncContextService
    from agentbay.models.context import Context, ContextFileEntry

__all__ = ("AsyncExtensionsService",)

FOLDER: Final = EXTENSIONS_PATH.rstrip("/")
LISTED: Final = 100
UPLOAD_SECONDS: Final = 5.0
"""Without progress; extensions are small."""


class AsyncExtensionsService:
    """Keeps browser extensions in a context.

    The context is looked up, or created, by the first call that needs it.

    Args:
        agent_bay: The client.
        context_id: The *name* of the context; a new one is made when it is empty.
    """

    def __init__(self, agent_bay: AsyncAgentBay, context_id: str = "") -> None:
        self._agent_bay = agent_bay
        self._is_named = bool(context_id and context_id.strip())
        self._name = context_id if self._is_named else f"extensions-{int(time.time())}"
        self._context: Context | None = None

    @property
    def agent_bay(self) -> AsyncAgentBay:
        """The client."""
        return self._agent_bay

    @property
    def context_service(self) -> AsyncContextService:
        """The client's contexts."""
        return self._agent_bay.context

    @property
    def extension_context(self) -> Context | None:
        """The context that holds the extensions; ``None`` before the first call."""
        return self._context

    @property
    def context_id(self) -> str | None:
        """The id of that context; ``None`` before the first call."""
        return self._context.id if self._context is not None else None

    @property
    def context_name(self) -> str | None:
        """The name of that context; ``None`` before the first call."""
        return self._context.name if self._context is not None else None

    @property
    def auto_created(self) -> bool | None:
        """Whether the context is one without a name of yours; ``None`` before the first call."""
        return not self._is_named if self._context is not None else None

    async def _ready(self) -> Context:
        if self._context is None:
            found = await self._agent_bay.context.create(self._name)
            if not found.success or found.context is None:
                raise AgentBayError(
                    f"Failed to create extension repository context: {self._name}"
                ) from found.exception
            self._context = found.context
        return self._context

    async def list(self) -> builtins.list[Extension]:
        """List the extensions.

        Raises:
            AgentBayError: they cannot be listed.
        """
        context = await self._ready()
        try:
            entries = await self._entries(context)
        except AgentBayError as exc:
            raise AgentBayError(
                f"An error occurred while listing browser extensions: {exc}"
            ) from exc
        return [Extension(file.file_name, file.file_name, file.gmt_create) for file in entries]

    async def _entries(self, context: Context) -> Sequence[ContextFileEntry]:
        found = await self._agent_bay.context.list_files(context.id, FOLDER, 1, LISTED)
        if not found.success:
            raise AgentBayError(
                "Failed to list extensions: Context file listing failed."
            ) from found.exception
        return found.entries

    async def create(self, local_path: str) -> Extension:
        """Store an extension.

        Args:
            local_path: A ZIP file of this machine.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is no ZIP file, by its name.
            AgentBayError: it cannot be stored.
        """
        path = Path(local_path)
        if not await anyio.Path(path).is_file():
            raise FileNotFoundError(f"The specified local file was not found: {local_path}")
        if path.suffix.lower() != ".zip":
            raise ValueError(
                f"Unsupported plugin format '{path.suffix}'. Only ZIP format (.zip) is supported."
            )
        extension_id = f"ext_{uuid.uuid4().hex}.zip"
        await self._upload(local_path, extension_id)
        return Extension(extension_id, path.name)

    async def update(self, extension_id: str, new_local_path: str) -> Extension:
        """Replace the content of an extension.

        Args:
            extension_id: The extension.
            new_local_path: A file of this machine.

        Raises:
            FileNotFoundError: there is none.
            ValueError: there is no such extension.
            AgentBayError: it cannot be stored.
        """
        if not await anyio.Path(new_local_path).is_file():
            raise FileNotFoundError(f"The specified new local file was not found: {new_local_path}")
        if extension_id not in [extension.id for extension in await self.list()]:
            raise ValueError(
                f"Browser extension with ID '{extension_id}' not found in the context. "
                "Cannot update."
            )
        await self._upload(new_local_path, extension_id)
        return Extension(extension_id, Path(new_local_path).name)

    async def _upload(self, local_path: str, extension_id: str) -> None:
        context = await self._ready()
        service = self._agent_bay.context
        try:
            signed = await service.get_file_upload_url(context.id, f"{FOLDER}/{extension_id}")
            url = signed.unwrap()
        except AgentBayError as exc:
            raise AgentBayError(
                f"An error occurred while requesting the upload URL: {exc}"
            ) from exc
        try:
            sent = await put_object(
                self._agent_bay._http, url, local_path, idle=UPLOAD_SECONDS, follow_redirects=False
            )
            if not 200 <= sent.status < 300:
                raise AgentBayError(f"HTTP {sent.status}")
        except (AgentBayError, OSError) as exc:
            raise AgentBayError(f"An error occurred while uploading the file: {exc}") from exc

    async def delete(self, extension_id: str) -> bool:
        """Delete an extension.

        Args:
            extension_id: The extension.

        Returns:
            Whether it was deleted.

        Raises:
            AgentBayError: the context cannot be had.
        """
        context = await self._ready()
        try:
            path = f"{FOLDER}/{extension_id}"
            return (await self._agent_bay.context.delete_file(context.id, path)).success
        except AgentBayError:
            return False

    async def cleanup(self) -> bool:
        """Delete the context if it has no name of yours.

        Returns:
            Whether nothing is left that this object made.
        """
        if self._context is None or self._is_named:
            return True
        try:
            return (await self._agent_bay.context.delete(self._context)).success
        except AgentBayError:
            return False

    async def create_extension_option(self, extension_ids: Sequence[str]) -> ExtensionOption:
        """Return what gives a session these extensions, by its browser context.

        Args:
            extension_ids: The extensions.

        Raises:
            ValueError: none is given.
            AgentBayError: the context cannot be had.
        """
        return ExtensionOption((await self._ready()).id, [*extension_ids])
