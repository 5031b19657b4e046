"""The extra fields of a zip header: well-formed or refused, and the zip64 values among them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Final

from reconciler.packages.zip.archive_file import ArchiveFile
from reconciler.packages.zip.records import EXTRA_UNICODE_PATH, EXTRA_ZIP64, SATURATED

_FIELD: Final = struct.Struct("<2H")
_UNICODE_PATH: Final = struct.Struct("<BI")
_MAX_FIELDS: Final = 64
"""More than any writer needs, and few enough that a crafted archive costs no time."""


def widened(archive: ArchiveFile, entry: str, extra: bytes, narrow: tuple[int, ...]) -> tuple[int, ...]:
    """The 32-bit values ``narrow`` of a header, the saturated ones replaced, in order, from its zip64 field.

    ``InputError`` where the extra fields do not fill ``extra`` exactly, one stands twice or contradicts the header.
    """
    wide = _fields(archive, entry, extra).get(EXTRA_ZIP64)
    if wide is None:
        return narrow
    needed = narrow.count(SATURATED)
    if len(wide) != 8 * needed:
        raise archive.refuse("its zip64 field does not fit its header", entry=entry)
    values = iter(struct.unpack(f"<{needed}Q", wide))
    return tuple(next(values) if value == SATURATED else value for value in narrow)


def _fields(archive: ArchiveFile, entry: str, extra: bytes) -> Mapping[int, bytes]:
    fields: dict[int, bytes] = {}
    at = 0
    while at + _FIELD.size <= len(extra) and len(fields) <= _MAX_FIELDS:
        kind, length = _FIELD.unpack_from(extra, at)
        if kind in fields:
            raise archive.refuse(f"the extra field {kind:#06x} is there twice", entry=entry)
        at += _FIELD.size + length
        fields[kind] = extra[at - length : at]
    if at != len(extra):
        raise archive.refuse("its extra fields do not fill the room given for them", entry=entry)
    if EXTRA_UNICODE_PATH in fields and fields[EXTRA_UNICODE_PATH] != _same_name(entry.encode()):
        raise archive.refuse("it has another name in its Unicode path field", entry=entry)
    return fields


def _same_name(raw: bytes) -> bytes:
    """The Unicode path field (APPNOTE 4.6.9, version 1) that says what the header says; JSZip writes it."""
    return _UNICODE_PATH.pack(1, zlib.crc32(raw)) + raw
