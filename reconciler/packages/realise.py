"""The files of a package as they are installed for a configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, cast

from msgspec import Struct

from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.model.config import Json, JsonObject, merged, same
from reconciler.model.package import Dialect, Package
from reconciler.packages.content import Content, read

MAX_EDITS: Final = 50
"""Each edit reads the whole text again."""


class Realised(Struct, frozen=True, kw_only=True):
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


def with_config(data: bytes, before: Json, after: JsonObject) -> bytes:
    """The manifest ``data``, whose ``config`` is ``before``, with ``after``: comments and other spellings stay.

    Where many values change, or the text's form is too unusual for that, the block is written again.
    """
    changes = [*islice(_changes(before, after, ("config",)), MAX_EDITS + 1)]
    if len(changes) <= MAX_EDITS:
        try:
            edited = data
            for place, value in changes:
                edited = yaml_text.set_entry(edited, place, value, name="manifest")
            return edited
        except InputError:  # a mix of flow and block styles, say
            pass
    return yaml_text.replace_block(data, "config", after)


def _changes(before: Json, after: Json, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Json]]:
    """The entries to set, the outermost ones: a mapping that is there and stays one is not written again."""
    if not (isinstance(before, dict) and isinstance(after, dict) and before and before.keys() <= after.keys()):
        yield place, after
        return
    for key, value in after.items():
        if key not in before:
            yield (*place, key), value
        elif not same(before[key], value):
            yield from _changes(before[key], value, (*place, key))


def realise(package: Package, content: Content, config: JsonObject) -> Realised:
    """Lay ``config``, its references filled in, over ``package``; only the values in ``config:`` that differ change."""
    manifest = package.manifest
    hashes = dict(package.hashes)
    effective = configured(package.document, config)
    if same(effective, package.document) and manifest.dialect is not Dialect.DEFINITION:
        return Realised(hashes=hashes, written={})
    data = read(content, manifest.definition)
    if not same(effective, package.document):
        data = with_config(data, package.document.get("config"), cast(JsonObject, effective["config"]))
    path = manifest.installed_definition
    hashes[path] = hashlib.sha256(data).hexdigest()
    return Realised(hashes=hashes, written={path: data})
