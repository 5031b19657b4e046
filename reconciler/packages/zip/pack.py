"""Packages as the archives that we write: sorted, without times, the same bytes for the same files."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from typing import BinaryIO, Final, NamedTuple

from msgspec.structs import replace

from reconciler.model.desired import Limits
from reconciler.model.digest import CHECKSUMS_FILE, Digest, tree_digest
from reconciler.model.package import FileEntry
from reconciler.packages.content import SMALLER, Content, read, refusal
from reconciler.packages.zip import records

_VERSION: Final = 20
_TIME: Final = 0
_DATE: Final = 1 << 5 | 1
"""1980-01-01, the first day that the format knows."""
_LIMITS: Final = Limits()

_ATTRIBUTES: Final = {
    (False, False): records.PLAIN_FILE,
    (True, False): records.EXECUTABLE_FILE,
    (False, True): records.PRIVATE_FILE,
    (True, True): records.PRIVATE_EXECUTABLE_FILE,
}
"""By whether a file is executable, and private."""
_MODES: Final = {mode: kind for kind, mode in _ATTRIBUTES.items()}


class _Data(NamedTuple):
    """The data of an entry as it was written, with how many bytes that are."""

    method: int
    crc: int
    packed: int


def pack(content: Content, out: BinaryIO, *, for_cache: bool = False, deflates: bool = False) -> None:
    """Write the files of ``content`` to ``out``, which is empty and can seek. Errors as for ``Content.chunks``.

    ``for_cache``: which files are private is kept. Stored, the bytes are the same for ever; ``deflates`` makes them
    fewer, and the same with the same zlib. Also ``InputError`` for more than a zip without its 64-bit extension holds:
    the package limits lie far below.
    """
    size = sum(entry.size + 4096 for entry in content.files)
    if len(content.files) >= records.SATURATED_COUNT or size >= records.SATURATED:
        raise refusal("the package", "is too large for a zip archive", advice=SMALLER)
    rows = [_write_file(content, _shown(entry, for_cache), out, deflates=deflates) for entry in content.files]
    out.write(_directory(rows, out.tell()))


def packed_small(content: Content) -> bytes:
    """What ``pack`` writes for the cache, of a package that fits into memory: nothing is written twice."""
    parts: list[bytes] = []
    rows: list[bytes] = []
    offset = 0
    for entry in content.files:
        name, data = entry.path.encode(), read(content, entry.path)
        facts = _Data(records.STORED, zlib.crc32(data), entry.size)
        header = _local_header(entry, name, facts)
        rows.append(_central_record(entry, name, facts, offset=offset))
        parts += (header, data)
        offset += len(header) + len(data)
    return b"".join([*parts, _directory(rows, offset)])


def is_packed(data: bytes, tree: Digest) -> bool:
    """Whether ``data`` is what ``packed_small`` makes of the package with this tree, byte for byte.

    It costs a fifth of opening the archive, since each header is only compared with the one that belongs there. "No"
    says nothing: ``open_packed`` does.
    """
    found: dict[str, str] = {}
    rows: list[bytes] = []
    try:
        count, _, at = records.END.unpack_from(data, len(data) - records.END.size)[4:7]
        offset, end = 0, at
        for _ in range(count):
            entry, facts, length = _listed(data, at)
            name = entry.path.encode()
            start = offset + records.LOCAL.size + len(name)
            content = data[start : start + entry.size]
            if data[offset:start] != _local_header(entry, name, facts) or zlib.crc32(content) != facts.crc:
                return False
            found[entry.path] = hashlib.sha256(content).hexdigest()
            rows.append(_central_record(entry, name, facts, offset=offset))
            offset, at = start + entry.size, at + length
    except (struct.error, ValueError, KeyError):
        return False
    is_whole = offset == end and data[end:] == _directory(rows, end) and len(found) == count
    is_whole = is_whole and CHECKSUMS_FILE not in found  # which no digest of a tree covers
    # A tree is of lines: a name with a line feed could be two of them.
    return is_whole and [*found] == sorted(found) and "\n" not in "".join(found) and tree_digest(found) == tree


def _listed(data: bytes, at: int) -> tuple[FileEntry, _Data, int]:
    """What the record at ``at`` of the central directory says, and how long it is; nothing of it is believed."""
    fields = records.CENTRAL.unpack_from(data, at)
    crc, size, name_length, attributes = fields[8], fields[10], fields[11], fields[16]
    executable, private = _MODES[attributes]
    path = data[at + records.CENTRAL.size : at + records.CENTRAL.size + name_length].decode()
    entry = FileEntry(path=path, sha256="", size=size, executable=executable, private=private)
    return entry, _Data(records.STORED, crc, size), records.CENTRAL.size + name_length


def _directory(rows: Sequence[bytes], start: int) -> bytes:
    """The central directory and the record that ends the archive."""
    directory, count = b"".join(rows), len(rows)
    return directory + records.END.pack(records.END_SIGNATURE, 0, 0, count, count, len(directory), start, 0)


def _shown(entry: FileEntry, for_cache: bool) -> FileEntry:
    return entry if for_cache else replace(entry, private=False)


def _write_file(content: Content, entry: FileEntry, out: BinaryIO, *, deflates: bool) -> bytes:
    """Write one header and its data; the record for the central directory is returned."""
    name, offset = entry.path.encode(), out.tell()
    out.write(_local_header(entry, name, _Data(records.STORED, 0, 0)))
    data = _write_smaller(content, entry, out) if deflates else _write_stored(content, entry, out)
    out.seek(offset)
    out.write(_local_header(entry, name, data))
    out.seek(0, 2)
    return _central_record(entry, name, data, offset=offset)


def _write_stored(content: Content, entry: FileEntry, out: BinaryIO) -> _Data:
    crc = 0
    for chunk in content.chunks(entry.path):
        crc = zlib.crc32(chunk, crc)
        out.write(chunk)
    return _Data(records.STORED, crc, entry.size)


def _write_smaller(content: Content, entry: FileEntry, out: BinaryIO) -> _Data:
    """Deflated; stored where that is no smaller, or so small that readers would take it for a bomb, ours too."""
    start, crc, deflater = out.tell(), 0, zlib.compressobj(zlib.Z_BEST_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
    for chunk in content.chunks(entry.path):
        crc = zlib.crc32(chunk, crc)
        out.write(deflater.compress(chunk))
    out.write(deflater.flush())
    packed = out.tell() - start
    if packed < entry.size <= max(_LIMITS.ratio_floor, _LIMITS.ratio * packed):
        return _Data(records.DEFLATED, crc, packed)
    out.seek(start)
    out.truncate()
    return _write_stored(content, entry, out)


def _local_header(entry: FileEntry, name: bytes, data: _Data) -> bytes:
    how = (_VERSION, records.FLAG_UTF8, data.method, _TIME, _DATE)
    sizes = (data.crc, data.packed, entry.size, len(name), 0)
    return records.LOCAL.pack(records.LOCAL_SIGNATURE, *how, *sizes) + name


def _central_record(entry: FileEntry, name: bytes, data: _Data, *, offset: int) -> bytes:
    how = (_VERSION, records.SYSTEM_UNIX, _VERSION, records.FLAG_UTF8, data.method, _TIME, _DATE)
    attributes = _ATTRIBUTES[entry.executable, entry.private]
    lengths = (data.packed, entry.size, len(name), 0, 0, 0, 0)
    return records.CENTRAL.pack(records.CENTRAL_SIGNATURE, *how, data.crc, *lengths, attributes, offset) + name
