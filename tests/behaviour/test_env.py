"""Environment variables of a session, on both surfaces."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from agentbay import AsyncSession, EnvResult


async def shown(session: AsyncSession, name: str, **envs: str) -> str:
    result = await session.command.execute_command(f'printf %s "${name}"', envs=envs or None)
    return result.unwrap().stdout


async def test_variables_are_seen_by_later_commands(routed: AsyncSession) -> None:
    nasty = 'it\'s "$HOME" `id`\n\té世🚀='
    result = await routed.env.set({"MODE": "x y", "NASTY": nasty})
    assert (result.success, result.data, result.error_message) == (True, True, "")
    assert result.request_id
    assert await shown(routed, "MODE") == "x y"
    assert await shown(routed, "NASTY") == nasty
    await routed.env.set({"MODE": ""})
    assert (await routed.env.get(["MODE", "NASTY"])).unwrap() == {"MODE": "", "NASTY": nasty}


async def test_variables_of_one_command_win(session: AsyncSession) -> None:
    await session.env.set({"MODE": "session"})
    assert await shown(session, "MODE", MODE="command") == "command"
    assert await shown(session, "MODE") == "session"


async def test_all_variables(session: AsyncSession) -> None:
    await session.env.set({"MODE": "x"})
    result = await session.env.get()
    assert result.request_id
    assert result.envs["MODE"] == "x"
    assert result.envs["HOME"] == "/home/wuying"
    assert (await session.env.get([])).envs == result.envs
    printed = await session.command.execute_command("env -0")
    command = dict(line.split("=", 1) for line in printed.stdout.split("\0")[:-1])
    command.pop("PWD", None)
    assert result.envs == command
    assert (await session.env.get(["NO_SUCH", "MODE"])).envs == {"MODE": "x"}


async def test_sessions_do_not_share_variables(session: AsyncSession, routed: AsyncSession) -> None:
    await session.env.set({"SECRET": "x"})
    assert (await routed.env.get(["SECRET"])).envs == {}


async def test_many_at_once_are_all_kept(session: AsyncSession) -> None:
    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(session.env.set, {f"N{number}": str(number)})
    found = await session.env.get([f"N{number}" for number in range(40)])
    assert found.envs == {f"N{number}": str(number) for number in range(40)}


@pytest.mark.parametrize(
    ("envs", "message"),
    [
        ({}, "envs must not be empty"),
        (None, "envs must not be empty"),
        ({1: "x"}, "All environment variable keys must be strings, got int for key '1'"),
        ({"A": 1}, "All environment variable values must be strings, got int for key 'A'"),
        ({"A": None}, "All environment variable values must be strings, got NoneType for key 'A'"),
    ],
)
async def test_what_is_no_text_is_refused(session: AsyncSession, envs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        await session.env.set(envs)


@pytest.mark.parametrize("envs", [{"": "x"}, {"A=B": "x"}, {"A\0": "x"}, {"A": "\0"}], ids=repr)
async def test_what_cannot_be_a_variable_is_told(
    session: AsyncSession, envs: dict[str, str]
) -> None:
    result = await session.env.set(envs)
    assert (result.success, result.data) == (False, False)
    assert "Failed to set environment variable" in result.error_message
    assert (await session.command.execute_command("true")).success


async def test_surrogates_are_refused(session: AsyncSession) -> None:
    assert not await session.env.set({"A": "\ud800"})
    assert (await session.env.get(["A"])).envs == {}


async def test_the_tools_are_added_once(session: AsyncSession) -> None:
    session.mcp_tools[:] = [tool for tool in session.mcp_tools if tool.name != "set_env"]
    for _ in range(2):
        assert (await session.env.set({"A": "b"})).success
    assert [t.server for t in session.mcp_tools if t.name == "set_env"] == ["wuying_system"]


def test_the_result_hides_values_and_has_no_null() -> None:
    nothing: Any = None
    assert EnvResult("r", True, nothing).envs == {}
    assert "secret" not in repr(EnvResult("r", True, {"KEY": "secret"}))


async def test_the_handle_knows_its_session(session: AsyncSession) -> None:
    assert session.env.session == session
    assert session.env == session.env
