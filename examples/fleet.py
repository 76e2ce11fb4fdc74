"""Work on many items at once, each in a sandbox of its own, from a blocking program."""

from agentbay import AgentBay, Session

SUBMISSIONS = {"ann": "print(6 * 7)", "bob": "print(41)", "eve": "print(1 / 0)"}


def grade(session: Session, student: str) -> str:
    """Run a submission; what is raised here is the outcome of this item alone."""
    done = session.code.run_code(SUBMISSIONS[student], "python")
    done.raise_for_error()
    return "right" if done.result.strip() == "42" else "wrong"


with AgentBay() as agent_bay, agent_bay.fleet(concurrency=2) as fleet:
    for outcome in fleet.map(grade, SUBMISSIONS, ordered=True, timeout=60):
        said = outcome.value if outcome.success else type(outcome.error).__name__
        print(outcome.item, said)

stats = fleet.stats
print(f"sessions: {stats.created} created, {stats.deleted} deleted, {stats.leaked} left")
