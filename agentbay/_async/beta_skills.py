"""Skills that can be put into sessions (beta)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from agentbay._async._failures import refusal_text
from agentbay._wire.actions.skills import (
    BindContextSkillAsync,
    ContextSkillItem,
    GetSkillMetaData,
    ListSkillMetaData,
    UnbindContextSkillAsync,
)
from agentbay._wire.envelope import malformed_part
from agentbay.errors import AgentBayError, ProtocolError, SkillsError
from agentbay.models.results import OperationResult
from agentbay.models.skills import SkillInfo, SkillsMetadataResult

if TYPE_CHECKING:
    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay._wire.actions.skills import SkillData
    from agentbay._wire.request import Request

__all__ = ("AsyncBetaSkills",)

ROOT_VARIABLE = "AGENTBAY_OFFICIAL_SKILLS_ROOT"
DEFAULT_ROOT = "/home/wuying/skills"


class AsyncBetaSkills:
    """Describes skills, and puts them into contexts.

    Args:
        agent_bay: The client.
    """

    def __init__(self, agent_bay: AsyncAgentBay) -> None:
        self._agent_bay = agent_bay

    async def get_metadata(
        self,
        image_id: str | None = None,
        skill_names: list[str] | None = None,
        skill_ids: list[str] | None = None,
    ) -> SkillsMetadataResult:
        """Describe skills: those with the ids given, else those of an image.

        Args:
            image_id: The image; the service's default when ``None``.
            skill_names: Only the skills of these names.
            skill_ids: Describe exactly these, of whatever image. Where they are in sessions is
                then told by ``AGENTBAY_OFFICIAL_SKILLS_ROOT``, else the usual place is assumed.

        Raises:
            SkillsError: the service refused, or its answer holds no skills.
            AgentBayError: the service could not be asked.
        """
        if skill_ids is not None:
            listed = await self._ask(ListSkillMetaData(skill_id_list=skill_ids))
            return SkillsMetadataResult(_skills(listed), _local_root())
        request = GetSkillMetaData(image_id=image_id or None, skill_group_ids=skill_names or None)
        found = await self._ask(request)
        return SkillsMetadataResult(_skills(found.meta_data_list), found.skill_path)

    async def _ask(self, request: Request[Any]) -> Any:
        try:
            reply = await self._agent_bay._rpc.call(request)
        except ProtocolError as exc:
            part = malformed_part(exc)
            problem = {"body": "missing response body", "Data": "invalid Data field"}.get(part)
            raise SkillsError(f"{request.action()} failed: {problem or exc}") from exc
        if reply.refusal is not None:
            problem = refusal_text(reply.refusal)
            raise SkillsError(f"{request.action()} failed: {problem}") from reply.refusal
        if reply.data is None:
            raise SkillsError(f"{request.action()} failed: missing Data field")
        return reply.data

    async def bind_context(self, items: list[dict[str, Any]]) -> OperationResult[bool]:
        """Start to put skills into contexts; failures are results.

        Args:
            items: One for each context: ``context_id``, ``skill_ids``, and the ``path`` in it.

        Raises:
            ValueError: an item is not of that form.
        """
        request = BindContextSkillAsync(
            context_skill_bind_items=[_item(item) for item in items],
            login_region_id=self._agent_bay.region_id,
        )
        return await self._change(request, "BindContextSkillAsync failed")

    async def unbind_context(self, items: list[dict[str, Any]]) -> OperationResult[bool]:
        """Start to take skills out of contexts; failures are results.

        Args:
            items: As for ``bind_context``.

        Raises:
            ValueError: an item is not of that form.
        """
        request = UnbindContextSkillAsync(
            context_skill_unbind_items=[_item(item) for item in items],
            login_region_id=self._agent_bay.region_id,
        )
        return await self._change(request, "UnbindContextSkill failed")

    async def _change(self, request: Request[None], doing: str) -> OperationResult[bool]:
        try:
            reply = await self._agent_bay._rpc.call(request)
        except ProtocolError as exc:
            is_body = malformed_part(exc) == "body"
            problem = "Invalid response format" if is_body else f"Failed to parse response: {exc}"
            return OperationResult.failure(problem, exc, data=False)
        except AgentBayError as exc:
            return OperationResult.failure(f"{doing}: {exc}", exc, data=False)
        if reply.refusal is not None:
            return OperationResult.failure(
                refusal_text(reply.refusal),
                reply.refusal,
                request_id=reply.request_id,
                data=False,
            )
        return OperationResult(reply.request_id, True, True)


def _local_root() -> str:
    root = os.environ.get(ROOT_VARIABLE, "").strip() or DEFAULT_ROOT
    return root.rstrip("/")


def _skills(found: tuple[SkillData, ...]) -> list[SkillInfo]:
    return [
        SkillInfo(skill.name, skill.description, skill.skill_id) for skill in found if skill.name
    ]


def _item(item: dict[str, Any]) -> ContextSkillItem:
    context_id, skill_ids = item.get("context_id"), item.get("skill_ids")
    if not isinstance(context_id, str) or not context_id:
        raise ValueError(f"context_id must be a non-empty string in {item!r}")
    if not isinstance(skill_ids, list) or not all(isinstance(one, str) for one in skill_ids):
        raise ValueError(f"skill_ids must be a list of strings in {item!r}")
    return ContextSkillItem(context_id=context_id, skill_ids=skill_ids, path=item.get("path"))
