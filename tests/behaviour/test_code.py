"""Python code in a session, on both surfaces."""

from __future__ import annotations

import base64
import json

import pytest

from agentbay import (
    AgentBayError,
    AsyncSession,
    CodeExecutionResult,
    CodeFailedError,
    EnhancedCodeExecutionResult,
)

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n not really").decode()


async def run(session: AsyncSession, code: str, timeout_s: int = 60) -> EnhancedCodeExecutionResult:
    return await session.code.run_code(code, "python", timeout_s)


async def test_value_output_and_state(session: AsyncSession) -> None:
    first = await run(session, "import sys\nprint('a'); print('b', file=sys.stderr)\nx = 40\nx + 2")
    assert first.success
    assert first.unwrap() is first
    assert first.request_id
    assert (first.error, first.error_message) == (None, "")
    assert (first.logs.stdout, first.logs.stderr) == (["a\n"], ["b\n"])
    assert first.results == [CodeExecutionResult(text="42", is_main_result=True)]
    assert first.result == "42"
    assert first.execution_count == 1
    assert 0 < first.execution_time < 60

    second = await run(session, "def twice(n): return 2 * n\nimport json as j")
    assert (second.results, second.result, second.execution_count) == ([], "", 2)
    third = await run(session, "print(j.dumps(twice(x)))")
    assert (third.results, third.result, third.execution_count) == ([], "80\n", 3)


async def test_aliases_of_method_and_language(session: AsyncSession) -> None:
    assert (await session.code.run("x = 1", " Python ")).success
    assert (await session.code.execute("x + 1", "PY")).result == "2"
    assert (await session.code.run_code("x + 2", "python3")).result == "3"
    assert session.code.session == session


async def test_unknown_language_is_refused_without_a_call(session: AsyncSession) -> None:
    result = await session.code.run_code("1", "Cobol")
    assert not result
    assert result.request_id == ""
    assert result.error_message == (
        "Unsupported language: Cobol. Supported languages are 'python', 'javascript', 'r', "
        "and 'java'"
    )
    with pytest.raises(AgentBayError, match="Unsupported language"):
        result.unwrap()


@pytest.mark.parametrize("timeout_s", [0, -1, 24 * 3600 + 1])
async def test_impossible_timeout(session: AsyncSession, timeout_s: int) -> None:
    result = await session.code.run_code("1", "python", timeout_s)
    assert not result
    assert "timeout_s" in result.error_message


async def test_every_form_of_a_result_in_order(session: AsyncSession) -> None:
    result = await run(
        session,
        f"""
from IPython.display import *
display("text", HTML("<b>1</b>"), Markdown("# 2"), Latex("$3$"), SVG("<svg>4</svg>"))
display(JSON({{"five": [5]}}))
display(Image(data=__import__("base64").b64decode("{PNG}"), format="png"))
display({{"image/jpeg": "{PNG}"}}, raw=True)
display({{"application/vnd.vegalite.v4+json": {{"mark": "bar", "$schema": "/vega-lite/v4.json"}}}},
        raw=True)
display({{"application/vnd.vegalite.v5+json": {{"mark": "line"}}}}, raw=True)
HTML("<i>main</i>")
""",
    )
    assert result.error_message == ""
    shown = result.results
    assert [item.formats()[-1] for item in shown] == [
        *("text", "html", "markdown", "latex", "svg", "json", "png", "jpeg", "chart", "chart"),
        "html",
    ]
    assert [item.is_main_result for item in shown] == [False] * 10 + [True]
    assert shown[0].text == "'text'"
    assert (shown[1].html, shown[2].markdown, shown[3].latex) == ("<b>1</b>", "# 2", "$3$")
    assert shown[4].svg is not None
    assert "<svg>4</svg>" in shown[4].svg
    assert shown[5].json == {"five": [5]}
    assert shown[6].png is not None
    assert base64.b64decode(shown[6].png) == base64.b64decode(PNG)
    assert shown[7].jpeg == PNG
    assert shown[8].chart == {"mark": "bar", "$schema": "/vega-lite/v4.json"}
    assert shown[9].chart == {"mark": "line"}
    assert result._repr_mimebundle_(None, None)["text/html"] == "<i>main</i>"


async def test_displays_that_are_updated_are_shown_in_their_last_state(
    session: AsyncSession,
) -> None:
    result = await run(
        session,
        "handle = display('start', display_id=True)\ndisplay('between')\nhandle.update('end')",
    )
    assert [item.text for item in result.results] == ["'end'", "'between'"]


async def test_an_exception(session: AsyncSession) -> None:
    result = await run(
        session, "print('before')\ndef inner():\n    return {}['key']\n1\ninner()\nprint('after')"
    )
    assert not result
    assert result.error is not None
    assert (result.error.name, result.error.value) == ("KeyError", "'key'")
    assert "inner()" in result.error.traceback
    assert "\x1b" not in result.error.traceback
    assert result.error_message == "KeyError: 'key'"
    assert result.logs.stdout == ["before\n"]
    assert not result.timed_out
    assert not result.state_lost
    with pytest.raises(CodeFailedError, match="KeyError: 'key'") as caught:
        result.unwrap()
    assert (caught.value.name, caught.value.value) == ("KeyError", "'key'")
    assert caught.value.traceback == result.error.traceback
    assert result._repr_mimebundle_(None, None) == {"text/plain": result.error.traceback}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("if:", "SyntaxError"),
        ("  x\n y", "IndentationError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("assert False", "AssertionError"),
        ("input('name? ')", "StdinNotImplementedError"),
        ("class Odd(BaseException): pass\nraise Odd('odd')", "Odd"),
    ],
)
async def test_kinds_of_exceptions(session: AsyncSession, code: str, name: str) -> None:
    result = await run(session, code)
    assert not result
    assert result.error is not None
    assert result.error.name == name
    assert name in result.error_message
    assert (await run(session, "'alive'")).result == "'alive'"


async def test_text_of_every_kind(session: AsyncSession) -> None:
    text = "é ☃ 𝄞 \u202e \x00\x07 \r\n \ud7ff"
    result = await run(session, f"text = {text!a}\nprint(text, end='')\ntext")
    assert "".join(result.logs.stdout) == text
    assert result.result == repr(text)
    half = await run(session, "print('a\\ud800b')")
    assert (half.success, half.logs.stdout) == (True, ["a?b\n"])
    source = await run(session, "naïve = 'ü'\nnaïve * 2")
    assert source.result == "'üü'"


async def test_code_that_cannot_be_sent(session: AsyncSession) -> None:
    result = await run(session, "'\ud800'")
    assert not result
    assert "surrogates not allowed" in result.error_message


@pytest.mark.parametrize("code", ["", "\n\n", "# nothing", "None"])
async def test_code_without_a_value(session: AsyncSession, code: str) -> None:
    result = await run(session, code)
    assert result.success
    assert (result.results, result.result) == ([], "")


async def test_output_of_programs_that_the_code_runs(session: AsyncSession) -> None:
    result = await run(
        session,
        "import os, subprocess\nos.system('echo out; echo err >&2')\n"
        "subprocess.run(['printf', 'é%.0s' + 'é' * 40000])",
    )
    assert result.success
    assert "".join(result.logs.stdout) == "out\n" + "é" * 40001
    assert result.logs.stderr == ["err\n"]


async def test_output_that_looks_like_an_answer(session: AsyncSession) -> None:
    text = json.dumps({"executionError": "no", "result": []})
    result = await run(session, f"print({text!r})")
    assert result.success
    assert result.logs.stdout == [text + "\n"]


async def test_many_and_large_results_arrive_whole(session: AsyncSession) -> None:
    many = await run(session, "for i in range(1000): display(i)")
    assert [item.text for item in many.results] == [str(i) for i in range(1000)]
    large = await run(session, "from IPython.display import HTML\nHTML('y' * 3_000_000)")
    assert large.results[0].html == "y" * 3_000_000
    assert (await run(session, "print('x' * 3_000_000)")).result == "x" * 3_000_000 + "\n"


async def test_time_limit_interrupts_and_keeps_variables(session: AsyncSession) -> None:
    result = await run(session, "x = 1\nprint('begun')\nwhile True: pass", timeout_s=1)
    assert not result
    assert result.timed_out
    assert not result.state_lost
    assert result.logs.stdout == ["begun\n"]
    assert result.error is not None
    assert result.error.name == "TimeoutError"
    assert "while True" in result.error.traceback
    assert "[timeout] The code was stopped after 1 s: variables are kept" in result.error_message
    assert (await run(session, "x")).result == "1"


async def test_time_limit_reaches_programs_that_the_code_runs(session: AsyncSession) -> None:
    result = await run(session, "import os; os.system('sleep 1000')", timeout_s=1)
    assert result.timed_out
    assert not result.state_lost
    left = await session.command.run("pgrep -x sleep")
    assert left.exit_code == 1, left.stdout


async def test_code_that_cannot_be_interrupted_loses_its_kernel(session: AsyncSession) -> None:
    stubborn = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nx = 1\nwhile True: pass"
    )
    result = await run(session, stubborn, timeout_s=1)
    assert not result
    assert result.timed_out
    assert result.state_lost
    assert "did not stop when it was interrupted. Variables are gone" in result.error_message
    fresh = await run(session, "'x' in globals()")
    assert fresh.result == "False"
    assert fresh.execution_count == 1
    assert "new kernel" in fresh.logs.stderr[0]
    assert (await run(session, "1")).logs.stderr == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os._exit(7)", "it ended itself with status 7"),
        ("import os; os.kill(os.getpid(), 11)", "it was ended by SIGSEGV"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "it was ended by SIGKILL, as happens at the memory limit",
        ),
        ("import os; os.kill(os.getppid(), 9)", "kernel was lost"),
    ],
)
async def test_kernel_that_ends(session: AsyncSession, code: str, reason: str) -> None:
    await run(session, "x = 1")
    result = await run(session, code)
    assert not result
    assert reason in result.error_message
    fresh = await run(session, "'x' in globals()")
    assert (fresh.result, fresh.execution_count) == ("False", 1)
    assert "new kernel" in fresh.logs.stderr[0]


async def test_files_and_variables_are_those_of_the_session(session: AsyncSession) -> None:
    await session.command.run("echo content > made-by-a-command")
    await session.env.set({"FROM_SESSION": "it's here"})
    result = await run(
        session,
        "import os\nopen('made-by-code', 'w').write(os.environ['FROM_SESSION'])\n"
        "open('made-by-a-command').read(), os.getcwd()",
    )
    assert result.result == "('content\\n', '/home/wuying')"
    assert (await session.command.run("cat made-by-code")).stdout == "it's here"


async def test_the_tool_as_it_stands(session: AsyncSession) -> None:
    arguments = {"code": "40 + 2", "language": "python"}
    answer = await session.call_mcp_tool("run_code", arguments)
    found = json.loads(answer.unwrap())
    assert found["executionError"] == ""
    assert json.loads(found["result"][0]) == {"isMainResult": True, "text/plain": "42"}
    assert (found["stdout"], found["stderr"], found["execution_count"]) == ([], [], 1)

    failed = await session.call_mcp_tool("run_code", {"code": "1/0", "language": "python"})
    assert failed.is_error
    assert failed.error_message == "ZeroDivisionError: division by zero"
    told = json.loads(failed.raw)
    assert told["executionError"] == "ZeroDivisionError: division by zero"
    assert told["traceId"]
    unknown = await session.call_mcp_tool("run_code", {"code": "1", "language": "cobol"})
    assert unknown.is_error
    assert "language" in unknown.error_message
