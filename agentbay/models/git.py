"""What git says about repositories in a session."""

from __future__ import annotations

from attrs import field, frozen

__all__ = (
    "GitBranchInfo",
    "GitBranchListResult",
    "GitCloneResult",
    "GitCommitResult",
    "GitFileStatus",
    "GitInitResult",
    "GitLogEntry",
    "GitLogResult",
    "GitStatusResult",
)


@frozen
class GitCloneResult:
    """Where a repository was cloned to."""

    path: str


@frozen
class GitInitResult:
    """Where a repository was made."""

    path: str


@frozen
class GitCommitResult:
    """A new commit.

    Attributes:
        commit_hash: Its abbreviated hash; ``None`` where git does not tell it in the usual form,
            for example without a branch.
    """

    commit_hash: str | None = None


@frozen
class GitFileStatus:
    """One changed path.

    Attributes:
        path: The path as git prints it: quoted where it has unusual characters.
        status: ``conflict``, ``renamed``, ``copied``, ``deleted``, ``added``, ``modified``,
            ``typechange``, ``untracked`` or ``unknown``.
        index_status: Git's letter for the index.
        work_tree_status: Git's letter for the work tree.
        staged: Whether the index has a change of it.
        renamed_from: Its former path.
    """

    path: str
    status: str
    index_status: str
    work_tree_status: str
    staged: bool
    renamed_from: str | None = None


@frozen
class GitStatusResult:
    """The state of a work tree.

    Attributes:
        current_branch: ``None`` when no branch is checked out.
        upstream: The branch that it follows.
        ahead: Commits that the upstream has not.
        behind: Commits that only the upstream has.
        detached: Whether no branch is checked out.
        files: Changed paths.
    """

    current_branch: str | None = None
    upstream: str | None = None
    ahead: int = 0
    behind: int = 0
    detached: bool = False
    files: list[GitFileStatus] = field(factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing changed."""
        return not self.files

    @property
    def has_changes(self) -> bool:
        """Whether anything changed."""
        return bool(self.files)

    @property
    def has_staged(self) -> bool:
        """Whether a change is staged."""
        return self.staged_count > 0

    @property
    def has_untracked(self) -> bool:
        """Whether a path is untracked."""
        return self.untracked_count > 0

    @property
    def has_conflicts(self) -> bool:
        """Whether a path has a conflict."""
        return self.conflict_count > 0

    @property
    def total_count(self) -> int:
        """Number of changed paths."""
        return len(self.files)

    @property
    def staged_count(self) -> int:
        """Number of paths with staged changes."""
        return sum(file.staged for file in self.files)

    @property
    def unstaged_count(self) -> int:
        """Number of paths with no staged change that are not untracked either."""
        return sum(not file.staged and file.status != "untracked" for file in self.files)

    @property
    def untracked_count(self) -> int:
        """Number of untracked paths."""
        return sum(file.status == "untracked" for file in self.files)

    @property
    def conflict_count(self) -> int:
        """Number of paths with conflicts."""
        return sum(file.status == "conflict" for file in self.files)


@frozen
class GitLogEntry:
    """One commit.

    Attributes:
        date: When it was written, in ISO 8601.
        message: The first line of its message.
    """

    hash: str
    short_hash: str
    author_name: str
    author_email: str
    date: str
    message: str


@frozen
class GitLogResult:
    """Commits, the newest first."""

    entries: list[GitLogEntry] = field(factory=list)


@frozen
class GitBranchInfo:
    """One local branch."""

    name: str
    is_current: bool


@frozen
class GitBranchListResult:
    """The local branches.

    Attributes:
        current: The one that is checked out; empty when none is.
    """

    branches: list[GitBranchInfo] = field(factory=list)
    current: str = ""
