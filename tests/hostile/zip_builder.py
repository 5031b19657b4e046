"""Builds zip files that may lie in every field. Nothing here is shared with the reader that it tests."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LOCAL = ("signature", "needed", "flags", "method", "time", "date", "crc", "packed", "size", "name_len", "extra_len")
CENTRAL = (
    *("signature", "made_by", "needed", "flags", "method", "time", "date", "crc", "packed", "size", "name_len"),
    *("extra_len", "comment_len", "disk", "internal", "external", "offset"),
)
END = ("signature", "disk", "start_disk", "here", "count", "size", "start", "comment_len")
LOCAL_FORMAT, CENTRAL_FORMAT, END_FORMAT = "<IHHHHHIIIHH", "<IHHHHHHIIIHHHHHII", "<IHHHHIIH"

Lies = Mapping[str, int]
NO_LIES: Lies = {}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file to write. ``packed`` and ``descriptor`` are written as they are; lies replace single header fields."""

    name: str | bytes = "manifest.yaml"
    data: bytes = b"name: x\n"
    deflate: bool = False
    packed: bytes | None = None
    mode: int = 0o100644
    system: int = 3
    flags: int = 0
    extra: bytes = b""
    local_extra: bytes | None = None
    descriptor: bytes = b""
    local_name: bytes | None = None
    local: Lies = field(default_factory=dict)
    central: Lies = field(default_factory=dict)
    written: bool = True
    listed: bool = True

    @property
    def raw_name(self) -> bytes:
        return self.name.encode() if isinstance(self.name, str) else self.name

    @property
    def payload(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflated(self.data) if self.deflate else self.data

    @property
    def facts(self) -> dict[str, int]:
        return {
            "needed": 20,
            "flags": self.flags,
            "method": 8 if self.deflate else 0,
            "date": 33,
            "crc": zlib.crc32(self.data),
            "packed": len(self.payload),
            "size": len(self.data),
        }

    def local_part(self) -> bytes:
        name = self.raw_name if self.local_name is None else self.local_name
        extra = self.extra if self.local_extra is None else self.local_extra
        facts = {"signature": 0x04034B50, **self.facts, "name_len": len(name), "extra_len": len(extra), **self.local}
        return _packed(LOCAL_FORMAT, LOCAL, facts) + name + extra + self.payload + self.descriptor

    def central_part(self, offset: int) -> bytes:
        name = self.raw_name
        made = {"signature": 0x02014B50, "made_by": self.system << 8 | 20, "external": self.mode << 16}
        where = {"name_len": len(name), "extra_len": len(self.extra), "offset": offset}
        return _packed(CENTRAL_FORMAT, CENTRAL, {**made, **self.facts, **where, **self.central}) + name + self.extra


def build(
    entries: Sequence[Entry], *, before_end: bytes = b"", end: Lies = NO_LIES, comment: bytes = b"", hidden: bytes = b""
) -> bytes:
    """The archive. ``hidden`` stands before the central directory, ``before_end`` behind it."""
    body, directory = bytearray(), bytearray()  # bytes would be copied for each entry
    for entry in entries:
        if entry.listed:
            directory += entry.central_part(len(body))
        if entry.written:
            body += entry.local_part()
    body += hidden
    count = sum(entry.listed for entry in entries)
    return bytes(body + directory + before_end + end_record(count, len(directory), len(body), comment, end))


def build64(
    entries: Sequence[Entry],
    *,
    extensible: bytes = b"",
    record: Lies = NO_LIES,
    locator: Lies = NO_LIES,
    end: Lies = NO_LIES,
) -> bytes:
    """The archive with a zip64 end record as well, and ``extensible`` data in it."""
    plain = build(entries)
    at = len(plain) - struct.calcsize(END_FORMAT)
    count, size, start = struct.unpack_from("<HII", plain, at + 10)
    told = {"signature": 0x06064B50, "length": 44 + len(extensible), "count": count, **record}
    wide = struct.pack(
        "<IQHHIIQQQQ", told["signature"], told["length"], 45, 45, 0, 0, count, told["count"], size, start
    )
    places = {"signature": 0x07064B50, "disk": 0, "offset": at, "disks": 1, **locator}
    pointer = struct.pack("<IIQI", *places.values())
    return plain[:at] + wide + extensible + pointer + end_record(count, size, start, lies=end)


def end_record(count: int, size: int, start: int, comment: bytes = b"", lies: Lies = NO_LIES) -> bytes:
    facts = {"signature": 0x06054B50, "here": count & 0xFFFF, "count": count & 0xFFFF, "size": size, "start": start}
    return _packed(END_FORMAT, END, {**facts, "comment_len": len(comment), **lies}) + comment


def deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def extra(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def streamed(data: bytes, *, signature: bytes = b"PK\x07\x08", sizes: str = "II", deflate: bool = False) -> Entry:
    """An entry whose CRC and sizes stand behind its data, as writers do that cannot seek."""
    packed = deflated(data) if deflate else data
    values = struct.pack(f"<I{sizes}", zlib.crc32(data), len(packed), len(data))
    late = {"crc": 0, "packed": 0, "size": 0}
    return Entry(data=data, deflate=deflate, flags=8, local=late, descriptor=signature + values)


def _packed(layout: str, names: Sequence[str], facts: Mapping[str, int]) -> bytes:
    assert set(facts) <= set(names), set(facts) - set(names)
    return struct.pack(layout, *(facts.get(name, 0) for name in names))
