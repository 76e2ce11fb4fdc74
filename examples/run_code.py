"""Run code in a kernel that keeps its state, and see output while it comes."""

from agentbay import AgentBay, CreateSessionParams

with AgentBay().session(CreateSessionParams(image_id="code_latest")) as session:
    session.code.run_code("squares = [n * n for n in range(5)]", "python").raise_for_error()
    print("sum:", session.code.run_code("sum(squares)", "python").result)
    session.code.run_code(
        "for n in squares: print('square', n)",
        "python",
        stream_beta=True,
        on_stdout=lambda text: print(text, end=""),
    )
    failed = session.code.run_code("1 / 0", "python")
    print("failed:", failed.error.name if failed.error else failed.error_message)
    print("node:", session.code.run_code("[1, 2, 3].map(n => n * 2).join()", "javascript").result)
