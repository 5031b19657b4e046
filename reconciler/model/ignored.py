"""What is never content of a package: what editors, version control, programs and desktops leave in folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, cast

from reconciler.model.config import JsonObject

_REMEMBERED_NAMES: Final = 4096
_NAMES: Final = frozenset(
    ["4913", ".git", "__MACOSX", ".DS_Store", "Thumbs.db", "ehthumbs.db", "desktop.ini", ".directory"]
)
"""Names of files and folders."""
_LAST: Final = ("~", ".kate-swp", ".pyc")
"""How others end."""
_BETWEEN: Final[Mapping[str, tuple[str, ...]]] = {
    ".": tuple(f".sw{letter}" for letter in "abcdefghijklmnop"),
    "#": ("#",),
    ".~lock.": ("#",),
    **dict.fromkeys([".#", "._", ".fuse_hidden", ".nfs"], ("",)),
}
"""How others start, and end behind that. No regular expression: to compile one takes longer than most commands need for
all names."""
_FIRST: Final = tuple(_BETWEEN)
_FOLDERS: Final = frozenset(
    [
        *(".idea", ".vscode", ".svn", ".hg", ".bzr", ".jj"),
        *("__pycache__", ".venv", "node_modules", ".pytest_cache", ".mypy_cache"),
        *(".AppleDouble", ".Spotlight-V100", ".Trashes", "$RECYCLE.BIN"),
    ]
)
"""The names of folders; a file of such a name is content."""
_BY_GIT: Final = ".git"
_BY_RULES_1: Final = frozenset(["__MACOSX", _BY_GIT])
RULES: Final = 2
"""The version of what is no content; without a number it was made by those of the first versions."""
_SHOWN: Final = 3


def is_ignored(path: str) -> bool:
    """Whether ``path``, with a ``/`` at its end for a folder, is left out of the package."""
    *folders, leaf = path.split("/")
    return _is_ignored_name(leaf) or any(map(_is_ignored_folder, folders))


def was_ignored(path: str) -> bool:
    """``is_ignored`` by the rules of the first versions, by which pins of locks and catalogs were made."""
    parts = path.split("/")
    return not _BY_RULES_1.isdisjoint(parts) or parts[-1] == ".DS_Store"


def notes_on(ignored: Iterable[str]) -> tuple[str, ...]:
    """What to say about paths that are left out: one line, and nothing of what git keeps for itself."""
    paths = [path for path in ignored if _BY_GIT not in path.split("/")]
    if not paths:
        return ()
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    named = ", ".join(map(repr, paths[:_SHOWN]))
    return (f"left out {len(paths)} {'name' if len(paths) == 1 else 'names'} of editors and systems: {named}{more}",)


def rules_from_document(value: JsonObject) -> int:
    """By which rules a lock or catalog was made: those of the first versions wrote no number."""
    return cast(int, value.get("rules", 1))


def newer_rules(value: JsonObject) -> str:
    """What to say of a document that was made by rules that this version does not know; else empty."""
    rules = rules_from_document(value)
    return f"a newer llamagate wrote it (rules {rules}, this version knows {RULES})" if rules > RULES else ""


def rules_to_document(rules: int) -> JsonObject:
    return {"rules": rules} if rules > 1 else {}


@lru_cache(_REMEMBERED_NAMES)
def _is_ignored_name(name: str) -> bool:
    if name in _NAMES or name.endswith(_LAST):
        return True
    return name.startswith(_FIRST) and any(
        name.startswith(start) and name.endswith(ends, len(start)) for start, ends in _BETWEEN.items()
    )


def _is_ignored_folder(name: str) -> bool:
    return name in _FOLDERS or _is_ignored_name(name)
