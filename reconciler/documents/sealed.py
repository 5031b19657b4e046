"""Our own machine-written documents: JSON that carries the digest of its body, so that one flipped bit is noticed."""

from __future__ import annotations

import json
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct, convert, to_builtins

from reconciler.errors import InputError, NewerDocumentError
from reconciler.model.config import Json, JsonObject
from reconciler.model.digest import digest_bytes

T = TypeVar("T")

DAMAGED: Final = "it is damaged: its content does not have the digest that it was written with"
NOT_OURS: Final = (msgspec.MsgspecError, KeyError, ValueError, TypeError, AttributeError)
"""What the decoder of a document raises where its seal is right and its content is not as we write it."""

_HEAD: Final = b'{"digest":"%s","body":'
_TAIL: Final = b"}\n"
_HEAD_BYTES: Final = len(_HEAD % digest_bytes(b"").encode())


class _Numbered(Struct, frozen=True):
    schema: Any = None


def encode(value: object) -> bytes:
    """A value as JSON. Keys keep their order. A path in it may hold bytes that are no UTF-8."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(to_builtins(value), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "surrogatepass")


def decode(data: bytes, form: type[T]) -> T:
    """The value again. Raises one of ``NOT_OURS``. Our own documents only: doubled keys go unnoticed."""
    try:
        return msgspec.json.decode(data, type=form)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):  # the second before msgspec 0.21
        return convert(json.loads(data.decode("utf-8", "surrogatepass")), form)


def seal(body: object) -> bytes:
    """The document's bytes."""
    data = encode(body)
    return b"".join([_HEAD % digest_bytes(data).encode(), data, _TAIL])


def unseal(data: bytes, *, name: str, schema: int) -> tuple[int, bytes]:
    """The number of the document's form, and its body.

    ``InputError`` where a byte differs from what was written, ``NewerDocumentError`` where the number is above
    ``schema``; and what ``decode`` raises.
    """
    body = data[_HEAD_BYTES : -len(_TAIL)]
    if _HEAD % digest_bytes(body).encode() + body + _TAIL != data:
        raise InputError.at(DAMAGED, file=name)
    found = decode(body, _Numbered).schema
    check_schema(found, name=name, known=schema)
    return int(found), body


def check_schema(found: Json, *, name: str, known: int) -> None:
    """``NewerDocumentError`` where the number of a document's form is not one that this version knows."""
    if not isinstance(found, int) or found > known:
        message = f"a newer llamagate wrote it (schema {found}, this version knows {known})"
        raise NewerDocumentError.at(message, file=name)


def as_object(body: bytes) -> JsonObject:
    """The body of a document that an older version wrote."""
    return decode(body, dict[str, Any])
