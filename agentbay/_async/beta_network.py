"""Networks of one's own (beta)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._async._failures import refusal_text
from agentbay._wire.actions.networks import CreateNetwork, DescribeNetwork
from agentbay._wire.envelope import malformed_part
from agentbay.errors import AgentBayError, NotFoundError
from agentbay.models.network import NetworkResult, NetworkStatusResult

if TYPE_CHECKING:
    from agentbay._async.agentbay import AsyncAgentBay

__all__ = ("AsyncBetaNetwork",)


class AsyncBetaNetwork:
    """Connects sessions with machines of your own.

    A session joins a network with ``CreateSessionParams(beta_network_id=...)``, another machine
    with the token and the service's own program. Failures are results, never raised.

    Args:
        agent_bay: The client.
    """

    def __init__(self, agent_bay: AsyncAgentBay) -> None:
        self._agent_bay = agent_bay

    async def get_network_bind_token(self, network_id: str | None = None) -> NetworkResult:
        """Create a network, or ask for a new token of an existing one.

        Args:
            network_id: The existing network; a new one by default.
        """
        request = CreateNetwork(
            network_id=network_id or None, login_region_id=self._agent_bay.region_id
        )
        try:
            reply = await self._agent_bay._rpc.call(request)
        except AgentBayError as exc:
            problem = f"Failed to create network: {exc}"
            if malformed_part(exc) == "body":
                problem = "Invalid response from CreateNetwork API"
            return NetworkResult.failure(problem, exc)
        if reply.refusal is not None:
            problem = refusal_text(reply.refusal)
            return NetworkResult.failure(problem, reply.refusal, request_id=reply.request_id)
        if reply.data is None:
            problem = "Network data not found in response"
            return NetworkResult.failure(problem, request_id=reply.request_id)
        return NetworkResult(
            reply.request_id, True, reply.data.network_id, reply.data.network_token
        )

    async def describe(self, network_id: str) -> NetworkStatusResult:
        """Ask whether a network is online.

        Args:
            network_id: The network.
        """
        if not network_id or not network_id.strip():
            return NetworkStatusResult.failure("network_id is required")
        try:
            reply = await self._agent_bay._rpc.call(DescribeNetwork(network_id=network_id))
        except AgentBayError as exc:
            problem = f"Failed to describe network: {exc}"
            if malformed_part(exc) == "body":
                problem = "Invalid response from DescribeNetwork API"
            elif isinstance(exc, NotFoundError):
                problem = f"Network {network_id} not found"
            return NetworkStatusResult.failure(problem, exc)
        if reply.refusal is not None:
            problem = refusal_text(reply.refusal)
            return NetworkStatusResult.failure(problem, reply.refusal, request_id=reply.request_id)
        online = reply.data is not None and reply.data.online
        return NetworkStatusResult(reply.request_id, True, online)
