"""Networks of one's own (beta)."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import field, frozen

from agentbay._wire.codec import WireObject
from agentbay._wire.request import Request

__all__ = ("CreateNetwork", "DescribeNetwork", "NetworkData", "NetworkStatusData")


@frozen(kw_only=True)
class NetworkData(WireObject):
    """What ``CreateNetwork`` gives back."""

    network_id: str = ""
    network_token: str = field(default="", repr=False)


@frozen(kw_only=True)
class CreateNetwork(Request[NetworkData]):
    """Make a network, or ask for a new token of an existing one."""

    idempotent: ClassVar[bool] = False
    data_type: ClassVar[Any] = NetworkData

    network_id: str | None = None
    login_region_id: str | None = None


@frozen(kw_only=True)
class NetworkStatusData(WireObject):
    """What ``DescribeNetwork`` gives back."""

    online: bool = False


@frozen(kw_only=True)
class DescribeNetwork(Request[NetworkStatusData]):
    """Ask whether a network is online."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = NetworkStatusData

    network_id: str
