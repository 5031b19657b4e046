"""What belongs to a manifest in a registry, such as a signature: attached to it, and found again.

A registry lists it itself (distribution specification 1.1), or the one who attaches keeps a list at a tag that is made
of the digest. Nothing of a list is believed: each document has to name, by its own digest, what it belongs to.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.digest import Digest, digest_bytes
from reconciler.sources.oci.client import Client
from reconciler.sources.oci.manifests import (
    EMPTY,
    EMPTY_CONFIG,
    EMPTY_TYPE,
    INDEX,
    MANIFEST,
    Descriptor,
    Manifest,
    described,
    read_manifest,
    written,
    written_index,
)
from reconciler.sources.oci.reference import is_digest

MAX_ATTACHED: Final = 32
"""So many of one type are looked at."""
MAX_ATTACHED_BYTES: Final = 1 << 20
_ATTEMPTS: Final = 5


class Attached(Struct, frozen=True, kw_only=True):
    """``data`` came with the manifest of this ``digest``."""

    digest: Digest
    data: bytes


class Referrers(Struct, frozen=True, kw_only=True):
    """What was found. ``missing`` is listed and not there: a mirror has taken the list along and left these behind."""

    attached: tuple[Attached, ...] = ()
    missing: tuple[Digest, ...] = ()


def referrers(client: Client, subject: Digest, artifact_type: str) -> Referrers:
    """All that is attached to the manifest ``subject`` as an ``artifact_type``. Errors as for a download."""
    client = client.within_one_deadline()
    attached: list[Attached] = []
    missing: list[Digest] = []
    for one in _listed(client, subject, artifact_type)[:MAX_ATTACHED]:
        manifest = client.manifest(one.digest)
        if manifest is None:
            missing.append(one.digest)
        elif _belongs(manifest, subject, artifact_type):
            data = client.blob(manifest.layers[0], MAX_ATTACHED_BYTES)
            if data is None:
                missing.append(one.digest)
            else:
                attached.append(Attached(digest=one.digest, data=data))
    return Referrers(attached=tuple(attached), missing=tuple(missing))


def attach(client: Client, subject: Manifest, artifact_type: str, data: bytes, *, media_type: str) -> Digest:
    """Attach ``data`` to ``subject``; the digest of the manifest that does so. The same twice is attached once."""
    layer = described(data, media_type)
    belongs = Descriptor(media_type=subject.media_type, digest=subject.digest, size=len(subject.data))
    document = written(layer, artifact_type, title=artifact_type.rpartition("/")[2], subject=belongs.to_document())
    client.upload(EMPTY_CONFIG, EMPTY)
    client.upload(layer, data)
    digest = digest_bytes(document)
    if client.put(digest, document, MANIFEST) != subject.digest:
        _note(client, subject.digest, described(document, MANIFEST, artifact_type))
    return digest


def _tag(subject: Digest) -> str:
    return subject.replace(":", "-")


def _listed(client: Client, subject: Digest, artifact_type: str) -> tuple[Descriptor, ...]:
    """What the registry lists, else the list at the tag. An answer that is no list counts as none."""
    asked = f"/referrers/{subject}?artifactType={quote(artifact_type, safe='')}"
    listed = _index(client.document(asked, accept=INDEX))
    if listed is None:
        found = client.manifest(_tag(subject))
        listed = found.manifests if found is not None and found.media_type == INDEX else ()
    kinds = ("", EMPTY_TYPE, artifact_type)
    return tuple(
        one for one in listed if one.media_type == MANIFEST and one.artifact_type in kinds and is_digest(one.digest)
    )


def _index(answer: tuple[bytes, str] | None) -> tuple[Descriptor, ...] | None:
    """The entries of an index; ``None`` where it is something else: a page, or the image itself."""
    if answer is None or answer[1].partition(";")[0].strip() != INDEX:
        return None
    try:
        index = read_manifest(answer[0], name="the list of referrers", sent_as=INDEX)
    except InputError:
        return None
    return index.manifests if index.media_type == INDEX else None


def _belongs(manifest: Manifest, subject: Digest, artifact_type: str) -> bool:
    """Whether a manifest says itself that it is of this type, and of this subject."""
    kind = manifest.artifact_type or manifest.config_type
    if manifest.media_type != MANIFEST or kind != artifact_type or len(manifest.layers) != 1:
        return False
    return manifest.subject is not None and manifest.subject.digest == subject and is_digest(manifest.layers[0].digest)


def _note(client: Client, subject: Digest, entry: Descriptor) -> None:
    """Put ``entry`` on the list at the tag. Others may do the same: it is looked at again afterwards."""
    tag = _tag(subject)
    for _ in range(_ATTEMPTS):
        found = client.manifest(tag)
        listed = found.manifests if found is not None and found.media_type == INDEX else ()
        if any(one.digest == entry.digest for one in listed):
            return
        client.put(tag, written_index((*listed, entry)), INDEX)
    message = f"{client.repository}: others change the tag {tag} at the same time"
    raise InputError(message, advice="attach it again", code=ErrorCode.BUSY)
