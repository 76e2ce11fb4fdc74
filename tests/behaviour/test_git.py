"""Git in real repositories inside a session, on both surfaces."""

from __future__ import annotations

from typing import Any

import pytest

from agentbay import (
    AgentBayError,
    AsyncSession,
    GitConflictError,
    GitError,
    GitFileStatus,
    GitNotARepoError,
    GitNotFoundError,
    GitStatusResult,
)

REPO = "repo"


async def run(session: AsyncSession, command: str) -> str:
    return (await session.command.execute_command(command)).unwrap().stdout


@pytest.fixture
async def repo(session: AsyncSession) -> AsyncSession:
    """A session with a repository of one commit."""
    git = session.git
    await git.init(REPO, initial_branch="main")
    await git.configure_user(REPO, "Ann O'Nym", "ann@example.org")
    await session.fs.write_file(f"{REPO}/a.txt", "one\n")
    await git.add(REPO)
    await git.commit(REPO, "first")
    return session


async def test_a_new_repository(session: AsyncSession) -> None:
    assert (await session.git.init("new dir/r", initial_branch="trunk")).path == "new dir/r"
    status = await session.git.status("new dir/r")
    assert status == GitStatusResult(current_branch="trunk")
    assert status.is_clean
    assert (await session.git.init("bare.git", bare=True)).path == "bare.git"
    assert "HEAD" in await run(session, "ls bare.git")
    with pytest.raises(GitError, match="does not have any commits"):
        await session.git.log("new dir/r")


async def test_commits_and_their_log(repo: AsyncSession) -> None:
    await repo.fs.write_file(f"{REPO}/b", "b")
    await repo.git.add(REPO, files=["b"])
    subject = 'it\'s "$HOME" `id`; rm -rf / # é世'
    message = f"{subject}\n\nbody of the message"
    commit = await repo.git.commit(
        REPO, message, author_name="Bob 'B' $USER", author_email="bob@example.org"
    )
    empty = await repo.git.commit(REPO, "-m", allow_empty=True)
    entries = (await repo.git.log(REPO)).entries
    assert [entry.message for entry in entries] == ["-m", subject, "first"]
    assert [entry.short_hash for entry in entries[:2]] == [empty.commit_hash, commit.commit_hash]
    bob = entries[1]
    assert (bob.author_name, bob.author_email) == ("Bob 'B' $USER", "bob@example.org")
    assert bob.hash.startswith(bob.short_hash)
    assert len(bob.hash) == 40
    assert bob.date.startswith("20")
    assert "T" in bob.date
    assert (entries[2].author_name, entries[2].author_email) == ("Ann O'Nym", "ann@example.org")
    assert len((await repo.git.log(REPO, max_count=1)).entries) == 1
    assert await run(repo, f"git -C {REPO} log -1 --skip=1 --format=%B") == f"{message}\n\n"
    with pytest.raises(GitError, match=r"Git commit failed \(exit code 1\): "):
        await repo.git.commit(REPO, "nothing to commit")


async def test_the_rows_of_a_status(repo: AsyncSession) -> None:
    await run(
        repo,
        f"cd {REPO}; printf 'x\\n%.0s' $(seq 30) >old; touch gone cut; git add .; "
        "git -c user.name=x commit -qm more; "
        "git mv old 'new name'; git rm -q gone; rm cut; echo two >>a.txt; git add a.txt; "
        "echo three >>a.txt; echo new >staged; touch untracked; git add staged",
    )
    status = await repo.git.status(REPO)
    assert sorted(status.files, key=lambda file: file.path) == [
        GitFileStatus('"new name"', "renamed", "R", " ", True, "old"),
        GitFileStatus("a.txt", "modified", "M", "M", True),
        GitFileStatus("cut", "deleted", " ", "D", False),
        GitFileStatus("gone", "deleted", "D", " ", True),
        GitFileStatus("staged", "added", "A", " ", True),
        GitFileStatus("untracked", "untracked", "?", "?", False),
    ]
    assert (status.total_count, status.staged_count, status.unstaged_count) == (6, 4, 1)
    assert (status.untracked_count, status.conflict_count) == (1, 0)
    assert status.has_changes
    assert status.has_staged
    assert status.has_untracked
    assert not status.is_clean
    assert not status.has_conflicts


@pytest.mark.parametrize(
    ("options", "staged"),
    [
        ({}, {"a.txt", "sub/b"}),
        ({"stage_all": False}, {"a.txt", "sub/b"}),
        ({"files": ["-x"]}, {"-x"}),
    ],
    ids=["all", "here", "named"],
)
async def test_what_is_staged(
    repo: AsyncSession, options: dict[str, Any], staged: set[str]
) -> None:
    await run(repo, f"cd {REPO}; echo >>a.txt; mkdir sub; touch sub/b; touch ./-x")
    await repo.git.add(REPO, **options)
    files = (await repo.git.status(REPO)).files
    assert staged <= {file.path for file in files if file.staged}


async def test_branches(repo: AsyncSession) -> None:
    git = repo.git
    await git.create_branch(REPO, "topic/ä", checkout=False)
    await git.create_branch(REPO, "other")
    listed = await git.list_branches(REPO)
    assert [(branch.name, branch.is_current) for branch in listed.branches] == [
        ("main", False),
        ("other", True),
        ("topic/ä", False),
    ]
    assert listed.current == "other"
    await repo.fs.write_file(f"{REPO}/only-here", "x")
    await git.add(REPO)
    await git.commit(REPO, "only here")
    await git.checkout_branch(REPO, "main")
    assert (await git.status(REPO)).current_branch == "main"
    with pytest.raises(GitError, match="not fully merged"):
        await git.delete_branch(REPO, "other")
    await git.delete_branch(REPO, "other", force=True)
    await git.delete_branch(REPO, "topic/ä")
    assert [branch.name for branch in (await git.list_branches(REPO)).branches] == ["main"]
    for wrong in ("no such", "$(touch /tmp/pwned)", "'; touch /tmp/pwned; '"):
        with pytest.raises(GitError):
            await git.create_branch(REPO, wrong, checkout=False)
    assert "pwned" not in await run(repo, "ls /tmp")


async def test_a_detached_head(repo: AsyncSession) -> None:
    first = (await repo.git.log(REPO)).entries[0].hash
    await repo.git.checkout_branch(REPO, first)
    status = await repo.git.status(REPO)
    assert (status.detached, status.current_branch, status.is_clean) == (True, None, True)
    listed = await repo.git.list_branches(REPO)
    assert (listed.current, [branch.name for branch in listed.branches]) == ("", ["main"])
    commit = await repo.git.commit(REPO, "floating", allow_empty=True)
    assert commit.commit_hash is None


@pytest.fixture
async def cloned(repo: AsyncSession) -> AsyncSession:
    """The repository with a bare one as its remote, and a second clone `work`."""
    await run(repo, f"git clone -q --bare {REPO} hub.git")
    await repo.git.remote_add(REPO, "origin", "/home/wuying/hub.git", fetch=True)
    await run(repo, f"git -C {REPO} branch -q -u origin/main")
    assert (await repo.git.clone("/home/wuying/hub.git", path="work")).path == "work"
    return repo


async def test_commits_travel_through_a_bare_repository(cloned: AsyncSession) -> None:
    git = cloned.git
    await cloned.fs.write_file("work/a.txt", "two\n")
    await git.add("work")
    await git.commit("work", "second")
    status = await git.status("work")
    assert (status.upstream, status.ahead, status.behind) == ("origin/main", 1, 0)
    await run(cloned, "git -C work push -q")
    await run(cloned, f"git -C {REPO} fetch -q")
    status = await git.status(REPO)
    assert (status.current_branch, status.ahead, status.behind) == ("main", 0, 1)
    await git.pull(REPO)
    assert (await cloned.fs.read(f"{REPO}/a.txt")).content == "two\n"
    await git.pull(REPO, remote="origin", branch="main")


async def test_clones(cloned: AsyncSession) -> None:
    git = cloned.git
    assert (await git.clone("/home/wuying/hub.git/")).path == "hub"
    await git.create_branch("work", "it's")
    await run(cloned, 'git -C work push -q origin "it\'s"')
    await git.clone("file:///home/wuying/hub.git", path="-odd 'one'/x", branch="it's", depth=1)
    status = await git.status("-odd 'one'/x")
    assert status.current_branch == "it's"
    assert len((await git.log("-odd 'one'/x")).entries) == 1
    with pytest.raises(GitError, match="Git clone failed"):
        await git.clone("/home/wuying/hub.git", path="work")
    with pytest.raises(GitError, match="Git clone failed"):
        await git.clone("/no/such/repository")


OPTION = "--upload-pack=touch /tmp/pwned"


@pytest.mark.parametrize(
    ("member", "arguments", "options"),
    [
        ("clone", (OPTION,), {}),
        ("create_branch", (REPO, "-f"), {}),
        ("checkout_branch", (REPO, "-f"), {}),
        ("delete_branch", (REPO, "-D"), {}),
        ("remote_add", (REPO, OPTION, "url"), {}),
        ("remote_add", (REPO, "name", OPTION), {}),
        ("remote_get", (REPO, "--all"), {}),
        ("reset", (REPO,), {"target": "--hard"}),
        ("pull", (REPO,), {"remote": OPTION}),
        ("pull", (REPO,), {"remote": "origin", "branch": OPTION}),
        ("set_config", (REPO, "--unset-all", "user.name"), {}),
        ("get_config", (REPO, "--list"), {}),
    ],
)
async def test_options_cannot_be_smuggled_in(
    session: AsyncSession, member: str, arguments: tuple[str, ...], options: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="begins like an option of git"):
        await getattr(session.git, member)(*arguments, **options)


async def test_a_conflict(cloned: AsyncSession) -> None:
    git = cloned.git
    for place, text in (("work", "theirs\n"), (REPO, "ours\n")):
        await cloned.fs.write_file(f"{place}/a.txt", text)
        await git.add(place)
        await git.commit(place, text.strip())
    await run(cloned, "git -C work push -q")
    await git.set_config(REPO, "pull.rebase", "false", scope="local")
    with pytest.raises(GitConflictError) as caught:
        await git.pull(REPO)
    assert caught.value.exit_code == 1
    assert str(caught.value).startswith("Git pull failed: merge conflict. ")
    status = await git.status(REPO)
    assert (status.ahead, status.behind, status.conflict_count) == (1, 1, 1)
    assert status.files[0].status == "conflict"
    await git.reset(REPO, mode="merge")
    assert (await git.status(REPO)).is_clean


async def test_remotes(repo: AsyncSession) -> None:
    git = repo.git
    assert await git.remote_get(REPO, "origin") is None
    await git.remote_add(REPO, "origin", "https://example.org/a b'c.git")
    assert await git.remote_get(REPO, "origin") == "https://example.org/a b'c.git"
    with pytest.raises(GitError, match="remote origin already exists"):
        await git.remote_add(REPO, "origin", "elsewhere")
    await run(repo, f"git clone -q --bare {REPO} hub.git")
    await git.remote_add(REPO, "origin", "/home/wuying/hub.git", overwrite=True, fetch=True)
    assert await git.remote_get(REPO, "origin") == "/home/wuying/hub.git"
    assert "origin/main" in await run(repo, f"git -C {REPO} branch -r")
    with pytest.raises(GitNotARepoError):
        await git.remote_get("/tmp", "origin")


async def test_reset_and_restore(repo: AsyncSession) -> None:
    git, path = repo.git, f"{REPO}/a.txt"
    await repo.fs.write_file(path, "two\n")
    await git.add(REPO)
    await git.restore(REPO, ["a.txt"], staged=True)
    status = (await git.status(REPO)).files[0]
    assert (status.index_status, status.work_tree_status) == (" ", "M")
    await git.restore(REPO, ["a.txt"])
    assert (await repo.fs.read(path)).content == "one\n"
    await repo.fs.write_file(path, "two\n")
    await git.add(REPO)
    await git.commit(REPO, "second")
    await git.restore(REPO, ["a.txt"], staged=True, worktree=True, source="HEAD~1")
    assert (await repo.fs.read(path)).content == "one\n"
    await git.reset(REPO, paths=["a.txt"])
    assert not (await git.status(REPO)).has_staged
    await git.reset(REPO, mode="hard", target="HEAD~1")
    assert [entry.message for entry in (await git.log(REPO)).entries] == ["first"]
    with pytest.raises(
        ValueError,
        match=r"Invalid reset mode: 'x'. Must be one of \['hard', 'keep', 'merge', 'mixed', 'soft'",
    ):
        await git.reset("/no/repository", mode="x")


async def test_options_of_git(repo: AsyncSession) -> None:
    git = repo.git
    assert await git.get_config(REPO, "user.name") == "Ann O'Nym"
    assert await git.get_config(REPO, "user.name", scope="local") is None
    await git.configure_user(REPO, "Local", "l@example.org", scope="local")
    await git.set_config(REPO, "alias.x", "!echo 'a' \"b\"", scope="local")
    assert await git.get_config(REPO, "user.name", scope="local") == "Local"
    assert await git.get_config(REPO, "alias.x", scope="local") == "!echo 'a' \"b\""
    assert await git.get_config(REPO, "user.name", scope="anything") == "Ann O'Nym"
    with pytest.raises(GitError, match="Git set_config failed"):
        await git.set_config(REPO, "nosection", "x")
    assert await git.get_config(REPO, "nosection") is None
    with pytest.raises(GitError, match="Git get_config failed"):
        await git.get_config("/tmp", "user.name", scope="local")


async def test_what_is_no_repository(session: AsyncSession) -> None:
    with pytest.raises(GitNotARepoError) as caught:
        await session.git.status("/tmp")
    assert caught.value.exit_code == 128
    assert "not a git repository" in caught.value.stderr
    assert str(caught.value).startswith("Git status failed: not a git repository. ")
    with pytest.raises(GitError, match=r"Git status failed \(exit code 128\): "):
        await session.git.status("/no/such/directory")


async def test_a_session_without_git(session: AsyncSession) -> None:
    await session.command.execute_command("mkdir bin; ln -s /bin/sh bin/sh")
    await session.env.set({"PATH": "/home/wuying/bin"})
    for _ in range(2):
        with pytest.raises(GitNotFoundError, match=r"^Git is not installed") as caught:
            await session.git.status("/tmp")
        assert caught.value.exit_code == 127
        assert "not found" in caught.value.stderr
    await session.env.set({"PATH": "/usr/bin:/bin"})
    assert (await session.git.init("r")).path == "r"


async def test_time_limits(repo: AsyncSession) -> None:
    await repo.git.set_config(REPO, "alias.slow", "!sleep 60", scope="local")
    await repo.fs.write_file(f"{REPO}/.git/hooks/pre-commit", "#!/bin/sh\nsleep 60\n")
    await run(repo, f"chmod +x {REPO}/.git/hooks/pre-commit")
    with pytest.raises(GitError, match="stopped after 300 ms"):
        await repo.git.commit(REPO, "slow", allow_empty=True, timeout_ms=300)


async def test_a_lost_session_is_no_failure_of_git(session: AsyncSession) -> None:
    await session.delete()
    with pytest.raises(AgentBayError) as caught:
        await session.git.status(REPO)
    assert not isinstance(caught.value, GitError)


async def test_nobody_is_asked_for_a_password(session: AsyncSession) -> None:
    await session.git.init(REPO)
    variables = "!echo $GIT_TERMINAL_PROMPT $LC_ALL >/home/wuying/seen; exit 3; #"
    await session.git.set_config(REPO, "core.fsmonitor", "false", scope="local")
    await session.git.set_config(REPO, "alias.seen", variables, scope="local")
    with pytest.raises(GitError):
        await session.git.clone("ext::sh -c false")
    await session.fs.write_file(f"{REPO}/.git/hooks/post-commit", f"#!/bin/sh\n{variables[1:]}\n")
    await run(session, f"chmod +x {REPO}/.git/hooks/post-commit")
    await session.git.commit(
        REPO, "x", allow_empty=True, author_name="a", author_email="a@example.org"
    )
    assert (await session.fs.read("seen")).content == "0 C\n"
