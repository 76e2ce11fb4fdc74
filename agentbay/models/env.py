"""Environment variables of a session."""

from __future__ import annotations

from attrs import define, field

from agentbay.models.results import ApiResponse, Outcome

__all__ = ("EnvResult",)


def _variables(envs: dict[str, str] | None) -> dict[str, str]:
    return dict(envs or {})


@define
class EnvResult(ApiResponse, Outcome):
    """Environment variables by their names."""

    success: bool = False
    envs: dict[str, str] = field(factory=dict, converter=_variables, repr=False)
    error_message: str = ""

    def unwrap(self) -> dict[str, str]:
        """Return the variables, or raise the error of a failed result."""
        self.raise_for_error()
        return self.envs
