"""What may still change, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._async.beta_network import AsyncBetaNetwork
from agentbay._async.beta_skills import AsyncBetaSkills

if TYPE_CHECKING:
    from agentbay._async.agentbay import AsyncAgentBay

__all__ = ("AsyncBetaNamespace",)


class AsyncBetaNamespace:
    """Services of a client whose form may still change.

    Args:
        agent_bay: The client.
    """

    def __init__(self, agent_bay: AsyncAgentBay) -> None:
        self._network = AsyncBetaNetwork(agent_bay)
        self._skills = AsyncBetaSkills(agent_bay)

    @property
    def network(self) -> AsyncBetaNetwork:
        """Connects sessions with machines of your own."""
        return self._network

    @property
    def skills(self) -> AsyncBetaSkills:
        """Describes skills, and puts them into contexts."""
        return self._skills
