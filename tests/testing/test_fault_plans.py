"""Plans: the same again by the same seed, from files, and refused where they cannot be done."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agentbay.errors import ConfigurationError
from agentbay.local import LocalRuntime
from agentbay.testing import RecordingServer
from agentbay.testing.faults import (
    Cut,
    DiskFull,
    Fault,
    FaultPlan,
    FaultProxy,
    FaultRule,
    Garbage,
    Refused,
    Reset,
    SandboxKilled,
    Slow,
    StorageFull,
    Throttled,
)
from agentbay.testing.faults.kinds import KINDS
from agentbay.testing.faults.requests import RequestFacts

LIST = RequestFacts("api", ("ListSession",))
CREATE = RequestFacts("api", ("CreateMcpSession",))
SHELL = RequestFacts("link", ("CallMcpTool", "shell"), "s-1")
SOCKET = RequestFacts("channel", ("GET",), "s-1", websocket=True)
UPLOAD = RequestFacts("signed", ("PUT",))
ALL = (LIST, CREATE, SHELL, SOCKET, UPLOAD)


def faults(plan: FaultPlan, requests: list[RequestFacts]) -> list[Fault | None]:
    decided = [plan.decide(request) for request in requests]
    return [state.rule.fault if state else None for state in decided]


def test_the_same_seed_is_the_same_again() -> None:
    shares = {"reset": 0.1, "throttled": 0.1, "half_open": 0.05, "garbage": 0.1}
    first, again, other = (
        faults(FaultPlan.random(seed, **shares), [LIST] * 500) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert 0.2 < sum(fault is not None for fault in first) / 500 < 0.5


def test_what_is_random_depends_on_no_other_rule() -> None:
    lonely = FaultPlan([FaultRule(Reset(), probability=0.0), FaultRule(Slow(), probability=0.3)])
    crowded = FaultPlan([FaultRule(Reset(), probability=0.5), FaultRule(Slow(), probability=0.3)])
    slow = [number for number, fault in enumerate(faults(lonely, [LIST] * 200)) if fault]
    for number, fault in enumerate(faults(crowded, [LIST] * 200)):
        assert fault == Reset() or (fault == Slow()) == (number in slow)


def test_the_first_rule_wins_and_is_counted() -> None:
    plan = FaultPlan([FaultRule(Slow(), name="shell"), FaultRule(Reset(), times=2)])
    assert faults(plan, [SHELL, LIST, SHELL, LIST, LIST]) == [
        Slow(),
        Reset(),
        Slow(),
        Reset(),
        None,
    ]
    assert plan.injected == {"slow": 2, "reset": 2}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (FaultRule(Reset()), set(ALL)),
        (FaultRule(Reset(processed=True)), {LIST, CREATE, SHELL, UPLOAD}),
        (FaultRule(Reset(), route="link"), {SHELL}),
        (FaultRule(Reset(), name="shell"), {SHELL}),
        (FaultRule(Reset(), name="CallMcpTool"), {SHELL}),
        (FaultRule(Reset(), name="PUT"), {UPLOAD}),
        (FaultRule(Reset(), session_id="s-1"), {SHELL, SOCKET}),
        (FaultRule(Reset(), session_id="s-2"), set()),
        (FaultRule(Cut()), {SOCKET}),
        (FaultRule(Throttled(inside=True)), {LIST, CREATE}),
        (FaultRule(DiskFull()), {CREATE}),
        (FaultRule(StorageFull()), {UPLOAD}),
        (FaultRule(SandboxKilled()), {SHELL, SOCKET}),
        (FaultRule(SandboxKilled(processed=True)), {SHELL}),
    ],
)
def test_what_a_rule_is_about(rule: FaultRule, expected: set[RequestFacts]) -> None:
    assert {request for request in ALL if rule.matches(request)} == expected


PLAN: dict[str, Any] = {
    "seed": 7,
    "rules": [
        {"fault": "garbage", "route": "link", "probability": 0.5},
        {"fault": {"kind": "reset", "processed": True}, "name": "CreateMcpSession", "nth": 2},
        {"fault": {"kind": "slow", "bytes_per_second": 10}, "every": 3, "times": 1},
    ],
}
READ = (
    FaultRule(Garbage(), route="link", probability=0.5),
    FaultRule(Reset(processed=True), name="CreateMcpSession", nth=2),
    FaultRule(Slow(10.0), every=3, times=1),
)


def test_a_plan_in_json(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(PLAN))
    plan = FaultPlan.load(path)
    assert (plan.rules, plan.seed) == (READ, 7)


TOML = """
seed = 7

[[rules]]
fault = "garbage"
route = "link"
probability = 0.5

[[rules]]
fault = { kind = "reset", processed = true }
name = "CreateMcpSession"
nth = 2

[[rules]]
fault = { kind = "slow", bytes_per_second = 10 }
every = 3
times = 1
"""


def test_a_plan_in_toml(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(TOML)
    if sys.version_info < (3, 11):
        with pytest.raises(ConfigurationError, match=r"plan\.toml.*needs Python 3\.11.*JSON"):
            FaultPlan.load(path)
    else:
        plan = FaultPlan.load(str(path))
        assert (plan.rules, plan.seed) == (READ, 7)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_name_in_files(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"rules": [{"fault": kind}]}))
    (rule,) = FaultPlan.load(path).rules
    assert rule.fault == KINDS[kind]()


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({}, "required field missing @ $.rules[1].fault"),
        ({"fault": 5}, "expected a kind of fault, or an object with one @ $.rules[1].fault"),
        ({"fault": "burn"}, "kind must be one of cut, delay, "),
        ({"fault": {"processed": True}}, "kind must be one of cut, delay, "),
        ({"fault": {"kind": "cut", "at": 1}}, "unknown name at @ $.rules[1].fault"),
        ({"fault": {"kind": "delay", "seconds": "1"}}, "expected a number @ $.rules[1].fault.sec"),
        ({"fault": {"kind": "delay", "seconds": -1}}, "seconds must be a number of seconds, not"),
        ({"fault": {"kind": "slow", "bytes_per_second": 0}}, "must be more than 0, not 0.0 @ $.ru"),
        ({"fault": {"kind": "server_error", "status": 404}}, "404 @ $.rules[1].fault"),
        ({"fault": "reset", "nht": 1}, "unknown name nht @ $.rules[1]"),
        ({"fault": "reset", "nth": 0}, "0 @ $.rules[1]"),
        ({"fault": "reset", "probability": 1.5}, "1.5 @ $.rules[1]"),
        ({"fault": "reset", "route": "pipe"}, "must be one of api, link, "),
    ],
)
def test_a_bad_rule_is_named(tmp_path: Path, rule: dict[str, Any], problem: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"rules": [{"fault": "reset"}, rule]}))
    with pytest.raises(ConfigurationError) as caught:
        FaultPlan.load(path)
    assert str(caught.value).startswith(f"The faults in {path} cannot be used: ")
    assert problem in str(caught.value)
    assert "$.rules[0]" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("plan.json", b"{", "cannot be read: Expecting property name"),
        ("plan.json", b"\xff", "cannot be read: 'utf-8' codec"),
        ("plan.json", b"[]", "cannot be used: "),
        ("plan.json", b'{"rules": 3}', " @ $.rules"),
        ("plan.yaml", b"", "cannot be read: the name must end in .toml or .json"),
        ("", b"", "cannot be read: Is a directory"),
    ],
)
def test_a_bad_file(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    path = tmp_path / (name or "directory.json")
    if name:
        path.write_bytes(content)
    else:
        path.mkdir()
    with pytest.raises(ConfigurationError) as caught:
        FaultPlan.load(path)
    assert str(caught.value).startswith(f"The faults in {path} cannot be ")
    assert problem in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.json cannot be read: No such file"):
        FaultPlan.load(tmp_path / "missing.json")


async def test_what_cannot_be_done_there_is_refused() -> None:
    killed = FaultPlan([FaultRule(Reset()), FaultRule(SandboxKilled())])
    with pytest.raises(ConfigurationError, match=r"Rule 1 .* sandbox_killed needs a local runtime"):
        RecordingServer(faults=killed)
    with pytest.raises(ConfigurationError, match="sandbox_killed needs a local runtime"):
        FaultProxy("http://127.0.0.1:1", killed)
    refused = FaultPlan([FaultRule(Refused())])
    runtime = LocalRuntime(isolation="none", network="none", faults=refused)
    with pytest.raises(ConfigurationError, match="refused needs a FaultProxy"):
        await runtime.start()
