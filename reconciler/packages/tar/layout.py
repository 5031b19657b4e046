"""The entries of a tar archive, in one walk over all of it, which hashes what it passes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import Struct

from reconciler.errors import InputError
from reconciler.packages.content import SMALLER
from reconciler.packages.inside import plain
from reconciler.packages.tar.headers import (
    BLOCK_BYTES,
    EXTENDED,
    FILES,
    FOLDER,
    FOR_ALL,
    FOR_NEXT,
    LONG_NAME,
    NOT_FILES,
    ZEROS,
    Header,
    header_of,
    long_name,
    pax_records,
)
from reconciler.packages.zip.archive_file import ArchiveFile

_MAX_EXTENDED_BYTES: Final = 1 << 20
_MAX_PADDING_BYTES: Final = 1 << 20
"""Zeros behind the two blocks that end an archive: tape archivers fill up what they write at once."""
_HEADERS: Final = 4
"""An entry has its own header, and up to three that say more of it."""


class Entry(NamedTuple):
    """One entry. The name of a folder ends with ``/``; ``rule`` says why it cannot be in a package, if so."""

    name: str
    start: int
    size: int
    sha256: str
    executable: bool
    rule: str


def read_entries(archive: ArchiveFile, data: Iterator[bytes], *, most: int) -> list[Entry]:
    """All entries of the archive whose bytes are ``data``. ``InputError`` for the first thing that is wrong."""
    walk = _Walk(archive, data)
    found: list[Entry] = []
    for headers, entry in enumerate(walk.entries()):
        if entry is not None:
            found.append(entry)
        if len(found) > most or headers > _HEADERS * most:
            raise archive.refuse(f"has more than {most} entries", advice=SMALLER)
    walk.check_end()
    if not found:
        raise archive.refuse("holds no files")
    return found


class _Said(Struct):
    """What extended headers say of the next entry."""

    name: bytes | None = None
    size: int | None = None
    is_extended: bool = False


class _Walk(Struct):
    """The bytes of an archive, taken from front to end."""

    archive: ArchiveFile
    data: Iterator[bytes]
    at: int = 0
    _held: bytes = b""

    def entries(self) -> Iterator[Entry | None]:
        """Each entry; ``None`` for a header that only says something of others."""
        said = _Said()
        while (block := self._take(BLOCK_BYTES)) != ZEROS:
            try:
                header = header_of(block)
                if header.kind in EXTENDED:
                    self._extend(said, header)
                    yield None
                    continue
            except ValueError as error:
                raise self.archive.refuse(str(error)) from error
            yield self._entry(header, said)
            said = _Said()
        if said != _Said():
            raise self.archive.refuse("ends behind a header that belongs to an entry")

    def check_end(self) -> None:
        """``InputError`` unless a second block of zeros follows, and nothing but zeros behind it."""
        if self._take(BLOCK_BYTES) != ZEROS:
            raise self.archive.refuse("has one block of zeros where two end an archive")
        start = self.at
        for chunk in self._rest():
            self.at += len(chunk)
            if chunk.strip(b"\0") or self.at - start > _MAX_PADDING_BYTES:
                raise self.archive.refuse("has data behind its end")

    def _extend(self, said: _Said, header: Header) -> None:
        """Take the data of an extended header. ``ValueError`` says what is wrong with it."""
        if header.size > _MAX_EXTENDED_BYTES:
            raise ValueError(f"has a header of {header.size} bytes for one entry")
        data = self._take(header.size)
        self._take(-header.size % BLOCK_BYTES)
        if header.kind == LONG_NAME:
            _say_name(said, long_name(data))
        elif header.kind in (FOR_NEXT, FOR_ALL):
            records = pax_records(data)
            if header.kind == FOR_NEXT and said.is_extended:
                raise ValueError("has two extended headers for one entry")
            said.is_extended = header.kind == FOR_NEXT or said.is_extended
            if header.kind == FOR_ALL and records.keys() & {"path", "size", "linkpath"}:
                raise ValueError("has a header that names all its entries alike")
            if "path" in records:
                _say_name(said, records["path"].encode())
            if "size" in records:
                said.size = int(records["size"])

    def _entry(self, header: Header, said: _Said) -> Entry:
        name = self._name(header, said)
        if said.size not in (None, header.size):
            raise self.archive.refuse("has two sizes", entry=name)
        start, is_folder = self.at, header.kind == FOLDER
        if not is_folder and header.kind not in FILES | NOT_FILES.keys():
            raise self.archive.refuse("is neither a file nor a folder", entry=name)
        if name.endswith("/") and not is_folder:
            raise self.archive.refuse("is a folder by its name, but not by its type", entry=name)
        if header.kind in NOT_FILES:
            if header.size:
                raise self.archive.refuse("has data, which links, devices and pipes do not", entry=name)
            return Entry(name, start, 0, "", False, f"is {NOT_FILES[header.kind]}")
        name = f"{name.removesuffix('/')}/" if is_folder else name
        if is_folder and header.size:
            raise self.archive.refuse("is a folder with content", entry=name)
        digest = hashlib.sha256()
        for chunk in self._each(header.size):
            digest.update(chunk)
        self._take(-header.size % BLOCK_BYTES)
        executable = not is_folder and header.mode & 0o111 != 0
        return Entry(name, start, header.size, digest.hexdigest(), executable, "")

    def _name(self, header: Header, said: _Said) -> str:
        raw = header.name if said.name is None else said.name
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            shown = raw.decode("utf-8", "backslashreplace")
            raise self.archive.refuse("the name is not UTF-8", entry=shown, advice="rename it") from error
        return plain("./" if text == "." else text)

    def _take(self, length: int) -> bytes:
        return b"".join(self._each(length))

    def _each(self, length: int) -> Iterator[bytes]:
        """The next ``length`` bytes, exactly."""
        self.at += length
        while length:
            chunk = self._held or next(self.data, b"")
            if not chunk:
                raise self._cut_short()
            yield chunk[:length]
            self._held = chunk[length:]
            length -= min(length, len(chunk))

    def _rest(self) -> Iterator[bytes]:
        yield self._held
        yield from self.data

    def _cut_short(self) -> InputError:
        return self.archive.refuse("is cut short")


def _say_name(said: _Said, name: bytes) -> None:
    if said.name is not None:
        raise ValueError("has two headers that name one entry")
    said.name = name
