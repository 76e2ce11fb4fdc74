from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.cli.command import Command

CLOUD = "https://agentbay.cn-hangzhou.aliyuncs.com"
# The kernel lets nobody in a user namespace of its own make another one.
NO_USER_NAMESPACES = (
    *("unshare", "--user", "--map-root-user", "sh", "-c"),
    'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"',
    "sh",
)


def report(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    assert done.returncode in (0, 1), done.stderr.decode()
    loaded: dict[str, Any] = json.loads(done.stdout)
    assert loaded["ok"] is (done.returncode == 0)
    return loaded


def checks_of(loaded: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in loaded["checks"]}


def test_the_machine_of_the_tests_is_fit(command: Command) -> None:
    done = command.run("doctor", "--json")
    assert done.stderr == b""
    loaded = report(done)
    assert loaded["ok"] is True
    assert loaded["target"] == {
        "endpoint": "local",
        "reason": "AGENTBAY_API_KEY is not set",
        "api_key": "not set",
    }
    checks = checks_of(loaded)
    for name in ("target", "Python", "bubblewrap", "user namespaces", "sandbox"):
        assert checks[name]["status"] == "ok", checks[name]
    for check in checks.values():
        assert check.keys() == {"name", "status", "purpose", "detail", "remedy"}
        assert check["status"] in ("ok", "optional")
        assert check["purpose"]
        assert check["detail"]
        assert bool(check["remedy"]) is (check["status"] != "ok")


def test_the_text_says_the_same(command: Command) -> None:
    done = command.run("doctor")
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert any(line.startswith("ok        sandbox ") for line in lines)
    assert not any(line.startswith("missing") for line in lines)


def test_without_bubblewrap_it_says_what_to_install(command: Command, tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path)}
    text = command.run("doctor", env=env, prefix=())
    assert text.returncode == 1
    assert "-> apt install bubblewrap" in text.stdout.decode()
    checks = checks_of(report(command.run("doctor", "--json", env=env, prefix=())))
    assert checks["bubblewrap"]["status"] == "missing"
    assert checks["bubblewrap"]["remedy"] == "apt install bubblewrap"
    assert checks["sandbox"]["status"] == "missing"
    assert checks["slirp4netns"]["status"] == "optional"
    assert checks["slirp4netns"]["remedy"] == "apt install slirp4netns"


def test_forbidden_user_namespaces_are_found_with_the_setting(command: Command) -> None:
    loaded = report(command.run("doctor", "--json", prefix=NO_USER_NAMESPACES))
    checks = checks_of(loaded)
    assert loaded["ok"] is False
    assert checks["bubblewrap"]["status"] == "ok"
    assert checks["user namespaces"]["status"] == "missing"
    assert checks["user namespaces"]["remedy"] == "sysctl -w user.max_user_namespaces=15000"
    assert checks["sandbox"]["status"] == "missing"


def test_the_cloud_needs_nothing_of_this_machine(command: Command, tmp_path: Path) -> None:
    env = {"AGENTBAY_API_KEY": "akm-secret", "PATH": str(tmp_path)}
    done = command.run("doctor", "--json", env=env, prefix=())
    loaded = report(done)
    assert loaded["ok"] is True
    assert loaded["target"] == {
        "endpoint": CLOUD,
        "reason": "AGENTBAY_API_KEY is set",
        "api_key": "set",
    }
    assert checks_of(loaded)["bubblewrap"]["status"] == "optional"


def test_secrets_are_never_shown(command: Command, tmp_path: Path) -> None:
    env = {
        "AGENTBAY_API_KEY": "akm-secret",
        "AGENTBAY_ENDPOINT": "https://user:pass-secret@127.0.0.1:1/?token=query-secret",
        "PATH": str(tmp_path),
    }
    for option in ((), ("--json",)):
        done = command.run("doctor", *option, env=env, prefix=())
        assert b"https://127.0.0.1:1" in done.stdout
        assert b"secret" not in done.stdout + done.stderr


def test_a_dotenv_file_counts(command: Command) -> None:
    (command.cwd / ".env").write_text("AGENTBAY_API_KEY=akm-secret\n")
    loaded = report(command.run("doctor", "--json"))
    assert loaded["target"] == {
        "endpoint": CLOUD,
        "reason": "AGENTBAY_API_KEY is set",
        "api_key": "set",
    }


def test_the_endpoint_decides_whatever_the_key(command: Command) -> None:
    env = {"AGENTBAY_API_KEY": "akm-secret", "AGENTBAY_ENDPOINT": "local"}
    loaded = report(command.run("doctor", "--json", env=env))
    assert loaded["target"] == {
        "endpoint": "local",
        "reason": "AGENTBAY_ENDPOINT",
        "api_key": "set",
    }


def test_an_unusable_configuration_is_missing_something(command: Command) -> None:
    env = {"AGENTBAY_ENDPOINT": "http://127.0.0.1:1"}
    loaded = report(command.run("doctor", "--json", env=env))
    assert loaded["ok"] is False
    assert loaded["target"]["endpoint"] is None
    target = checks_of(loaded)["target"]
    assert target["status"] == "missing"
    assert "AGENTBAY_API_KEY" in target["remedy"]
