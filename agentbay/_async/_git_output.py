"""What the output of git means."""

from __future__ import annotations

import re
from urllib.parse import unquote

from agentbay.errors import (
    GitAuthError,
    GitConflictError,
    GitError,
    GitNotARepoError,
    GitNotFoundError,
)
from agentbay.models.git import (
    GitBranchInfo,
    GitBranchListResult,
    GitFileStatus,
    GitLogEntry,
    GitLogResult,
    GitStatusResult,
)

__all__ = (
    "BRANCH_FORMAT",
    "LOG_FORMAT",
    "clone_path",
    "commit_hash",
    "failure",
    "parse_branches",
    "parse_log",
    "parse_status",
)

LOG_FORMAT = "%H%x01%h%x01%an%x01%ae%x01%aI%x01%s%x00"
BRANCH_FORMAT = "%(refname:short)\t%(HEAD)"

_LOG_FIELDS = 6
_COMMIT = re.compile(r"\[[\w/.-]+(?: \([^)]*\))? ([0-9a-f]+)\]", re.ASCII)
_TRACKING = re.compile(r"(?P<name>.+?)\.\.\.(?P<upstream>.+?)(?: \[(?P<distance>[^\]]*)\])?")
_DISTANCE = re.compile(r"(ahead|behind) (\d{1,18})", re.ASCII)
# Git quotes a path with a blank in it.
_RENAME = re.compile(r'("(?:[^"\\]|\\.)*"|.+?) -> (.+)')
# In the order in which they count, whichever of the two letters they are.
_LABELS = {
    "U": "conflict",
    "R": "renamed",
    "C": "copied",
    "D": "deleted",
    "A": "added",
    "M": "modified",
    "T": "typechange",
    "?": "untracked",
}

# In the order in which they count: what git says, the error, and how it is called.
_FAILURES: tuple[tuple[tuple[str, ...], type[GitError], str], ...] = (
    (
        (
            "authentication failed",
            "could not read username",
            "invalid credentials",
            "authorization failed",
            "access denied",
            "permission denied",
            "403",
        ),
        GitAuthError,
        "authentication error",
    ),
    (
        ("not a git repository", "does not appear to be a git repository"),
        GitNotARepoError,
        "not a git repository",
    ),
    (("merge conflict", "automatic merge failed"), GitConflictError, "merge conflict"),
    (("command not found", "git: not found"), GitNotFoundError, "git not found"),
)
_NOT_FOUND = 127


def failure(operation: str, exit_code: int, stderr: str, stdout: str = "") -> GitError:
    """Return the error of a failed command."""
    code = exit_code or 1
    kind, reason = _classified(code, stderr, stdout)
    if kind is GitError:
        return GitError(f"Git {operation} failed (exit code {code}): {stderr}", code, stderr)
    return kind(f"Git {operation} failed: {reason}. {stderr}", code, stderr)


def _classified(code: int, stderr: str, stdout: str) -> tuple[type[GitError], str]:
    lowered = stderr.lower()
    for marks, kind, reason in _FAILURES:
        # Git tells of conflicts on standard output.
        is_conflict = kind is GitConflictError and "CONFLICT" in stderr + stdout
        is_missing = kind is GitNotFoundError and code == _NOT_FOUND
        if is_conflict or is_missing or any(mark in lowered for mark in marks):
            return kind, reason
    return GitError, ""


def clone_path(url: str) -> str:
    """Return where git puts a clone of *url* that is given no path."""
    name = unquote(url.rstrip("/").removesuffix(".git"))
    return re.split("[/:]", name)[-1]


def commit_hash(output: str) -> str | None:
    """Return the hash that ``git commit`` tells, ``None`` when its form is another."""
    found = _COMMIT.search(output)
    return found.group(1) if found else None


def parse_log(output: str) -> GitLogResult:
    """Read the records of :data:`LOG_FORMAT`."""
    # The subject comes last and may contain anything.
    rows = (record.lstrip("\n").split("\x01", _LOG_FIELDS - 1) for record in output.split("\0"))
    entries = [GitLogEntry(*row) for row in rows if len(row) == _LOG_FIELDS]
    return GitLogResult(entries)


def parse_branches(output: str) -> GitBranchListResult:
    """Read the lines of :data:`BRANCH_FORMAT`."""
    branches = []
    for line in output.splitlines():
        name, _, mark = line.partition("\t")
        if name.strip() and not name.startswith("(HEAD detached"):
            branches.append(GitBranchInfo(name.strip(), mark.strip() == "*"))
    current = next((branch.name for branch in branches if branch.is_current), "")
    return GitBranchListResult(branches, current)


def parse_status(output: str) -> GitStatusResult:
    """Read the output of ``git status --porcelain=1 -b``."""
    header, files = GitStatusResult(), []
    for line in output.split("\n"):
        if line.startswith("## "):
            header = _header(line.removeprefix("## "))
        elif len(line) > 3:
            files.append(_file(line[:2], line[3:]))
    return GitStatusResult(
        header.current_branch, header.upstream, header.ahead, header.behind, header.detached, files
    )


def _header(text: str) -> GitStatusResult:
    for start in ("No commits yet on ", "Initial commit on "):
        if text.startswith(start):
            text = text.removeprefix(start)
            break
    if text.startswith(("HEAD (no branch)", "HEAD (detached")):
        return GitStatusResult(detached=True)
    found = _TRACKING.fullmatch(text)
    if found is None:
        return GitStatusResult(current_branch=text or None)
    distance = dict(_DISTANCE.findall(found["distance"] or ""))
    return GitStatusResult(
        current_branch=found["name"],
        upstream=found["upstream"],
        ahead=int(distance.get("ahead", 0)),
        behind=int(distance.get("behind", 0)),
    )


def _file(letters: str, path: str) -> GitFileStatus:
    if letters == "??":
        return GitFileStatus(path, "untracked", "?", "?", staged=False)
    renamed = _RENAME.fullmatch(path) if set(letters) & {"R", "C"} else None
    label = next((label for letter, label in _LABELS.items() if letter in letters), "unknown")
    return GitFileStatus(
        renamed[2] if renamed else path,
        label,
        letters[0],
        letters[1],
        staged=letters[0] not in " ?",
        renamed_from=renamed[1] if renamed else None,
    )
