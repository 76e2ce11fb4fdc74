"""What a session is created and listed with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import Attribute, define, field, setters

from agentbay.models.browser_context import BrowserContext
from agentbay.models.context_mount import BetaContextMount
from agentbay.models.context_sync import ContextSync
from agentbay.models.extra_configs import ExtraConfigs

__all__ = ("CreateSessionParams", "LifecyclePolicy", "ListSessionParams")


def _labels(value: Mapping[str, str] | None) -> dict[str, str]:
    return dict(value or {})


def _syncs(value: Sequence[ContextSync] | None) -> list[ContextSync]:
    return list(value or ())


def _mounts(value: Sequence[BetaContextMount] | None) -> list[BetaContextMount]:
    return list(value or ())


def _text(value: str | None) -> str:
    return value or ""


def _positive_minutes(_: LifecyclePolicy, attribute: Attribute[int | None], value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError(f"{attribute.name} must be a positive integer (minutes)")


@define
class LifecyclePolicy:
    """When the service ends a session by itself.

    Args:
        idle_release_timeout: Minutes without use after which the session is released;
            default 5.
        max_runtime: Minutes after which it is released in any case; default 30.
        manual_release: Keep it until it is deleted; excludes the other two.

    Raises:
        ValueError: a value is not a positive integer, or excludes another.
    """

    idle_release_timeout: int | None = field(
        default=None, validator=_positive_minutes, on_setattr=setters.NO_OP
    )
    max_runtime: int | None = field(
        default=None, validator=_positive_minutes, on_setattr=setters.NO_OP
    )
    manual_release: bool = False

    def __attrs_post_init__(self) -> None:
        if not self.manual_release:
            self.idle_release_timeout = self.idle_release_timeout or 5
            self.max_runtime = self.max_runtime or 30
            return
        for name in ("idle_release_timeout", "max_runtime"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name} cannot be set when manual_release=True. In manual release mode, "
                    "the session is only released via delete()."
                )
        self.idle_release_timeout = self.max_runtime = 0


@define
class CreateSessionParams:
    """What ``create`` asks for; every argument is optional.

    Args:
        labels: Names and values by which ``list`` can find the session.
        image_id: Image to start, for example ``linux_latest``; the service chooses when ``None``.
        idle_release_timeout: Seconds without use after which the session is released.
            Superseded by *lifecycle_policy*, with which it cannot be combined.
        lifecycle_policy: When the session ends by itself; the service's default when ``None``.
        context_syncs: Contexts that are copied into the session, and back. Those that
            *browser_context* needs are appended.
        beta_context_mounts: Contexts that are mounted into the session.
        browser_context: The browser profile to use.
        policy_id: Id of a policy defined in the service's console.
        beta_network_id: Network to bind the session to.
        enable_browser_replay: Whether to record the browser; the service's default when ``None``.
        extra_configs: Settings that only some images understand.
        framework: Name of the calling framework, for the service's statistics only.
        load_skills: Load skills into the session.
        skill_names: Which skills; all when ``None``. Only used with *load_skills*.
        is_vpc: Ask for a session inside a VPC (older services).

    Raises:
        ValueError: an argument is out of range, or excludes another.
    """

    labels: dict[str, str] = field(factory=dict, converter=_labels)
    image_id: str | None = None
    idle_release_timeout: int | None = field(default=None, kw_only=True)
    lifecycle_policy: LifecyclePolicy | None = field(default=None, kw_only=True)
    context_syncs: list[ContextSync] = field(factory=list, kw_only=True, converter=_syncs)
    beta_context_mounts: list[BetaContextMount] = field(
        factory=list, kw_only=True, converter=_mounts
    )
    browser_context: BrowserContext | None = field(default=None, kw_only=True)
    policy_id: str | None = field(default=None, kw_only=True)
    beta_network_id: str | None = field(default=None, kw_only=True)
    enable_browser_replay: bool | None = field(default=None, kw_only=True)
    extra_configs: ExtraConfigs | None = field(default=None, kw_only=True)
    framework: str = field(default="", kw_only=True, converter=_text)
    load_skills: bool | None = field(default=None, kw_only=True)
    skill_names: Sequence[str] | None = field(default=None, kw_only=True)
    is_vpc: bool = field(default=False, kw_only=True, converter=bool)

    def __attrs_post_init__(self) -> None:
        if self.browser_context is not None:
            self.context_syncs += self.browser_context.get_extension_context_syncs()
            fingerprint = self.browser_context.get_fingerprint_context_sync()
            self.context_syncs += [fingerprint] if fingerprint is not None else []
        self._check_idle_release_timeout()

    def _check_idle_release_timeout(self) -> None:
        seconds: object = self.idle_release_timeout
        if seconds is None:
            return
        if self.lifecycle_policy is not None:
            raise ValueError(
                "idle_release_timeout is deprecated, use lifecycle_policy.idle_release_timeout "
                "instead. Cannot set both."
            )
        if not isinstance(seconds, int):
            raise ValueError("idle_release_timeout must be an int (seconds)")
        if seconds <= 0:
            raise ValueError("idle_release_timeout must be > 0 (seconds)")


@define
class ListSessionParams:
    """How to list sessions, as one object.

    Args:
        max_results: Page size.
        next_token: Where to go on; empty for the first page.
        labels: List only sessions that have all of these.
    """

    max_results: int = 10
    next_token: str = ""
    labels: dict[str, str] = field(factory=dict, converter=_labels)
