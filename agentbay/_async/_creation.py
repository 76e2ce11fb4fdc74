"""Creating a session: what is asked for, and what the answer means."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from agentbay._async._failures import is_lasting, refusal_text
from agentbay._async._lifetime import poll_times, quick_pauses
from agentbay._version import __version__
from agentbay._wire.actions.sessions import CreateMcpSession, SdkStats
from agentbay._wire.envelope import malformed_part
from agentbay._wire.persistence import MOUNT, MountConfig, PersistenceItem
from agentbay.errors import AgentBayError, ServiceError
from agentbay.models.context_sync import ContextSync
from agentbay.models.extra_configs import MOBILE_INFO_PATH

if TYPE_CHECKING:
    from agentbay._async.context_manager import AsyncContextManager
    from agentbay._wire.actions.sessions import CreatedSession
    from agentbay._wire.envelope import Reply
    from agentbay.models.context_mount import BetaContextMount
    from agentbay.models.session_params import CreateSessionParams

logger = logging.getLogger("agentbay")

WAIT_LOOKS, WAIT_INTERVAL, WAIT_GROWTH, WAIT_LONGEST = 50, 0.5, 1.1, 5.0
"""How long ``create`` waits for contexts: looks, seconds between them, their growth and limit."""

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
    contexts: list[ContextSync | BetaContextMount] = [*params.context_syncs]
    simulated = _simulated_context(params)
    if simulated:
        contexts.append(ContextSync(simulated, MOBILE_INFO_PATH))
    contexts += params.beta_context_mounts
    if params.browser_context is not None:
        contexts.append(params.browser_context.get_profile_context_sync())
    return [persistence_item(context) for context in contexts]


def _simulated_context(params: CreateSessionParams) -> str:
    mobile = params.extra_configs.mobile if params.extra_configs else None
    simulated = mobile.simulate_config if mobile else None
    if simulated is None or not simulated.simulate:
        return ""
    return simulated.simulated_context_id or ""


def persistence_item(context: ContextSync | BetaContextMount) -> PersistenceItem:
    """Return how the service is told of a context that belongs to a session."""
    if isinstance(context, ContextSync):
        policy = context.policy.to_dict() if context.policy is not None else None
        return PersistenceItem(context_id=context.context_id, path=context.path, policy=policy)
    return PersistenceItem(
        context_id=context.context_id,
        path=context.path,
        type=MOUNT,
        mount_config=MountConfig(
            access_mode=context.access_mode.value,
            storage_mode=context.strategy.value,
            source_path=context.source_path,
        ),
    )


def is_downloaded(sync: ContextSync) -> bool:
    """Return whether the files of a context come into the session by themselves."""
    download = sync.policy.download_policy if sync.policy is not None else None
    return download is None or download.auto_download


def awaited_contexts(params: CreateSessionParams) -> set[str]:
    """Return the ids of the contexts whose files a new session must have before it is used."""
    awaited = {
        sync.context_id
        for sync in params.context_syncs
        if sync.beta_wait_for_completion is not False and is_downloaded(sync)
    }
    if params.browser_context is not None:
        awaited.add(params.browser_context.context_id)
    return awaited | {_simulated_context(params)} - {""}


async def wait_for_contexts(context: AsyncContextManager, awaited: set[str]) -> None:
    """Wait until the files of the *awaited* contexts are there, or it has taken too long.

    The session is there in any case; what is missing is logged.
    """
    missing = set(awaited)
    problems: list[str] = []

    async def check() -> bool | None:
        nonlocal missing, problems
        try:
            tasks = (await context.info()).unwrap()
        except AgentBayError as exc:
            problems = [str(exc)]
            return True if is_lasting(exc) else None
        tasks = [task for task in tasks if task.task_type != "upload"]
        under_way = {task.context_id for task in tasks if not task.is_final}
        missing = awaited - ({task.context_id for task in tasks} - under_way)
        problems = [task.error_message for task in tasks if task.status == "Failed"]
        return None if missing else True

    if not awaited:
        return
    times = WAIT_LOOKS + len(quick_pauses(WAIT_INTERVAL))
    await poll_times(
        check, times=times, interval=WAIT_INTERVAL, growth=WAIT_GROWTH, longest=WAIT_LONGEST
    )
    if missing or problems:
        session_id = context.session.session_id
        what = ", ".join(sorted(missing)) or "some files"
        reasons = "; ".join(problems) or "it takes too long"
        logger.warning("Session %s starts without %s: %s", session_id, what, reasons)


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
