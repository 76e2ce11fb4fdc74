"""Bindings: which context is at which path of a session, and by what rules."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import attrs
from attrs import define, field

from agentbay._wire.codec import JsonText, dump_json
from agentbay._wire.envelope import Code, service_error
from agentbay._wire.persistence import MOUNT, Policy, read_policy
from agentbay.errors import ProtocolError
from agentbay.local.contexts.entries import ContextRecord
from agentbay.local.contexts.keys import is_within, join, parse_folder, parse_key, relative, shown

if TYPE_CHECKING:
    from agentbay._wire.persistence import PersistenceItem
    from agentbay.errors import ServiceError

__all__ = ("Binding", "Scope", "make_binding", "read_rules")

_WILDCARDS = frozenset("*?[]")
_MAX_PATTERN = 1000
_DAY = 86400.0
_DAYS = re.compile(r"Lifecycle_(\d+)Days?")
_ACCESS_MODES = ("readWrite", "readOnly")


@define(eq=False, kw_only=True)
class Binding:
    """A context at a path of a session.

    Attributes:
        path: As the client wrote it, which is how it finds it again.
        root: The same path, plain.
        prefix: The key of the context that stands for it.
        uploads: Whether files go back when the session ends.
        received: Whether the session has got all that the context held. Until then nothing is
            deleted in the context for being missing in the session.
        fingerprint: That of the tree when session and context were the same; empty otherwise.
        version: That of the context at this moment.
    """

    context: ContextRecord
    path: str
    root: str
    prefix: bytes
    policy: Policy
    policy_text: str
    is_mount: bool = False
    downloads: bool
    uploads: bool
    writable: bool = True
    bound_at: float = field(factory=time.time)
    received: bool = False
    fingerprint: str = ""
    version: int = -1

    @property
    def rules(self) -> list[dict[str, Any]]:
        """The white lists, as the worker reads them."""
        return read_rules(self.policy)

    @property
    def mirrors(self) -> bool:
        """Whether what is missing in the session is deleted in the context."""
        return self.received and (self.is_mount or self.policy.delete_policy.sync_local_file)

    @property
    def keep_seconds(self) -> float | None:
        """How long its objects are kept; ``None`` means forever."""
        found = _DAYS.fullmatch(self.policy.recycle_policy.lifecycle.value)
        return int(found[1]) * _DAY if found else None

    def recycled(self) -> list[bytes]:
        """Return the keys below which objects are kept for that time only."""
        return [
            join(self.prefix, path.strip("/").encode(errors="surrogateescape"))
            for path in self.policy.recycle_policy.paths
        ]

    def whole(self) -> Scope:
        """Return all of it."""
        return Scope(binding=self, path=self.path, root=self.root, prefix=self.prefix)

    def part(self, path: str) -> Scope | None:
        """Return what is at *path*, as the session names it; ``None`` if that is elsewhere."""
        key, own = parse_folder(path, "Path"), parse_folder(self.root, "Path")
        if not is_within(key, own):
            return None
        name = relative(key, own)
        return Scope(binding=self, path=path, root=shown(key), prefix=join(self.prefix, name))


@attrs.frozen(kw_only=True)
class Scope:
    """A binding, or a file or directory of it, as one transfer moves it.

    Attributes:
        path: As the client wrote it.
        root: Where it is in the session.
        prefix: Where it is in the context.
    """

    binding: Binding
    path: str
    root: str
    prefix: bytes

    @property
    def is_whole(self) -> bool:
        """Whether this is all of the binding."""
        return self.prefix == self.binding.prefix


def read_rules(policy: Policy) -> list[dict[str, Any]]:
    """Return the white lists as the worker reads them."""
    return [
        {
            "path": entry.path,
            "excludePaths": entry.exclude_paths,
            "isPathRegex": entry.is_path_regex,
            "isExcludeRegex": entry.is_exclude_regex,
        }
        for entry in policy.bw_list.white_lists
    ]


def make_binding(item: PersistenceItem, context: ContextRecord) -> Binding:
    """Return the binding that a client asks for.

    Raises:
        ServiceError: The path, the policy or the mount is not valid.
    """
    root = _session_path(item.path)
    try:
        policy = read_policy(item.policy)
    except ProtocolError as exc:
        raise _invalid(str(exc)) from exc
    _check_policy(policy)
    policy_text = "" if item.policy is None else dump_json(item.policy, JsonText.SPACED)
    if item.type == MOUNT:
        return _mount(item, context, root)
    if item.type:
        raise _invalid(f"Type must be {MOUNT!r} or absent, not {item.type[:100]!r}")
    mapped = policy.mapping_policy.path
    return Binding(
        context=context,
        path=item.path,
        root=root,
        prefix=parse_folder(mapped, "mappingPolicy.path") if mapped else _key(root),
        policy=policy,
        policy_text=policy_text,
        downloads=policy.download_policy.auto_download,
        uploads=policy.upload_policy.auto_upload,
    )


def _mount(item: PersistenceItem, context: ContextRecord, root: str) -> Binding:
    config = item.mount_config
    mode = config.access_mode if config is not None else _ACCESS_MODES[0]
    if mode not in _ACCESS_MODES:
        raise _invalid(f"MountConfig.AccessMode must be one of {', '.join(_ACCESS_MODES)}")
    source = config.source_path if config is not None else ""
    return Binding(
        context=context,
        path=item.path,
        root=root,
        prefix=parse_folder(source, "MountConfig.SourcePath"),
        policy=Policy(),
        policy_text="",
        is_mount=True,
        downloads=True,
        uploads=mode == _ACCESS_MODES[0],
        writable=mode == _ACCESS_MODES[0],
    )


def _session_path(path: str) -> str:
    if not path.startswith("/"):
        raise _invalid(f"Path must be absolute, not {path[:100]!r}")
    return shown(_key(path))


def _key(path: str) -> bytes:
    return parse_key(path, "Path")


def _check_policy(policy: Policy) -> None:
    for entry in policy.bw_list.white_lists:
        _check_pattern("path", entry.path, is_regex=entry.is_path_regex)
        for path in entry.exclude_paths:
            _check_pattern("excludePaths", path, is_regex=entry.is_exclude_regex)
    for path in policy.recycle_policy.paths:
        _check_pattern("recyclePolicy.paths", path, is_regex=False)
    for path in policy.upload_policy.archive_exclude_paths:
        parse_folder(path, "archiveExcludePaths")


def _check_pattern(name: str, text: str, *, is_regex: bool) -> None:
    if not is_regex:
        if not _WILDCARDS.isdisjoint(text):
            raise _invalid(f"{name} {text[:100]!r} holds a wildcard, and is no regular expression")
        parse_folder(text, name)
        return
    if len(text) > _MAX_PATTERN:
        raise _invalid(f"{name} is a regular expression of more than {_MAX_PATTERN} characters")
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as exc:
        raise _invalid(f"{name} {text[:100]!r} is no regular expression: {exc}") from exc


def _invalid(problem: str) -> ServiceError:
    return service_error(Code.INVALID_PARAMETER, problem, http_status=400)
