"""The headers of a tar file, as POSIX (``pax``, section "ustar Interchange Format") and GNU tar lay them out. Pure.

A ``ValueError`` says what is wrong with one, and never quotes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from reconciler.model.regex import regex

BLOCK_BYTES: Final = 512
ZEROS: Final = bytes(BLOCK_BYTES)
"""Two of them end an archive."""

FILES: Final = frozenset([b"0", b"\0"])
FOLDER: Final = b"5"
FOR_NEXT: Final = b"x"
FOR_ALL: Final = b"g"
LONG_NAME: Final = b"L"
LONG_LINK: Final = b"K"
EXTENDED: Final = frozenset([FOR_NEXT, FOR_ALL, LONG_NAME, LONG_LINK])
"""They say something of the entry behind them, or of all."""
NOT_FILES: Final[Mapping[bytes, str]] = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
}
"""They have no data."""

_CHECKSUM: Final = slice(148, 156)
_PREFIX: Final = slice(345, 500)
_MTIME: Final = slice(136, 148)
_OTHER_NUMBERS: Final = (slice(108, 116), slice(116, 124), slice(329, 337), slice(337, 345))
"""Of owner, group and device. Nothing is done with them, but Python takes a malformed one for the archive's end."""
_USTAR: Final = b"ustar\0"
_GNU: Final = b"ustar  \0"
_NEGATIVE: Final = 0xFF
"""The first byte of a time before 1970."""
_OCTAL: Final = regex(rb"[0-7]*")
_LENGTH: Final = regex(rb"([1-9][0-9]{0,6}) ")
_DECIMAL: Final = regex(r"[0-9]{1,19}")
_UTF8: Final = frozenset(["ISO-IR 10646 2000 UTF-8", "BINARY"])
_HARMLESS: Final = regex(
    r"(?:atime|mtime|ctime|uid|gid|uname|gname|comment|linkpath|charset|hdrcharset|path|size"
    r"|(?:SCHILY|LIBARCHIVE|RHT|MSWINDOWS|APPLE)\..*)",
    re.DOTALL,
)
"""Keys that change nothing of a file's bytes, besides those that are looked at."""


class Header(NamedTuple):
    """One header block. ``kind`` is its type flag, ``size`` that of its data in bytes."""

    name: bytes
    kind: bytes
    size: int
    mode: int


def header_of(block: bytes) -> Header:
    """Decode a header block, whose checksum must be right."""
    ours = sum(block) - sum(block[_CHECKSUM]) + len(block[_CHECKSUM]) * ord(" ")
    if _number(block[_CHECKSUM]) != ours:
        raise ValueError("has a header that does not fit its checksum: it is damaged, or not a tar archive")
    name, magic = _text(block[0:100]), block[257:265]
    if magic.startswith(_USTAR):
        prefix = _text(block[_PREFIX])
        name = prefix + b"/" + name if prefix else name
    elif magic != _GNU and magic.strip(b"\0"):
        raise ValueError("has a header of an unknown form")
    elif any(block[_PREFIX]):
        raise ValueError("has a header that some programs read with another name")
    _check_others(block)
    return Header(name, block[156:157], _number(block[124:136]), _number(block[100:108]))


def _check_others(block: bytes) -> None:
    for place in _OTHER_NUMBERS:
        _number(block[place])
    if block[_MTIME.start] != _NEGATIVE:
        _number(block[_MTIME])


def pax_records(data: bytes) -> dict[str, str]:
    """The records of an extended header: ``LENGTH KEY=VALUE`` and a line feed, each key once."""
    records: dict[str, str] = {}
    at = 0
    while at < len(data):
        match = _LENGTH.match(data, at)
        end = at + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(data) or data[end - 1 : end] != b"\n":
            raise ValueError("has an extended header that is malformed")
        key, equals, value = data[match.end() : end - 1].partition(b"=")
        name = key.decode("utf-8", "backslashreplace")
        if not equals or name in records:
            raise ValueError("has an extended header that says one thing twice, or nothing")
        records[name] = _value(name, value)
        at = end
    return records


def _value(name: str, value: bytes) -> str:
    if name.startswith("GNU.sparse"):
        raise ValueError("is a sparse file")
    if not _HARMLESS.fullmatch(name):
        raise ValueError("has an extended header with an unknown key")
    if name not in ("path", "size", "hdrcharset"):
        return ""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise ValueError("has a name that is not UTF-8") from None
    if (name == "size" and not _DECIMAL.fullmatch(text)) or (name == "hdrcharset" and text not in _UTF8):
        raise ValueError("has an extended header that is malformed")
    return text


def long_name(data: bytes) -> bytes:
    """The name in the data of GNU's header for long names."""
    return _text(data)


def _text(field: bytes) -> bytes:
    text, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise ValueError("has a header with data behind the end of a name")
    return text


def _number(field: bytes) -> int:
    """Octal digits, with spaces around and NULs behind them, or for large numbers the bytes behind a first of 0x80."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:])
    digits = field.lstrip(b" ").rstrip(b" \0")
    if not _OCTAL.fullmatch(digits):
        raise ValueError("has a header with a malformed number")
    return int(digits or b"0", 8)
