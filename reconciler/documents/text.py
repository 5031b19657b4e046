"""Bytes into text, places in it, and how foreign text is shown."""

from __future__ import annotations

from reconciler.codes import FaultCode
from reconciler.errors import InputError

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SHOWN_CHARACTERS = 60


def decoded(data: bytes, *, name: str, max_bytes: int) -> str:
    """``data`` as text: strict UTF-8 without NUL, at most ``max_bytes``; a byte order mark is dropped.

    Raises ``InputError`` with the place in the file ``name``.
    """
    if len(data) > max_bytes:
        raise InputError.at(f"larger than {max_bytes / 2**20:g} MiB", file=name, code=FaultCode.SYNTAX)
    if data.startswith(_UTF16_MARKS):
        raise InputError.at("this is UTF-16; save it as UTF-8", file=name, place=(1, 1), code=FaultCode.SYNTAX)
    if b"\0" in data:
        before = data[: data.index(0)].decode("utf-8-sig", "replace")
        raise InputError.at(
            "a NUL byte; save the file as UTF-8 text",
            file=name,
            place=position(before, len(before)),
            code=FaultCode.SYNTAX,
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8-sig", "replace")
        message = f"byte 0x{error.object[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise InputError.at(message, file=name, place=position(before, len(before)), code=FaultCode.SYNTAX) from error


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of the character at ``index``."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def shown(text: str) -> str:
    """Foreign ``text`` as it may stand in a message: quoted, escaped and cut to one short line."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…")
