"""Code in other languages than Python, on both surfaces."""

from __future__ import annotations

import pytest

from agentbay import AsyncSession, EnhancedCodeExecutionResult

ENDLESS = {"javascript": "while (true) {}", "java": "while (true);", "r": "while (TRUE) {}"}
LANGUAGES = tuple(ENDLESS)


async def results(
    session: AsyncSession, language: str, *codes: str
) -> list[EnhancedCodeExecutionResult]:
    return [await session.code.run_code(code, language) for code in codes]


async def test_javascript(session: AsyncSession) -> None:
    _, again, waited, obj = await results(
        session,
        "JS",
        "const a = 1; let b = 2; function sum() { return a + b; }",
        "const a = 40; console.log('é'); console.error('err'); sum()",
        "const later = await Promise.resolve(5); later",
        "({ x: [1, 'two', null] })",
    )
    assert (again.result, again.logs.stdout, again.logs.stderr) == ("42", ["é\n"], ["err\n"])
    assert again.results[0].is_main_result
    assert waited.result == "5"
    assert obj.result == "{ x: [ 1, 'two', null ] }"


async def test_javascript_values(session: AsyncSession) -> None:
    codes = ["undefined", "null", "10n", "NaN", "-0", "'s'", "later", "Symbol('x')", "() => 1"]
    found = await results(session, "node", "const later = 5", *codes)
    assert [item.result for item in found[1:]] == [
        *("", "null", "10n", "NaN", "-0", "'s'", "5", "Symbol(x)", "[Function (anonymous)]")
    ]


async def test_javascript_errors(session: AsyncSession) -> None:
    thrown, syntax, odd, rejected, getter, alive = await results(
        session,
        "javascript",
        "function inner() { throw new TypeError('bad'); }\ninner()",
        "let z = ;",
        "throw { odd: 1 }",
        "await Promise.reject(new RangeError('far'))",
        "({ get x() { return 1; }, [require('util').inspect.custom]() { throw Error('no'); } })",
        "typeof inner",
    )
    assert thrown.error is not None
    assert (thrown.error.name, thrown.error.value) == ("TypeError", "bad")
    assert "at inner" in thrown.error.traceback
    assert "javascript_kernel" not in thrown.error.traceback
    assert syntax.error_message == "SyntaxError: Unexpected token ';'"
    assert odd.error_message == "Error: Uncaught { odd: 1 }"
    assert rejected.error_message == "RangeError: far"
    assert getter.error_message == "Error: no"
    assert alive.result == "'function'"


@pytest.mark.parametrize(
    "code", [ENDLESS["javascript"], "await 1; while (true) {}", "await new Promise(() => {})"]
)
async def test_javascript_is_interrupted(session: AsyncSession, code: str) -> None:
    await session.code.run_code("const kept = 1", "javascript")
    stopped = await session.code.run_code(code, "javascript", 1)
    assert stopped.timed_out
    assert not stopped.state_lost, stopped.error_message
    assert (await session.code.run_code("kept", "javascript")).result == "1"


async def test_javascript_process_that_ends(session: AsyncSession) -> None:
    ended, fresh = await results(session, "javascript", "process.exit(3)", "1")
    assert "it ended itself with status 3" in ended.error_message
    assert ended.state_lost
    assert fresh.result == "1"
    assert "new kernel" in fresh.logs.stderr[0]


async def test_java(session: AsyncSession) -> None:
    declared, output, method, loop, text = await results(
        session,
        "java",
        "int x = 5;",
        'System.out.println("é" + x); System.err.println("err");',
        "int sum(int a) {\n    return a + x;\n}\nsum(37)",
        "var all = new ArrayList<Integer>();\nfor (int i = 0; i < 3; i++) {\n  all.add(i);\n}\nall",
        '"t\\"ext\\u00e9"',
    )
    assert (declared.success, declared.results) == (True, [])
    assert ("".join(output.logs.stdout), output.logs.stderr) == ("é5\n", ["err\n"])
    assert (method.result, method.results[0].is_main_result) == ("42", True)
    assert loop.result == "[0, 1, 2]"
    assert text.result == '"t\\"exté"'


async def test_java_errors(session: AsyncSession) -> None:
    thrown, compilation, incomplete, ended, fresh = await results(
        session,
        "java",
        'throw new IllegalStateException("bad");',
        "int y = nowhere;",
        "int f( {",
        "System.exit(3);",
        "1",
    )
    assert thrown.error is not None
    assert thrown.error.name == "java.lang.IllegalStateException"
    assert thrown.error_message == "java.lang.IllegalStateException: bad"
    assert "at " in thrown.error.traceback
    assert compilation.error is not None
    assert compilation.error.name == "CompilationError"
    assert "cannot find symbol" in compilation.error.value
    assert not incomplete
    assert "it ended itself with status 3" in ended.error_message
    assert "new kernel" in fresh.logs.stderr[0]


async def test_r(session: AsyncSession) -> None:
    assigned, output, several, frame, failed = await results(
        session,
        "R",
        "x <- 5",
        "print('é'); message('err')",
        "x\nx * 2",
        "data.frame(a = 1:2)",
        "stop('bad')",
    )
    assert (assigned.success, assigned.results) == (True, [])
    assert "".join(output.logs.stdout) == '[1] "é"\n'
    assert "err" in "".join(output.logs.stderr)
    assert [item.is_main_result for item in several.results] == [False, True]
    assert several.result == "[1] 10"
    assert {"text", "html", "markdown", "latex"} <= set(frame.results[0].formats())
    assert not failed
    assert "bad" in failed.error_message


@pytest.mark.parametrize("language", ["java", "r"])
async def test_time_limit(session: AsyncSession, language: str) -> None:
    declare, read = {"java": ("int kept = 41;", "kept + 1"), "r": ("kept <- 41", "kept + 1")}[
        language
    ]
    await session.code.run_code(declare, language)
    stopped = await session.code.run_code(ENDLESS[language], language, 1)
    assert stopped.timed_out
    assert not stopped.state_lost, stopped.error_message
    assert "42" in (await session.code.run_code(read, language)).result


@pytest.mark.parametrize("language", LANGUAGES)
async def test_missing_program_is_named(session: AsyncSession, language: str) -> None:
    await session.env.set({"PATH": "/nowhere"})
    result = await session.code.run_code("1", language)
    assert not result
    assert "is not installed on the machine of the runtime" in result.error_message
    assert "apt install" in result.error_message
