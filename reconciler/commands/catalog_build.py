"""Catalog build: an index of the packages in a folder, which any web server can then serve."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.commands.catalog_sign import SignedCatalog, Signing, with_signatures, write_signed
from reconciler.errors import Fault, InputError, LlamagateError, RefusedError, telling
from reconciler.fs import durable
from reconciler.model.catalog import INDEX_NAME, Catalog, Release
from reconciler.model.config import JsonObject
from reconciler.model.desired import Limits
from reconciler.model.digest import Digest
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, path_problem
from reconciler.model.ignored import is_ignored
from reconciler.model.note import Note
from reconciler.model.package import DEFINITIONS
from reconciler.model.source import Source, SourceKind
from reconciler.model.version import in_order
from reconciler.packages.check.notes import check_notes
from reconciler.packages.checksums import with_checksums
from reconciler.packages.content import OpenPackage, shown
from reconciler.packages.zip.pack import pack
from reconciler.resolve.store import PackageStore
from reconciler.sources.catalog.index import index_bytes, read_index_file, url_of


class Built(Struct, frozen=True, kw_only=True):
    """The catalog as it is now. ``packed`` are archives made of folders; ``added`` and ``gone`` name versions."""

    index: Path
    catalog: Catalog
    packed: tuple[Path, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]
    warnings: tuple[Note, ...] = ()
    """What was left out of the packages that are new, and what ``check`` finds in them."""
    signed: SignedCatalog | None = None

    def to_document(self) -> JsonObject:
        return {
            "index": str(self.index),
            "added": [*self.added],
            "gone": [*self.gone],
            "packed": [str(path) for path in self.packed],
            "warnings": [note.to_document() for note in self.warnings],
            "items": {key.id: [*versions] for key, versions in sorted(self.catalog.items.items())},
        }


class _PackageFound(Struct, frozen=True):
    """A package in the folder of a catalog, as a zip or as a folder."""

    path: Path
    opened: OpenPackage

    @property
    def key(self) -> ItemKey:
        return ItemKey(self.opened.package.manifest.kind, self.opened.package.manifest.id)

    @property
    def version(self) -> str:
        return self.opened.package.manifest.version

    @property
    def is_folder(self) -> bool:
        return self.path.is_dir()

    def archive(self, folder: Path) -> str:
        """The path of its zip, which may still have to be packed, below the catalog's folder."""
        return f"{self.key.id}-{self.version}.zip" if self.is_folder else self.path.relative_to(folder).as_posix()

    def __str__(self) -> str:
        return f"{self.key.id} {self.version}"


def build_catalog(env: Environment, folder: Path, limits: Limits, signing: Signing | None = None) -> Built:
    """Write the index of every package below ``folder``; one that is a folder there is packed first.

    What was published stays as it was: ``RefusedError`` where a version that the index lists has other content now.
    ``InputError`` with everything that is no valid package, and where the index is signed and this one would not be.
    """
    index = folder / INDEX_NAME
    before, today = _index_before(index), env.now.date().isoformat()
    if before.issue is not None and signing is None:
        message = f"{index} is signed; without --sign nobody could install from it who asks for signatures"
        raise InputError(message, advice="name the key with --sign, or remove the index", code=ErrorCode.EXISTS)
    found = _one_each(_packages(folder, PackageStore(home=Home(env.home), limits=limits)))
    for one in found:
        _check_is_as_published(one, before.items.get(one.key, {}).get(one.version), index)
    items: dict[ItemKey, dict[str, Release]] = {}
    packed = []
    for one in found:
        archive = _packed(one, folder) if one.is_folder else one.path
        packed += [archive] if one.is_folder else []
        known = before.items.get(one.key, {}).get(one.version)
        items.setdefault(one.key, {})[one.version] = _release(folder, archive, one, known, today)
    ordered = {key: {v: items[key][v] for v in in_order(items[key])} for key in items}
    catalog = Catalog(items=ordered, issue=before.issue)
    signed: SignedCatalog | None = None
    if signing is None:
        _write(index, index_bytes(catalog))
    else:
        catalog = replace(catalog, items=with_signatures(env, ordered, signing.key))
        signed = write_signed(env, index, catalog, signing)
    new = [one for one in found if one.version not in before.items.get(one.key, {})]
    return Built(
        warnings=tuple(note for one in new for note in _notes(one)),
        index=index,
        catalog=catalog,
        packed=tuple(packed),
        added=_more(catalog, before),
        gone=_more(before, catalog),
        signed=signed,
    )


def _notes(one: _PackageFound) -> Iterator[Note]:
    yield from one.opened.package.warnings
    yield from check_notes(one.opened, name=str(one.path))


def _index_before(index: Path) -> Catalog:
    try:
        return read_index_file(index)
    except FileNotFoundError:
        return Catalog()
    except OSError as error:
        raise InputError(f"{index} cannot be read: {error.strerror}", code=ErrorCode.UNREADABLE) from error


def _packages(folder: Path, store: PackageStore) -> list[_PackageFound]:
    """Every package below ``folder``. One error with the faults of all that are none."""
    found: list[_PackageFound] = []
    faults: list[Fault] = []
    for path in _package_paths(folder):
        kind = SourceKind.DIR if path.is_dir() else SourceKind.ZIP
        try:
            found.append(_PackageFound(path, store.read(Source(kind, str(path)), name=str(path))))
        except LlamagateError as error:
            faults += error.faults or [Fault(file=str(path), message=error.message, code=error.code)]
            continue
        archive = found[-1].archive(folder)
        problem = "the version contains a '/'" if kind is SourceKind.DIR and "/" in archive else path_problem(archive)
        if problem:
            faults.append(Fault(file=str(folder), message=f"{shown(archive)} cannot be listed: {problem}"))
    if faults:
        message = str(faults[0]) if len(faults) == 1 else f"{folder}: {len(faults)} faults in its packages"
        raise InputError(message, faults=faults, advice="fix them, or move them out of the catalog's folder")
    return found


def _package_paths(folder: Path) -> Iterator[Path]:
    """The paths of packages. A folder with a definition in it is one, and nothing below it is."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"{folder} cannot be listed: {error.strerror}",
            advice="name a folder of packages",
            code=ErrorCode.UNREADABLE,
        ) from error
    for entry in entries:
        if is_ignored(entry.name) or entry.is_symlink():
            continue
        if (entry.is_file() and entry.suffix.lower() == ".zip") or (
            entry.is_dir() and any((entry / name).is_file() for name in DEFINITIONS)
        ):
            yield entry
        elif entry.is_dir():
            yield from _package_paths(entry)


def _one_each(found: Iterable[_PackageFound]) -> list[_PackageFound]:
    """Each version once: as a zip, where there is one. Ids are unique, also when case is ignored."""
    chosen: dict[tuple[ItemKey, str], _PackageFound] = {}
    spelled: dict[str, ItemKey] = {}
    for one in sorted(found, key=lambda one: one.is_folder):
        key = spelled.setdefault(one.key.id.casefold(), one.key)
        if key != one.key:
            raise InputError(f"{one.path} is the {one.key}, but the {key} has the same id")
        other = chosen.setdefault((one.key, one.version), one)
        if other.opened.package.tree != one.opened.package.tree:
            message = f"{one.path} and {other.path} are both {one}, with different content"
            raise RefusedError(message, advice="give one of them another version", code=ErrorCode.REPUBLISHED)
    return [chosen[version] for version in sorted(chosen)]


def _check_is_as_published(one: _PackageFound, known: Release | None, index: Path) -> None:
    """The same archive may have another tree than by older rules of what is content: the index is renewed."""
    if known is None or known.tree == one.opened.package.tree:
        return
    if one.is_folder or _digest(one.path)[0] != known.archive:
        message = f"{one.path} differs from what {index} lists as {one}, and others may have that in their locks"
        advice = "give it a new version; what was published does not change"
        raise RefusedError(message, advice=advice, code=ErrorCode.REPUBLISHED)


def _packed(one: _PackageFound, folder: Path) -> Path:
    archive = folder / one.archive(folder)
    if archive.exists():
        raise InputError(
            f"{archive} exists, but is not the package {one} of {one.path}", advice="rename it", code=ErrorCode.EXISTS
        )
    with telling(f"{archive} was not written"), durable.new_file(archive) as out:
        pack(with_checksums(one.opened.content), out)
    return archive


def _release(folder: Path, archive: Path, one: _PackageFound, known: Release | None, today: str) -> Release:
    digest, size = _digest(archive)
    if known is not None and known.archive != digest:
        message = f"{archive} was packed again: its bytes differ from what the index lists for {one}"
        raise RefusedError(
            message, advice="put back the file that was published, or give it a new version", code=ErrorCode.REPUBLISHED
        )
    return Release(
        url=url_of(one.archive(folder)),
        archive=digest,
        tree=one.opened.package.tree,
        size=size,
        released=known.released if known else today,
        yanked=known.yanked if known else False,
        executables=one.opened.package.executables,
        signatures=known.signatures if known else (),
    )


def _digest(archive: Path) -> tuple[Digest, int]:
    with archive.open("rb") as file:
        return Digest(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"), os.fstat(file.fileno()).st_size


def _more(catalog: Catalog, than: Catalog) -> tuple[str, ...]:
    """The versions that the other one does not list."""
    return tuple(
        f"{key.id} {version}"
        for key in sorted(catalog.items)
        for version in catalog.items[key]
        if version not in than.items.get(key, {})
    )


def _write(index: Path, data: bytes) -> None:
    with telling(f"{index} was not written"):
        if not index.exists() or index.read_bytes() != data:
            durable.write_file(index, data)
