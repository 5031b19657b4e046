"""A file's bytes as text, in the encoding and with the line ends that they were written with."""

from __future__ import annotations

import codecs
from typing import Final

from msgspec import Struct

from reconciler.model.regex import regex

UTF_8: Final = "UTF-8"
_MARKED: Final = ((codecs.BOM_UTF16_LE, "UTF-16LE"), (codecs.BOM_UTF16_BE, "UTF-16BE"))
_ONE_BYTE: Final = "windows-1252"
"""Latin-1 with the quotes and dashes that Windows puts where that has control characters."""
_CONTROLS: Final = regex(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
"""In bytes that are no UTF-8 they mean that it is no text at all."""
_BARE: Final = regex(r"(?<!\r)\n")


class Decoded(Struct, frozen=True, kw_only=True):
    """``line_ends`` are LF, CRLF or mixed. Where all are CRLF ``text`` has line feeds alone; else it is as it is."""

    text: str
    encoding: str = UTF_8
    line_ends: str = "LF"


def decoded(data: bytes) -> Decoded | None:
    """``None`` where it is no text. What is neither UTF-8 nor begins with the mark of UTF-16 is a guess."""
    for mark, encoding in _MARKED:
        if data.startswith(mark):
            return _text(data[len(mark) :], encoding)
    found = _text(data, UTF_8)
    if found is not None or _CONTROLS.search(data):
        return found
    return _text(data, _ONE_BYTE)


def is_plain(data: bytes) -> bool:
    """Whether it is UTF-8 text with line feeds alone, or nothing."""
    found = decoded(data)
    return found is not None and (found.encoding, found.line_ends) == (UTF_8, "LF")


def _text(data: bytes, encoding: str) -> Decoded | None:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    if "\r\n" not in text:
        return Decoded(text=text, encoding=encoding)
    if _BARE.search(text):
        return Decoded(text=text, encoding=encoding, line_ends="mixed")
    return Decoded(text=text.replace("\r\n", "\n"), encoding=encoding, line_ends="CRLF")
