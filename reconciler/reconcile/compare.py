"""Two packages beside each other: what differs in their manifests, and in each of their files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import cast

from msgspec import Struct, field

from reconciler.model.config import Json, JsonObject, Reference, with_references
from reconciler.packages.content import OpenPackage, read
from reconciler.packages.realise import configured
from reconciler.planning.content.file_change import FileSide
from reconciler.planning.content.renamed import Sides, changes_of
from reconciler.planning.manifest_diff import Secrets, manifest_diff
from reconciler.reconcile.file_changes import shown_definition

_NOTHING_SECRET: Secrets = frozenset()


class Side(Struct, frozen=True, kw_only=True):
    """A package, with the configuration that an item gives it; values from elsewhere are shown as where they are."""

    opened: OpenPackage
    config: JsonObject = field(default_factory=dict)
    executables: frozenset[str] | None = None


def compared(before: Side | None, after: Side | None, secrets: Secrets = _NOTHING_SECRET) -> JsonObject:
    """What differs, as ``diff`` of an action in a plan has it: ``manifest`` and ``files``, what is empty left out."""
    parts: JsonObject = {"files": [*changes_of(_sides(before, after, secrets))]}
    if before is not None and after is not None:
        parts["manifest"] = manifest_diff(_manifest(before), _manifest(after), secrets)
    return {part: value for part, value in parts.items() if value}


def _manifest(side: Side) -> JsonObject:
    return configured(side.opened.package.document, _named(side.config))


def _named(config: JsonObject) -> JsonObject:
    return cast(JsonObject, with_references(config, _name))


def _name(reference: Reference) -> Json:
    return f"({reference.label})"


def _sides(before: Side | None, after: Side | None, secrets: Secrets) -> Iterator[Sides]:
    old, new = _digests(before, secrets), _digests(after, secrets)
    for path in sorted(old.keys() | new.keys()):
        differs = old.get(path) != new.get(path)
        first, second = (
            _side(one, path, files, secrets, reads=differs) for one, files in ((before, old), (after, new))
        )
        yield path, first, second


def _digests(side: Side | None, secrets: Secrets) -> Mapping[str, str]:
    """The digest of each file as it would be installed. That of a manifest is made from what may be shown of it."""
    if side is None:
        return {}
    manifest, files = side.opened.package.manifest, dict(side.opened.package.hashes)
    if side.config or manifest.installed_definition != manifest.definition:
        shown = shown_definition(side.opened, _named(side.config), secrets)
        files[manifest.installed_definition] = hashlib.sha256(shown or b"").hexdigest()
    return files


def _side(side: Side | None, path: str, files: Mapping[str, str], secrets: Secrets, *, reads: bool) -> FileSide | None:
    if side is None or path not in files:
        return None
    executable = None if side.executables is None else path in side.executables
    return FileSide(sha256=files[path], data=_shown(side, path, secrets) if reads else None, executable=executable)


def _shown(side: Side, path: str, secrets: Secrets) -> bytes | None:
    manifest = side.opened.package.manifest
    if path == manifest.installed_definition:
        return shown_definition(side.opened, _named(side.config), secrets)
    if path == manifest.definition:
        return shown_definition(side.opened, {}, secrets)
    return read(side.opened.content, path)
