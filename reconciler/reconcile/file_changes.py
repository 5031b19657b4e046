"""What an action changes in each file: the package that is installed against the one that comes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import cast

from reconciler.errors import LlamagateError
from reconciler.fs.bounded import read_start
from reconciler.model.config import Json, JsonObject, same, with_references
from reconciler.model.plan import Action
from reconciler.model.record import RecordedFile, RecordItem
from reconciler.packages.content import OpenPackage, read
from reconciler.packages.document import as_read
from reconciler.packages.realise import configured, with_config
from reconciler.planning.content.file_change import FileSide
from reconciler.planning.content.renamed import Sides, changes_of
from reconciler.planning.manifest_diff import MASK, Secrets, masked
from reconciler.reconcile.as_found import shown_as_found
from reconciler.reconcile.proposal import Proposal
from reconciler.resolve.resolved import recorded_as_resolved


class InstalledFolder:
    """The folder of an installed item, read as far as is asked for, and each file once."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.fspath(folder)
        self._documents: dict[str, JsonObject] = {}
        self._bytes: dict[str, bytes] = {}

    def bytes_of(self, path: str, sha256: str) -> bytes | None:
        """The file ``path``, if it is what this digest says."""
        try:
            data = self._read(path)
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == sha256 else None

    def document(self, path: str) -> JsonObject:
        """The YAML mapping in ``path``; an empty one where it cannot be read."""
        if path not in self._documents:
            self._documents[path] = self._read_document(path)
        return self._documents[path]

    def _read_document(self, path: str) -> JsonObject:
        try:
            return as_read(self._read(path), name=path)
        except (OSError, LlamagateError):
            return {}

    def _read(self, path: str) -> bytes:
        if path not in self._bytes:
            self._bytes[path] = read_start(os.path.join(self._folder, path))
        return self._bytes[path]


def file_changes(
    proposal: Proposal, action: Action, opened: OpenPackage | None, folder: InstalledFolder, secrets: Secrets
) -> list[Json]:
    """The entries of ``diff.files``, by path, the ``secrets`` masked; ``opened`` is what comes, if anything does.

    What was recorded comes from the item's ``folder`` where it is as it was written, else from the cache. Where a file
    that was changed by hand is replaced, it is what the new one is compared with.
    """
    recorded, after = proposal.state.record.items.get(action.key), action.after
    found = proposal.observed.item(action.key).files
    digests = {path: file.sha256 for path, file in after.files.items()} if after and opened else {}
    read_after = _reader(opened, after, secrets) if after and opened else _not_ours
    if recorded is None:
        before = {path: found[path].sha256 for path in found.keys() & digests.keys()}
        return [*changes_of(_sides(before, digests, _not_ours, read_after, (None, None)))]
    before = {path: file.sha256 for path, file in recorded.files.items()}
    edited = {path for path in before if path not in action.keep and _sha(found, path) != before[path]}
    there = {path: _sha(found, path) if path in edited else sha256 for path, sha256 in before.items()}
    known = (recorded.executables, after.executables if after else None)
    read_recorded = _recorded_reader(proposal, recorded, folder, secrets)

    def read_before(path: str) -> bytes | None:
        if path not in edited:
            return read_recorded(path)
        data = folder.bytes_of(path, there[path])
        return None if data is None else shown_as_found(data, path, recorded)

    present = {path: sha256 for path, sha256 in there.items() if sha256}
    return [*changes_of(_sides(present, digests, read_before, read_after, known))]


def _sha(found: Mapping[str, RecordedFile], path: str) -> str:
    """The digest of a file as it is on the disk; empty where there is none."""
    return found[path].sha256 if path in found else ""


def _sides(
    before: Mapping[str, str],
    after: Mapping[str, str],
    read_before: Callable[[str], bytes | None],
    read_after: Callable[[str], bytes | None],
    executables: tuple[frozenset[str] | None, frozenset[str] | None],
) -> Iterator[Sides]:
    for path in sorted(before.keys() | after.keys()):
        differs = before.get(path) != after.get(path)
        old, new = (
            FileSide(
                sha256=digests[path],
                data=read_side(path) if differs else None,
                executable=None if may_run is None else path in may_run,
            )
            if path in digests
            else None
            for digests, read_side, may_run in zip((before, after), (read_before, read_after), executables, strict=True)
        )
        yield path, old, new


def _not_ours(_path: str) -> bytes | None:
    """What somebody else installed is not shown: nothing says which of its values are secret."""
    return None


def _recorded_reader(
    proposal: Proposal, recorded: RecordItem, folder: InstalledFolder, secrets: Secrets
) -> Callable[[str], bytes | None]:
    """Reads from the package as it was installed; nothing where its folder and the cache have lost it."""

    @cache
    def kept() -> Callable[[str], bytes | None]:
        found = recorded_as_resolved(recorded)
        opened = proposal.state.store.find(found.tree, name=found.name)
        return _reader(opened, recorded, secrets) if opened else _not_ours

    manifest = recorded.manifest
    definitions = {manifest.definition, manifest.installed_definition}

    def read_shown(path: str) -> bytes | None:
        if path in definitions and recorded.config:
            return kept()(path)
        data = folder.bytes_of(path, recorded.files[path].sha256)
        if data is None:
            return kept()(path)
        return _masked(data, folder.document(path), {}, secrets) if path in definitions else data

    return read_shown


def _reader(opened: OpenPackage, item: RecordItem, secrets: Secrets) -> Callable[[str], bytes | None]:
    manifest = opened.package.manifest
    configs = {manifest.definition: {}, manifest.installed_definition: item.config}

    def read_shown(path: str) -> bytes | None:
        return shown_definition(opened, configs[path], secrets) if path in configs else read(opened.content, path)

    return read_shown


def shown_definition(opened: OpenPackage, config: JsonObject, secrets: Secrets) -> bytes | None:
    """The manifest as it is written for ``config``, secrets masked; ``None`` where that cannot be done."""
    data = read(opened.content, opened.package.manifest.definition)
    return _masked(data, opened.package.document, config, secrets)


def _masked(data: bytes, document: JsonObject, config: JsonObject, secrets: Secrets) -> bytes | None:
    effective = configured(document, cast(JsonObject, with_references(config, lambda _: MASK))).get("config")
    shown = masked(("config",), effective, secrets)
    if same(shown, document.get("config")):
        return data
    if not isinstance(shown, dict):
        return None
    try:
        return with_config(data, document.get("config"), shown)
    except LlamagateError:
        return None
