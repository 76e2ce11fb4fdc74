"""Descriptions of devices that the phones of sessions imitate."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Final

from agentbay._transport.objects import put_bytes
from agentbay.errors import AgentBayError
from agentbay.models.context_sync import WhiteList
from agentbay.models.extra_configs import (
    MOBILE_INFO_FILE,
    MOBILE_INFO_PATH,
    MobileSimulateConfig,
    MobileSimulateMode,
)
from agentbay.models.mobile import MobileSimulateUploadResult

if TYPE_CHECKING:
    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay._async.context import AsyncContextService
    from agentbay.models.context_sync import ContextSync

__all__ = ("AsyncMobileSimulateService",)

FOLDER: Final = "/agentbay_mobile_info/"
"""Where the description is in a context that holds other files as well."""
UPLOAD_SECONDS: Final = 60.0
STORED: Final = frozenset({200, 201, 204})


class AsyncMobileSimulateService:
    """Stores the description of a device, and makes the configuration that imitates it.

    The description is kept in a context: in one of its own, or in a folder of yours.

    Args:
        agent_bay: The client.

    Raises:
        ValueError: there is no client.
    """

    def __init__(self, agent_bay: AsyncAgentBay | None) -> None:
        if agent_bay is None:
            raise ValueError("agent_bay is required")
        self._agent_bay = agent_bay
        self._is_enabled = False
        self._mode = MobileSimulateMode.PROPERTIES_ONLY
        self._context_id: str | None = None
        self._context_sync: ContextSync | None = None
        self._path: str | None = None

    @property
    def agent_bay(self) -> AsyncAgentBay:
        """The client."""
        return self._agent_bay

    @property
    def context_service(self) -> AsyncContextService:
        """The client's contexts."""
        return self._agent_bay.context

    @property
    def simulate_enable(self) -> bool:
        """Whether sessions are to imitate."""
        return self._is_enabled

    @property
    def simulate_mode(self) -> MobileSimulateMode:
        """Which parts they imitate."""
        return self._mode

    @property
    def context_id(self) -> str | None:
        """Id of the context that holds the description."""
        return self._context_id

    @property
    def context_sync(self) -> ContextSync | None:
        """Your context that holds the description; ``None`` when it has one of its own."""
        return self._context_sync

    @property
    def mobile_dev_info_path(self) -> str | None:
        """The directory in the session that holds the description."""
        return self._path

    @property
    def use_internal_context(self) -> bool:
        """Whether the description has a context of its own."""
        return self._context_sync is None

    def set_simulate_enable(self, enable: bool) -> None:
        """Say whether sessions are to imitate the device."""
        self._is_enabled = enable

    def get_simulate_enable(self) -> bool:
        """Return whether sessions are to imitate the device."""
        return self._is_enabled

    def set_simulate_mode(self, mode: MobileSimulateMode) -> None:
        """Say which parts are imitated; the value of a mode works as well.

        Raises:
            ValueError: there is no such mode.
        """
        self._mode = MobileSimulateMode(mode)

    def get_simulate_mode(self) -> MobileSimulateMode:
        """Return which parts are imitated."""
        return self._mode

    def set_simulate_context_id(self, context_id: str) -> None:
        """Use a context of its own that an earlier upload has made.

        Args:
            context_id: What that upload returned.
        """
        self._context_id = context_id
        self._context_sync = None
        self._path = MOBILE_INFO_PATH

    def get_simulate_context_id(self) -> str | None:
        """Return the id of the context that holds the description."""
        return self._context_id

    def get_simulate_config(self) -> MobileSimulateConfig:
        """Return the configuration for ``MobileExtraConfig``."""
        return MobileSimulateConfig(
            self._is_enabled,
            self._path,
            self._mode,
            self._context_id if self.use_internal_context else None,
        )

    async def has_mobile_info(self, context_sync: ContextSync) -> bool:
        """Look for a description in a context of yours, and use it if there is one.

        Its folder is added to the directories that the context's policy synchronises.

        Args:
            context_sync: The context, and where it appears in the session.

        Returns:
            Whether there is one; also false where the files of the context cannot be listed.

        Raises:
            ValueError: the context has no id or no path.
            AgentBayError: the service could not be asked.
        """
        _check(context_sync)
        if not context_sync.path:
            raise ValueError("context_sync.path is required")
        found = await self.context_service.list_files(
            context_sync.context_id, context_sync.path + FOLDER, page_number=1, page_size=50
        )
        if not any(entry.file_name == MOBILE_INFO_FILE for entry in found.entries):
            return False
        self._use(context_sync)
        return True

    async def upload_mobile_info(
        self, mobile_dev_info_content: str, context_sync: ContextSync | None = None
    ) -> MobileSimulateUploadResult:
        """Store the description of a device, and use it.

        Args:
            mobile_dev_info_content: The description as JSON text.
            context_sync: A context of yours to keep it in; a new one is made when ``None``.

        Returns:
            The id of the context, or why it could not be stored.

        Raises:
            ValueError: the text is no JSON object with something in it, or the context has no id.
        """
        _check_description(mobile_dev_info_content)
        if context_sync is not None:
            _check(context_sync)
            self._use(context_sync)
        else:
            name = f"mobile_sim_{uuid.uuid4().hex}_{int(time.time())}"
            created = await self.context_service.create(name)
            if not created.success or not created.context_id:
                return MobileSimulateUploadResult.failure(
                    "Failed to create context for simulate", created.exception
                )
            self.set_simulate_context_id(created.context_id)
        try:
            return await self._store(mobile_dev_info_content.encode())
        except AgentBayError as exc:
            return MobileSimulateUploadResult.failure(str(exc), exc)

    async def _store(self, description: bytes) -> MobileSimulateUploadResult:
        context_id = self._context_id or ""
        path = f"{self._path}/{MOBILE_INFO_FILE}"
        signed = await self.context_service.get_file_upload_url(context_id, path)
        if not signed.success:
            return MobileSimulateUploadResult.failure(signed.error_message, signed.exception)
        sent = await put_bytes(
            self._agent_bay._http, signed.url, description, seconds=UPLOAD_SECONDS
        )
        if sent.status not in STORED:
            return MobileSimulateUploadResult.failure(f"Upload failed with HTTP {sent.status}")
        return MobileSimulateUploadResult(True, context_id)

    def _use(self, context_sync: ContextSync) -> None:
        self._context_id = context_sync.context_id
        self._context_sync = context_sync
        self._path = context_sync.path + FOLDER
        directories = context_sync.policy.bw_list if context_sync.policy is not None else None
        listed = directories.white_lists if directories is not None else []
        if listed and all(entry.path != FOLDER for entry in listed):
            listed.append(WhiteList(FOLDER))


def _check(context_sync: ContextSync | None) -> None:
    if context_sync is None:
        raise ValueError("context_sync is required")
    if not context_sync.context_id:
        raise ValueError("context_sync.context_id is required")


def _check_description(text: str) -> None:
    if not text:
        raise ValueError("mobile_dev_info_content is required")
    try:
        description = json.loads(text)
    except RecursionError:
        description = None
    if not description:
        raise ValueError("mobile_dev_info_content is not a valid JSON string")
