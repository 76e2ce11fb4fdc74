"""Removal of directories that somebody else has filled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentbay.local.sandbox.trees import remove_tree
from tests.isolation.processes import Holdings


def test_any_content(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    root = tmp_path / "root"
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/file").touch()
    (root / "a/link").symlink_to(kept)
    (root / "a/dangling").symlink_to("/nowhere")
    (root / "a/up").symlink_to("../../..")
    os.mkfifo(root / "a/fifo")
    os.link(kept / "file", root / "a/hard")
    Path(os.fsdecode(bytes(root) + b"/caf\xe9")).touch()
    (root / "a/file").chmod(0)
    (root / "a/b/c").chmod(0)
    (root / "a/b").chmod(0o444)
    remove_tree(root)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (kept / "file").exists()


def test_any_depth(tmp_path: Path) -> None:
    """Deeper than a path may be long, than the stack, and than descriptors can be open."""
    root = tmp_path / "root"
    root.mkdir()
    fd = os.open(root, os.O_RDONLY)
    for _ in range(5000):
        os.mkdir("deeper", dir_fd=fd)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    remove_tree(root)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_directory_is_fine(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nope")


def test_a_link_is_not_a_directory(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to("kept")
    with pytest.raises(NotADirectoryError):
        remove_tree(tmp_path / "link")
    assert (tmp_path / "kept").exists()


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    before = Holdings()
    (tmp_path / "root/a/b").mkdir(parents=True)
    remove_tree(tmp_path / "root")
    assert before.grown() == set()
