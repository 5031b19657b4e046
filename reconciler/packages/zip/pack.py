"""Packages as the archives that we write: stored, sorted, without times, the same bytes for the same files."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import BinaryIO, Final

from reconciler.model.package import FileEntry
from reconciler.packages.content import SMALLER, Content, refusal
from reconciler.packages.zip import records

_VERSION: Final = 20
_TIME: Final = 0
_DATE: Final = 1 << 5 | 1
"""1980-01-01, the first day that the format knows."""

_ATTRIBUTES: Final = {
    (False, False): records.PLAIN_FILE,
    (True, False): records.EXECUTABLE_FILE,
    (False, True): records.PRIVATE_FILE,
    (True, True): records.PRIVATE_EXECUTABLE_FILE,
}
"""By whether a file is executable, and private."""


def pack(content: Content, out: BinaryIO, *, for_cache: bool = False) -> None:
    """Write the files of ``content`` to ``out``, which is empty and can seek. Errors as for ``Content.chunks``.

    ``for_cache``: which files are private is kept.

    Also ``InputError`` for more than a zip without its 64-bit extension holds: the package limits lie far below.
    """
    size = sum(entry.size + 4096 for entry in content.files)
    if len(content.files) >= records.SATURATED_COUNT or size >= records.SATURATED:
        raise refusal("the package", "is too large for a zip archive", advice=SMALLER)
    directory = b"".join([_write_file(content, entry, out, for_cache=for_cache) for entry in content.files])
    start, count = out.tell(), len(content.files)
    out.write(directory)
    out.write(records.END.pack(records.END_SIGNATURE, 0, 0, count, count, len(directory), start, 0))


def _write_file(content: Content, entry: FileEntry, out: BinaryIO, *, for_cache: bool) -> bytes:
    """Write one header and its data; the record for the central directory is returned."""
    name, offset = entry.path.encode(), out.tell()
    out.write(_local_header(entry, name, crc=0))
    crc = 0
    for chunk in content.chunks(entry.path):
        crc = zlib.crc32(chunk, crc)
        out.write(chunk)
    out.seek(offset)
    out.write(_local_header(entry, name, crc=crc))
    out.seek(0, 2)
    shown = entry if for_cache else replace(entry, private=False)
    return _central_record(shown, name, crc=crc, offset=offset)


def _local_header(entry: FileEntry, name: bytes, *, crc: int) -> bytes:
    values = (_VERSION, records.FLAG_UTF8, records.STORED, _TIME, _DATE, crc, entry.size, entry.size, len(name), 0)
    return records.LOCAL.pack(records.LOCAL_SIGNATURE, *values) + name


def _central_record(entry: FileEntry, name: bytes, *, crc: int, offset: int) -> bytes:
    how = (_VERSION, records.SYSTEM_UNIX, _VERSION, records.FLAG_UTF8, records.STORED, _TIME, _DATE)
    attributes = _ATTRIBUTES[entry.executable, entry.private]
    lengths = (entry.size, entry.size, len(name), 0, 0, 0, 0)
    return records.CENTRAL.pack(records.CENTRAL_SIGNATURE, *how, crc, *lengths, attributes, offset) + name
