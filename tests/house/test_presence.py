"""The rooms that keep the home ask ``reconciler.fs.presence``: ``pathlib`` answers "no" where a disk fails."""

from __future__ import annotations

import ast
from typing import Final

from tests.house.test_dead_code import modules, of_kind

ROOMS: Final = ("apply/", "documents/", "fs/", "loop/", "observe/", "packages/", "reconcile/", "resolve/", "store/")
GUESSES: Final = {"exists", "glob", "is_dir", "is_file", "rglob"}
ALLOWED: Final = {
    "documents/pages.py": "a page of ours, beside the code",
    "documents/schemas.py": "a folder of ours, beside the code",
    "fs/processes.py": "programs of others come and go",
}


def test_rooms_that_keep_the_home_do_not_guess() -> None:
    found = [
        f"{name}:{node.lineno} {node.func.attr}"
        for name in modules()
        if name.startswith(ROOMS) and name not in ALLOWED
        for node in of_kind(ast.Call, name)
        if isinstance(node.func, ast.Attribute) and node.func.attr in GUESSES
        if not node.keywords  # an entry of a folder knows what it is: is_dir(follow_symlinks=False)
    ]
    assert found == []
