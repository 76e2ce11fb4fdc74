"""How a context is kept in step with a directory of a session."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from attrs import Attribute, define, field, setters

__all__ = (
    "BWList",
    "ContextSync",
    "DeletePolicy",
    "DownloadPolicy",
    "DownloadStrategy",
    "ExtractPolicy",
    "Lifecycle",
    "MappingPolicy",
    "RecyclePolicy",
    "SyncPolicy",
    "UploadMode",
    "UploadPolicy",
    "UploadStrategy",
    "WhiteList",
)

WILDCARDS: Final = frozenset("*?[]")


class UploadStrategy(Enum):
    """When files go from the session into the context."""

    UPLOAD_BEFORE_RESOURCE_RELEASE = "UploadBeforeResourceRelease"


class DownloadStrategy(Enum):
    """When files come from the context into the session."""

    DOWNLOAD_ASYNC = "DownloadAsync"


class UploadMode(Enum):
    """Whether files are stored one by one or as one archive."""

    FILE = "File"
    ARCHIVE = "Archive"


class Lifecycle(Enum):
    """How long files in a context are kept."""

    LIFECYCLE_1DAY = "Lifecycle_1Day"
    LIFECYCLE_3DAYS = "Lifecycle_3Days"
    LIFECYCLE_5DAYS = "Lifecycle_5Days"
    LIFECYCLE_10DAYS = "Lifecycle_10Days"
    LIFECYCLE_15DAYS = "Lifecycle_15Days"
    LIFECYCLE_30DAYS = "Lifecycle_30Days"
    LIFECYCLE_90DAYS = "Lifecycle_90Days"
    LIFECYCLE_180DAYS = "Lifecycle_180Days"
    LIFECYCLE_360DAYS = "Lifecycle_360Days"
    LIFECYCLE_FOREVER = "Lifecycle_Forever"


def _member_of(kind: type[Enum]) -> Any:
    def check(_: object, attribute: Attribute[Any], value: object) -> None:
        if not isinstance(value, kind):
            valid = ", ".join(member.value for member in kind)
            raise ValueError(f"Invalid {attribute.name} value: {value}. Valid values are: {valid}")

    return check


def _has_wildcard(path: str) -> bool:
    return not WILDCARDS.isdisjoint(path)


def _value(member: Enum | None) -> Any:
    return None if member is None else member.value


@define
class UploadPolicy:
    """How files go from the session into the context.

    Args:
        auto_upload: Upload by itself, according to *upload_strategy*.
        upload_strategy: When.
        upload_mode: As single files or as one archive.
        archive_exclude_paths: Paths to leave out of the archive.

    Raises:
        ValueError: *upload_mode* is no :class:`UploadMode`.
    """

    auto_upload: bool = True
    upload_strategy: UploadStrategy | None = UploadStrategy.UPLOAD_BEFORE_RESOURCE_RELEASE
    upload_mode: UploadMode = field(
        default=UploadMode.FILE, validator=_member_of(UploadMode), on_setattr=setters.NO_OP
    )
    archive_exclude_paths: list[str] = field(factory=list)

    @classmethod
    def default(cls) -> UploadPolicy:
        """Return the policy that applies when none is given."""
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        found = {
            "autoUpload": self.auto_upload,
            "uploadStrategy": _value(self.upload_strategy),
            "uploadMode": _value(self.upload_mode),
        }
        if self.archive_exclude_paths and self.upload_mode is UploadMode.ARCHIVE:
            found["archiveExcludePaths"] = list(self.archive_exclude_paths)
        return found


@define
class DownloadPolicy:
    """How files come from the context into the session."""

    auto_download: bool = True
    download_strategy: DownloadStrategy | None = DownloadStrategy.DOWNLOAD_ASYNC

    @classmethod
    def default(cls) -> DownloadPolicy:
        """Return the policy that applies when none is given."""
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        return {
            "autoDownload": self.auto_download,
            "downloadStrategy": _value(self.download_strategy),
        }


@define
class DeletePolicy:
    """Whether a file deleted in the session is deleted in the context as well."""

    sync_local_file: bool = True

    @classmethod
    def default(cls) -> DeletePolicy:
        """Return the policy that applies when none is given."""
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        return {"syncLocalFile": self.sync_local_file}


@define
class ExtractPolicy:
    """What happens to archives that arrive in the session.

    Args:
        extract: Unpack them.
        delete_src_file: Delete an archive once it is unpacked.
        extract_current_folder: Unpack into the archive's own directory, not into a new one.
    """

    extract: bool = True
    delete_src_file: bool = True
    extract_current_folder: bool = False

    @classmethod
    def default(cls) -> ExtractPolicy:
        """Return the policy that applies when none is given."""
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        return {
            "extract": self.extract,
            "deleteSrcFile": self.delete_src_file,
            "extractToCurrentFolder": self.extract_current_folder,
        }


def _exact_paths(_: object, __: object, paths: list[str]) -> None:
    for path in paths:
        if path.strip() and _has_wildcard(path):
            raise ValueError(
                "Wildcard patterns are not supported in recycle policy paths. "
                f"Got: {path}. Please use exact directory paths instead."
            )


@define
class RecyclePolicy:
    """How long files in the context are kept.

    Args:
        lifecycle: Until when.
        paths: Which directories; the empty string stands for all.

    Raises:
        ValueError: *lifecycle* is no :class:`Lifecycle`, or a path holds a wildcard.
    """

    lifecycle: Lifecycle = field(
        default=Lifecycle.LIFECYCLE_FOREVER,
        validator=_member_of(Lifecycle),
        on_setattr=setters.NO_OP,
    )
    paths: list[str] = field(factory=lambda: [""], validator=_exact_paths, on_setattr=setters.NO_OP)

    @classmethod
    def default(cls) -> RecyclePolicy:
        """Return the policy that applies when none is given."""
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        return {"lifecycle": _value(self.lifecycle), "paths": list(self.paths)}


@define
class WhiteList:
    """A directory that is synchronised, and what is left out of it.

    Args:
        path: The directory below the synchronised path; empty for all of it.
        exclude_paths: What to leave out.
        is_path_regex: Whether *path* is a regular expression.
        is_exclude_regex: Whether *exclude_paths* are.

    Raises:
        ValueError: a path holds a wildcard and is no regular expression.
    """

    path: str = ""
    exclude_paths: list[str] = field(factory=list)
    is_path_regex: bool = False
    is_exclude_regex: bool = False

    def __attrs_post_init__(self) -> None:
        if not self.is_path_regex and _has_wildcard(self.path):
            self._refuse("path", "is_path_regex", self.path)
        for path in self.exclude_paths:
            if not self.is_exclude_regex and _has_wildcard(path):
                self._refuse("exclude_paths", "is_exclude_regex", path)

    @staticmethod
    def _refuse(name: str, switch: str, path: str) -> None:
        raise ValueError(
            f"Wildcard patterns are not supported in {name} when {switch}=False. Got: {path}. "
            f"Please use exact directory paths or set {switch}=True for regex matching."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        return {
            "path": self.path,
            "excludePaths": list(self.exclude_paths),
            "isPathRegex": self.is_path_regex,
            "isExcludeRegex": self.is_exclude_regex,
        }


@define
class BWList:
    """The directories that are synchronised."""

    white_lists: list[WhiteList] = field(factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        return {"whiteLists": [entry.to_dict() for entry in self.white_lists]}


@define
class MappingPolicy:
    """Where the files were kept on another operating system.

    Args:
        path: The path there.
    """

    path: str = ""

    @classmethod
    def default(cls) -> MappingPolicy:
        """Return the policy that applies when none is given."""
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        return {"path": self.path}


@define
class SyncPolicy:
    """Everything about how a context is synchronised; parts left out get their default."""

    upload_policy: UploadPolicy | None = None
    download_policy: DownloadPolicy | None = None
    delete_policy: DeletePolicy | None = None
    extract_policy: ExtractPolicy | None = None
    recycle_policy: RecyclePolicy | None = None
    bw_list: BWList | None = None
    mapping_policy: MappingPolicy | None = None

    def __attrs_post_init__(self) -> None:
        self.upload_policy = self.upload_policy or UploadPolicy()
        self.download_policy = self.download_policy or DownloadPolicy()
        self.delete_policy = self.delete_policy or DeletePolicy()
        self.extract_policy = self.extract_policy or ExtractPolicy()
        self.recycle_policy = self.recycle_policy or RecyclePolicy()
        self.bw_list = self.bw_list or BWList([WhiteList()])

    @classmethod
    def default(cls) -> SyncPolicy:
        """Return the policy that applies when none is given."""
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service; parts set to ``None`` are absent."""
        parts = {
            "uploadPolicy": self.upload_policy,
            "downloadPolicy": self.download_policy,
            "deletePolicy": self.delete_policy,
            "extractPolicy": self.extract_policy,
            "recyclePolicy": self.recycle_policy,
            "bwList": self.bw_list,
            "mappingPolicy": self.mapping_policy,
        }
        return {name: part.to_dict() for name, part in parts.items() if part is not None}


@define
class ContextSync:
    """A context that is copied into a directory of the session, and back.

    Args:
        context_id: The context.
        path: The directory in the session.
        policy: How; the service's default when ``None``.
        beta_wait_for_completion: Whether ``create`` waits for the files; it does when ``None``.
    """

    context_id: str
    path: str
    policy: SyncPolicy | None = None
    beta_wait_for_completion: bool | None = None

    @classmethod
    def new(
        cls,
        context_id: str,
        path: str,
        policy: SyncPolicy | None = None,
        beta_wait_for_completion: bool | None = None,
    ) -> ContextSync:
        """Return a new synchronisation; the same as the constructor."""
        return cls(context_id, path, policy, beta_wait_for_completion)

    def with_policy(self, policy: SyncPolicy) -> ContextSync:
        """Set the policy, and return this object."""
        self.policy = policy
        return self
