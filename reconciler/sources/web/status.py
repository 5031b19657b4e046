"""What a server says by the status of its answer. Only 200 brings an archive."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from reconciler.errors import InputError, UnreachableError
from reconciler.sources.retry import seconds_of
from reconciler.sources.web.credentials import Credentials

OK: Final = frozenset([200])
_PASSING: Final = frozenset([408, 425, 429])
_SERVER_ERRORS: Final = range(500, 600)
_WANTS_CREDENTIALS: Final = frozenset([401, 403, 407])


def check_status(status: int, credentials: Credentials | None, retry_after: str = "") -> None:
    """Raise unless ``status`` is 200: ``UnreachableError`` for what may pass by itself, else ``InputError``.

    ``credentials`` are those that were shown, ``retry_after`` is the header of this name.
    """
    if status in OK:
        return
    answer = f"it answered {status}{_phrase(status)}"
    if status in _PASSING or status in _SERVER_ERRORS:
        raise UnreachableError(answer).after(seconds_of(retry_after))
    if status in _WANTS_CREDENTIALS:
        advice = "say in 'auth' where the credentials are"
        if credentials is not None:
            advice = f"look at the credentials in {credentials.label}"
        raise InputError(answer, advice=advice)
    raise InputError(answer)


def _phrase(status: int) -> str:
    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""
