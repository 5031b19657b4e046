"""Builds tar files that may lie in every field. Nothing here is shared with the reader that it tests."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass

BLOCK = 512
END = bytes(2 * BLOCK)


@dataclass(frozen=True, kw_only=True)
class Member:
    """One entry to write; ``size`` is what its header says, ``pax`` stands in an extended header before it."""

    name: bytes | str = "manifest.yaml"
    data: bytes = b"name: x\n"
    kind: bytes = b"0"
    mode: int = 0o644
    size: int | bytes | None = None
    magic: bytes = b"ustar\x0000"
    prefix: bytes = b""
    link: bytes = b""
    owner: bytes = b"0000000"
    time: bytes = b"00000000000"
    pax: Sequence[tuple[str, str]] = ()
    checksum: int | None = None

    def block(self) -> bytes:
        name = self.name.encode() if isinstance(self.name, str) else self.name
        size = len(self.data) if self.size is None else self.size
        size_field = size if isinstance(size, bytes) else b"%011o\0" % size
        fields = [name.ljust(100, b"\0"), b"%07o\0" % self.mode, *[self.owner.ljust(8, b"\0")] * 2]
        fields += [size_field, self.time.ljust(12, b"\0")]
        fields += [b" " * 8, self.kind, self.link.ljust(100, b"\0"), self.magic.ljust(8, b"\0")]
        fields += [bytes(32), bytes(32), bytes(16), self.prefix.ljust(155, b"\0")]
        block = b"".join(fields).ljust(BLOCK, b"\0")
        checksum = sum(block) if self.checksum is None else self.checksum
        return block[:148] + b"%06o\0 " % checksum + block[156:]

    def written(self) -> bytes:
        before = extended(self.pax) if self.pax else b""
        return before + self.block() + padded(self.data)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def records(pairs: Sequence[tuple[str, str]]) -> bytes:
    out = b""
    for key, value in pairs:
        body = b" " + key.encode() + b"=" + value.encode() + b"\n"
        length = len(body) + 1
        while len(str(length)) + len(body) != length:
            length += 1
        out += str(length).encode() + body
    return out


def extended(pairs: Sequence[tuple[str, str]], kind: bytes = b"x") -> bytes:
    return Member(name="PaxHeader", data=records(pairs), kind=kind).written()


def long_name(name: bytes, kind: bytes = b"L") -> bytes:
    """GNU's header for the name of the next entry."""
    return Member(name="././@LongLink", data=name + b"\0", kind=kind, magic=b"ustar  \0").written()


def build(*parts: Member | bytes, end: bytes = END) -> bytes:
    return b"".join(part if isinstance(part, bytes) else part.written() for part in parts) + end


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)
