"""One archive, from wherever it lies, with the digest that it has."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, RefusedError, StorageError
from reconciler.fs import durable, nameless
from reconciler.model.auth import Auth
from reconciler.model.digest import Digest
from reconciler.model.listener import IN_BYTES, Progress
from reconciler.packages.tar.archive import is_tar, open_tar
from reconciler.packages.zip.archive import open_archive
from reconciler.packages.zip.archive_file import opened_archive
from reconciler.sources.context import SourceContext
from reconciler.sources.protocol import Delivery
from reconciler.sources.web.authorities import authorities_of
from reconciler.sources.web.connection import Network
from reconciler.sources.web.credentials import credentials_for
from reconciler.sources.web.proxy import proxies_of
from reconciler.sources.web.transfer import Bounds, download_first

_RAISE_THE_LIMIT: Final = "raise policy.limits.archive if it is what it should be"
_ZIP_START: Final = b"PK"
_START_BYTES: Final = 512
_MIB: Final = 2**20
_SHOWN_CHARACTERS: Final = 40


def network_of(context: SourceContext) -> Network:
    """How ``context`` has this machine reach others."""
    proxies = proxies_of(context.rules, context.variables)
    return Network(proxies=proxies, authorities=authorities_of(context.variables))


def bounds_of(context: SourceContext) -> Bounds:
    """How large an archive may be, and how long it may take."""
    return Bounds(
        size=context.limits.archive,
        seconds=context.rules.seconds,
        private_hosts=context.rules.private_hosts,
        network=network_of(context),
        advice=_RAISE_THE_LIMIT,
    )


class Claim(NamedTuple):
    """``who`` says which digest an archive has, and what to do where it has another."""

    who: str
    advice: str


BY_LOCK: Final = Claim("the lock says", "find out who changed it; 'llamagate lock --upgrade ID' accepts it as it is")
BY_FILE: Final = Claim("the file says", "find out who changed it; if it is right as it is, change its sha256 there")
BY_MANIFEST: Final = Claim("its manifest says", "the registry damaged it, or somebody changed it there: push it again")
BY_INDEX: Final = Claim("the index says", "find out who changed it; its publisher has to fix the catalog")


class Download(Struct, frozen=True, kw_only=True):
    """An archive to take from the first of ``urls`` that has it. ``name`` is how messages call the package, and
    ``path`` its folder in it.

    ``archive`` is the digest that it must have, by the ``claim`` of someone.
    """

    urls: Sequence[str]
    name: str
    path: str = ""
    auth: Auth | None = None
    archive: Digest | None = None
    claim: Claim = BY_LOCK


class Artifact(NamedTuple):
    """An archive that arrived: the bytes in ``out``, and their digest."""

    out: BinaryIO
    digest: Digest


@contextmanager
def downloaded(wanted: Download, context: SourceContext) -> Iterator[Delivery]:
    """The package in the archive at the urls. ``RefusedError`` where its bytes are not what they must be."""
    with arrived_from(wanted, context) as artifact:
        yield delivery(artifact, wanted, context)


@contextmanager
def arrived_from(wanted: Download, context: SourceContext) -> Iterator[Artifact]:
    """The archive at the urls, whatever is in it."""
    context.check_may_ask(wanted.name)
    bounds = bounds_of(context)
    credentials = credentials_for(wanted.auth, wanted.urls[0], context.variables) if wanted.auth else None
    with arriving(context) as out:
        arrived = partial(show_arrival, context.progress, wanted.name)
        _, digest = download_first(wanted.urls, out, bounds=bounds, credentials=credentials, arrived=arrived)
        yield Artifact(out, digest)


def show_arrival(progress: Progress, name: str, size: int, total: int) -> None:
    """Show how much of an archive is there, where it is known how much that will be."""
    if total >= _MIB:
        progress(f"fetching {name.rpartition('/')[2][:_SHOWN_CHARACTERS]}{IN_BYTES}", size, total)


@contextmanager
def copied(path: Path, wanted: Download, context: SourceContext) -> Iterator[Delivery]:
    """The package in the archive at ``path``, which may change while it is read: a copy is what is looked at."""
    with arriving(context) as out:
        yield delivery(Artifact(out, _copy(path, out, context)), wanted, context)


@contextmanager
def arriving(context: SourceContext) -> Iterator[BinaryIO]:
    """A file for what arrives, which is gone in the end."""
    folder = context.home.cache
    try:
        durable.make_folders(folder)
        arriving = nameless.file_in(folder)
        with arriving as out:
            yield out
    except OSError as error:
        raise StorageError(f"{error.filename or folder}: {error.strerror}; nothing was fetched") from error


def _copy(path: Path, out: BinaryIO, context: SourceContext) -> Digest:
    digest = hashlib.sha256()
    with opened_archive(path, str(path)) as archive:
        if archive.size > context.limits.archive:
            message = f"{path} has more than {context.limits.archive} bytes"
            raise InputError(message, advice=_RAISE_THE_LIMIT)
        for chunk in archive.chunks(0, archive.size):
            digest.update(chunk)
            out.write(chunk)
    out.flush()
    return Digest(f"sha256:{digest.hexdigest()}")


def delivery(artifact: Artifact, wanted: Download, context: SourceContext) -> Delivery:
    """The package in an archive that arrived. ``RefusedError`` where its bytes are not what they must be."""
    out, digest = artifact
    if wanted.archive not in (None, digest):
        message = f"{wanted.name}: the archive has the digest {digest}, but {wanted.claim.who} {wanted.archive}"
        raise RefusedError(message, advice=wanted.claim.advice, code=ErrorCode.PIN_MISMATCH)
    out.flush()
    place, size = out.fileno(), os.fstat(out.fileno()).st_size
    start = os.pread(place, _START_BYTES, 0)
    if is_tar(start):
        tar = open_tar(place, limits=context.limits, name=wanted.name, path=wanted.path)
        return Delivery(tar, digest, size)
    if not start.startswith(_ZIP_START):
        advice = "name the archive itself; a repository is written {git: URL}"
        raise InputError(f"{wanted.name}: the download is neither a zip nor a tar archive", advice=advice)
    content = open_archive(place, limits=context.limits, name=wanted.name, path=wanted.path)
    return Delivery(content, digest, size, content.left_out)
