"""What of a browser outlives a session: profile, extensions, fingerprint."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from agentbay.models.context_sync import (
    BWList,
    ContextSync,
    DeletePolicy,
    ExtractPolicy,
    SyncPolicy,
    UploadPolicy,
    WhiteList,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("BrowserContext", "BrowserFingerprintContext", "BrowserSyncMode", "ExtensionOption")

BROWSER_DATA_PATH: Final = "/tmp/agentbay_browser"  # noqa: S108 - a path of the service
FINGERPRINT_PATH: Final = "/tmp/browser_fingerprint"  # noqa: S108 - the same
EXTENSIONS_PATH: Final = "/tmp/extensions/"  # noqa: S108 - the same

MINIMAL_PATHS: Final = ("/Local State", "/Default/Cookies", "/Default/Cookies-journal")
STANDARD_PATHS: Final = (
    *MINIMAL_PATHS,
    "/Default/Local Storage",
    "/Default/IndexedDB",
    "/Default/Session Storage",
    "/Default/Login Data",
    "/Default/Login Data-journal",
    "/Default/Login Data For Account",
    "/Default/Login Data For Account-journal",
    "/Default/Web Data",
    "/Default/Web Data-journal",
    "/Default/Preferences",
    "/Default/Secure Preferences",
    "/Default/TransportSecurity",
    "/Default/Network Persistent State",
    "/Default/GPUCache",
    "/Default/Affiliation Database",
    "/Default/Affiliation Database-journal",
)


class BrowserSyncMode(Enum):
    """How much of the browser's profile is kept."""

    MINIMAL = "minimal"
    """Cookies only."""
    STANDARD = "standard"
    """Also logins, storage of sites, and preferences."""


def _ids(value: Sequence[str]) -> list[str]:
    return list(value)


@frozen
class ExtensionOption:
    """Which browser extensions a session gets.

    Args:
        context_id: The context that holds them.
        extension_ids: Their ids.

    Raises:
        ValueError: one of both is empty.
    """

    context_id: str
    extension_ids: list[str] = field(converter=_ids)

    def __attrs_post_init__(self) -> None:
        if not self.context_id or not self.context_id.strip():
            raise ValueError("context_id cannot be empty")
        if not self.extension_ids:
            raise ValueError("extension_ids cannot be empty")

    def __str__(self) -> str:
        count = len(self.extension_ids)
        return f"Extension Config: {count} extension(s) in context '{self.context_id}'"

    def validate(self) -> bool:
        """Return whether every id is text that is not blank."""
        ids: list[object] = [self.context_id, *self.extension_ids]
        return all(isinstance(item, str) and bool(item.strip()) for item in ids)


@frozen
class BrowserFingerprintContext:
    """The context that holds a browser fingerprint.

    Args:
        fingerprint_context_id: Its id.

    Raises:
        ValueError: the id is empty.
    """

    fingerprint_context_id: str

    def __attrs_post_init__(self) -> None:
        if not self.fingerprint_context_id or not self.fingerprint_context_id.strip():
            raise ValueError("fingerprint_context_id cannot be empty")


@define
class BrowserContext:
    """A browser profile that outlives the session.

    Args:
        context_id: The context that holds it.
        auto_upload: Store the profile when the session ends.
        sync_mode: How much of it; ``STANDARD`` when ``None``.
        extension_option: Extensions to install.
        fingerprint_context: Fingerprint to use.
    """

    context_id: str
    auto_upload: bool = True
    sync_mode: BrowserSyncMode | None = None
    extension_option: ExtensionOption | None = None
    fingerprint_context: BrowserFingerprintContext | None = None

    def __attrs_post_init__(self) -> None:
        self.sync_mode = self.sync_mode or BrowserSyncMode.STANDARD

    @property
    def extension_context_id(self) -> str | None:
        """The context that holds the extensions."""
        return self.extension_option.context_id if self.extension_option else None

    @property
    def extension_ids(self) -> list[str]:
        """The extensions."""
        return list(self.extension_option.extension_ids) if self.extension_option else []

    @property
    def extension_context_syncs(self) -> list[ContextSync] | None:
        """How the extensions get into the session; ``None`` without an option."""
        return self.get_extension_context_syncs() if self.extension_option else None

    @property
    def fingerprint_context_id(self) -> str | None:
        """The context that holds the fingerprint."""
        return self.fingerprint_context.fingerprint_context_id if self.fingerprint_context else None

    @property
    def fingerprint_context_sync(self) -> ContextSync | None:
        """How the fingerprint gets into the session."""
        return self.get_fingerprint_context_sync()

    def get_extension_context_syncs(self) -> list[ContextSync]:
        """Return how the extensions get into the session; empty without an option."""
        if self.extension_option is None:
            return []
        policy = SyncPolicy(
            upload_policy=UploadPolicy(auto_upload=False),
            delete_policy=DeletePolicy(sync_local_file=False),
            extract_policy=ExtractPolicy(extract=True, delete_src_file=True),
            bw_list=BWList([WhiteList(name) for name in self.extension_ids]),
        )
        return [ContextSync(self.extension_option.context_id, EXTENSIONS_PATH, policy)]

    def get_fingerprint_context_sync(self) -> ContextSync | None:
        """Return how the fingerprint gets into the session, if there is one."""
        if self.fingerprint_context is None:
            return None
        policy = SyncPolicy(
            upload_policy=UploadPolicy(auto_upload=False),
            extract_policy=ExtractPolicy(extract=True, delete_src_file=True),
            bw_list=BWList([]),
        )
        return ContextSync(
            self.fingerprint_context.fingerprint_context_id, FINGERPRINT_PATH, policy
        )

    def get_profile_context_sync(self) -> ContextSync:
        """Return how the profile itself gets into the session and back."""
        paths = MINIMAL_PATHS if self.sync_mode is BrowserSyncMode.MINIMAL else STANDARD_PATHS
        policy = SyncPolicy(
            upload_policy=UploadPolicy(auto_upload=self.auto_upload),
            bw_list=BWList([WhiteList(path) for path in paths]),
        )
        return ContextSync(self.context_id, BROWSER_DATA_PATH, policy)
