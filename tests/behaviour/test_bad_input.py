"""What the service refuses: the message names the input and the remedy, on both surfaces."""

from __future__ import annotations

import pytest

from agentbay import (
    AgentBay,
    AsyncAgentBay,
    AuthenticationError,
    Config,
    ConfigurationError,
    ContextSync,
    CreateSessionParams,
    LifecyclePolicy,
    NotFoundError,
    ServiceError,
)
from agentbay._wire.catalogue import REQUESTS
from agentbay._wire.request import Request
from agentbay.local.runtime import LocalRuntime
from tests.conftest import ConnectFunction


@pytest.mark.parametrize("client", [AsyncAgentBay, AgentBay])
def test_missing_key(
    client: type[AsyncAgentBay] | type[AgentBay],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    for name in ("AGENTBAY_API_KEY", "AGENTBAY_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    with pytest.raises(ConfigurationError, match="AGENTBAY_API_KEY") as caught:
        client()
    assert isinstance(caught.value, ValueError)
    assert str(caught.value) == (
        "API key is required. Provide it as a parameter or set the "
        "AGENTBAY_API_KEY environment variable"
    )


@pytest.mark.parametrize(
    "endpoint", ["ftp://host", "http://", "http://host:99999", "a b", "https://host:0"]
)
def test_unusable_endpoint(connect: ConnectFunction, endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used") as caught:
        connect("akm-x", Config(endpoint=endpoint))
    assert repr(endpoint) in str(caught.value)


async def test_wrong_key(connect: ConnectFunction, runtime: LocalRuntime) -> None:
    async with connect("akm-wrong", Config(endpoint=runtime.endpoint)) as bay:
        created = await bay.create()
        assert not created
        assert created.request_id
        assert created.code == "InvalidApiKey"
        assert "API key" in created.error_message
        assert "akm-wrong" not in created.error_message
        with pytest.raises(AuthenticationError) as caught:
            created.unwrap()
        assert caught.value.http_status == 401
        assert caught.value.request_id == created.request_id
        for result in (await bay.get("s-1"), await bay.list()):
            assert not result
            assert "API key" in result.error_message


async def test_unknown_image(bay: AsyncAgentBay) -> None:
    created = await bay.create(CreateSessionParams(image_id="linux_lates"))
    assert not created
    assert created.request_id
    assert created.error_message.startswith("Failed to create session: ")
    assert "linux_lates" in created.error_message
    assert "linux_latest" in created.error_message, "the known images are listed"


async def test_an_unknown_context_is_refused(bay: AsyncAgentBay) -> None:
    params = CreateSessionParams(context_syncs=[ContextSync("SdkCtx-1", "/tmp/kept")])
    created = await bay.create(params)
    assert created.code == "InvalidContext.NotFound"
    assert "'SdkCtx-1'" in created.error_message
    with pytest.raises(NotFoundError):
        created.unwrap()


async def test_unknown_session(bay: AsyncAgentBay) -> None:
    found = await bay.get("s-unknown")
    assert found.error_message == ("Failed to get session s-unknown: Session s-unknown not found")
    assert found.code == "InvalidMcpSession.NotFound"
    assert found.request_id
    with pytest.raises(NotFoundError):
        found.unwrap()


def test_contradicting_parameters() -> None:
    with pytest.raises(ValueError, match="Cannot set both"):
        CreateSessionParams(idle_release_timeout=1, lifecycle_policy=LifecyclePolicy())
    with pytest.raises(ValueError, match="must be > 0"):
        CreateSessionParams(idle_release_timeout=0)
    with pytest.raises(ValueError, match="must be an int"):
        CreateSessionParams(idle_release_timeout="5")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ValueError, match="idle_release_timeout must be a positive integer"):
        LifecyclePolicy(idle_release_timeout=True)
    with pytest.raises(ValueError, match="max_runtime must be a positive integer"):
        LifecyclePolicy(max_runtime=-1)
    with pytest.raises(ValueError, match="max_runtime cannot be set when manual_release=True"):
        LifecyclePolicy(max_runtime=1, manual_release=True)


def test_lifecycle_defaults() -> None:
    assert (LifecyclePolicy().idle_release_timeout, LifecyclePolicy().max_runtime) == (5, 30)
    manual = LifecyclePolicy(manual_release=True)
    assert (manual.idle_release_timeout, manual.max_runtime) == (0, 0)


async def test_unknown_action(runtime: LocalRuntime) -> None:
    class Levitate(Request[None]):
        """An action that no service offers."""

        idempotent = True

    REQUESTS.pop("Levitate")
    bay = AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint))
    with pytest.raises(ServiceError, match="Levitate") as caught:
        await bay._rpc.call(Levitate())
    assert caught.value.code == "InvalidAction.NotFound"
    assert caught.value.request_id


async def test_body_over_the_limit(bay: AsyncAgentBay) -> None:
    labels = {"big": "x" * 70_000_000}
    created = await bay.create(CreateSessionParams(labels=labels))
    assert not created
    assert "limit" in created.error_message
