"""The structure of a zip file, checked before anything in it is used.

A zip names every file twice, in a header before the data and in the central directory, and readers differ in which
they believe. Only what reads the same in every way is accepted: both agree, and headers, data and directory follow
each other from the first byte to the last, without a gap and without an overlap.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from reconciler.model.desired import Limits
from reconciler.packages.content import SMALLER
from reconciler.packages.inside import plain
from reconciler.packages.zip import records
from reconciler.packages.zip.archive_file import ArchiveFile
from reconciler.packages.zip.end import Directory, find_directory
from reconciler.packages.zip.extra import widened

MAX_DIRECTORY_BYTES: Final = 4 << 20
_KNOWN_FLAGS: Final = records.FLAG_LEVEL | records.FLAG_DESCRIPTOR | records.FLAG_UTF8
_DESCRIPTORS: Final = {
    form.size + extra: form for form in (records.DESCRIPTOR, records.DESCRIPTOR64) for extra in (0, 4)
}
_DOS_FOLDER: Final = 0x10
_NOT_FILES: Final[Mapping[int, str]] = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

_WITH_MODES: Final = (records.SYSTEM_UNIX, records.SYSTEM_DARWIN)


class Header(Struct, frozen=True, gc=False):
    """An entry as the central directory has it. Sizes and offsets in bytes; the name of a folder ends with ``/``."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    executable: bool
    as_packed: bool
    """Whether we write modes like this one, which no digest covers."""
    private: bool
    has_mode: bool
    rule: str
    """Why it cannot be in a package, or nothing: it is neither a file nor a folder."""


class Member(Struct, frozen=True, gc=False):
    """An entry whose headers agree. Its ``header.packed`` bytes of data begin at ``start``."""

    header: Header
    start: int


def read_layout(archive: ArchiveFile, limits: Limits) -> list[Member]:
    """Every entry, in the order of the file. ``InputError`` for the first thing that is not as it must be."""
    directory = find_directory(archive)
    if not directory.count:
        raise archive.refuse("holds no files")
    if directory.count > limits.entries or directory.size > MAX_DIRECTORY_BYTES:
        most = f"at most {limits.entries} in {MAX_DIRECTORY_BYTES} are read"
        rule = f"has {directory.count} entries in a directory of {directory.size} bytes; {most}"
        raise archive.refuse(rule, advice=SMALLER)
    headers = sorted(_headers(archive, directory), key=lambda header: header.offset)
    if headers[0].offset:
        raise archive.refuse(f"has {headers[0].offset} bytes before its first entry")
    ends = [header.offset for header in headers[1:]] + [directory.start]
    return [_member(archive, header, end) for header, end in zip(headers, ends, strict=True)]


def _headers(archive: ArchiveFile, directory: Directory) -> Iterator[Header]:
    data = archive.read(directory.start, directory.size)
    at = 0
    for _ in range(directory.count):
        header, at = _header(archive, data, at)
        yield header
    if at != len(data):
        raise archive.refuse("lists more entries than its end record counts")


def _header(archive: ArchiveFile, data: bytes, at: int) -> tuple[Header, int]:
    """The record at ``at`` of the central directory, and where the next begins."""
    name_at = at + records.CENTRAL.size
    if name_at > len(data) or not data.startswith(records.CENTRAL_SIGNATURE, at):
        raise archive.refuse("lists fewer entries than its end record counts")
    fields = records.CENTRAL.unpack_from(data, at)
    system, needed, flags, method, _, _, crc, packed, size, name_length, extra_length, comment_length, disk = fields[
        2:15
    ]
    extra_at = name_at + name_length
    end = extra_at + extra_length + comment_length
    if end > len(data):
        raise archive.refuse("has a central directory that is cut short")
    raw_name = data[name_at:extra_at]
    name = _decoded(archive, raw_name)
    offset = fields[17]
    if extra_length:
        extra = data[extra_at : extra_at + extra_length]
        size, packed, offset = widened(archive, name, extra, (size, packed, offset))
    if disk:
        raise archive.refuse("is on another part of an archive in several", entry=name)
    _check_readable(archive, name, needed, flags, method)
    executable, rule = _mode(archive, name, system, fields[16])
    as_packed = system == records.SYSTEM_UNIX and fields[16] in records.AS_PACKED
    private = as_packed and fields[16] in records.PRIVATE
    has_mode = system in _WITH_MODES and fields[16] >> 16 != 0
    shown, modes = plain(name), (executable, as_packed, private, has_mode)
    return Header(shown, raw_name, flags, method, crc, packed, size, offset, *modes, rule), end


def _decoded(archive: ArchiveFile, raw: bytes) -> str:
    """Names are UTF-8 whether the flag for that is set or not: Finder and ``zip`` write them so and do not set it."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        shown = raw.decode("utf-8", "backslashreplace")
        raise archive.refuse("the name is not UTF-8", entry=shown, advice="rename it") from error


def _check_readable(archive: ArchiveFile, name: str, needed: int, flags: int, method: int) -> None:
    version = needed & 0xFF  # some writers tell their system in the upper half
    if version > records.VERSION_KNOWN:
        rule = f"needs version {version // 10}.{version % 10} of the zip format, which no reader knows"
        raise archive.refuse(rule, entry=name)
    if flags & records.FLAG_ENCRYPTED:
        raise archive.refuse("is encrypted", entry=name, advice="pack the archive without a password")
    if flags & ~_KNOWN_FLAGS:
        raise archive.refuse(f"has unknown flags ({flags:#06x})", entry=name)
    if method not in (records.STORED, records.DEFLATED):
        rule = f"is compressed by method {method}; only stored and deflated are read"
        raise archive.refuse(rule, entry=name, advice="pack the archive with plain zip compression")


def _mode(archive: ArchiveFile, name: str, system: int, attributes: int) -> tuple[bool, str]:
    """Whether a unix mode lets anyone execute the file, and what it is that is neither a file nor a folder."""
    mode = attributes >> 16
    kind = stat.S_IFMT(mode)
    is_folder = name.endswith("/")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) and not is_folder:
        return False, f"is {_NOT_FILES.get(kind, 'no regular file')}"
    if (kind not in (0, stat.S_IFDIR)) if is_folder else (kind == stat.S_IFDIR or attributes & _DOS_FOLDER):
        raise archive.refuse("is a folder by its name or by its mode, but not by both", entry=name)
    return not is_folder and system in _WITH_MODES and mode & 0o111 != 0, ""


def _member(archive: ArchiveFile, header: Header, end: int) -> Member:
    """``header`` with its local twin checked; ``end`` is where the next thing in the file begins."""
    start, has_descriptor = _data_start(archive, header)
    gap = end - start - header.packed
    if gap < 0:
        raise archive.refuse("overlaps what is behind it", entry=header.name)
    if has_descriptor:
        _check_descriptor(archive, header, start + header.packed, gap)
    elif gap:
        raise archive.refuse(f"{gap} bytes that belong to no entry stand behind it", entry=header.name)
    return Member(header, start)


def _data_start(archive: ArchiveFile, header: Header) -> tuple[int, bool]:
    """Compare the local header: where the data begins, and whether a descriptor must follow it.

    Some writers announce the descriptor only there. The directory alone may not: readers that stream do not see it.
    """
    fields = records.LOCAL.unpack(archive.read(header.offset, records.LOCAL.size))
    signature, _, flags, method, _, _, crc, packed, size, name_length, extra_length = fields
    name_at = header.offset + records.LOCAL.size
    if signature != records.LOCAL_SIGNATURE:
        raise archive.refuse("has no header before its data", entry=header.name)
    variable = archive.read(name_at, name_length + extra_length)
    if extra_length:
        size, packed = widened(archive, header.raw_name.decode(), variable[name_length:], (size, packed))
    late = bool(flags & records.FLAG_DESCRIPTOR)
    known = header.flags | records.FLAG_DESCRIPTOR if late else header.flags
    same = (flags, method) == (known, header.method) and variable[:name_length] == header.raw_name
    here, there = (crc, packed, size), (header.crc, header.packed, header.size)
    if not same or (here != there and not (late and all(map(_is_left_out, here, there)))):
        raise archive.refuse("its header and the central directory disagree", entry=header.name)
    return name_at + len(variable), late


def _is_left_out(here: int, there: int) -> bool:
    return here in (0, there)


def _check_descriptor(archive: ArchiveFile, header: Header, at: int, length: int) -> None:
    """Compare what stands between this entry's data and the next: one of four forms, told apart by its length."""
    form = _DESCRIPTORS.get(length)
    if form is not None:
        data = archive.read(at, length)
        signed = length == form.size or data.startswith(records.DESCRIPTOR_SIGNATURE)
        if signed and form.unpack(data[-form.size :]) == (header.crc, header.packed, header.size):
            return
    raise archive.refuse("has no data descriptor that fits it", entry=header.name)
