"""The kinds of faults: a closed set, each a class with what there is to say about it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import Attribute, field, frozen
from attrs.validators import and_, ge, gt, in_, le

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentbay.testing.faults.requests import RequestFacts

__all__ = (
    "KINDS",
    "Cut",
    "Delay",
    "DiskFull",
    "ExpiredToken",
    "Fault",
    "Garbage",
    "HalfOpen",
    "HostName",
    "Refused",
    "Reset",
    "SandboxKilled",
    "ServerError",
    "Slow",
    "StorageFull",
    "Throttled",
    "Truncated",
)

HostName = Literal["runtime", "server", "proxy"]
"""Where faults are injected: a local runtime, a recording server, or a proxy."""

_EVERYWHERE: frozenset[HostName] = frozenset({"runtime", "server", "proxy"})


def _seconds(_: object, field: Attribute[Any], value: float | None) -> None:
    if value is not None and not 0 <= value < math.inf:
        raise ValueError(f"{field.name} must be a number of seconds, not {value}")


def _rate(_: object, field: Attribute[Any], value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{field.name} must be more than 0, not {value}")


@frozen
class Fault:
    """Base of the kinds.

    Attributes:
        kind: Its name in files and in :attr:`FaultPlan.injected`.
        hosts: Where it can be injected.
    """

    kind: ClassVar[str]
    hosts: ClassVar[frozenset[HostName]] = _EVERYWHERE

    def applies_to(self, request: RequestFacts) -> bool:
        """Return whether it can happen to *request*."""
        # A WebSocket has been processed when it has ended; then nothing is left to go wrong.
        return not (request.websocket and getattr(self, "processed", False))


@frozen
class Refused(Fault):
    """The connection is reset, and for a while no other is taken; a proxy only.

    Attributes:
        seconds: How long connections are refused.
    """

    kind = "refused"
    hosts = frozenset({"proxy"})

    seconds: float = field(default=0.5, validator=_seconds)


@frozen
class Reset(Fault):
    """The connection is reset (RST) instead of an answer.

    Attributes:
        processed: Whether the request is carried out first, so that only the answer is lost.
    """

    kind = "reset"

    processed: bool = False


@frozen
class HalfOpen(Fault):
    """The request is taken and never answered; the connection stays open.

    Attributes:
        processed: Whether the request is carried out nevertheless.
    """

    kind = "half_open"

    processed: bool = False


@frozen
class Slow(Fault):
    """The answer comes slowly.

    Attributes:
        bytes_per_second: How slowly, head of the answer included.
    """

    kind = "slow"

    bytes_per_second: float = field(default=1024.0, validator=_rate)


@frozen
class Delay(Fault):
    """The answer comes late.

    Attributes:
        seconds: How late.
        processed: Whether the time passes after the request was carried out, or before.
    """

    kind = "delay"

    seconds: float = field(default=1.0, validator=_seconds)
    processed: bool = True


@frozen
class Truncated(Fault):
    """The request is carried out, and the connection closed before the end of the answer.

    Attributes:
        after: How many bytes of the body come; at most all but the last.
    """

    kind = "truncated"

    after: int = field(default=16, validator=ge(0))

    def applies_to(self, request: RequestFacts) -> bool:
        """Return whether it can happen to *request*."""
        return not request.websocket


@frozen
class Cut(Fault):
    """A WebSocket is cut.

    Attributes:
        after: How many bytes come after the handshake.
    """

    kind = "cut"

    after: int = field(default=0, validator=ge(0))

    def applies_to(self, request: RequestFacts) -> bool:
        """Return whether it can happen to *request*."""
        return request.websocket


@frozen
class Garbage(Fault):
    """The answer is something else.

    Attributes:
        http: Whether it is HTTP, with a body that is no JSON; otherwise random bytes.
        status: The status, if it is HTTP.
        processed: Whether the request is carried out nevertheless.
    """

    kind = "garbage"

    http: bool = True
    status: int = field(default=200, validator=and_(ge(200), le(599)))
    processed: bool = False


@frozen
class Throttled(Fault):
    """The service says that there are too many requests; this one is not carried out.

    Attributes:
        retry_after: Seconds after which it asks to come again; ``None`` for no word of it.
        header: The header that says so: the standard one in whole seconds, or that of the
            service, in milliseconds.
        inside: Whether it is said inside an answer of HTTP 200; for actions only.
    """

    kind = "throttled"

    retry_after: float | None = field(default=1.0, validator=_seconds)
    header: Literal["Retry-After", "x-acs-retry-after"] = field(
        default="Retry-After", validator=in_(("Retry-After", "x-acs-retry-after"))
    )
    inside: bool = False

    def applies_to(self, request: RequestFacts) -> bool:
        """Return whether it can happen to *request*."""
        return request.route == "api" or not self.inside


@frozen
class ServerError(Fault):
    """The service fails.

    Attributes:
        status: The status of its answer.
        processed: Whether the request is carried out nevertheless.
    """

    kind = "server_error"

    status: int = field(default=503, validator=and_(ge(500), le(504)))
    processed: bool = False


@frozen
class ExpiredToken(Fault):
    """The key, token or signature is not accepted any more, as said on the route in question."""

    kind = "expired_token"


@frozen
class DiskFull(Fault):
    """The session that is being made has little room: a local runtime with sandboxes only.

    Its home directory and its ``/tmp`` are small, and what does not fit fails with the kernel's
    own ``ENOSPC``.

    Attributes:
        disk_bytes: How much each of the two directories holds.
    """

    kind = "disk_full"
    hosts = frozenset({"runtime"})

    disk_bytes: int = field(default=1024 * 1024, validator=gt(0))

    def applies_to(self, request: RequestFacts) -> bool:
        """Return whether it can happen to *request*."""
        return "CreateMcpSession" in request.names


@frozen
class StorageFull(Fault):
    """A file is sent to a context for which there is no room left."""

    kind = "storage_full"

    def applies_to(self, request: RequestFacts) -> bool:
        """Return whether it can happen to *request*."""
        return request.route == "signed" and "PUT" in request.names


@frozen
class SandboxKilled(Fault):
    """The sandbox of the session in question is killed (SIGKILL): a local runtime only.

    Attributes:
        processed: Whether that happens after the request was carried out, before its answer
            leaves; otherwise before that.
    """

    kind = "sandbox_killed"
    hosts = frozenset({"runtime"})

    processed: bool = False

    def applies_to(self, request: RequestFacts) -> bool:
        """Return whether it can happen to *request*."""
        return bool(request.session_id) and super().applies_to(request)


KINDS: Mapping[str, type[Fault]] = {
    kind.kind: kind
    for kind in (
        Cut,
        Delay,
        DiskFull,
        ExpiredToken,
        Garbage,
        HalfOpen,
        Refused,
        Reset,
        SandboxKilled,
        ServerError,
        Slow,
        StorageFull,
        Throttled,
        Truncated,
    )
}
