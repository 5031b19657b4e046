"""Sign: a package's statement, with a key that a person has. The signature is beside the package."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, telling
from reconciler.fs import durable
from reconciler.fs.bounded import read_if_there
from reconciler.model.config import JsonObject
from reconciler.model.desired import Limits
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.source import Source
from reconciler.model.trust import MAX_SIGNATURES_BYTES, armoured
from reconciler.resolve.places import signature_beside
from reconciler.resolve.store import PackageStore
from reconciler.sources.local import kind_at
from reconciler.trust import tool
from reconciler.trust.sshsig import dearmoured, parse
from reconciler.trust.statements import PACKAGE_NAMESPACE, package_statement
from reconciler.trust.verify import has_signed
from reconciler.trust.wire import WireError


class SignedPackage(Struct, frozen=True, kw_only=True):
    """What was signed, where the signature is, and the fingerprint of the key; ``others`` signed it before."""

    what: str
    path: Path
    key: str
    others: int = 0

    def to_document(self) -> JsonObject:
        return {"signed": self.what, "signature": str(self.path), "key": self.key, "others": self.others}


def statement_of(env: Environment, package: Path) -> bytes:
    """What is to be signed of the package at ``package``. ``InputError`` says what is wrong with it."""
    return _statement(env, package)[1]


def sign_package(env: Environment, package: Path, key: str) -> SignedPackage:
    """Sign it, and keep what others have signed of the same content."""
    what, statement = _statement(env, package)
    place = signature_beside(Path(package).absolute())
    text = tool.sign(statement, namespace=PACKAGE_NAMESPACE, key=key, variables=env.variables)
    fingerprint = parse(text).key
    try:
        before = read_if_there(place, MAX_SIGNATURES_BYTES + 1)
    except OSError as error:
        raise InputError.at(f"it cannot be read: {error.strerror}", file=place, code=ErrorCode.UNREADABLE) from error
    others = still_good(texts_in(before or b""), statement, but=fingerprint)
    with telling(f"{place} was not written"):
        durable.write_file(place, b"".join(armoured(one) for one in (*others, text)))
    return SignedPackage(what=what, path=place, key=fingerprint, others=len(others))


def texts_in(data: bytes) -> tuple[str, ...]:
    """The signatures in a file that may be anything."""
    try:
        return dearmoured(data)
    except WireError:
        return ()


def still_good(texts: Iterable[str], statement: bytes, *, but: str) -> tuple[str, ...]:
    """Those that are of ``statement``, without those of the key with the fingerprint ``but``."""
    found = []
    for text in texts:
        try:
            signature = parse(text)
            if signature.key != but and has_signed(signature, statement):
                found.append(text)
        except WireError:
            continue
    return tuple(found)


def _statement(env: Environment, package: Path) -> tuple[str, bytes]:
    store = PackageStore(home=Home(env.home), limits=Limits())
    opened = store.read(Source(kind_at(package), str(package.absolute())), name=str(package)).package
    manifest = opened.manifest
    what = f"{manifest.kind} {manifest.id} {manifest.version}"
    return what, package_statement(
        ItemKey(manifest.kind, manifest.id), manifest.version, opened.tree, opened.executables
    )
