"""Push: a package into a registry, where others install it from. The same content is pushed as the same bytes."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from msgspec import Struct

from reconciler.codes import ErrorCode, WarningCode
from reconciler.errors import InputError, NotDesiredError, RefusedError, telling
from reconciler.fs.bounded import read_if_there
from reconciler.fs.presence import is_there
from reconciler.model.config import JsonObject
from reconciler.model.desired import Limits, Policy
from reconciler.model.digest import Digest
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.listener import Progress, no_progress
from reconciler.model.note import Note
from reconciler.model.regex import regex
from reconciler.model.source import Source
from reconciler.model.trust import MAX_SIGNATURES_BYTES
from reconciler.packages.check.notes import check_notes
from reconciler.packages.checksums import with_checksums
from reconciler.packages.content import OpenPackage
from reconciler.packages.zip.pack import pack
from reconciler.resolve.places import signature_beside
from reconciler.resolve.store import store_for
from reconciler.sources.context import SourceContext
from reconciler.sources.local import kind_at
from reconciler.sources.oci.access import PUSH, access_to
from reconciler.sources.oci.client import Client
from reconciler.sources.oci.manifests import (
    EMPTY,
    EMPTY_CONFIG,
    MANIFEST,
    PACKAGE,
    SIGNATURE,
    TEXT,
    TITLE,
    VERSION,
    ZIP,
    Descriptor,
    Manifest,
    read_manifest,
    written,
)
from reconciler.sources.oci.reference import Repository, is_tag, is_version, reference, tag_of, versions_of
from reconciler.sources.oci.referrers import attach
from reconciler.sources.web.artifact import bounds_of
from reconciler.store.desired_file import read_desired

_UNSAFE: Final = regex(r"[^A-Za-z0-9.+_-]")
_MAX_NAME_CHARACTERS: Final = 200
_CHUNK_BYTES: Final = 1 << 16


class Pushed(Struct, frozen=True, kw_only=True):
    """What is in the registry: ``tag`` leads to the manifest with this ``digest``. ``is_new``: it did not before."""

    key: ItemKey
    version: str
    repository: Repository
    tag: str
    digest: Digest
    archive: Digest
    tree: Digest
    size: int
    is_new: bool
    signatures: int = 0
    """How many files of signatures are attached to it."""
    warnings: tuple[Note, ...] = ()

    def to_document(self) -> JsonObject:
        return {
            **self.key.to_document(),
            "version": self.version,
            "oci": str(self.repository),
            "tag": self.tag,
            "digest": self.digest,
            "archive": self.archive,
            "tree": self.tree,
            "size": self.size,
            "pushed": self.is_new,
            "signatures": self.signatures,
            "warnings": [note.to_document() for note in self.warnings],
        }


def push_package(
    env: Environment, file: Path, package: Path, ref: str, *, replaces: bool = False, progress: Progress = no_progress
) -> Pushed:
    """Bring the package at ``package`` to ``ref``; the policy of ``file``, if it is there, says how to get there.

    ``RefusedError`` where the tag is a version that has other content already, unless it ``replaces`` that.
    """
    place, named = reference(ref)
    context = _context(env, file, progress)
    opened = store_for(context.home, _policy(file)).read(
        Source(kind_at(package), str(package.absolute())), name=str(package)
    )
    tag = _tag(opened, named, package)
    client = Client(access=access_to(place, None, env.variables, actions=PUSH), bounds=bounds_of(context))
    with telling(f"{package} was not packed"), tempfile.TemporaryFile() as out:
        layer, manifest = _packed(opened, cast(BinaryIO, out))
        before = client.manifest(tag)
        is_new = before is None or before.digest != manifest.digest
        if is_new:
            _check_may_take(place, tag, before, manifest, replaces=replaces)
            client.upload(EMPTY_CONFIG, EMPTY)
            client.upload(layer, cast(BinaryIO, out))
            client.put(tag, manifest.data, MANIFEST)
    signatures = _signatures(package)
    for data in signatures:
        attach(client, manifest, SIGNATURE, data, media_type=TEXT)
    found = opened.package
    return Pushed(
        key=ItemKey(found.manifest.kind, found.manifest.id),
        version=found.manifest.version,
        repository=place,
        tag=tag,
        digest=manifest.digest,
        archive=layer.digest,
        tree=found.tree,
        size=layer.size,
        is_new=is_new,
        signatures=len(signatures),
        warnings=(*found.warnings, *_notes(opened, layer), *check_notes(opened, name=str(package))),
    )


def _signatures(package: Path) -> tuple[bytes, ...]:
    """What is beside the package, as ``x.sig`` of ``x``: it is foreign here, and judged where it is installed."""
    place = signature_beside(package.absolute())
    try:
        data = read_if_there(place, MAX_SIGNATURES_BYTES + 1)
    except OSError as error:
        raise InputError.at(f"it cannot be read: {error.strerror}", file=place, code=ErrorCode.UNREADABLE) from error
    if data is not None and len(data) > MAX_SIGNATURES_BYTES:
        raise InputError.at(f"it has more than {MAX_SIGNATURES_BYTES} bytes", file=place)
    return (data,) if data else ()


def _policy(file: Path) -> Policy:
    try:
        return read_desired(file).desired.policy if is_there(file) else Policy()
    except NotDesiredError:
        return Policy()


def _context(env: Environment, file: Path, progress: Progress) -> SourceContext:
    policy = _policy(file)
    return SourceContext(
        home=Home(env.home),
        base=file.absolute().parent,
        variables=env.variables,
        rules=policy.sources,
        limits=policy.limits,
        progress=progress,
    )


def _tag(opened: OpenPackage, named: str, package: Path) -> str:
    """The tag that is named, else that of the version; one that is another version is a mistake."""
    manifest = opened.package.manifest
    tag = named or tag_of(manifest.version)
    if not is_tag(tag):
        message = f"{package}: the version '{manifest.version}' cannot be a tag"
        raise InputError(message, advice="name a tag: REGISTRY/NAME:TAG", code=ErrorCode.WRONG_PACKAGE)
    if is_version(tag) and manifest.version not in versions_of([tag], manifest.id):
        message = f"{package} is version {manifest.version} of {manifest.id}, and the tag says {tag}"
        advice = f"push it as :{tag_of(manifest.version)}, or correct the version in its manifest"
        raise InputError(message, advice=advice, code=ErrorCode.WRONG_PACKAGE)
    return tag


def _packed(opened: OpenPackage, out: BinaryIO) -> tuple[Descriptor, Manifest]:
    """Pack it into ``out``; the layer that this is, and the manifest that names it."""
    pack(with_checksums(opened.content), out)
    size = out.tell()
    out.seek(0)
    digest = Digest(f"sha256:{_hashed(out)}")
    layer = Descriptor(media_type=ZIP, digest=digest, size=size)
    item, version = opened.package.manifest.id, opened.package.manifest.version
    title = _UNSAFE.sub("_", f"{item}-{version}")[:_MAX_NAME_CHARACTERS]
    data = written(layer, PACKAGE, title=f"{title}.zip", annotations={TITLE: item, VERSION: version})
    return layer, read_manifest(data, name=item)


def _hashed(out: BinaryIO) -> str:
    sha256 = hashlib.sha256()
    while chunk := out.read(_CHUNK_BYTES):
        sha256.update(chunk)
    return sha256.hexdigest()


def _check_may_take(place: Repository, tag: str, before: Manifest | None, now: Manifest, *, replaces: bool) -> None:
    if before is not None and is_version(tag) and not replaces:
        message = f"{place}:{tag} has other content ({before.digest}) than this package ({now.digest})"
        advice = (
            "give it a new version: others may have what was published in their locks; --replace does it all the same"
        )
        raise RefusedError(message, advice=advice, code=ErrorCode.REPUBLISHED)


def _notes(opened: OpenPackage, layer: Descriptor) -> Iterator[Note]:
    """What was left out, and that others cannot take it where nobody raised the limit."""
    key, limit = ItemKey(opened.package.manifest.kind, opened.package.manifest.id), Limits().archive
    yield from (Note(WarningCode.IGNORED_FILES, f"{key.id}: {said}", key) for said in opened.content.notes)
    if layer.size > limit:
        message = f"{key.id} has {layer.size} bytes; others take {limit}, or what their policy.limits.archive says"
        yield Note(WarningCode.LARGE_ARCHIVE, message, key)
