"""What the output of git means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbay import GitBranchInfo, GitFileStatus, GitStatusResult
from agentbay._async._git_command import git_command
from agentbay._async._git_output import (
    clone_path,
    commit_hash,
    parse_branches,
    parse_log,
    parse_status,
)


def test_every_argument_is_quoted() -> None:
    assert git_command(["--version"]) == "git '--version'"
    assert git_command(["commit", "-m", "it's"], "a b") == r"git -C 'a b' 'commit' '-m' 'it'\''s'"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://example.org/a/b.git", "b"),
        ("https://example.org/a/b.git/", "b"),
        ("https://example.org/a/b%20c", "b c"),
        ("git@example.org:b.git", "b"),
        ("/srv/hub.git", "hub"),
        ("b", "b"),
    ],
)
def test_where_a_clone_goes(url: str, path: str) -> None:
    assert clone_path(url) == path


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("[main abc123] message", "abc123"),
        ("[main (root-commit) abc123] message", "abc123"),
        ("noise\n[feature/x-1.2 0123abc] [other def]", "0123abc"),
        ("[detached HEAD abc123] message", None),
        ("[ä abc123] message", None),
        ("", None),
    ],
)
def test_hashes_of_commits(output: str, found: str | None) -> None:
    assert commit_hash(output) == found


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("## main", GitStatusResult("main")),
        ("## No commits yet on main", GitStatusResult("main")),
        ("## main...origin/main", GitStatusResult("main", "origin/main")),
        ("## a.b...origin/a.b [ahead 1, behind 22]", GitStatusResult("a.b", "origin/a.b", 1, 22)),
        ("## main...origin/main [behind 2]", GitStatusResult("main", "origin/main", 0, 2)),
        ("## main...origin/main [gone]", GitStatusResult("main", "origin/main")),
        ("## HEAD (no branch)", GitStatusResult(detached=True)),
        ("## HEAD (detached at abc)", GitStatusResult(detached=True)),
        ("## detached-work", GitStatusResult("detached-work")),
        ("", GitStatusResult()),
    ],
)
def test_headers_of_a_status(header: str, expected: GitStatusResult) -> None:
    assert parse_status(header) == expected


@pytest.mark.parametrize(
    ("row", "file"),
    [
        ("?? new", GitFileStatus("new", "untracked", "?", "?", False)),
        (" M a", GitFileStatus("a", "modified", " ", "M", False)),
        ("AM a", GitFileStatus("a", "added", "A", "M", True)),
        ("UU a", GitFileStatus("a", "conflict", "U", "U", True)),
        ("DU a", GitFileStatus("a", "conflict", "D", "U", True)),
        ("AA a", GitFileStatus("a", "added", "A", "A", True)),
        ("T  a", GitFileStatus("a", "typechange", "T", " ", True)),
        ("!! a", GitFileStatus("a", "unknown", "!", "!", True)),
        ("R  a -> b", GitFileStatus("b", "renamed", "R", " ", True, "a")),
        ("C  a -> b", GitFileStatus("b", "copied", "C", " ", True, "a")),
        ('R  "a -> b" -> c', GitFileStatus("c", "renamed", "R", " ", True, '"a -> b"')),
        ('R  a -> "b -> c"', GitFileStatus('"b -> c"', "renamed", "R", " ", True, "a")),
        ('M  "a -> b"', GitFileStatus('"a -> b"', "modified", "M", " ", True)),
    ],
)
def test_rows_of_a_status(row: str, file: GitFileStatus) -> None:
    assert parse_status(f"## main\n{row}\n").files == [file]


def test_branches() -> None:
    listed = parse_branches("a\t \n(HEAD detached at abc)\t*\nb/ü\t*\n\n")
    assert listed.branches == [GitBranchInfo("a", False), GitBranchInfo("b/ü", True)]
    assert listed.current == "b/ü"
    assert parse_branches("").branches == []


SUBJECTS = st.text(st.characters(exclude_characters="\0\n"))


@given(st.lists(SUBJECTS))
def test_logs(subjects: list[str]) -> None:
    output = "".join(f"h\x01s\x01n\x01e\x01d\x01{subject}\0\n" for subject in subjects)
    assert [entry.message for entry in parse_log(output).entries] == subjects


@given(st.text())
def test_no_output_breaks_a_parser(text: str) -> None:
    parse_status(text)
    parse_status(f"## {text}")
    parse_log(text)
    parse_branches(text)
    commit_hash(text)
    clone_path(text)
