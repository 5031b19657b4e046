"""Sign a catalog: its index, as a new issue that counts for some time, and the statement of each package in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.commands.sign import still_good, texts_in
from reconciler.errors import InputChangedError, InputError, UsageError, telling
from reconciler.fs import durable
from reconciler.fs.bounded import read_if_there, read_start
from reconciler.fs.replace import replace_if
from reconciler.model.catalog import INDEX_NAME, Catalog, Issue, Release
from reconciler.model.config import JsonObject
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey
from reconciler.model.trust import MAX_SIGNATURES_BYTES, SIGNATURE_SUFFIX, TIME_FORMAT, armoured, moment
from reconciler.sources.catalog.index import MAX_INDEX_BYTES, index_bytes, read_index
from reconciler.trust import tool
from reconciler.trust.sshsig import MOST_SIGNATURES, parse
from reconciler.trust.statements import CATALOG_NAMESPACE, PACKAGE_NAMESPACE, package_statement
from reconciler.trust.wire import WireError

_TRIES: Final = 100


class Signing(Struct, frozen=True, kw_only=True):
    """With which ``key``, for how many seconds it counts, and what the catalog is called; empty: as before."""

    key: str
    seconds: int
    name: str = ""


class SignedCatalog(Struct, frozen=True, kw_only=True):
    """The index that was signed, and which issue it is. ``others`` have signed the same issue.

    ``lapsed`` had signed the issue before, and not this one.
    """

    index: Path
    issue: Issue
    others: int = 0
    lapsed: int = 0

    def to_document(self) -> JsonObject:
        counts: JsonObject = {"others": self.others, "lapsed": self.lapsed}
        return {"index": str(self.index), **self.issue.to_document(), **counts}


def sign_index(env: Environment, folder: Path, asked: Signing, *, renew: bool = False) -> SignedCatalog:
    """Sign the index in ``folder``, beside others who have; as a new issue where nobody has yet, or with ``renew``.

    Its packages and their signatures stay as they are. ``UsageError`` where this key has signed it.
    """
    index = folder / INDEX_NAME if folder.is_dir() else folder
    try:
        data = read_start(index, MAX_INDEX_BYTES + 1)
    except OSError as error:
        advice = f"'llamagate catalog build --sign KEY {index.parent}' writes it"
        message = f"{index} cannot be read: {error.strerror}"
        raise InputError(message, advice=advice, code=ErrorCode.UNREADABLE) from error
    catalog = read_index(data, name=str(index))
    if renew or catalog.issue is None or not _signatures_of(index).exists():
        return write_signed(env, index, catalog, asked)
    _check_counts(index, catalog.issue, env.now, asked)
    return _signed_too(env, index, data, SignedCatalog(index=index, issue=catalog.issue), asked.key)


def _check_counts(index: Path, issue: Issue, now: datetime, asked: Signing) -> None:
    """``UsageError`` where a second signature of this issue would be of no use."""
    if now.timestamp() > moment(issue.expires):
        raise UsageError(f"{index} expired at {issue.expires}; --renew signs it as a new issue")
    if asked.name not in ("", issue.catalog):
        raise UsageError(f"{index} is of the catalog '{issue.catalog}'; another --name needs a new issue, with --renew")


def _signed_too(env: Environment, index: Path, data: bytes, signed: SignedCatalog, key: str) -> SignedCatalog:
    """Put one more signature beside the index ``data``; where several do so at once, none is lost."""
    own, place, text = tool.fingerprint_of(key), _signatures_of(index), ""
    for _ in range(_TRIES):
        before = _read(place)
        good = still_good(texts_in(before or b""), data, but="")
        _check_may_sign(index, good, own)
        if not text:
            text = tool.sign(data, namespace=CATALOG_NAMESPACE, key=key, variables=env.variables)
            own = parse(text).key
            _check_may_sign(index, good, own)
        with telling(f"{place} was not written"):
            if replace_if(place, b"".join(map(armoured, (*good, text))), expected=before):
                return replace(signed, others=len(good))
    raise InputChangedError(f"{place} is written by others all the time")


def _check_may_sign(index: Path, good: Sequence[str], own: str) -> None:
    if not good:
        raise UsageError(f"what is signed beside {index} is not this index; --renew signs it as a new issue")
    if own in {parse(one).key for one in good}:
        raise UsageError(f"this key has signed {index} already; --renew signs it as a new issue")
    if len(good) >= MOST_SIGNATURES:
        raise UsageError(f"{index} has {MOST_SIGNATURES} signatures, and no more are looked at")


def _signatures_of(index: Path) -> Path:
    return index.with_name(f"{index.name}{SIGNATURE_SUFFIX}")


def _read(place: Path) -> bytes | None:
    try:
        return read_if_there(place, MAX_SIGNATURES_BYTES + 1)
    except OSError as error:
        raise InputError.at(f"it cannot be read: {error.strerror}", file=place, code=ErrorCode.UNREADABLE) from error


def write_signed(env: Environment, index: Path, catalog: Catalog, asked: Signing) -> SignedCatalog:
    """Write ``catalog`` as the next issue, and its signature.

    While the index changes, the file of signatures has those of the old and of the new one. Who signed the old one has
    to sign the new one, too.
    """
    issue = _next(catalog.issue, env.now, asked, index)
    data = index_bytes(replace(catalog, issue=issue))
    text = tool.sign(data, namespace=CATALOG_NAMESPACE, key=asked.key, variables=env.variables)
    place = _signatures_of(index)
    before = texts_in(_read(place) or b"")[: MOST_SIGNATURES - 1]
    with telling(f"{place} was not written"):
        durable.write_file(place, b"".join(map(armoured, (text, *before))))
        durable.write_file(index, data)
        durable.write_file(place, armoured(text))
    return SignedCatalog(index=index, issue=issue, lapsed=len(_keys(before) - {parse(text).key}))


def _keys(texts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for text in texts:
        with suppress(WireError):
            found.add(parse(text).key)
    return found


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
