"""Sign a catalog: its index, as a new issue that counts for some time, and the statement of each package in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.commands.sign import still_good, texts_in
from reconciler.errors import InputError, telling
from reconciler.fs import durable
from reconciler.fs.bounded import read_if_there
from reconciler.model.catalog import INDEX_NAME, Catalog, Issue, Release
from reconciler.model.config import JsonObject
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey
from reconciler.model.trust import MAX_SIGNATURES_BYTES, SIGNATURE_SUFFIX, TIME_FORMAT, armoured
from reconciler.sources.catalog.index import index_bytes, read_index_file
from reconciler.trust import tool
from reconciler.trust.sshsig import parse
from reconciler.trust.statements import CATALOG_NAMESPACE, PACKAGE_NAMESPACE, package_statement


class Signing(Struct, frozen=True, kw_only=True):
    """With which ``key``, for how many seconds it counts, and what the catalog is called; empty: as before."""

    key: str
    seconds: int
    name: str = ""


class SignedCatalog(Struct, frozen=True, kw_only=True):
    """The index that was signed, and which issue it is."""

    index: Path
    issue: Issue

    def to_document(self) -> JsonObject:
        return {"index": str(self.index), **self.issue.to_document()}


def sign_index(env: Environment, folder: Path, asked: Signing) -> SignedCatalog:
    """Sign the index in ``folder`` as a new issue. Its packages and their signatures stay as they are."""
    index = folder / INDEX_NAME if folder.is_dir() else folder
    try:
        catalog = read_index_file(index)
    except OSError as error:
        advice = f"'llamagate catalog build --sign KEY {index.parent}' writes it"
        message = f"{index} cannot be read: {error.strerror}"
        raise InputError(message, advice=advice, code=ErrorCode.UNREADABLE) from error
    return write_signed(env, index, catalog, asked)


def has_issue(folder: Path) -> bool:
    """Whether the index in ``folder`` was made to be signed, and has been."""
    index = folder / INDEX_NAME if folder.is_dir() else folder
    try:
        return read_index_file(index).issue is not None and index.with_name(f"{index.name}{SIGNATURE_SUFFIX}").exists()
    except OSError:
        return False


def write_signed(env: Environment, index: Path, catalog: Catalog, asked: Signing) -> SignedCatalog:
    """Write ``catalog`` as the next issue, and its signature.

    While the index changes, the file of signatures has those of the old and of the new one.
    """
    issue = _next(catalog.issue, env.now, asked, index)
    data = index_bytes(replace(catalog, issue=issue))
    text = tool.sign(data, namespace=CATALOG_NAMESPACE, key=asked.key, variables=env.variables)
    place = index.with_name(f"{index.name}{SIGNATURE_SUFFIX}")
    with telling(f"{place} was not written"):
        before = texts_in(read_if_there(place, MAX_SIGNATURES_BYTES + 1) or b"")[:1]
        durable.write_file(place, b"".join(armoured(one) for one in (text, *before)))
        durable.write_file(index, data)
        durable.write_file(place, armoured(text))
    return SignedCatalog(index=index, issue=issue)


def with_signatures(
    env: Environment, items: Mapping[ItemKey, Mapping[str, Release]], key: str
) -> dict[ItemKey, dict[str, Release]]:
    """Each release with a signature by ``key``. What others signed stays, as far as it is of that release."""
    own = tool.fingerprint_of(key)
    return {
        item: {version: _signed(env, item, version, one, key, own) for version, one in releases.items()}
        for item, releases in items.items()
    }


def _signed(env: Environment, item: ItemKey, version: str, release: Release, key: str, own: str) -> Release:
    statement = package_statement(item, version, release.tree, release.executables)
    good = still_good(release.signatures, statement, but="")
    if own and own in {parse(text).key for text in good}:
        return replace(release, signatures=good)
    text = tool.sign(statement, namespace=PACKAGE_NAMESPACE, key=key, variables=env.variables)
    others = tuple(one for one in good if parse(one).key != parse(text).key)
    return replace(release, signatures=(*others, text))


def _next(before: Issue | None, now: datetime, asked: Signing, index: Path) -> Issue:
    name = asked.name or (before.catalog if before else index.absolute().parent.name)
    times = (now.astimezone(UTC), now.astimezone(UTC) + timedelta(seconds=asked.seconds))
    issued, expires = (one.strftime(TIME_FORMAT) for one in times)
    return Issue(catalog=name, serial=before.serial + 1 if before else 1, issued=issued, expires=expires)
