"""The end of a zip file: where its central directory lies. Two readers must not be able to find two directories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.errors import InputError
from reconciler.packages.zip.archive_file import ArchiveFile
from reconciler.packages.zip.records import (
    BLOCK_BYTES,
    END,
    END64,
    END64_SIGNATURE,
    END_SIGNATURE,
    LOCATOR64,
    LOCATOR64_SIGNATURE,
    MAX_COMMENT_BYTES,
    MAX_PADDING_BYTES,
    SATURATED,
    SATURATED_COUNT,
)


@dataclass(frozen=True, slots=True)
class Directory:
    """The central directory: ``count`` records in ``size`` bytes from ``start`` on."""

    count: int
    size: int
    start: int


def find_directory(archive: ArchiveFile) -> Directory:
    """Read the end record, and its zip64 twin where there is one.

    ``InputError`` unless exactly one end record, with its comment, ends the file and the directory ends right before.
    """
    at = _end_record_at(archive)
    fields = END.unpack(archive.read(at, END.size))[1:-1]
    end = at
    if at >= LOCATOR64.size and archive.read(at - LOCATOR64.size, 4) == LOCATOR64_SIGNATURE:
        end = at - LOCATOR64.size - END64.size
        fields = _fields64(archive, end, fields)
    disk, directory_disk, here, count, size, start = fields
    if disk or directory_disk or here != count:
        raise archive.refuse("is one part of an archive in several")
    if start + size != end:
        raise _misplaced(archive, end - start - size)
    return Directory(count, size, start)


def _end_record_at(archive: ArchiveFile) -> int:
    start = max(0, archive.size - END.size - MAX_COMMENT_BYTES)
    tail = archive.read(start, archive.size - start)
    found = list(_occurrences(tail))
    complete = [at for at in found if _reaches_end(tail, at, archive.size)]
    if not complete:
        raise archive.refuse("has no zip end record at its end: it is no zip, is cut short, or bytes follow it")
    if len(complete) > 1 or found[-1] != complete[0]:
        raise archive.refuse("has two end records")
    return start + complete[0]


def _occurrences(tail: bytes) -> Iterator[int]:
    at = tail.find(END_SIGNATURE)
    while at >= 0:
        yield at
        at = tail.find(END_SIGNATURE, at + 1)


def _reaches_end(tail: bytes, at: int, size: int) -> bool:
    """Whether the end record at ``at`` ends the file, or only the zeros follow with which bsdtar fills its last block.

    It does so where it writes into a pipe. Zeros hide nothing, and no reader takes them for another record.
    """
    comment = at + END.size
    left = len(tail) - comment - int.from_bytes(tail[comment - 2 : comment], "little")
    if not left or comment > len(tail):
        return comment <= len(tail)
    return 0 < left < MAX_PADDING_BYTES and size % BLOCK_BYTES == 0 and not any(tail[-left:])


def _fields64(archive: ArchiveFile, at: int, narrow: tuple[int, ...]) -> tuple[int, ...]:
    """The wide form of the end record's fields. Nothing may stand between the two, and neither may contradict."""
    if at < 0:
        raise archive.refuse("has a zip64 locator but no zip64 end record")
    records = archive.read(at, END64.size + LOCATOR64.size)
    signature, length, _, _, *wide = END64.unpack_from(records)
    _, disk, offset, disks = LOCATOR64.unpack_from(records, END64.size)
    if signature != END64_SIGNATURE or length != END64.size - 12 or (disk, offset, disks) != (0, at, 1):
        raise archive.refuse("has a zip64 end record that is not right before its locator, or is longer than it may be")
    saturated = (0, 0, SATURATED_COUNT, SATURATED_COUNT, SATURATED, SATURATED)
    if any(value not in pair for value, *pair in zip(narrow, wide, saturated, strict=True)):
        raise archive.refuse("has two end records, with and without zip64, that disagree")
    return tuple(wide)


def _misplaced(archive: ArchiveFile, gap: int) -> InputError:
    if gap > 0:
        return archive.refuse(f"has {gap} bytes that belong to no entry, before the entries or before its end record")
    return archive.refuse("has a central directory that runs into its end record")
