"""Our own machine-written documents: JSON that carries the digest of its body, so that one flipped bit is noticed."""

from __future__ import annotations

import json
from typing import Final, cast

from reconciler.errors import InputError, NewerDocumentError
from reconciler.model.config import Json, JsonObject
from reconciler.model.digest import digest_bytes

_HEAD: Final = b'{"digest":"%s","body":'
_TAIL: Final = b"}\n"
_HEAD_BYTES: Final = len(_HEAD % digest_bytes(b"").encode())


def seal(body: JsonObject) -> bytes:
    """The document's bytes. Keys keep their order."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return _HEAD % digest_bytes(data).encode() + data + _TAIL


def unseal(data: bytes, *, name: str, schema: int) -> JsonObject:
    """The body again. ``InputError`` where a byte differs from what was written, or ``check_schema`` raises one."""
    body = data[_HEAD_BYTES : -len(_TAIL)]
    if _HEAD % digest_bytes(body).encode() + body + _TAIL != data:
        message = "it is damaged: its content does not have the digest that it was written with"
        raise InputError.at(message, file=name)
    document = cast(JsonObject, json.loads(body.decode("utf-8", "surrogatepass")))
    check_schema(document.get("schema"), name=name, known=schema)
    return document


def check_schema(found: Json, *, name: str, known: int) -> None:
    """``NewerDocumentError`` where the number of a document's form is not one that this version knows."""
    if not isinstance(found, int) or found > known:
        message = f"a newer llamagate wrote it (schema {found}, this version knows {known})"
        raise NewerDocumentError.at(message, file=name)
