"""Takes one archive or one small document from a web server, or a reason why not."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from msgspec import Struct

from reconciler.errors import Fault, InputError, LlamagateError, RefusedError, StorageError, UnreachableError
from reconciler.model.digest import Digest
from reconciler.sources.retry import patiently
from reconciler.sources.web.connection import NETWORK, Network, Response
from reconciler.sources.web.credentials import Credentials
from reconciler.sources.web.deadline import Deadline
from reconciler.sources.web.redirects import Terms, final_answer, prefixed
from reconciler.sources.web.url import HttpUrl, parsed_url


class Bounds(Struct, frozen=True, kw_only=True):
    """Of one transfer. ``size`` is in bytes of the archive; ``seconds`` cover all of it: names, connections, redirects.

    ``private_hosts``, in lower case, may be led to by redirects, and may lead to any address, though it is not public.
    """

    size: int
    seconds: float
    private_hosts: frozenset[str] = frozenset()
    network: Network = NETWORK
    advice: str = ""
    """What to do where it is larger than that."""


Arrived = Callable[[int, int], None]
"""Is told how many bytes of the archive are there by now, and of how many; 0 where the server does not say that.

Where a mirror is asked it counts from the first byte again.
"""


def _unwatched(_size: int, _total: int) -> None:
    """For what is too small to be watched."""


def download(
    url: str,
    out: BinaryIO,
    *,
    bounds: Bounds,
    credentials: Credentials | None = None,
) -> Digest:
    """Write what is at ``url`` into ``out``, in place of all that it holds, and return the digest of that.

    What fails for the moment is tried again. ``credentials`` are shown to their own origin only. ``UnreachableError``
    where trying again later may help, ``RefusedError`` where the way there is not safe, ``InputError`` for any other
    answer than an archive, and ``StorageError`` where ``out`` cannot be written.
    """
    return download_first([url], out, bounds=bounds, credentials=credentials)[1]


def terms_of(bounds: Bounds, deadline: Deadline, credentials: Credentials | None) -> Terms:
    """The terms of one attempt within ``bounds``."""
    return Terms(
        size=bounds.size,
        deadline=deadline,
        private_hosts=bounds.private_hosts,
        credentials=credentials,
        network=bounds.network,
    )


def _download(
    address: HttpUrl,
    out: BinaryIO,
    deadline: Deadline,
    *,
    bounds: Bounds,
    credentials: Credentials | None,
    arrived: Arrived,
) -> Digest:
    """``download``, tried once, until ``deadline``."""
    try:
        with final_answer(address, terms_of(bounds, deadline, credentials)) as answer:
            return save(answer, out, bounds, arrived)
    except LlamagateError as error:
        raise prefixed(error, f"{address} was not downloaded: ") from error


def download_first(
    urls: Sequence[str],
    out: BinaryIO,
    *,
    bounds: Bounds,
    credentials: Credentials | None = None,
    arrived: Arrived = _unwatched,
) -> tuple[str, Digest]:
    """``download`` from the first of ``urls`` that has it, each with bounds of its own, and which one that was.

    All are asked before one is asked again. The error names each of them with its reason. A mirror is shown the
    credentials only if it has their origin.
    """
    deadlines: dict[str, Deadline] = {}
    failures: dict[str, LlamagateError] = {}

    def attempt() -> tuple[str, Digest]:
        for url in urls:
            if (known := failures.get(url)) and not (isinstance(known, UnreachableError) and known.passes_soon):
                continue
            try:
                address = parsed_url(url)
                deadline = deadlines.setdefault(url, Deadline.after(bounds.seconds))
                return url, _download(address, out, deadline, bounds=bounds, credentials=credentials, arrived=arrived)
            except StorageError:
                raise
            except LlamagateError as error:
                failures[url] = error
        raise all_failed([*failures.values()])

    return patiently(attempt, end=time.monotonic() + bounds.seconds * len(urls))


def read_document(url: str, *, bounds: Bounds, credentials: Credentials | None = None) -> bytes:
    """What is at ``url``, in memory; otherwise as ``download``."""
    out = BytesIO()
    download(url, out, bounds=bounds, credentials=credentials)
    return out.getvalue()


def all_failed(failures: Sequence[LlamagateError]) -> LlamagateError:
    """One error for all: of the kind after which most can be hoped for."""
    if len(failures) == 1:
        return failures[0]
    kinds = (UnreachableError, RefusedError)
    kind = next((kind for kind in kinds if any(isinstance(error, kind) for error in failures)), InputError)
    code = next((error.code for error in failures if isinstance(error, kind)), None)
    message = "; ".join(error.message for error in failures)
    faults = [Fault(message=error.message, code=error.code) for error in failures]
    failure = kind(message, faults=faults, code=code)
    if isinstance(failure, UnreachableError):
        soon = [error.wait for error in failures if isinstance(error, UnreachableError) and error.passes_soon]
        return failure.after(min(soon)) if soon else failure.for_long()
    return failure


def save(answer: Response, out: BinaryIO, bounds: Bounds, arrived: Arrived = _unwatched) -> Digest:
    """Write what an answer brings into ``out``, in place of all that it holds, and return its digest."""
    total = answer.promised() or 0
    if total > bounds.size:
        raise _too_large(bounds)
    digest, size = hashlib.sha256(), 0
    with _storing():
        out.seek(0)
        out.truncate()
    for chunk in answer.chunks():
        size += len(chunk)
        if size > bounds.size:
            raise _too_large(bounds)
        digest.update(chunk)
        with _storing():
            out.write(chunk)
        arrived(size, total)
    if not size:
        raise InputError("its answer is empty")
    with _storing():
        out.flush()
    return Digest(f"sha256:{digest.hexdigest()}")


def _too_large(bounds: Bounds) -> InputError:
    return InputError(f"it has more than {bounds.size / 2**20:g} MiB", advice=bounds.advice)


@contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"it could not be stored: {error.strerror}") from error
