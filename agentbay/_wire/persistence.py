"""Contexts that a session is created with: the items of ``PersistenceDataList``."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from agentbay._wire.codec import JsonText, WireObject, strict_converter, structure
from agentbay.models.context_sync import Lifecycle, UploadMode

__all__ = (
    "MOUNT",
    "Deleting",
    "Downloading",
    "Lists",
    "MappedPath",
    "MountConfig",
    "PersistenceItem",
    "Policy",
    "Recycling",
    "Unpacking",
    "Uploading",
    "WhiteListed",
    "read_policy",
)

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


@frozen(kw_only=True)
class Uploading(WireObject):
    """When and how files go from the session into the context."""

    pascal_case = False
    wire_names = {
        "auto_upload": "autoUpload",
        "upload_strategy": "uploadStrategy",
        "upload_mode": "uploadMode",
        "archive_exclude_paths": "archiveExcludePaths",
    }

    auto_upload: bool = True
    upload_strategy: str = ""
    upload_mode: UploadMode = UploadMode.FILE
    archive_exclude_paths: list[str] = field(factory=list)


@frozen(kw_only=True)
class Downloading(WireObject):
    """Whether files come from the context into a new session."""

    pascal_case = False
    wire_names = {"auto_download": "autoDownload", "download_strategy": "downloadStrategy"}

    auto_download: bool = True
    download_strategy: str = ""


@frozen(kw_only=True)
class Deleting(WireObject):
    """Whether what is missing in the session is deleted in the context."""

    pascal_case = False
    wire_names = {"sync_local_file": "syncLocalFile"}

    sync_local_file: bool = True


@frozen(kw_only=True)
class Unpacking(WireObject):
    """What happens to archives that arrive in the session."""

    pascal_case = False
    wire_names = {
        "delete_src_file": "deleteSrcFile",
        "extract_to_current_folder": "extractToCurrentFolder",
    }
    also_read = {"extractCurrentFolder": "extractToCurrentFolder"}

    extract: bool = True
    delete_src_file: bool = True
    extract_to_current_folder: bool = False


@frozen(kw_only=True)
class Recycling(WireObject):
    """How long files are kept."""

    pascal_case = False

    lifecycle: Lifecycle = Lifecycle.LIFECYCLE_FOREVER
    paths: list[str] = field(factory=lambda: [""])


@frozen(kw_only=True)
class WhiteListed(WireObject):
    """One path that is synchronised, and what is left out of it."""

    pascal_case = False
    wire_names = {
        "exclude_paths": "excludePaths",
        "is_path_regex": "isPathRegex",
        "is_exclude_regex": "isExcludeRegex",
    }

    path: str = ""
    exclude_paths: list[str] = field(factory=list)
    is_path_regex: bool = False
    is_exclude_regex: bool = False


@frozen(kw_only=True)
class Lists(WireObject):
    """What is synchronised; no white list at all means everything."""

    pascal_case = False
    wire_names = {"white_lists": "whiteLists"}

    white_lists: list[WhiteListed] = field(factory=list)


@frozen(kw_only=True)
class MappedPath(WireObject):
    """Where the files are in the context, when not at the path of the session."""

    pascal_case = False

    path: str = ""


@frozen(kw_only=True)
class Policy(WireObject):
    """The policy object inside of a `PersistenceItem`; parts left out have their defaults."""

    pascal_case = False
    wire_names = {
        "upload_policy": "uploadPolicy",
        "download_policy": "downloadPolicy",
        "delete_policy": "deletePolicy",
        "extract_policy": "extractPolicy",
        "recycle_policy": "recyclePolicy",
        "bw_list": "bwList",
        "mapping_policy": "mappingPolicy",
    }

    upload_policy: Uploading = field(factory=Uploading)
    download_policy: Downloading = field(factory=Downloading)
    delete_policy: Deleting = field(factory=Deleting)
    extract_policy: Unpacking = field(factory=Unpacking)
    recycle_policy: Recycling = field(factory=Recycling)
    bw_list: Lists = field(factory=Lists)
    mapping_policy: MappedPath = field(factory=MappedPath)


def read_policy(policy: dict[str, Any] | None) -> Policy:
    """Read a policy object, strictly.

    Raises:
        ProtocolError: It has unknown parts, or values that are not allowed.
    """
    found: Policy = structure(strict_converter, policy or {}, Policy, "The policy of a context")
    return found
