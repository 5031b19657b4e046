"""The files of a package as they are installed for a configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from reconciler.documents.yaml import text as yaml_text
from reconciler.model.config import JsonObject, merged, same
from reconciler.model.package import Dialect, Package
from reconciler.packages.content import Content, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """What stands on disk once installed: path → sha256 hex, and the files that are not the package's own bytes."""

    hashes: Mapping[str, str]
    written: Mapping[str, bytes]

    def chunks(self, path: str, content: Content) -> Iterator[bytes]:
        """The bytes to install at ``path``."""
        if path in self.written:
            return iter([self.written[path]])
        return content.chunks(path)


def configured(document: JsonObject, config: JsonObject) -> JsonObject:
    """The manifest with ``config`` merged over its own."""
    if not config:
        return document
    return {**document, "config": merged(cast(JsonObject, document.get("config") or {}), config)}


def realise(package: Package, content: Content, config: JsonObject) -> Realised:
    """Lay ``config``, its environment values resolved, over ``package``; only the bytes of ``config:`` change."""
    manifest = package.manifest
    hashes = dict(package.hashes)
    effective = configured(package.document, config)
    if same(effective, package.document) and manifest.dialect is not Dialect.DEFINITION:
        return Realised(hashes=hashes, written={})
    data = read(content, manifest.definition)
    if not same(effective, package.document):
        data = yaml_text.replace_block(data, "config", cast(JsonObject, effective["config"]))
    path = manifest.installed_definition
    hashes[path] = hashlib.sha256(data).hexdigest()
    return Realised(hashes=hashes, written={path: data})
