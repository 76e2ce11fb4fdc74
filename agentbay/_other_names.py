"""Names that classes have in other releases."""

from __future__ import annotations

from agentbay._async.beta_network import AsyncBetaNetwork as AsyncBetaNetworkService
from agentbay._async.beta_skills import AsyncBetaSkills as AsyncBetaSkillsService
from agentbay._sync.beta import BetaNamespace as SyncBetaNamespace
from agentbay._sync.beta_network import BetaNetwork as SyncBetaNetworkService
from agentbay._sync.beta_skills import BetaSkills as SyncBetaSkillsService
from agentbay._sync.git import Git as SyncGit

__all__ = (
    "AsyncBetaNetworkService",
    "AsyncBetaSkillsService",
    "SyncBetaNamespace",
    "SyncBetaNetworkService",
    "SyncBetaSkillsService",
    "SyncGit",
)
