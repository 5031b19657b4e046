"""Which part of an archive is the package: one folder in it, or all of it without a folder around everything."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from reconciler.model.ids import path_problem
from reconciler.model.package import MANIFESTS
from reconciler.packages.content import refusal, shown
from reconciler.packages.names import Names

ROOT: Final = "./"
"""The name of an entry for the package's own folder."""
MAX_ENTRIES_AROUND: Final = 20_000
"""Entries of an archive that holds the package in one of its folders; the limits of a package are for that one."""
_MANIFESTS: Final = frozenset(manifest for manifests in MANIFESTS.values() for manifest in manifests)
_GIT: Final = ".git"
_UNCLEAR: Final = frozenset(["", ".", ".."])
_SHOWN: Final = 8


def plain(name: str) -> str:
    """``name`` without the ``./`` that some programs put before each; an entry for the package's folder is ``ROOT``."""
    return ROOT if name in (ROOT, "/") else name.removeprefix(ROOT)


def common_folder(names: Collection[str]) -> str:
    """``folder/`` where it holds every file, else nothing: a package with its manifest at the root stays as it is."""
    tops = {name.partition("/")[0] for name in names}
    if len(tops) != 1 or not all("/" in name for name in names):
        return ""
    return tops.pop() + "/"


def prefix_of(path: str, names: Collection[str], *, name: str) -> str:
    """What the names of the package in the folder ``path`` begin with. ``InputError`` where there is no such folder.

    ``names`` are those of all files. ``path`` starts inside the one folder around everything, if there is one: code
    hosts give it a new name with each version.
    """
    if problem := path_problem(path):
        raise refusal(name, problem, entry=path, advice="name a folder of the archive")
    top = common_folder(names)
    for prefix in (f"{top}{path}/", f"{path}/"):
        if any(one.startswith(prefix) for one in names):
            return prefix
    found = in_words(one.removeprefix(top) for one in names)
    advice = f"packages are in {found}" if found else "check the path"
    raise refusal(name, "there is no such folder", entry=path, advice=advice)


def in_words(paths: Iterable[str]) -> str:
    """The folders among ``paths`` that hold the manifest of a package, the first few by name; empty where none does."""
    folders = sorted({folder for folder, _, leaf in (path.rpartition("/") for path in paths) if leaf in _MANIFESTS})
    named = [folder if folder.isprintable() else shown(folder) for folder in folders if folder][:_SHOWN]
    more = f" and {len(folders) - _SHOWN} more" if len(folders) > _SHOWN else ""
    return ", ".join(named) + more


def instead_of_a_link(names: Collection[str]) -> str:
    """What to do where an entry can be in no package: it may be beside the packages of a repository. Of all files."""
    advice, top = "pack a plain file instead", common_folder(names)
    found = in_words(name.removeprefix(top) for name in names)
    if not found or any(name.removeprefix(top) in _MANIFESTS for name in names):
        return advice
    return f"{advice}; or name the folder of one package with 'path' (import: '--path'): packages are in {found}"


def check_places(entries: Iterable[str], *, name: str) -> None:
    """``InputError`` where one of all the entries of an archive, once unpacked, writes into the place of another.

    Links and what is git's own count too: nobody may find other files in the package by unpacking the archive.
    """
    listed: set[str] = set()
    above: set[str] = set()
    for entry in entries:
        path = entry.removesuffix("/")
        if entry != ROOT and not _UNCLEAR.isdisjoint(path.split("/")):
            raise refusal(name, path_problem(path) or "", entry=entry, advice="rename it")
        if listed & {path, f"{path}/"}:
            raise refusal(name, "is there twice", entry=entry, advice="keep one of the two")
        listed.add(entry)
        while (path := path.rpartition("/")[0]) and path not in above:
            above.add(path)
    if through := sorted(listed & above):
        raise refusal(name, "is not a folder, but other entries are in it", entry=through[0], advice="rename one")


class EntryNames:
    """The names of all entries of the package that messages call ``name``, also of those that are left out."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._names = Names(name)
        self._roots = 0
        self.has_git = False

    def is_left_to_git(self, entry: str) -> bool:
        """Take one more name, which for a folder ends with ``/``; whether it is git's own, and no part of a package.

        ``InputError`` where it cannot stand beside the others.
        """
        if entry == ROOT:
            self._roots += 1
            if self._roots > 1:
                raise refusal(self._name, "is there twice", entry=entry, advice="keep one of the two")
            return False
        if self._is_git(entry):
            self.has_git = True
            return True
        self._names.add(entry.removesuffix("/"), folder=entry.endswith("/"))
        return False

    def _is_git(self, entry: str) -> bool:
        """Whether it is in a ``.git``, in any case. What is above is checked; below it git may name what it likes."""
        if entry.isascii() and _GIT not in entry.lower():
            return False
        parts = entry.split("/")
        at = next((index for index, part in enumerate(parts) if part.casefold() == _GIT), None)
        if at is None:
            return False
        above = "/".join(parts[:at])
        problem = path_problem(above) if at else None
        if ".." in parts[at:]:
            problem = path_problem("..")
        if problem:
            raise refusal(self._name, problem, entry=entry, advice="rename it")
        return True

    @property
    def notes(self) -> tuple[str, ...]:
        """What to say of what is git's own."""
        return ("left out '.git', which is git's own and no part of a package",) if self.has_git else ()
