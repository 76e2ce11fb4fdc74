"""What a session is created with: checks, and the exact form on the wire."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from agentbay import (
    AppManagerRule,
    BetaContextMount,
    BetaContextMountAccessMode,
    BetaContextMountStrategy,
    BrowserContext,
    BrowserFingerprintContext,
    BrowserSyncMode,
    BWList,
    ContextSync,
    CreateSessionParams,
    ExtensionOption,
    ExtraConfigs,
    Lifecycle,
    LifecyclePolicy,
    MappingPolicy,
    MobileExtraConfig,
    MobileSimulateConfig,
    MobileSimulateMode,
    RecyclePolicy,
    SyncPolicy,
    UploadMode,
    UploadPolicy,
    WhiteList,
)
from agentbay._async._creation import create_request
from agentbay._wire.actions.sessions import CreateMcpSession

DEFAULT_POLICY = (
    '{"uploadPolicy": {"autoUpload": true, "uploadStrategy": "UploadBeforeResourceRelease", '
    '"uploadMode": "File"}, "downloadPolicy": {"autoDownload": true, "downloadStrategy": '
    '"DownloadAsync"}, "deletePolicy": {"syncLocalFile": true}, "extractPolicy": {"extract": '
    'true, "deleteSrcFile": true, "extractToCurrentFolder": false}, "recyclePolicy": '
    '{"lifecycle": "Lifecycle_Forever", "paths": [""]}, "bwList": {"whiteLists": [{"path": "", '
    '"excludePaths": [], "isPathRegex": false, "isExcludeRegex": false}]}}'
)


def form_of(params: CreateSessionParams) -> dict[str, str]:
    return create_request(params, "cn-hangzhou").encode("k").form


def persistence_of(params: CreateSessionParams) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(form_of(params)["PersistenceDataList"])
    return items


def test_default_policy_is_exact() -> None:
    (item,) = persistence_of(
        CreateSessionParams(context_syncs=[ContextSync("c-1", "/data", SyncPolicy.default())])
    )
    assert item == {"ContextId": "c-1", "Path": "/data", "Policy": DEFAULT_POLICY}


def test_persistence_list_is_compact_and_in_order() -> None:
    simulated = MobileSimulateConfig(True, "/x", MobileSimulateMode.ALL, "c-mobile")
    params = CreateSessionParams(
        context_syncs=[ContextSync("c-é", "/data")],
        beta_context_mounts=[
            BetaContextMount.new("c-mount", "/mnt").with_source_path("sub"),
            BetaContextMount(
                "c-ro",
                "/ro",
                BetaContextMountAccessMode.READ_ONLY,
                BetaContextMountStrategy.PERFORMANCE,
            ),
        ],
        browser_context=BrowserContext(
            "c-browser",
            extension_option=ExtensionOption("c-ext", ["ext-1", "ext-2"]),
            fingerprint_context=BrowserFingerprintContext("c-print"),
        ),
        extra_configs=ExtraConfigs(MobileExtraConfig(simulate_config=simulated)),
    )
    text = form_of(params)["PersistenceDataList"]
    assert text.startswith('[{"ContextId":"c-é","Path":"/data"},{"ContextId":"c-ext","Path":')
    sync, extension, fingerprint, mobile, mount, read_only, browser = json.loads(text)
    assert sync == {"ContextId": "c-é", "Path": "/data"}
    assert mobile == {"ContextId": "c-mobile", "Path": "/data/agentbay_mobile_info"}
    assert mount == {
        "ContextId": "c-mount",
        "Path": "/mnt",
        "Type": "mount",
        "MountConfig": {
            "AccessMode": "readWrite",
            "StorageMode": "standard",
            "SourcePath": "sub",
        },
    }
    assert read_only["MountConfig"] == {
        "AccessMode": "readOnly",
        "StorageMode": "performance",
        "SourcePath": "",
    }
    assert extension["Path"] == "/tmp/extensions/"
    policy = json.loads(extension["Policy"])
    assert policy["uploadPolicy"]["autoUpload"] is False
    assert policy["deletePolicy"] == {"syncLocalFile": False}
    assert [entry["path"] for entry in policy["bwList"]["whiteLists"]] == ["ext-1", "ext-2"]
    assert (fingerprint["ContextId"], fingerprint["Path"]) == (
        "c-print",
        "/tmp/browser_fingerprint",
    )
    assert json.loads(fingerprint["Policy"])["bwList"] == {"whiteLists": []}
    assert (browser["ContextId"], browser["Path"]) == ("c-browser", "/tmp/agentbay_browser")
    paths = [entry["path"] for entry in json.loads(browser["Policy"])["bwList"]["whiteLists"]]
    assert len(paths) == 19
    assert paths[:4] == [
        "/Local State",
        "/Default/Cookies",
        "/Default/Cookies-journal",
        "/Default/Local Storage",
    ]
    sent = create_request(params, "cn-hangzhou")
    parameters = {name: v for name, v in form_of(params).items() if name != "Authorization"}
    decoded = CreateMcpSession.decode(parameters)
    assert isinstance(decoded, CreateMcpSession)
    assert decoded.persistence_data_list == sent.persistence_data_list


def test_minimal_browser_profile() -> None:
    context = BrowserContext("c", False, BrowserSyncMode.MINIMAL)
    (item,) = persistence_of(CreateSessionParams(browser_context=context))
    policy = json.loads(item["Policy"])
    assert len(policy["bwList"]["whiteLists"]) == 3
    assert policy["uploadPolicy"]["autoUpload"] is False
    assert (context.extension_context_syncs, context.fingerprint_context_sync) == (None, None)
    assert (context.extension_ids, context.get_extension_context_syncs()) == ([], [])


def test_other_parts_of_a_policy() -> None:
    upload = UploadPolicy(upload_mode=UploadMode.ARCHIVE, archive_exclude_paths=["tmp"])
    assert upload.to_dict()["archiveExcludePaths"] == ["tmp"]
    assert "archiveExcludePaths" not in UploadPolicy(archive_exclude_paths=["tmp"]).to_dict()
    assert list(SyncPolicy(mapping_policy=MappingPolicy("/c")).to_dict())[-1] == "mappingPolicy"
    sync = ContextSync.new("c", "/p")
    assert sync.with_policy(SyncPolicy()) is sync
    assert copy.deepcopy(sync) == sync
    assert BWList().to_dict() == {"whiteLists": []}


REFUSED: tuple[tuple[Any, str], ...] = (
    (
        lambda: UploadPolicy(upload_mode="File"),  # type: ignore[arg-type]  # the mistake
        "Invalid upload_mode value: File. Valid values are: File, Archive",
    ),
    (
        lambda: RecyclePolicy(lifecycle="forever"),  # type: ignore[arg-type]  # the mistake
        "Invalid lifecycle value: forever. Valid values are: "
        + ", ".join(member.value for member in Lifecycle),
    ),
    (
        lambda: RecyclePolicy(paths=["/a/*"]),
        (
            "Wildcard patterns are not supported in recycle policy paths. Got: /a/*. "
            "Please use exact directory paths instead."
        ),
    ),
    (
        lambda: WhiteList("/a?"),
        (
            "Wildcard patterns are not supported in path when is_path_regex=False. Got: /a?. "
            "Please use exact directory paths or set is_path_regex=True for regex matching."
        ),
    ),
    (
        lambda: WhiteList("/a", ["b[1]"]),
        (
            "Wildcard patterns are not supported in exclude_paths when is_exclude_regex=False. "
            "Got: b[1]. Please use exact directory paths or set is_exclude_regex=True for regex "
            "matching."
        ),
    ),
    (lambda: ExtensionOption("", ["a"]), "context_id cannot be empty"),
    (lambda: ExtensionOption("c", []), "extension_ids cannot be empty"),
    (lambda: BrowserFingerprintContext(" "), "fingerprint_context_id cannot be empty"),
    (
        lambda: LifecyclePolicy(5, manual_release=True),
        (
            "idle_release_timeout cannot be set when manual_release=True. In manual release mode, "
            "the session is only released via delete()."
        ),
    ),
    (
        lambda: LifecyclePolicy(max_runtime=0),
        "max_runtime must be a positive integer (minutes)",
    ),
    (
        lambda: CreateSessionParams(idle_release_timeout=0),
        "idle_release_timeout must be > 0 (seconds)",
    ),
    (
        lambda: CreateSessionParams(idle_release_timeout=5, lifecycle_policy=LifecyclePolicy()),
        (
            "idle_release_timeout is deprecated, use lifecycle_policy.idle_release_timeout "
            "instead. Cannot set both."
        ),
    ),
    (
        lambda: ExtraConfigs(
            MobileExtraConfig(app_manager_rule=AppManagerRule("White", [1]))  # type: ignore[list-item]  # the mistake
        ).validate(),
        "app_package_name_list items must be strings",
    ),
    (
        lambda: MobileExtraConfig(uninstall_blacklist=[1]).validate(),  # type: ignore[list-item]  # the mistake
        "uninstall_blacklist items must be strings",
    ),
    (
        lambda: MobileExtraConfig(simulate_config=MobileSimulateConfig()).validate(),
        "simulate_path is required",
    ),
)


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_refused_with_the_exact_reason(number: int) -> None:
    make, message = REFUSED[number]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - compared wholly below
        make()
    assert str(caught.value) == message


def test_regular_expressions_are_allowed_where_announced() -> None:
    entry = WhiteList("/a.*", ["b?"], is_path_regex=True, is_exclude_regex=True)
    assert entry.to_dict() == {
        "path": "/a.*",
        "excludePaths": ["b?"],
        "isPathRegex": True,
        "isExcludeRegex": True,
    }


def test_extra_configs_travel_flattened_and_come_back() -> None:
    rule = AppManagerRule("White", ["com.a", "com.b"])
    mobile = MobileExtraConfig(True, rule, False, ["com.c"], MobileSimulateConfig(False, "/x"))
    configs = ExtraConfigs(mobile)
    form = form_of(CreateSessionParams(extra_configs=configs))
    assert {name: value for name, value in form.items() if name.startswith("Extra")} == {
        "ExtraConfigs.Mobile.AppManagerRule.AppPackageNameList.1": "com.a",
        "ExtraConfigs.Mobile.AppManagerRule.AppPackageNameList.2": "com.b",
        "ExtraConfigs.Mobile.AppManagerRule.RuleType": "White",
        "ExtraConfigs.Mobile.HideNavigationBar": "False",
        "ExtraConfigs.Mobile.LockResolution": "True",
        "ExtraConfigs.Mobile.UninstallBlacklist.1": "com.c",
    }
    assert ExtraConfigs().from_map(configs.to_map()).to_map() == configs.to_map()
    assert ExtraConfigs().from_map({}).to_map() == {}
    simulated = MobileSimulateConfig(True, "/x", MobileSimulateMode.ALL, "c-1")
    assert MobileSimulateConfig().from_map(simulated.to_map()) == simulated


def test_parameters_are_copied_from_the_caller() -> None:
    syncs = [ContextSync("c", "/p")]
    params = CreateSessionParams(
        context_syncs=syncs,
        browser_context=BrowserContext("b", extension_option=ExtensionOption("e", ["x"])),
    )
    assert len(params.context_syncs) == 2
    assert len(syncs) == 1


def test_lifecycle_on_the_wire() -> None:
    managed = form_of(CreateSessionParams(lifecycle_policy=LifecyclePolicy(7, 9)))
    assert (managed["Timeout"], managed["MaxRuntime"]) == ("7", "9")
    manual = form_of(CreateSessionParams(lifecycle_policy=LifecyclePolicy(manual_release=True)))
    assert manual["ManualRelease"] == "True"
    assert not {"Timeout", "MaxRuntime"} & manual.keys()
    legacy = form_of(CreateSessionParams(idle_release_timeout=90))
    assert legacy["Timeout"] == "90"
    assert "MaxRuntime" not in legacy


def test_extension_option_describes_itself() -> None:
    option = ExtensionOption("c", ["a", "b"])
    assert repr(option) == "ExtensionOption(context_id='c', extension_ids=['a', 'b'])"
    assert str(option) == "Extension Config: 2 extension(s) in context 'c'"
    assert option.validate()
    assert not ExtensionOption("c", ["a", " "]).validate()
