"""Archives that no honest session sends: nothing of them gets out of the directory."""

from __future__ import annotations

import errno
import io
import os
import stat
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentbay import FileError
from agentbay._async._archives import in_thread, install, pack, unpack
from tests.files import tree_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Member = tuple[str, bytes, str]
"""Name, type, and the content or where it leads."""

FILE, LINK, HARD, FOLDER = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


def write_archive(path: Path, members: Iterable[Member], mode: int = 0o644) -> None:
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode = kind, mode
            if kind == FILE:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content.encode()))
            else:
                info.linkname = content
                tar.addfile(info)


async def unpacked(folder: Path, members: Sequence[Member], mode: int = 0o644) -> Path:
    """Unpack and install *members*; what is outside has to stay as it was."""
    archive, target = folder / "archive", folder / "target"
    write_archive(archive, members, mode)
    found = await in_thread(unpack, archive, folder / "tree")
    await in_thread(install, found, target)
    return target


HOSTILE: dict[str, Sequence[Member]] = {
    "absolute": [("/outside", FILE, "x")],
    "up": [("../outside", FILE, "x")],
    "up-from-below": [("a/../../outside", FILE, "x")],
    "folder-up": [("..", FOLDER, "")],
    "character-device": [("device", tarfile.CHRTYPE, "")],
    "block-device": [("device", tarfile.BLKTYPE, "")],
    "odd-kind": [("odd", b"Z", "")],
    "absolute-link": [("link", LINK, "/etc/passwd")],
    "link-up": [("a/link", LINK, "../../outside")],
    "empty-link": [("link", LINK, "")],
    "link-that-comes-back-up": [
        ("a/b/top", LINK, "../.."),
        ("out", LINK, "a/b/top/../outside"),
    ],
    "absolute-hard-link": [("hard", HARD, "/etc/passwd")],
    "hard-link-up": [("hard", HARD, "../outside")],
    "hard-link-to-a-link-elsewhere": [("a/b/link", LINK, "../x"), ("hard", HARD, "a/b/link")],
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError, match=r"^The archive is refused: "):
        await unpacked(tmp_path, HOSTILE[name])
    assert not (tmp_path / "target").exists()
    assert not (tmp_path.parent / "outside").exists()


BROKEN: dict[str, Sequence[Member]] = {
    "through-a-link": [("link", LINK, "."), ("link/file", FILE, "x")],
    "twice": [("file", FILE, "one"), ("file", FILE, "two")],
    "link-over-a-file": [("file", FILE, "x"), ("file", LINK, "other")],
    "file-as-folder": [("file", FILE, "x"), ("file/below", FILE, "y")],
    "folder-as-file": [("a/b", FILE, "x"), ("a", FILE, "y")],
    "hard-link-to-nothing": [("hard", HARD, "nothing")],
    "hard-link-to-a-folder": [("folder", FOLDER, ""), ("hard", HARD, "folder")],
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_makes_no_sense(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match=r"."):
        await unpacked(tmp_path, BROKEN[name])
    assert not (tmp_path / "target").exists()


async def test_harmless(tmp_path: Path) -> None:
    target = await unpacked(
        tmp_path,
        [
            *(("./a/file", FILE, "x"), ("a//other", FILE, "y"), ("a/hard", HARD, "./a/file")),
            *(("link", LINK, "a/./file"), ("a/up", LINK, ".."), ("again", HARD, "link")),
            ("pipe", tarfile.FIFOTYPE, ""),
        ],
        mode=0o6755,
    )
    assert tree_of(target) == {
        b"a": ("directory", stat.S_IMODE((target / "a").stat().st_mode), b""),
        b"a/file": ("file", 0o755, b"x"),
        b"a/other": ("file", 0o755, b"y"),
        b"a/hard": ("file", 0o755, b"x"),
        b"link": ("link", 0, b"a/./file"),
        b"a/up": ("link", 0, b".."),
        b"again": ("link", 0, b"a/./file"),
    }


@pytest.mark.parametrize("cut", [1, 511, 513, 900, 1400])
async def test_a_broken_archive(tmp_path: Path, cut: int) -> None:
    archive = tmp_path / "archive"
    write_archive(archive, [("one", FILE, "x" * 600), ("two", FILE, "y" * 600)])
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(FileError):
        await in_thread(unpack, archive, tmp_path / "tree")


async def test_a_file_that_is_only_holes_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    info = tarfile.TarInfo("sparse")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 0
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(info)
    with pytest.raises(FileError, match="unknown kind"):
        await in_thread(unpack, archive, tmp_path / "tree")


async def test_a_cancelled_pack_ends(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    # Reading it would take forever.
    with (source / "endless").open("wb") as file:
        file.truncate(1 << 40)
    with anyio.move_on_after(0.2) as scope:
        await in_thread(pack, source, Path(os.devnull))
    assert scope.cancelled_caught


PARTS = st.sampled_from(["a", "b", "..", ".", "", "c"])
PATHS = st.lists(PARTS, min_size=1, max_size=5).map("/".join)
MEMBERS = st.lists(
    st.tuples(PATHS, st.sampled_from([FILE, LINK, HARD, FOLDER, tarfile.FIFOTYPE]), PATHS),
    max_size=8,
)


def leads_in_circles(link: Path) -> bool:
    try:
        link.stat()
    except OSError as exc:
        return exc.errno == errno.ELOOP
    return False


@settings(max_examples=150, deadline=None)
@given(members=MEMBERS)
@example(members=[("b", LINK, "b//a")])
def test_nothing_gets_out(members: list[Member]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder, "x", "y", "inside")
        inside.mkdir(parents=True)
        outside = Path(folder, "x", "file")
        outside.write_text("untouched")
        try:
            target = anyio.run(unpacked, inside, members, 0o755)
        except (FileError, OSError):
            target = inside / "tree"
        others = {name for name in tree_of(Path(folder)) if not name.startswith(b"x/y/inside")}
        assert others == {b"x", b"x/y", b"x/file"}
        assert outside.read_text() == "untouched"
        top = os.path.realpath(target)
        for name, (kind, _, _) in tree_of(target).items():
            if kind == "link":
                if leads_in_circles(target / os.fsdecode(name)):
                    continue  # realpath() would make something up
                leads_to = os.path.realpath(target / os.fsdecode(name))
                assert leads_to == top or leads_to.startswith(f"{top}/")
