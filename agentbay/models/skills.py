"""Skills: instructions and programs for agents, which the service puts into sessions (beta)."""

from __future__ import annotations

from attrs import define, field

__all__ = ("SkillInfo", "SkillsMetadataResult")


@define
class SkillInfo:
    """One skill.

    Attributes:
        skill_id: Its id; empty where the service lists skills of an image.
    """

    name: str = ""
    description: str = ""
    skill_id: str = ""


@define
class SkillsMetadataResult:
    """Skills, and where they are in sessions.

    Attributes:
        skills_root_path: The directory that holds them, each in one of its own.
    """

    skills: list[SkillInfo] = field(factory=list)
    skills_root_path: str = ""
