"""Contexts that a session is created with: the items of ``PersistenceDataList``."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from agentbay._wire.codec import JsonText, WireObject

__all__ = ("MOUNT", "MountConfig", "PersistenceItem")

MOUNT = "mount"
"""The type of an item that is mounted; one without a type is copied."""


@frozen(kw_only=True)
class MountConfig(WireObject):
    """How a context is mounted."""

    access_mode: str = "readWrite"
    storage_mode: str = "standard"
    source_path: str = ""
    object_key: str | None = None


@frozen(kw_only=True)
class PersistenceItem(WireObject):
    """One context, and where it appears in the session."""

    json_text = {"policy": JsonText.SPACED}

    context_id: str
    path: str
    policy: dict[str, Any] | None = None
    type: str | None = None
    mount_config: MountConfig | None = None
