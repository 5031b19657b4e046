"""Documents of web servers that were read before: one that has not changed is not sent again (RFC 9110, 13.1.2).

A copy is a line of JSON, then the document. It is a help and no more: one that is damaged, or that cannot be written,
costs a transfer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.errors import LlamagateError
from reconciler.fs import durable
from reconciler.fs.bounded import read_if_there
from reconciler.fs.presence import is_folder
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.home import Home
from reconciler.model.regex import regex
from reconciler.sources.retry import patiently
from reconciler.sources.web.credentials import Credentials
from reconciler.sources.web.deadline import Deadline
from reconciler.sources.web.redirects import Terms, final_answer, prefixed
from reconciler.sources.web.transfer import Bounds, save, terms_of
from reconciler.sources.web.url import HttpUrl, parsed_url

_TAG: Final = regex(r'(?:W/)?"[!#-~]{1,256}"')
_MAX_HEAD_BYTES: Final = 8192
_SAME: Final = 304
_ANSWERS: Final = frozenset([200, _SAME])


class _Copy(Struct, frozen=True):
    """A document that is kept, and the tag that its server gave it."""

    tag: str
    data: bytes


def read_again(url: str, home: Home, *, bounds: Bounds, credentials: Credentials | None = None) -> bytes:
    """What is at ``url``, in memory. The home keeps it, if there is one, with the tag that the server gave it.

    Errors are those of a download.
    """
    address, place, deadline = parsed_url(url), place_of(home, url), Deadline.after(bounds.seconds)
    copy = _kept(place, url, bounds.size)
    try:
        return patiently(
            lambda: _read(
                address, _terms(bounds, deadline, credentials, copy), bounds, copy, keep=_keeping(place, url)
            ),
            end=deadline.end,
        )
    except LlamagateError as error:
        raise prefixed(error, f"{address} was not downloaded: ") from error


def place_of(home: Home, url: str) -> Path:
    """Where the document of ``url`` is kept."""
    return home.cached_document(hashlib.sha256(url.encode()).hexdigest())


def forget(url: str, home: Home) -> None:
    """Keep no document of ``url``, which turned out to be of no use: the next time all of it is asked for."""
    with suppress(OSError):
        place_of(home, url).unlink(missing_ok=True)


def _read(
    address: HttpUrl, terms: Terms, bounds: Bounds, copy: _Copy | None, *, keep: Callable[[str, bytes], None]
) -> bytes:
    out = BytesIO()
    with final_answer(address, terms) as answer:
        if answer.status == _SAME and copy is not None:
            return copy.data
        save(answer, out, bounds)
        tag = answer.header("ETag")
    if _TAG.fullmatch(tag):
        keep(tag, out.getvalue())
    return out.getvalue()


def _terms(bounds: Bounds, deadline: Deadline, credentials: Credentials | None, copy: _Copy | None) -> Terms:
    terms = terms_of(bounds, deadline, credentials)
    if copy is None:
        return terms
    asked = {"If-None-Match": copy.tag}
    return replace(terms, headers=asked, welcome=_ANSWERS, welcome_elsewhere=_ANSWERS)


def _kept(place: Path, url: str, most: int) -> _Copy | None:
    try:
        found = read_if_there(place, most + _MAX_HEAD_BYTES)
        head, _, data = (found or b"").partition(b"\n")
        known = json.loads(head[:_MAX_HEAD_BYTES]) if head else {}
        is_right = known == {"url": url, "etag": known["etag"], "digest": digest_bytes(data)}
        return _Copy(known["etag"], data) if is_right and _TAG.fullmatch(known["etag"]) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _keeping(place: Path, url: str) -> Callable[[str, bytes], None]:
    def keep(tag: str, data: bytes) -> None:
        digest: Digest = digest_bytes(data)
        head = json.dumps({"url": url, "etag": tag, "digest": digest}).encode()
        with suppress(OSError):
            if is_folder(place.parent):  # who only reads makes no home
                durable.write_file(place, head + b"\n" + data, mode=durable.private_mode(place.parent), sync=False)

    return keep
