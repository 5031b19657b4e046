"""The documents of a registry: manifests of packages and of what belongs to them. Pure."""

from __future__ import annotations

import json
from typing import Final, cast

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.documents import json_text
from reconciler.errors import InputError
from reconciler.model.config import Json, JsonObject
from reconciler.model.digest import Digest, digest_bytes
from reconciler.sources.oci.reference import is_digest

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX: Final = "application/vnd.oci.image.index.v1+json"
_DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPT: Final = ", ".join([MANIFEST, INDEX, _DOCKER_MANIFEST, _DOCKER_INDEX])
"""Without it a registry may say that there is no such manifest."""

PACKAGE: Final = "application/vnd.llamagate.package.v1"
SIGNATURE: Final = "application/vnd.llamagate.signature.v1"
ZIP: Final = "application/zip"
TEXT: Final = "text/plain"
EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"
EMPTY: Final = b"{}"
TITLE: Final = "org.opencontainers.image.title"
VERSION: Final = "org.opencontainers.image.version"
_IMAGE_CONFIGS: Final = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
MAX_BYTES: Final = 4 * 2**20
"""Of a manifest, as the specification asks registries to take."""


class Descriptor(Struct, frozen=True, kw_only=True):
    """Bytes in a registry: what they are, their digest and how many."""

    media_type: str
    digest: Digest
    size: int
    artifact_type: str = ""

    def to_document(self) -> JsonObject:
        kind: JsonObject = {"artifactType": self.artifact_type} if self.artifact_type else {}
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **kind}


def described(data: bytes, media_type: str, artifact_type: str = "") -> Descriptor:
    """The descriptor of ``data``."""
    return Descriptor(media_type=media_type, digest=digest_bytes(data), size=len(data), artifact_type=artifact_type)


EMPTY_CONFIG: Final = described(EMPTY, EMPTY_TYPE)


class Manifest(Struct, frozen=True, kw_only=True):
    """A manifest as it came, and what it says; ``media_type`` is what it is by itself, or what it was sent as."""

    data: bytes
    digest: Digest
    media_type: str
    artifact_type: str
    config_type: str
    layers: tuple[Descriptor, ...]
    manifests: tuple[Descriptor, ...]
    subject: Descriptor | None

    @property
    def is_index(self) -> bool:
        return self.media_type in (INDEX, _DOCKER_INDEX)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(
            media_type=self.media_type, digest=self.digest, size=len(self.data), artifact_type=self.artifact_type
        )


def written(layer: Descriptor, artifact_type: str, *, title: str, **more: JsonObject) -> bytes:
    """A manifest with one layer: the same bytes for the same content, since it holds no time."""
    document: JsonObject = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": EMPTY_CONFIG.to_document(),
        "layers": [{**layer.to_document(), "annotations": {TITLE: title}}],
        **more,
    }
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def written_index(manifests: tuple[Descriptor, ...]) -> bytes:
    """An index, of which the fallback for referrers is one."""
    listed: list[Json] = [one.to_document() for one in manifests]
    document: JsonObject = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def read_manifest(data: bytes, *, name: str, sent_as: str = "") -> Manifest:
    """Decode a manifest or an index. ``InputError`` where it is neither."""
    value = json_text.load(data, name=name, max_bytes=MAX_BYTES)
    if not isinstance(value, dict):
        raise _malformed(name)
    config, media_type = value.get("config"), value.get("mediaType", sent_as)
    subject = value.get("subject")
    return Manifest(
        data=data,
        digest=digest_bytes(data),
        media_type=str(media_type).partition(";")[0].strip(),
        artifact_type=str(value.get("artifactType") or ""),
        config_type=str(config.get("mediaType", "")) if isinstance(config, dict) else "",
        layers=_descriptors(value.get("layers"), name),
        manifests=_descriptors(value.get("manifests"), name),
        subject=_descriptor(subject, name) if subject is not None else None,
    )


def _descriptors(value: Json, name: str) -> tuple[Descriptor, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _malformed(name)
    return tuple(_descriptor(one, name) for one in value)


def _descriptor(value: Json, name: str) -> Descriptor:
    if not isinstance(value, dict) or not isinstance(value.get("digest"), str):
        raise _malformed(name)
    size = value.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _malformed(name)
    return Descriptor(
        media_type=str(value.get("mediaType", "")),
        digest=Digest(cast(str, value["digest"])),
        size=size,
        artifact_type=str(value.get("artifactType") or ""),
    )


def _malformed(name: str) -> InputError:
    return InputError(f"{name}: the registry's answer is not a manifest", code=ErrorCode.MALFORMED)


def only_layer(manifest: Manifest, *, name: str) -> Descriptor:
    """The layer that a package comes in. ``InputError`` where it is something else than a package."""
    if manifest.is_index:
        raise _no_package(f"{name} is an index of several images")
    if manifest.config_type in _IMAGE_CONFIGS:
        raise _no_package(f"{name} is a container image")
    if len(manifest.layers) != 1:
        raise _no_package(f"{name} has {len(manifest.layers)} files, and a package comes in one")
    (layer,) = manifest.layers
    if not is_digest(layer.digest):
        raise _no_package(f"{name} names its file by another digest than sha256")
    return layer


def _no_package(message: str) -> InputError:
    return InputError(message, advice="'llamagate push PACKAGE REF' puts a package there", code=ErrorCode.WRONG_PACKAGE)
