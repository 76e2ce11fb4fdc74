"""Networks of one's own (beta)."""

from __future__ import annotations

from attrs import define, field

from agentbay.models.results import ApiResponse, Outcome

__all__ = ("NetworkResult", "NetworkStatusResult")


@define
class NetworkResult(ApiResponse, Outcome):
    """A network, and what lets a machine of one's own into it.

    Attributes:
        network_id: For ``CreateSessionParams(beta_network_id=...)``.
        network_token: What a machine joins the network with; a secret.
    """

    success: bool = False
    network_id: str = ""
    network_token: str = field(default="", repr=False)
    error_message: str = ""

    def unwrap(self) -> NetworkResult:
        """Return this result, or raise the error of a failed one."""
        self.raise_for_error()
        return self


@define
class NetworkStatusResult(ApiResponse, Outcome):
    """Whether a network is online."""

    success: bool = False
    online: bool = False
    error_message: str = ""

    def unwrap(self) -> bool:
        """Return whether the network is online, or raise the error of a failed result."""
        self.raise_for_error()
        return self.online
