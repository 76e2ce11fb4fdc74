"""Where the configuration comes from, and what wins."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from agentbay.config import Config, Settings, load_settings
from agentbay.errors import ConfigurationError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("API_KEY", "ENDPOINT", "OWNER", "REGION_ID", "TIMEOUT_MS"):
        # Setting first makes monkeypatch restore the absence after .env was loaded.
        monkeypatch.setenv(f"AGENTBAY_{name}", "")
        monkeypatch.delenv(f"AGENTBAY_{name}")
    monkeypatch.chdir(tmp_path)


def located(cfg: Config | None = None) -> tuple[str, str]:
    settings = load_settings("akm-x", cfg)
    return settings.base_url, settings.region_id


def test_defaults() -> None:
    settings = load_settings("akm-x")
    assert settings.base_url == "https://agentbay.cn-hangzhou.aliyuncs.com"
    assert (settings.region_id, settings.timeout, settings.api_key) == ("cn-hangzhou", 60, "akm-x")
    assert not settings.is_local


@pytest.mark.parametrize(
    ("region", "host", "sent"),
    [
        ("ap-southeast-1", "agentbay.ap-southeast-1.aliyuncs.com", "ap-southeast-1"),
        ("mars-1", "agentbay.mars-1.aliyuncs.com", "mars-1"),
        ("pre-cn-hangzhou", "agentbay-pre.cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        ("pre-ap-southeast-1", "wuyingai-pre.ap-southeast-1.aliyuncs.com", "ap-southeast-1"),
        ("pre-mars-1", "agentbay-pre.mars-1.aliyuncs.com", "mars-1"),
    ],
)
def test_regions(region: str, host: str, sent: str) -> None:
    assert located(Config(region_id=region)) == (f"https://{host}", sent)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("host", "https://host"),
        ("host:8443", "https://host:8443"),
        ("http://127.0.0.1:8844", "http://127.0.0.1:8844"),
        ("https://host:1/", "https://host:1"),
        ("http://[::1]:8844", "http://[::1]:8844"),
    ],
)
def test_endpoints(endpoint: str, url: str) -> None:
    assert located(Config(endpoint=endpoint)) == (url, "cn-hangzhou")


@pytest.mark.parametrize("endpoint", ["local", "LOCAL", " local "])
def test_local_needs_no_key(endpoint: str) -> None:
    assert load_settings("", Config(endpoint=endpoint)).is_local
    assert load_settings("any", Config(endpoint=endpoint)).is_local


def test_local_wins_over_a_region() -> None:
    assert load_settings("", Config(endpoint="local", region_id="us-east-1")).is_local


def test_region_wins_over_any_other_endpoint(caplog: pytest.LogCaptureFixture) -> None:
    url, _ = located(Config(endpoint="http://127.0.0.1:1", region_id="us-east-1"))
    assert url == "https://agentbay.us-east-1.aliyuncs.com"
    assert "ignored because a region is set" in caplog.text


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTBAY_API_KEY", "akm-env")
    monkeypatch.setenv("AGENTBAY_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AGENTBAY_TIMEOUT_MS", "1500")
    settings = load_settings()
    assert settings.api_key == "akm-env"
    assert (settings.base_url, settings.timeout) == ("http://127.0.0.1:9", 1.5)
    explicit = load_settings("akm-arg", Config(region_id="us-east-1"))
    assert explicit.api_key == "akm-arg"
    assert (explicit.region_id, explicit.timeout) == ("us-east-1", 60)


@pytest.mark.parametrize("text", ["soon", "0", "-5"])
def test_unusable_timeout_falls_back(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("AGENTBAY_TIMEOUT_MS", text)
    assert load_settings("akm-x").timeout == 60


def test_dotenv_is_found_upwards_and_does_not_override(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("AGENTBAY_API_KEY=akm-dot\nAGENTBAY_REGION_ID=us-east-1\n")
    below = tmp_path / "a" / ".git" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.setenv("AGENTBAY_REGION_ID", "ap-southeast-1")
    settings = load_settings()
    assert (settings.api_key, settings.region_id) == ("akm-dot", "ap-southeast-1")


def test_key_in_dotenv_counts_beside_a_config(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("AGENTBAY_API_KEY=akm-dot\n")
    assert load_settings("", Config()).api_key == "akm-dot"


def test_env_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "mine.env").write_text("AGENTBAY_API_KEY=akm-mine\n")
    (tmp_path / ".env").write_text("AGENTBAY_API_KEY=akm-dot\n")
    assert load_settings(env_file=str(tmp_path / "mine.env")).api_key == "akm-mine"


def test_missing_env_file_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".env").write_text("AGENTBAY_API_KEY=akm-dot\n")
    assert load_settings(env_file="/no/such.env").api_key == "akm-dot"
    assert "/no/such.env" in caplog.text


def test_missing_key() -> None:
    with pytest.raises(ConfigurationError, match="API key is required"):
        load_settings()


def test_nothing_secret_is_shown() -> None:
    settings: Settings = load_settings("akm-secret", Config(proxy="http://u:pw@proxy:1"))
    assert "akm-secret" not in repr(settings)
    assert "pw" not in repr(settings)


def test_an_owner_comes_from_the_configuration_or_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_settings("akm-x").network.owner is None
    monkeypatch.setenv("AGENTBAY_OWNER", " nightly ")
    assert load_settings("akm-x").network.owner == "nightly"
    assert load_settings("akm-x", Config()).network.owner is None
    assert load_settings("akm-x", Config(owner="mine")).network.owner == "mine"
    monkeypatch.setenv("AGENTBAY_OWNER", " ")
    assert load_settings("akm-x").network.owner is None


@pytest.mark.parametrize("owner", ["", " ", 7])
def test_an_owner_needs_a_name(owner: Any) -> None:
    with pytest.raises(ConfigurationError, match="owner="):
        Config(owner=owner)


@pytest.mark.parametrize("lease", [0, 0.9, -1, 86_401, math.inf, math.nan, True, "300", None])
def test_a_lease_is_a_number_of_seconds(lease: Any) -> None:
    with pytest.raises(ConfigurationError, match="owner_lease="):
        Config(owner_lease=lease)
