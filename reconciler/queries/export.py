"""Export: the package behind an installed item, as an archive with a list of checksums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode, WarningCode
from reconciler.errors import InputError, LlamagateError, telling
from reconciler.fs import durable
from reconciler.model.config import JsonObject
from reconciler.model.desired import Limits
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.note import Note
from reconciler.model.regex import regex
from reconciler.packages.check.notes import check_notes
from reconciler.packages.checksums import with_checksums
from reconciler.packages.content import OpenPackage
from reconciler.packages.zip.pack import pack
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.naming import must_find
from reconciler.reconcile.readers import check_there, steadily
from reconciler.reconcile.unmanaged import unmanaged_package

_UNSAFE: Final = regex(r"[^A-Za-z0-9.+_-]")
_MAX_VERSION_CHARACTERS: Final = 64


class Exported(Struct, frozen=True, kw_only=True):
    """One archive that was written."""

    key: ItemKey
    version: str
    tree: str
    path: Path

    def to_document(self) -> JsonObject:
        return {
            **self.key.to_document(),
            "version": self.version,
            "tree": self.tree,
            "path": str(self.path),
        }


def export(env: Environment, file: Path, text: str, kind: Kind | None, out: Path) -> tuple[list[Exported], list[Note]]:
    """Write the package of one item to ``out``, all of it or nothing, and say what else there is to know.

    ``StorageError`` where that cannot be.
    """

    def read() -> tuple[ItemKey, OpenPackage, list[Note]]:
        check_there(Home(env.home))
        state = read_home_state(env, file)
        key = must_find(state, text, kind)
        if key.kind is Kind.MCP_SERVER:
            message = f"{key.id} is a tool server: it is its settings, and has no package to export"
            raise InputError(message, advice="copy its entry below 'mcp_servers:'", code=ErrorCode.WRONG_PACKAGE)
        return key, _package(state, key), [*state.file_warnings]

    key, opened, notes = steadily(Home(env.home), read)
    written = _write(key, opened, out)
    return [written], [*notes, *_checked([(key, opened)]), *_too_large([written])]


def export_all(env: Environment, file: Path, folder: Path) -> tuple[list[Exported], list[Note]]:
    """Write every item's package into ``folder``; what has none is said, and left out."""

    def read() -> tuple[list[tuple[ItemKey, OpenPackage]], list[Note]]:
        check_there(Home(env.home))
        state = read_home_state(env, file)
        found, notes = [], [*state.file_warnings]
        for key in sorted(state.present):
            try:
                found.append((key, _package(state, key)))
            except LlamagateError as error:
                notes.append(Note(WarningCode.LEFT_OUT, f"{key} is left out: {error.message}", key))
        return found, notes

    found, notes = steadily(Home(env.home), read)
    with telling("nothing was exported"):
        durable.make_folders(folder, shares=False)
    names = _archive_names(found)
    written = [_write(key, opened, folder / name) for name, (key, opened) in zip(names, found, strict=True)]
    return written, [*notes, *_checked(found), *_too_large(written)]


def _checked(found: list[tuple[ItemKey, OpenPackage]]) -> Iterator[Note]:
    """What was left out of each package, and what ``check`` finds in it: others are about to install it."""
    for key, opened in found:
        yield from (Note(WarningCode.IGNORED_FILES, f"{key.id}: {said}", key) for said in opened.content.notes)
        yield from check_notes(opened, name=key.id)


def _too_large(written: list[Exported]) -> Iterator[Note]:
    """That an archive is larger than what is read where nobody raised the limit."""
    limit = Limits().archive
    for one in written:
        size = one.path.stat().st_size
        if size > limit:
            message = f"{one.path} has {size} bytes; an import reads {limit}, or what policy.limits.archive says"
            yield Note(WarningCode.LARGE_ARCHIVE, message, one.key)


def _archive_names(found: list[tuple[ItemKey, OpenPackage]]) -> list[str]:
    """A name for each archive. A version is foreign text: nothing in it may lead out of the folder."""
    stems = [
        f"{key.id}-{_UNSAFE.sub('_', opened.package.manifest.version)[:_MAX_VERSION_CHARACTERS]}"
        for key, opened in found
    ]
    counts = Counter(stems)
    return [
        f"{stem}.zip" if counts[stem] == 1 else f"{stem}.{key.kind}.zip"
        for stem, (key, _) in zip(stems, found, strict=True)
    ]


def _package(state: HomeState, key: ItemKey) -> OpenPackage:
    """The package form: without the configuration, and without what was edited since."""
    recorded = state.record.items.get(key)
    if recorded is not None:
        try:
            return state.store.open_recorded(recorded)
        except LlamagateError as error:
            message = (
                f"the package of {key.id} is not in the cache, and what is at {recorded.source} differs or is gone"
            )
            raise InputError(message, advice="import it again", code=ErrorCode.NOT_FOUND) from error
    if key not in state.present:
        message = f"{key.id} is in the registry, but its folder is missing"
        raise InputError(message, advice="'llamagate sync' fixes this", code=ErrorCode.NOT_FOUND)
    found, _ = unmanaged_package(state, key, state.home.item(key))
    return state.store.open(found)


def _write(key: ItemKey, opened: OpenPackage, out: Path) -> Exported:
    if out.exists() and not out.is_file():
        raise InputError(f"{out} is not a regular file; choose another path", code=ErrorCode.EXISTS)
    with telling(f"{out} was not written"), durable.new_file(out) as stream:
        pack(with_checksums(opened.content), stream, deflates=True)
    return Exported(key=key, version=opened.package.manifest.version, tree=opened.package.tree, path=out)
