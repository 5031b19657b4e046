"""Packages in zip archives: opened by our own reader, never by one that accepts what it should not.

An archive is read in pieces, so its size does not show in memory. Nothing that it declares is believed: a declared
size is a bound, and what does not come out exactly as declared is refused.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.desired import Limits
from reconciler.model.ignore_file import IGNORE_FILE, MAX_IGNORE_BYTES, NO_PATTERNS, Ignores
from reconciler.model.ignored import is_ignored, notes_on, was_ignored
from reconciler.model.package import FileEntry
from reconciler.packages.content import CHUNK_BYTES, SMALLER
from reconciler.packages.ignore_file import decode
from reconciler.packages.inside import (
    MAX_ENTRIES_AROUND,
    EntryNames,
    check_places,
    common_folder,
    instead_of_a_link,
    prefix_of,
)
from reconciler.packages.zip.archive_file import ArchiveFile, opened_archive, read_again
from reconciler.packages.zip.layout import Header, Member, read_layout
from reconciler.packages.zip.records import DEFLATED

_RAW_DEFLATE: Final = -15
SMALL_BYTES: Final = 16 << 10
"""Unpacked size up to which a package's content is kept in memory."""


class ArchiveContent(Struct, frozen=True):
    """The files of a package in the archive at ``place``. ``Content`` says what the parts mean."""

    place: Path | int
    """Where it is, or the descriptor of an open file."""
    name: str
    files: tuple[FileEntry, ...]
    notes: tuple[str, ...]
    left_out: tuple[FileEntry, ...]
    """What older rules took for content."""
    as_packed: bool
    """Whether all modes are as ``pack`` writes them: in the cache, others are damage."""
    _identity: tuple[int, ...]
    _members: Mapping[str, tuple[Member, str]]
    """Path → where its data lies, and its sha256; nothing of a small package."""
    _kept: Mapping[str, bytes]
    """The content of a small package as it was hashed, so that the archive need not be opened for each file."""

    def chunks(self, path: str) -> Iterator[bytes]:
        return iter([self._kept[path]]) if path in self._kept else self._read(path)

    def _read(self, path: str) -> Iterator[bytes]:
        member, sha256 = self._members[path]
        return read_again(self.place, self.name, self._identity, sha256, lambda archive: _contents(archive, member))


def open_archive(
    place: Path | int, *, limits: Limits, name: str, path: str = "", packed_by_us: bool = False
) -> ArchiveContent:
    """Check the whole archive, its data too, and hash its files. ``name`` is how messages call it.

    With a ``path`` the package is that folder: of what is around it, only the structure is checked. Otherwise one
    folder around everything is looked through where no manifest stands beside it. Where it was ``packed_by_us``,
    everything in it is content, by whichever rules it was chosen. Raises ``InputError`` for the
    first thing that is wrong.
    """
    with opened_archive(place, name) as archive:
        _check_size(archive, limits)
        members, prefix = _below(archive, path, limits) if path else (read_layout(archive, limits), "")
        _check_sizes(archive, [member.header for member in members], limits)
        chosen = _choose(archive, members, prefix, everything=packed_by_us)
        prefix = prefix or common_folder([member.header.name for member in chosen.kept])
        found: dict[str, tuple[Member, str]] = {}
        small: dict[str, bytes] | None = {} if sum(one.header.size for one in chosen.kept) <= SMALL_BYTES else None
        for member in chosen.kept:
            inner = member.header.name[len(prefix) :]
            found[inner] = (member, _hash(archive, member, small, inner))
        identity = archive.identity
        own = NO_PATTERNS if packed_by_us else _own_patterns(archive, found, name)
    by_package = tuple(_entry(path, *found.pop(path)) for path in [path for path in found if own.names(path)])
    files = tuple(_entry(path, *found[path]) for path in sorted(found))  # by code point is by UTF-8 bytes
    if packed_by_us:
        files = tuple(replace(entry, private=found[entry.path][0].header.private) for entry in files)
    older = tuple(_entry(one.header.name.removeprefix(prefix), one, sha256) for one, sha256 in chosen.left_out)
    older = tuple(entry for entry in older if not (was_ignored(entry.path) or entry.path.endswith("/"))) + by_package
    notes = (*notes_on([one.header.name for one, _ in chosen.left_out]), *chosen.notes)
    as_packed = all(member.header.as_packed for member, _ in found.values())
    parts = (found, {}) if small is None else ({}, small)
    return ArchiveContent(place, name, files, notes, older, as_packed, identity, *parts)


def _below(archive: ArchiveFile, path: str, limits: Limits) -> tuple[list[Member], str]:
    """The entries in the folder ``path``, and what their names begin with."""
    around = read_layout(archive, replace(limits, entries=max(limits.entries, MAX_ENTRIES_AROUND)))
    check_places([member.header.name for member in around], name=archive.name)
    names = [name for member in around if not is_ignored(name := member.header.name) and not name.endswith("/")]
    prefix = prefix_of(path, names, name=archive.name)
    below = [one for one in around if one.header.name.startswith(prefix) and one.header.name != prefix]
    if len(below) > limits.entries:
        raise archive.refuse(f"has more than {limits.entries} entries", entry=path, advice=SMALLER)
    return below, prefix


def _check_size(archive: ArchiveFile, limits: Limits) -> None:
    if archive.size > limits.archive:
        rule = f"has {archive.size} bytes; at most {limits.archive} are read"
        raise archive.refuse(rule, advice=f"{SMALLER}, or raise policy.limits.archive")


def _check_sizes(archive: ArchiveFile, headers: Iterable[Header], limits: Limits) -> None:
    """Hold the declared sizes against the limits; unpacking holds the data against the declared sizes."""
    total = 0
    for header in headers:
        total += header.size
        if header.size and header.name.endswith("/"):
            raise archive.refuse("is a folder with content", entry=header.name)
        if header.size > limits.file:
            rule = f"has {header.size} bytes; a file has at most {limits.file}"
            raise archive.refuse(rule, entry=header.name, advice=SMALLER)
        if header.size > max(limits.ratio_floor, limits.ratio * header.packed):
            rule = f"unpacks to more than {limits.ratio} times its {header.packed} bytes"
            raise archive.refuse(rule, entry=header.name, advice="store it uncompressed if it is what it should be")
    if total > limits.unpacked:
        rule = f"unpacks to {total} bytes; at most {limits.unpacked} are"
        raise archive.refuse(rule, advice=f"{SMALLER}, or raise policy.limits.unpacked")


class _Chosen(Struct, frozen=True):
    """The files that belong to the package, and what does not, with its digest."""

    kept: list[Member]
    left_out: list[tuple[Member, str]]
    notes: tuple[str, ...]


def _choose(archive: ArchiveFile, members: Sequence[Member], prefix: str, *, everything: bool) -> _Chosen:
    """Part the entries, whose names begin with ``prefix``. All are checked, also those that are left out."""
    names, kept, left_out = EntryNames(archive.name), [], []
    for member in members:
        name = member.header.name[len(prefix) :]
        if names.is_left_to_git(name):
            continue
        if member.header.rule:
            advice = instead_of_a_link([one.header.name for one in members if not is_ignored(one.header.name)])
            raise archive.refuse(member.header.rule, entry=member.header.name, advice=advice)
        if is_ignored(name) and not everything:
            left_out.append((member, _hash(archive, member)))  # what is not taken is not damaged either
        elif name.endswith("/"):
            _hash(archive, member)
        else:
            kept.append(member)
    if names.has_git:
        check_places([member.header.name for member in members], name=archive.name)
    return _Chosen(kept, left_out, names.notes)


def _own_patterns(archive: ArchiveFile, found: Mapping[str, tuple[Member, str]], name: str) -> Ignores:
    """What the package leaves out itself."""
    if IGNORE_FILE not in found:
        return NO_PATTERNS
    member, _ = found[IGNORE_FILE]
    data = b" " * member.header.size if member.header.size > MAX_IGNORE_BYTES else b"".join(_contents(archive, member))
    return decode(data, name=name)


def _entry(path: str, member: Member, sha256: str) -> FileEntry:
    header = member.header
    return FileEntry(path=path, sha256=sha256, size=header.size, executable=header.executable, has_mode=header.has_mode)


def _hash(archive: ArchiveFile, member: Member, keep: dict[str, bytes] | None = None, path: str = "") -> str:
    """The sha256 of the entry's data, as hex, once all that its header says of it was found true.

    With ``keep`` the data is put there too, at ``path``.
    """
    if keep is not None:
        data = keep[path] = _at_once(archive, member)
        return hashlib.sha256(data).hexdigest()
    digest = hashlib.sha256()
    for chunk in _contents(archive, member):
        digest.update(chunk)
    return digest.hexdigest()


def _at_once(archive: ArchiveFile, member: Member) -> bytes:
    """The data of a small entry; what is wrong with it is said by who reads it in pieces."""
    header = member.header
    if header.packed <= CHUNK_BYTES:
        data, ends = archive.read(member.start, header.packed), True
        if header.method == DEFLATED:
            inflater = zlib.decompressobj(_RAW_DEFLATE)
            with suppress(zlib.error):
                data = inflater.decompress(data, header.size + 1)
            ends = inflater.eof and not inflater.unused_data
        if ends and len(data) == header.size and zlib.crc32(data) == header.crc:
            return data
    return b"".join(_contents(archive, member))


def _contents(archive: ArchiveFile, member: Member) -> Iterator[bytes]:
    """The entry's data, unpacked; ``InputError`` at the end at the latest unless size and CRC are as declared."""
    header = member.header
    packed = archive.chunks(member.start, header.packed)
    crc = size = 0
    for chunk in _inflated(archive, header, packed) if header.method == DEFLATED else packed:
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        yield chunk
    if size != header.size:
        raise archive.refuse(f"unpacks to {size} bytes, not to the declared {header.size}", entry=header.name)
    if crc != header.crc:
        raise archive.refuse("its data does not fit its CRC: it is damaged", entry=header.name)


def _inflated(archive: ArchiveFile, header: Header, packed: Iterable[bytes]) -> Iterator[bytes]:
    """Inflate ``packed``, which must be one deflate stream and nothing else, to no more than the declared size."""
    inflater = zlib.decompressobj(_RAW_DEFLATE)
    room = header.size + 1
    try:
        for data in packed:
            full = True
            while full:
                limit = min(room, CHUNK_BYTES)
                chunk = inflater.decompress(data, limit)
                data, full = inflater.unconsumed_tail, len(chunk) == limit
                room -= len(chunk)
                if not room:
                    raise archive.refuse(f"unpacks to more than the declared {header.size} bytes", entry=header.name)
                if inflater.unused_data:
                    raise archive.refuse("has data behind the end of its deflate stream", entry=header.name)
                yield chunk
    except zlib.error as error:
        raise archive.refuse(f"its deflate data is broken ({error})", entry=header.name) from error
    if not inflater.eof:
        raise archive.refuse("its deflate data is cut short", entry=header.name)
