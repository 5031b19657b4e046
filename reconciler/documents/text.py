"""Bytes into text, and the words in which a malformed document is reported."""

from __future__ import annotations

from reconciler.errors import Fault, InputError

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SHOWN_CHARACTERS = 60


def decoded(data: bytes, *, name: str, max_bytes: int) -> str:
    """``data`` as text: strict UTF-8 without NUL, at most ``max_bytes``; a byte order mark is dropped.

    Raises ``InputError`` with the place in the file ``name``.
    """
    if len(data) > max_bytes:
        raise malformed(f"larger than {max_bytes / 2**20:g} MiB", file=name)
    if data.startswith(_UTF16_MARKS):
        raise malformed("this is UTF-16; save it as UTF-8", file=name, line=1, column=1)
    if b"\0" in data:
        line, column = _position(data[: data.index(0)])
        raise malformed("a NUL byte; save the file as UTF-8 text", file=name, line=line, column=column)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _position(error.object[: error.start])
        message = f"byte 0x{error.object[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise malformed(message, file=name, line=line, column=column) from error


def _position(before: bytes) -> tuple[int, int]:
    """Line and column, from 1, of what follows ``before``."""
    last_line = before.rpartition(b"\n")[2]
    return before.count(b"\n") + 1, len(last_line.decode("utf-8-sig", "replace")) + 1


def malformed(
    message: str, *, file: str, line: int | None = None, column: int | None = None, path: str | None = None
) -> InputError:
    """The error for one fault of the document ``file``."""
    fault = Fault(message=message, file=file, line=line, column=column, path=path or None)
    return InputError(str(fault), faults=(fault,))


def shown(text: str) -> str:
    """Foreign ``text`` as it may stand in a message: quoted, escaped and cut to one short line."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…")
