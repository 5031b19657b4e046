"""The end of a zip file: where its central directory lies. Two readers must not be able to find two directories."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from reconciler.errors import InputError
from reconciler.packages.zip import records
from reconciler.packages.zip.archive_file import ArchiveFile


class Directory(Struct, frozen=True):
    """The central directory: ``count`` records in ``size`` bytes from ``start`` on."""

    count: int
    size: int
    start: int


def find_directory(archive: ArchiveFile) -> Directory:
    """Read the end record, and its zip64 twin where there is one.

    ``InputError`` unless exactly one end record, with its comment, ends the file and the directory ends right before.
    """
    at = _end_record_at(archive)
    fields = records.END.unpack(archive.read(at, records.END.size))[1:-1]
    end = at
    if at >= records.LOCATOR64.size and archive.read(at - records.LOCATOR64.size, 4) == records.LOCATOR64_SIGNATURE:
        end = at - records.LOCATOR64.size - records.END64.size
        fields = _fields64(archive, end, fields)
    disk, directory_disk, here, count, size, start = fields
    if disk or directory_disk or here != count:
        raise archive.refuse("is one part of an archive in several")
    if start + size != end:
        raise _misplaced(archive, end - start - size)
    return Directory(count, size, start)


def _end_record_at(archive: ArchiveFile) -> int:
    start = max(0, archive.size - records.END.size - records.MAX_COMMENT_BYTES)
    tail = archive.read(start, archive.size - start)
    found = list(_occurrences(tail))
    complete = [at for at in found if _reaches_end(tail, at, archive.size)]
    if not complete:
        raise archive.refuse("is not a complete zip archive: its end record is missing, or other bytes follow it")
    if len(complete) > 1 or found[-1] != complete[0]:
        raise archive.refuse("has two end records")
    return start + complete[0]


def _occurrences(tail: bytes) -> Iterator[int]:
    at = tail.find(records.END_SIGNATURE)
    while at >= 0:
        yield at
        at = tail.find(records.END_SIGNATURE, at + 1)


def _reaches_end(tail: bytes, at: int, size: int) -> bool:
    """Whether the end record at ``at`` ends the file, or only the zeros follow with which bsdtar fills its last block.

    It does so where it writes into a pipe. Zeros hide nothing, and no reader takes them for another record.
    """
    comment = at + records.END.size
    left = len(tail) - comment - int.from_bytes(tail[comment - 2 : comment], "little")
    if not left or comment > len(tail):
        return comment <= len(tail)
    return 0 < left < records.MAX_PADDING_BYTES and size % records.BLOCK_BYTES == 0 and not any(tail[-left:])


def _fields64(archive: ArchiveFile, at: int, narrow: tuple[int, ...]) -> tuple[int, ...]:
    """The wide form of the end record's fields. Nothing may stand between the two, and neither may contradict."""
    if at < 0:
        raise archive.refuse("has a zip64 locator but no zip64 end record")
    both = archive.read(at, records.END64.size + records.LOCATOR64.size)
    signature, length, _, _, *wide = records.END64.unpack_from(both)
    _, disk, offset, disks = records.LOCATOR64.unpack_from(both, records.END64.size)
    if signature != records.END64_SIGNATURE or length != records.END64.size - 12 or (disk, offset, disks) != (0, at, 1):
        raise archive.refuse("has a zip64 end record that is not right before its locator, or is longer than it may be")
    saturated = (0, 0, records.SATURATED_COUNT, records.SATURATED_COUNT, records.SATURATED, records.SATURATED)
    if any(value not in pair for value, *pair in zip(narrow, wide, saturated, strict=True)):
        raise archive.refuse("has two end records, with and without zip64, that disagree")
    return tuple(wide)


def _misplaced(archive: ArchiveFile, gap: int) -> InputError:
    if gap > 0:
        return archive.refuse(f"has {gap} bytes that belong to no entry, before the entries or before its end record")
    return archive.refuse("has a central directory that runs into its end record")
