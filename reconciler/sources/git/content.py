"""Packages in a commit: read object by object, without a checkout, so that nothing in the repository is ever run.

What a tree says is foreign text until it was checked: names by the rules for archives, objects by their ids.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from operator import attrgetter
from typing import Final, NamedTuple

from msgspec import Struct

from reconciler.model.desired import Limits
from reconciler.model.ids import path_problem
from reconciler.model.ignore_file import IGNORE_FILE, MAX_IGNORE_BYTES, NO_PATTERNS, Ignores
from reconciler.model.ignored import is_ignored, notes_on, was_ignored
from reconciler.model.package import FileEntry
from reconciler.model.regex import regex
from reconciler.packages.content import SMALLER, refusal, shown
from reconciler.packages.ignore_file import decode
from reconciler.packages.survey import Survey
from reconciler.sources.git.objects import Blob, DamagedError, Objects, OtherKindError, TooLargeError

_REPAIR: Final = "fix the repository"
_ENTRY_BYTES: Final = 300
"""What an entry of a tree takes at most: mode, the longest good name and id."""
_MAX_TREE_BYTES: Final = 16 << 20
"""Of a folder on the way to the package, where the repository's other content lies."""
_MAX_COMMIT_BYTES: Final = 1 << 20
_TREE_LINE: Final = regex(rb"tree ([0-9a-f]{40}|[0-9a-f]{64})\n")
_ENTRY: Final = regex(rb"([0-7]{5,6}) ([^\0]*)\0", re.DOTALL)
_LFS: Final = b"version https://git-lfs.github.com/spec/"
_MAX_POINTER_BYTES: Final = 1024


class _Mode(StrEnum):
    """The modes that git writes, and the one that it wrote long ago."""

    FOLDER = "40000"
    FILE = "100644"
    GROUP_FILE = "100664"
    EXECUTABLE = "100755"
    LINK = "120000"
    SUBMODULE = "160000"


_FILES: Final = frozenset([_Mode.FILE, _Mode.GROUP_FILE, _Mode.EXECUTABLE])


class _TreeEntry(NamedTuple):
    """One line of a tree. ``name`` may hold bytes that are no UTF-8, as surrogates."""

    mode: str
    name: str
    oid: str


class GitContent(Struct, frozen=True):
    """The files of a package in a commit. ``Content`` says what the parts mean."""

    name: str
    files: tuple[FileEntry, ...]
    notes: tuple[str, ...]
    left_out: tuple[FileEntry, ...]
    """What older rules took for content."""
    _objects: Objects
    _ids: Mapping[str, str]
    """Path → id of its blob."""

    def chunks(self, path: str) -> Iterator[bytes]:
        return self._read(self._ids[path])

    def _read(self, oid: str) -> Iterator[bytes]:
        try:
            yield from self._objects.blob(oid).chunks
        except (DamagedError, OtherKindError) as error:
            raise refusal(self.name, "its copy changed since it was checked", advice="run the command again") from error


def open_commit(
    objects: Objects, commit: str, path: str, *, limits: Limits, name: str, is_package: bool = True
) -> GitContent:
    """Check and hash the package in the folder ``path`` of ``commit``; ``""`` is the whole. Messages call it ``name``.

    Raises ``InputError`` for the first thing that is wrong, and ``DamagedError`` where the repository is.
    """
    tree = _descend(objects, _root(objects, commit, name), path.strip("/"), name)
    own = _own_patterns(objects, tree, limits, name) if is_package else NO_PATTERNS
    survey = _TreeWalk(name, limits, objects=objects, ignore=own)
    survey.folder(tree, "")
    files = tuple(sorted(survey.files, key=attrgetter("path")))
    return GitContent(name, files, notes_on(survey.ignored), tuple(survey.left_out), objects, survey.ids)


def read_file(objects: Objects, commit: str, path: str, *, most: int, name: str) -> bytes | None:
    """The file at ``path`` in ``commit``; ``None`` where there is none of at most ``most`` bytes.

    ``InputError`` where its folder is not there, ``DamagedError`` where the repository is damaged.
    """
    folder, _, wanted = path.rpartition("/")
    tree = _descend(objects, _root(objects, commit, name), folder, name)
    for entry in _entries(objects, tree, _MAX_TREE_BYTES, name):
        if entry.name == wanted and entry.mode in _FILES:
            with suppress(OtherKindError):
                blob = objects.blob(entry.oid)
                return b"".join(blob.chunks) if blob.size <= most else None
    return None


def _root(objects: Objects, commit: str, name: str) -> str:
    try:
        data = objects.read(commit, "commit", most=_MAX_COMMIT_BYTES)
    except OtherKindError as error:
        rule = f"{commit} is a {error.kind} and no commit"
        raise refusal(name, rule, advice="name a branch, a tag or a commit") from error
    except TooLargeError as error:
        raise refusal(name, f"the commit has {error.size} bytes", advice=_REPAIR) from error
    if not (match := _TREE_LINE.match(data)):
        raise refusal(name, "the commit is malformed", advice=_REPAIR)
    return match[1].decode()


def _own_patterns(objects: Objects, tree: str, limits: Limits, name: str) -> Ignores:
    """What the package in ``tree`` leaves out itself."""
    for entry in _entries(objects, tree, limits.entries * _ENTRY_BYTES, name):
        if entry.name == IGNORE_FILE and entry.mode in _FILES:
            with suppress(OtherKindError):  # the walk says what is wrong with it
                blob = objects.blob(entry.oid)
                return decode(b"".join(blob.chunks) if blob.size <= MAX_IGNORE_BYTES else b" " * blob.size, name=name)
    return NO_PATTERNS


def _descend(objects: Objects, tree: str, path: str, name: str) -> str:
    """The tree of the folder ``path``."""
    if path and (problem := path_problem(path)):
        raise refusal(name, problem, entry=path, advice="name a folder of the repository")
    walked = ""
    for part in path.split("/") if path else ():
        below = {entry.name: entry for entry in _entries(objects, tree, _MAX_TREE_BYTES, name)}
        walked = f"{walked}/{part}".lstrip("/")
        if part not in below:
            near = difflib.get_close_matches(part, [each.name for each in below.values() if each.mode == _Mode.FOLDER])
            advice = f"did you mean {shown(walked.removesuffix(part) + near[0])}?" if near else "check the path"
            raise refusal(name, "there is no such folder", entry=walked, advice=advice)
        if below[part].mode != _Mode.FOLDER:
            raise refusal(name, f"is {_described(below[part].mode)}", entry=walked, advice="name a folder")
        tree = below[part].oid
    return tree


def _described(mode: str) -> str:
    described = {_Mode.LINK: "a symbolic link", _Mode.SUBMODULE: "a submodule", **dict.fromkeys(_FILES, "a file")}
    return next((words for known, words in described.items() if known == mode), "no folder")


class _TreeWalk(Survey):
    """One walk through a tree, the ids of the files that were found, and what older rules took besides."""

    def __init__(self, name: str, limits: Limits, *, objects: Objects, ignore: Ignores) -> None:
        super().__init__(name, limits)
        self.objects = objects
        self.ignore = ignore
        self.ids: dict[str, str] = {}
        self.left_out: list[FileEntry] = []

    def folder(self, tree: str, prefix: str) -> None:
        """Take everything in ``tree``, which is the folder whose path, with ``/``, is ``prefix``."""
        for entry in _entries(self.objects, tree, self.limits.entries * _ENTRY_BYTES, self.name):
            path = prefix + entry.name
            is_folder = entry.mode == _Mode.FOLDER
            if "/" in entry.name:
                raise refusal(self.name, "one name in a tree holds a '/'", entry=path, advice=_REPAIR)
            if is_ignored(f"{path}/" if is_folder else path):
                self.ignored.append(path)
                self._leave_out(path, entry)
                continue
            if self.ignore.names(f"{path}/" if is_folder else path):
                self._leave_out(path, entry)
                continue
            self.enter(path, folder=is_folder)
            if is_folder:
                self.folder(entry.oid, f"{path}/")
            else:
                self._file(path, entry)

    def _leave_out(self, path: str, entry: _TreeEntry) -> None:
        """Hash what older rules took, as far as they would have taken it: a pin may stand on it."""
        if was_ignored(path) or path_problem(path) or len(self.left_out) >= self.limits.entries:
            return
        if entry.mode == _Mode.FOLDER:
            for below in _entries(self.objects, entry.oid, self.limits.entries * _ENTRY_BYTES, self.name):
                self._leave_out(f"{path}/{below.name}", below)
        elif entry.mode in _FILES and (blob := self.objects.blob(entry.oid)).size <= self.limits.file:
            digest = hashlib.sha256(b"".join(blob.chunks)).hexdigest()
            self.left_out.append(FileEntry(path=path, sha256=digest, size=blob.size))

    def _file(self, path: str, entry: _TreeEntry) -> None:
        if entry.mode == _Mode.LINK:
            raise refusal(self.name, "is a symbolic link", entry=path, advice="commit the file instead")
        if entry.mode == _Mode.SUBMODULE:
            raise refusal(self.name, "is a submodule", entry=path, advice="commit its files instead")
        if entry.mode not in _FILES:
            raise refusal(self.name, "is not a regular file or folder", entry=path, advice=_REPAIR)
        try:
            blob = self.objects.blob(entry.oid)
        except OtherKindError as error:
            rule = f"is listed as a file and is a {error.kind}"
            raise refusal(self.name, rule, entry=path, advice=_REPAIR) from error
        self.enter_size(path, blob.size)
        sha256, is_executable = self._hash(path, blob), entry.mode == _Mode.EXECUTABLE
        self.files.append(FileEntry(path=path, sha256=sha256, size=blob.size, executable=is_executable))
        self.ids[path] = entry.oid

    def _hash(self, path: str, blob: Blob) -> str:
        digest = hashlib.sha256()
        for chunk in blob.chunks:
            if blob.size <= _MAX_POINTER_BYTES and chunk.startswith(_LFS):
                advice = "commit the file itself, or publish the package as a zip"
                raise refusal(self.name, "is a Git LFS pointer and not the file", entry=path, advice=advice)
            digest.update(chunk)
        return digest.hexdigest()


def _entries(objects: Objects, tree: str, most: int, name: str) -> Iterator[_TreeEntry]:
    """The lines of a tree object of at most ``most`` bytes."""
    try:
        data = objects.read(tree, "tree", most=most)
    except TooLargeError as error:
        raise refusal(name, "a folder of it has too many entries", advice=SMALLER) from error
    except OtherKindError as error:
        raise refusal(name, f"a {error.kind} is listed as a folder", advice=_REPAIR) from error
    id_bytes, at = len(tree) // 2, 0
    while at < len(data):
        match = _ENTRY.match(data, at)
        at = match.end() + id_bytes if match else len(data) + 1
        if match is None or at > len(data):
            raise refusal(name, "a tree in it is malformed", advice=_REPAIR)
        text = match[2].decode("utf-8", "surrogateescape")
        yield _TreeEntry(match[1].decode().lstrip("0"), text, data[match.end() : at].hex())
