"""The settings of a phone, which its shell applies."""

from __future__ import annotations

import logging
import shlex
import time
from typing import TYPE_CHECKING

from agentbay.models.extra_configs import MOBILE_INFO_FILE, MobileSimulateMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentbay._async.session import AsyncSession
    from agentbay.models.extra_configs import MobileExtraConfig, MobileSimulateConfig

__all__ = (
    "allow_apps",
    "configure",
    "forbid_apps",
    "hide_navigation_bar",
    "imitate",
    "keep_apps",
    "lock_resolution",
)

logger = logging.getLogger("agentbay.mobile")

_WRITE_LIST = "cat > {path} << 'EOF'\n{names}\nEOF\nchmod 644 {path}\n"

_SIMULATE_OPTIONS = {
    None: "",
    MobileSimulateMode.PROPERTIES_ONLY: "",
    MobileSimulateMode.SENSORS_ONLY: "-sensors",
    MobileSimulateMode.PACKAGES_ONLY: "-packages",
    MobileSimulateMode.SERVICES_ONLY: "-services",
    MobileSimulateMode.ALL: "-all",
}


async def configure(session: AsyncSession, config: MobileExtraConfig | None) -> None:
    """Apply all settings of *config* that are set."""
    if not config:
        return
    if config.lock_resolution is not None:
        await lock_resolution(session, config.lock_resolution)
    rule = config.app_manager_rule
    if rule is not None and rule.rule_type == "White":
        await allow_apps(session, rule.app_package_name_list)
    elif rule is not None and rule.rule_type == "Black":
        await forbid_apps(session, rule.app_package_name_list)
    if config.hide_navigation_bar is not None:
        await hide_navigation_bar(session, config.hide_navigation_bar)
    await keep_apps(session, config.uninstall_blacklist)


async def lock_resolution(session: AsyncSession, enable: bool) -> None:
    """Keep the resolution fixed, or let it change."""
    await _run(session, f"setprop sys.wuying.lockres {int(bool(enable))}", "lock the resolution")


async def allow_apps(session: AsyncSession, names: Sequence[str] | None) -> None:
    """Let only these apps run."""
    refresh = "setprop rw.wy.pm_whitelist.refresh 1\nsetprop persist.wy.pm_blacklist.switch 2\n"
    await _write_list(session, "/data/system/pm_whitelist.txt", names, refresh)


async def forbid_apps(session: AsyncSession, names: Sequence[str] | None) -> None:
    """Let these apps not run."""
    refresh = "setprop rw.wy.pm_blacklist.refresh 1\nsetprop persist.wy.pm_blacklist.switch 1\n"
    await _write_list(session, "/data/system/pm_blacklist.txt", names, refresh)


async def keep_apps(session: AsyncSession, names: Sequence[str] | None) -> None:
    """Keep these apps from being uninstalled."""
    # The property is a trigger: it has to change.
    refresh = f"setprop persist.wy.pm_lock.trigger {int(time.time())}\n"
    await _write_list(session, "/data/system/pm_lock.conf", names, refresh)


async def hide_navigation_bar(session: AsyncSession, hide: bool) -> None:
    """Hide the navigation bar, or show it."""
    shown = "false" if hide else "true"
    command = f"setprop persist.wy.hasnavibar {shown}; killall com.android.systemui"
    await _run(session, command, "set the navigation bar")


async def imitate(session: AsyncSession, config: MobileSimulateConfig | None) -> None:
    """Let the phone imitate the device that is described in its simulation directory."""
    if config is None or not (config.simulate and config.simulate_path):
        return
    path = shlex.quote(config.simulate_path)
    file = shlex.quote(f"{config.simulate_path}/{MOBILE_INFO_FILE}")
    option = _SIMULATE_OPTIONS[config.simulate_mode]
    command = f"chmod -R a+rwx {path}; wya apply {option} {file}"
    await _run(session, command, "imitate another device")


async def _write_list(
    session: AsyncSession, path: str, names: Sequence[str] | None, refresh: str
) -> None:
    if not names:
        return
    if isinstance(names, str) or not all(_is_one_word(name) for name in names):
        logger.warning("%s: %s is not written: these are no package names", session, path)
        return
    text = _WRITE_LIST.format(path=path, names="\n".join(names))
    await _run(session, text + refresh, f"write {path}")


def _is_one_word(name: object) -> bool:
    # A line "EOF" would end the list, and what follows it would be run.
    return isinstance(name, str) and name.split() == [name] and name != "EOF"


async def _run(session: AsyncSession, command: str, doing: str) -> None:
    result = await session.command.execute_command(command)
    if not result.success:
        logger.warning("%s: failed to %s: %s", session, doing, result.error_message)
