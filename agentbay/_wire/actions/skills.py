"""Skills that can be put into sessions (beta)."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import field, frozen

from agentbay._wire.codec import JsonText, WireObject
from agentbay._wire.request import Request

__all__ = (
    "BindContextSkillAsync",
    "ContextSkillItem",
    "GetSkillMetaData",
    "ListSkillMetaData",
    "SkillData",
    "SkillGroupData",
    "UnbindContextSkillAsync",
)


@frozen(kw_only=True)
class SkillData(WireObject):
    """One skill."""

    skill_id: str = ""
    name: str = ""
    description: str = ""


@frozen(kw_only=True)
class SkillGroupData(WireObject):
    """What ``GetSkillMetaData`` gives back."""

    skill_path: str = ""
    meta_data_list: tuple[SkillData, ...] = ()


@frozen(kw_only=True)
class GetSkillMetaData(Request[SkillGroupData]):
    """Describe the skills of an image, and where they are in its sessions."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = SkillGroupData
    json_text = {"skill_group_ids": JsonText.COMPACT}

    image_id: str | None = None
    skill_group_ids: list[str] | None = None


@frozen(kw_only=True)
class ListSkillMetaData(Request[tuple[SkillData, ...]]):
    """Describe skills by their ids."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = tuple[SkillData, ...]
    json_text = {"skill_id_list": JsonText.COMPACT}

    skill_id_list: list[str] = field(factory=list)


@frozen(kw_only=True)
class ContextSkillItem(WireObject):
    """Skills in a directory of a context."""

    context_id: str = ""
    skill_ids: list[str] = field(factory=list)
    path: str | None = None


@frozen(kw_only=True)
class BindContextSkillAsync(Request[None]):
    """Start to put skills into contexts."""

    idempotent: ClassVar[bool] = True
    json_text = {"context_skill_bind_items": JsonText.COMPACT}

    context_skill_bind_items: list[ContextSkillItem]
    login_region_id: str | None = None


@frozen(kw_only=True)
class UnbindContextSkillAsync(Request[None]):
    """Start to take skills out of contexts."""

    idempotent: ClassVar[bool] = True
    json_text = {"context_skill_unbind_items": JsonText.COMPACT}

    context_skill_unbind_items: list[ContextSkillItem]
    login_region_id: str | None = None
