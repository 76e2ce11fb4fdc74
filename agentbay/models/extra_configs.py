"""Settings that only some images understand."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from attrs import converters, define, field

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = (
    "AppManagerRule",
    "ExtraConfigs",
    "MobileExtraConfig",
    "MobileSimulateConfig",
    "MobileSimulateMode",
)

MOBILE_INFO_PATH: Final = "/data/agentbay_mobile_info"
MOBILE_INFO_FILE: Final = "dev_info.json"


class MobileSimulateMode(Enum):
    """Which parts of another device are imitated."""

    PROPERTIES_ONLY = "PropertiesOnly"
    SENSORS_ONLY = "SensorsOnly"
    PACKAGES_ONLY = "PackagesOnly"
    SERVICES_ONLY = "ServicesOnly"
    ALL = "All"


def _check_names(name: str, values: list[str] | None) -> None:
    items: list[object] = list(values or ())
    if not all(isinstance(item, str) for item in items):
        raise ValueError(f"{name} items must be strings")


@define
class AppManagerRule:
    """Which apps may run.

    Args:
        rule_type: ``White`` lets only the listed ones run, ``Black`` all others.
        app_package_name_list: Names of app packages.
    """

    rule_type: str | None = None
    app_package_name_list: list[str] | None = None

    def validate(self) -> None:
        """Check the list.

        Raises:
            ValueError: it holds something else than strings.
        """
        _check_names("app_package_name_list", self.app_package_name_list)

    def to_map(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        found: dict[str, Any] = {} if self.rule_type is None else {"RuleType": self.rule_type}
        return found | {"AppPackageNameList": list(self.app_package_name_list or ())}

    def from_map(self, values: Mapping[str, Any] | None) -> AppManagerRule:
        """Take over what the JSON object *values* holds, and return this object."""
        values = values or {}
        self.rule_type = values.get("RuleType", self.rule_type)
        self.app_package_name_list = values.get("AppPackageNameList", self.app_package_name_list)
        return self


@define
class MobileSimulateConfig:
    """Imitation of another device; used by the client, never sent.

    Args:
        simulate: Whether to imitate.
        simulate_path: Directory in the session that holds the device's description.
        simulate_mode: Which parts; its value, such as ``"All"``, works as well.
        simulated_context_id: Context that holds the description.
    """

    simulate: bool = False
    simulate_path: str | None = None
    simulate_mode: MobileSimulateMode | None = field(
        default=None, converter=converters.optional(MobileSimulateMode)
    )
    simulated_context_id: str | None = None

    def validate(self) -> None:
        """Check the path.

        Raises:
            ValueError: there is none.
        """
        if not self.simulate_path:
            raise ValueError("simulate_path is required")

    def to_map(self) -> dict[str, Any]:
        """Return the settings as JSON; members set to ``None`` are absent."""
        found = {
            "Simulate": self.simulate,
            "SimulatePath": self.simulate_path,
            "SimulateMode": self.simulate_mode.value if self.simulate_mode else None,
            "SimulatedContextId": self.simulated_context_id,
        }
        return {name: value for name, value in found.items() if value is not None}

    def from_map(self, values: Mapping[str, Any] | None) -> MobileSimulateConfig:
        """Take over what the JSON object *values* holds, and return this object."""
        values = values or {}
        self.simulate = values.get("Simulate", self.simulate)
        self.simulate_path = values.get("SimulatePath", self.simulate_path)
        if values.get("SimulateMode") is not None:
            self.simulate_mode = MobileSimulateMode(values["SimulateMode"])
        self.simulated_context_id = values.get("SimulatedContextId", self.simulated_context_id)
        return self


@define
class MobileExtraConfig:
    """Settings of mobile images; ``None`` leaves one as it is.

    Args:
        lock_resolution: Keep the screen's resolution fixed.
        app_manager_rule: Which apps may run.
        hide_navigation_bar: Hide the navigation bar.
        uninstall_blacklist: Names of app packages that cannot be uninstalled.
        simulate_config: Imitation of another device.
    """

    lock_resolution: bool | None = None
    app_manager_rule: AppManagerRule | None = None
    hide_navigation_bar: bool | None = None
    uninstall_blacklist: list[str] | None = None
    simulate_config: MobileSimulateConfig | None = None

    def validate(self) -> None:
        """Check all parts.

        Raises:
            ValueError: one cannot be used.
        """
        if self.app_manager_rule is not None:
            self.app_manager_rule.validate()
        _check_names("uninstall_blacklist", self.uninstall_blacklist)
        if self.simulate_config is not None:
            self.simulate_config.validate()

    def to_map(self) -> dict[str, Any]:
        """Return the JSON object for the service, which knows nothing of the imitation."""
        rule, blacklist = self.app_manager_rule, self.uninstall_blacklist
        found = {
            "LockResolution": self.lock_resolution,
            "AppManagerRule": None if rule is None else rule.to_map(),
            "HideNavigationBar": self.hide_navigation_bar,
            "UninstallBlacklist": None if blacklist is None else list(blacklist),
        }
        return {name: value for name, value in found.items() if value is not None}

    def from_map(self, values: Mapping[str, Any] | None) -> MobileExtraConfig:
        """Take over what the JSON object *values* holds, and return this object."""
        values = values or {}
        self.lock_resolution = values.get("LockResolution", self.lock_resolution)
        if values.get("AppManagerRule") is not None:
            self.app_manager_rule = AppManagerRule().from_map(values["AppManagerRule"])
        self.hide_navigation_bar = values.get("HideNavigationBar", self.hide_navigation_bar)
        self.uninstall_blacklist = values.get("UninstallBlacklist", self.uninstall_blacklist)
        return self


@define
class ExtraConfigs:
    """Settings that only some images understand.

    Args:
        mobile: Those of mobile images.
    """

    mobile: MobileExtraConfig | None = None

    def validate(self) -> None:
        """Check all parts.

        Raises:
            ValueError: one cannot be used.
        """
        if self.mobile is not None:
            self.mobile.validate()

    def to_map(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        return {} if self.mobile is None else {"Mobile": self.mobile.to_map()}

    def from_map(self, values: Mapping[str, Any] | None) -> ExtraConfigs:
        """Take over what the JSON object *values* holds, and return this object."""
        if values and values.get("Mobile") is not None:
            self.mobile = MobileExtraConfig().from_map(values["Mobile"])
        return self
