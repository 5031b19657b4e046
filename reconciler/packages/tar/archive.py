"""Packages in tar archives: by the same rules as those in zips. Links, devices and sparse files are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.desired import Limits
from reconciler.model.ignore_file import IGNORE_FILE, MAX_IGNORE_BYTES, Ignores
from reconciler.model.ignored import is_ignored, notes_on
from reconciler.model.package import FileEntry
from reconciler.packages.content import SMALLER, refusal
from reconciler.packages.ignore_file import decode
from reconciler.packages.inside import (
    MAX_ENTRIES_AROUND,
    EntryNames,
    check_places,
    common_folder,
    instead_of_a_link,
    prefix_of,
)
from reconciler.packages.tar.layout import Entry, read_entries
from reconciler.packages.tar.stream import GZIP_START, States, pieces
from reconciler.packages.zip.archive import SMALL_BYTES
from reconciler.packages.zip.archive_file import ArchiveFile, opened_archive, read_again

_HEADER_BYTES: Final = 4096
"""More than what an archive holds for each entry besides its content, in most cases."""
_AROUND: Final = 8
"""How many times larger an archive may be that holds the package in one of its folders."""
_OTHERS: Final[Mapping[bytes, str]] = {
    b"PK": "is a zip archive; write {zip: …} or only the path",
    b"BZh": "is compressed by bzip2",
    b"\xfd7zXZ": "is compressed by xz",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd",
}
_AT: Final = 257
_MAGIC: Final = b"ustar"


class TarContent(Struct, frozen=True):
    """The files of a package in the archive at ``place``. ``Content`` says what the parts mean."""

    place: Path | int
    name: str
    files: tuple[FileEntry, ...]
    notes: tuple[str, ...]
    _entries: Mapping[str, Entry]
    _identity: tuple[int, ...]
    _kept: Mapping[str, bytes]
    _states: States

    def chunks(self, path: str) -> Iterator[bytes]:
        return iter([self._kept[path]]) if path in self._kept else self._read(path)

    def _read(self, path: str) -> Iterator[bytes]:
        entry = self._entries[path]
        return read_again(
            self.place, self.name, self._identity, entry.sha256, lambda archive: _data(archive, self._states, entry)
        )


def is_tar(start: bytes) -> bool:
    """Whether a file that begins with these 512 bytes is meant to be a tar archive, plain or in gzip."""
    return start.startswith(GZIP_START) or start[_AT : _AT + len(_MAGIC)] == _MAGIC


def open_tar(place: Path | int, *, limits: Limits, name: str, path: str = "") -> TarContent:
    """Check the whole archive and hash its files. ``name`` is how messages call it, ``path`` the folder to take of it.

    Raises ``InputError`` for the first thing that is wrong.
    """
    room = limits.unpacked + limits.entries * _HEADER_BYTES
    states = States.within(limits, room * _AROUND if path else room)
    most = max(limits.entries, MAX_ENTRIES_AROUND) if path else limits.entries
    with opened_archive(place, name) as archive:
        _check_start(archive, limits)
        entries = read_entries(archive, pieces(archive, states, 0), most=most)
        chosen = _Chosen.of(entries, path, name)
        _check_sizes(archive, chosen, limits)
        if IGNORE_FILE in chosen.kept:
            chosen = chosen.without(_own_patterns(archive, states, chosen.kept[IGNORE_FILE], name))
        small = sum(entry.size for entry in chosen.kept.values()) <= SMALL_BYTES
        kept = {inner: b"".join(_data(archive, states, one)) for inner, one in chosen.kept.items()} if small else {}
        return TarContent(place, name, chosen.files, chosen.notes, chosen.kept, archive.identity, kept, states)


def _own_patterns(archive: ArchiveFile, states: States, entry: Entry, name: str) -> Ignores:
    """What the package leaves out itself."""
    data = b" " * entry.size if entry.size > MAX_IGNORE_BYTES else b"".join(_data(archive, states, entry))
    return decode(data, name=name)


class _Chosen(Struct, frozen=True):
    """The files that belong to the package, by their place in it."""

    kept: Mapping[str, Entry]
    below: int
    notes: tuple[str, ...]

    @staticmethod
    def of(entries: list[Entry], path: str, name: str) -> _Chosen:
        files = [one.name for one in entries if not one.name.endswith("/") and not is_ignored(one.name)]
        prefix = prefix_of(path, files, name=name) if path else ""
        below = [one for one in entries if one.name.startswith(prefix) and one.name != prefix]
        names, kept, left_out = EntryNames(name), [], []
        for entry in below:
            inner = entry.name[len(prefix) :]
            if names.is_left_to_git(inner):
                continue
            if entry.rule:
                raise refusal(name, entry.rule, entry=entry.name, advice=instead_of_a_link(files))
            if is_ignored(inner):
                left_out.append(inner)
            elif not inner.endswith("/"):
                kept.append(entry._replace(name=inner))
        check_places([one.name for one in entries], name=name)
        top = "" if path else common_folder([entry.name for entry in kept])
        found = {entry.name[len(top) :]: entry for entry in kept}
        return _Chosen(found, len(below), (*notes_on(left_out), *names.notes))

    def without(self, ignore: Ignores) -> _Chosen:
        """What is left of it."""
        return replace(self, kept={path: one for path, one in self.kept.items() if not ignore.names(path)})

    @property
    def files(self) -> tuple[FileEntry, ...]:
        return tuple(
            FileEntry(path=path, sha256=entry.sha256, size=entry.size, executable=entry.executable)
            for path, entry in sorted(self.kept.items())  # by code point is by UTF-8 bytes
        )


def _check_start(archive: ArchiveFile, limits: Limits) -> None:
    if archive.size > limits.archive:
        rule = f"has {archive.size} bytes; at most {limits.archive} are read"
        raise archive.refuse(rule, advice=f"{SMALLER}, or raise policy.limits.archive")
    start = archive.read(0, min(archive.size, _AT))
    for magic, rule in _OTHERS.items():
        if start.startswith(magic):
            raise archive.refuse(rule, advice="pack it with 'tar -czf', or as a zip")


def _check_sizes(archive: ArchiveFile, chosen: _Chosen, limits: Limits) -> None:
    if chosen.below > limits.entries:
        raise archive.refuse(f"has more than {limits.entries} entries", advice=SMALLER)
    for path, entry in chosen.kept.items():
        if entry.size > limits.file:
            rule = f"has {entry.size} bytes; a file has at most {limits.file}"
            raise archive.refuse(rule, entry=path, advice=SMALLER)
    total = sum(entry.size for entry in chosen.kept.values())
    if total > limits.unpacked:
        rule = f"unpacks to {total} bytes; at most {limits.unpacked} are"
        raise archive.refuse(rule, advice=f"{SMALLER}, or raise policy.limits.unpacked")


def _data(archive: ArchiveFile, states: States, entry: Entry) -> Iterator[bytes]:
    left = entry.size
    for chunk in pieces(archive, states, entry.start) if left else ():
        yield chunk[:left]
        left -= min(left, len(chunk))
        if not left:
            return
