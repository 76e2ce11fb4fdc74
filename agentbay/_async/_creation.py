"""Creating a session: what is asked for, and what the answer means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._async._failures import refusal_text
from agentbay._version import __version__
from agentbay._wire.actions import CreateMcpSession, SdkStats
from agentbay._wire.envelope import malformed_part
from agentbay._wire.persistence import MOUNT, MountConfig, PersistenceItem
from agentbay.errors import ServiceError
from agentbay.models.context_sync import ContextSync
from agentbay.models.extra_configs import MOBILE_INFO_PATH

if TYPE_CHECKING:
    from agentbay._wire.actions import CreatedSession
    from agentbay._wire.envelope import Reply
    from agentbay.errors import AgentBayError
    from agentbay.models.context_mount import BetaContextMount
    from agentbay.models.session_params import CreateSessionParams

MALFORMED = "Invalid response format: '{part}' field is not a dictionary"


def create_request(params: CreateSessionParams, region_id: str) -> CreateMcpSession:
    """Return the request for *params*.

    Raises:
        ValueError: the extra configuration cannot be used.
    """
    if params.extra_configs is not None:
        params.extra_configs.validate()
    timeout, max_runtime = params.idle_release_timeout, None
    policy = params.lifecycle_policy
    if policy is not None and not policy.manual_release:
        timeout, max_runtime = policy.idle_release_timeout, policy.max_runtime
    return CreateMcpSession(
        image_id=params.image_id or None,
        labels=params.labels or None,
        persistence_data_list=_persistence(params) or None,
        timeout=timeout,
        max_runtime=max_runtime,
        manual_release=True if policy is not None and policy.manual_release else None,
        mcp_policy_id=params.policy_id or None,
        network_id=params.beta_network_id or None,
        vpc_resource=True if params.is_vpc else None,
        enable_record=params.enable_browser_replay,
        load_skill=True if params.load_skills else None,
        skills=list(params.skill_names) if params.load_skills and params.skill_names else None,
        extra_configs=(params.extra_configs.to_map() or None) if params.extra_configs else None,
        sdk_stats=SdkStats(
            sdk_version=__version__,
            is_release=__version__.replace(".", "").isdecimal(),
            framework=params.framework,
        ),
        login_region_id=region_id,
    )


def _persistence(params: CreateSessionParams) -> list[PersistenceItem]:
    syncs = list(params.context_syncs)
    mobile = params.extra_configs.mobile if params.extra_configs else None
    simulated = mobile.simulate_config if mobile else None
    if simulated is not None and simulated.simulate and simulated.simulated_context_id:
        syncs.append(ContextSync(simulated.simulated_context_id, MOBILE_INFO_PATH))
    items = [_copied(sync) for sync in syncs]
    items += [_mounted(mount) for mount in params.beta_context_mounts]
    if params.browser_context is not None:
        items.append(_copied(params.browser_context.get_profile_context_sync()))
    return items


def _copied(sync: ContextSync) -> PersistenceItem:
    policy = sync.policy.to_dict() if sync.policy is not None else None
    return PersistenceItem(context_id=sync.context_id, path=sync.path, policy=policy)


def _mounted(mount: BetaContextMount) -> PersistenceItem:
    return PersistenceItem(
        context_id=mount.context_id,
        path=mount.path,
        type=MOUNT,
        mount_config=MountConfig(
            access_mode=mount.access_mode.value,
            storage_mode=mount.strategy.value,
            source_path=mount.source_path,
        ),
    )


def create_problem(error: AgentBayError) -> str:
    """Return the documented text for a create that failed with *error*."""
    part = malformed_part(error)
    if part:
        return MALFORMED.format(part=part)
    if isinstance(error, ServiceError):
        return f"Failed to create session: {error}"
    return f"Unexpected error creating session: {error}"


def refused_or_incomplete(reply: Reply[CreatedSession]) -> str:
    """Return why *reply* brought no session; empty when it did."""
    made = reply.data
    if reply.refusal is not None:
        return refusal_text(reply.refusal)
    if made is None:
        return MALFORMED.format(part="Data")
    if made.success is False:
        return made.err_msg or "Session creation failed"
    return "" if made.session_id else "SessionId not found in response"
