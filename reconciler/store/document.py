"""Files that people keep, read and held against their schema. ``desired_file`` and ``lock_file`` know what they say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from reconciler.codes import ErrorCode, FaultCode
from reconciler.documents import schemas
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.regex import regex

_MARKER: Final = b"<<<<<<< "
_CONFLICT: Final = regex(rb"^<{7} ", re.MULTILINE)

MAX_BYTES: Final = 64 * 2**20
"""How much of a file is looked at; the decoder takes less."""

Known = Mapping[Digest, JsonObject]
"""Documents as they were decoded, by the digest of their text. What is known costs no YAML and no validation."""


def known_document(digest: Digest, known: Known, *, is_lock: bool) -> JsonObject | None:
    """What is known of the text with this digest. A lock is no desired state, nor the reverse, and both are known."""
    document = known.get(digest)
    return document if document is not None and ("items" in document) is is_lock else None


def validated(
    data: bytes,
    path: Path,
    schema: str,
    what: str,
    text_keys: frozenset[tuple[int, str]],
    *,
    foreign: frozenset[str] = frozenset(),
    unproved: Callable[[JsonObject], JsonObject] = lambda value: value,
) -> JsonObject:
    """The document, held against its schema, without the keys at its top that are ``foreign``, whatever their case.

    ``unproved`` leaves out of it what is known to fit the schema.
    """
    try:
        value = yaml_text.load(data, name=str(path), text_keys=text_keys)
    except InputError as error:
        if conflict := _conflict(data, path):
            raise conflict from error
        raise
    if foreign and isinstance(value, dict):
        value = {key: part for key, part in value.items() if key.lower() not in foreign}
    if not (isinstance(value, dict) and schemas.is_valid(unproved(value), schema)):
        schemas.check(value, schema, data=data, file=str(path), what=what)
    return cast(JsonObject, value)


def _conflict(data: bytes, path: Path) -> InputError | None:
    """The error for text in which a merge left both sides; ``None`` where it did not."""
    if _MARKER not in data or (match := _CONFLICT.search(data)) is None:  # the first is quick also in a huge file
        return None
    line = data.count(b"\n", 0, match.start()) + 1
    advice = "keep one side of each conflict; for the lock, then run 'llamagate lock'"
    message = "there are conflict markers of a merge here"
    return InputError.at(message, file=path, place=(line, 1), advice=advice, code=FaultCode.SYNTAX)


@contextmanager
def telling_path(path: Path, flag: str = "-f") -> Iterator[None]:
    """``InputError`` for what the system refuses, but for a missing file. ``flag`` names another one."""
    try:
        yield
    except FileNotFoundError:
        raise
    except IsADirectoryError as error:
        raise InputError.at(
            f"this is a folder, not a file; name a file with {flag}, or rename the folder",
            file=path,
            code=ErrorCode.UNREADABLE,
        ) from error
    except OSError as error:
        raise InputError.at(f"it cannot be read: {error.strerror}", file=path, code=ErrorCode.UNREADABLE) from error
