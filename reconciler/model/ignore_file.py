"""The patterns of a package's ``.llamagateignore``, and of ``policy.ignore``: what else is no content of a package.

A small part of gitignore's language, and no pattern can take long. docs/package.md describes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from reconciler.model.ignored import is_ignored

IGNORE_FILE: Final = ".llamagateignore"
"""At the root of a package, and content itself."""
MAX_IGNORE_BYTES: Final = 16 << 10
MAX_PATTERNS: Final = 100
_ANY_FOLDERS: Final = "**"


class PatternError(ValueError):
    """What is wrong with the pattern in ``line``, counted from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _Pattern(NamedTuple):
    """``first`` are the names at the start of a path and ``last`` those at its end; ``between`` may be more folders."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    between: bool
    only_folders: bool

    def matches(self, path: Sequence[str], *, is_folder: bool) -> bool:
        if self.only_folders and not is_folder:
            return False
        fixed = len(self.first) + len(self.last)
        if len(path) < fixed or (len(path) > fixed and not self.between):
            return False
        return all(map(fnmatchcase, path, self.first)) and all(map(fnmatchcase, reversed(path), reversed(self.last)))


class Ignores:
    """What is left out of one package: by the table of what is never content, and by patterns."""

    def __init__(self, patterns: Iterable[_Pattern] = ()) -> None:
        self._patterns = tuple(patterns)
        self._folders: dict[str, bool] = {}

    def __or__(self, other: Ignores) -> Ignores:
        return Ignores((*self._patterns, *other._patterns))

    @property
    def fingerprint(self) -> str:
        """Empty where there are no patterns."""
        return repr(self._patterns) if self._patterns else ""

    def leaves_out(self, path: str) -> bool:
        """Whether ``path``, with a ``/`` at its end for a folder, is no content."""
        return is_ignored(path) or self.names(path)

    def names(self, path: str) -> bool:
        """Whether a pattern names ``path`` or a folder above it."""
        if not self._patterns or path == IGNORE_FILE:
            return False
        above, _, _ = path.rstrip("/").rpartition("/")
        return self._has_folder(above) or self._is_named(path)

    def _has_folder(self, path: str) -> bool:
        if not path:
            return False
        known = self._folders.get(path)
        if known is None:
            known = self._folders[path] = self.names(f"{path}/")
        return known

    def _is_named(self, path: str) -> bool:
        parts, is_folder = path.rstrip("/").split("/"), path.endswith("/")
        return any(pattern.matches(parts, is_folder=is_folder) for pattern in self._patterns)


NO_PATTERNS: Final = Ignores()
"""Only what is never content."""


def ignores(lines: Iterable[str]) -> Ignores:
    """What ``lines`` name. ``PatternError`` for the first that is no pattern."""
    found: list[_Pattern] = []
    for number, line in enumerate(lines, 1):
        text = line.rstrip()
        if not text or text.startswith("#"):
            continue
        if len(found) == MAX_PATTERNS:
            raise PatternError(f"there are more than {MAX_PATTERNS} patterns", number)
        found.append(_pattern(text, number))
    return Ignores(found)


def _pattern(text: str, line: int) -> _Pattern:
    if text.startswith("!"):
        raise PatternError("'!' brings nothing back here; name what is left out", line)
    if "\\" in text:
        raise PatternError("a backslash means nothing here; write '/' between folders", line)
    parts = text.strip("/").split("/")
    if not {"", ".", ".."}.isdisjoint(parts):
        raise PatternError(f"'{text}' is not a path below the package", line)
    if "/" not in text.rstrip("/"):
        parts.insert(0, _ANY_FOLDERS)
    if parts.count(_ANY_FOLDERS) > 1:
        raise PatternError(f"'{text}' says '{_ANY_FOLDERS}' once too often", line)
    if parts[-1] == _ANY_FOLDERS:
        parts.append("*")
    at = parts.index(_ANY_FOLDERS) if _ANY_FOLDERS in parts else len(parts)
    return _Pattern(tuple(parts[:at]), tuple(parts[at + 1 :]), at < len(parts), text.endswith("/"))
