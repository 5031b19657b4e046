"""What is never content, from wherever a package comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.model.desired import Limits
from reconciler.model.digest import tree_digest
from reconciler.model.ignored import is_ignored, notes_on
from reconciler.packages.content import read
from reconciler.packages.zip.pack import pack
from reconciler.packages.zip.packed import open_packed
from tests.support.packages import MemoryContent

LEFT_BEHIND = (
    *("a.md~", ".a.md.swp", ".a.md.swo", ".a.md.un~", ".#a.md", "#a.md#", "4913", "a.kate-swp", ".~lock.a.odt#"),
    *(".idea/x.xml", ".vscode/settings.json", ".git", ".git/config", ".svn/entries", ".hg/x", ".bzr/x", ".jj/x"),
    *("__pycache__/a.pyc", "a.pyc", ".venv/pyvenv.cfg", "node_modules/x/index.js", ".pytest_cache/x", ".mypy_cache/x"),
    *(".DS_Store", "._a", "__MACOSX/._a", ".AppleDouble/a", ".Spotlight-V100/x", ".Trashes/x", "Thumbs.db"),
    *(
        "..swp",
        "##",
        ".~lock.#",
        "~",
        ".#",
        "._",
        ".nfs",
        "ehthumbs.db",
        "desktop.ini",
        "$RECYCLE.BIN/x",
        ".directory",
        ".fuse_hidden0001",
        ".nfs0001",
        "old~/a.md",
    ),
)
CONTENT = (
    *("a.md", ".env", ".gitignore", "a.swp", ".a.sww", "a.pyx", "49130", ".idea", "node_modules", "#a.md", "~a.md"),
    *("git", "x.git/a", "thumbs/a", "Trashes/a", "a~b", ".swap", ".swp", "#", ".~lock.", ".~lock.a", "a.nfs1"),
)


@pytest.mark.parametrize("path", LEFT_BEHIND)
def test_left_behind(path: str) -> None:
    assert is_ignored(path)
    assert is_ignored(f"sub/{path}")


@pytest.mark.parametrize("path", CONTENT)
def test_content(path: str) -> None:
    assert not is_ignored(path)
    assert not is_ignored(f"sub/{path}")


def test_a_folder_is_left_out_before_it_is_entered() -> None:
    assert is_ignored("sub/.idea/")
    assert not is_ignored("sub/.idea")


def test_the_note_counts() -> None:
    assert notes_on([".git/config"]) == ()
    assert notes_on(["a~"]) == ("left out 1 name of editors and systems: 'a~'",)
    [note] = notes_on([f"{number}~" for number in range(9)])
    assert note.startswith("left out 9 names")
    assert note.endswith("and 6 more")


def test_a_package_that_was_kept_by_older_rules_is_whole(tmp_path: Path) -> None:
    content = MemoryContent({"manifest.yaml": "x", "a.md~": "old", ".idea/x": "y"})
    tree = tree_digest({entry.path: entry.sha256 for entry in content.files})
    with (tmp_path / "kept.zip").open("wb") as out:
        pack(content, out)
    kept = open_packed(tmp_path / "kept.zip", tree, limits=Limits(), name="kept")
    assert kept is not None
    assert kept.files == content.files
    assert read(kept, "a.md~") == b"old"
