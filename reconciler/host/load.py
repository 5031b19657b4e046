"""LOOK: read what a home, and a gateway's old folder, hold into items. What is unchanged is not read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.errors import InputError, LlamagateError
from reconciler.host.decode import extension_of, module_of
from reconciler.host.items import Definition, Extension, ItemFault, LoadedFrom, Module
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.observed import is_enabled
from reconciler.model.package import MODULE_MANIFEST, Manifest
from reconciler.model.record import Record
from reconciler.model.registry import Registry
from reconciler.observe.home import present_items
from reconciler.observe.legacy import legacy_packages
from reconciler.packages.definitions import FileStamps, open_definitions, stamps_of
from reconciler.packages.manifest import bundled_documents, read_package
from reconciler.store.state_files import read_record, read_registry

BUILTIN_FOLDER: Final = "builtin"
_SHOWN_FAULTS: Final = 3


class _LoadedFolder(Struct, frozen=True):
    """What a folder was read as, and the stamps of what was read. ``manifest`` has what its package says of itself."""

    stamps: FileStamps
    manifest: Manifest
    item: Extension | Module

    def after(self, before: _LoadedFolder | None) -> _LoadedFolder:
        """What is served where ``before`` was: the new, unless its package wants a restart for that."""
        return self if before is None or self.manifest.hot_reload else replace(self, item=before.item)


class Loaded(Struct, frozen=True, kw_only=True):
    """Everything that could be read, in the order of loading, and what could not."""

    extensions: tuple[Extension, ...] = ()
    modules: tuple[Module, ...] = ()
    faults: tuple[ItemFault, ...] = ()
    seen: Mapping[Path, _LoadedFolder] = field(default_factory=dict)


class _Place(Struct, frozen=True):
    """A folder in which an item is."""

    folder: Path
    key: ItemKey
    origin: LoadedFrom


def load(home: Home, legacy: Path | None, before: Loaded | None) -> Loaded:
    """Read all that is there; items whose files and switch are as ``before`` are taken from there.

    ``legacy`` is the folder ``extensions`` from which a gateway was started. Where record or registry cannot be read,
    that is a fault, and manifests alone decide what is enabled.
    """
    record, registry, fault = _state(home)
    items: list[Extension | Module] = []
    faults = [fault] if fault else []
    seen: dict[Path, _LoadedFolder] = {}
    for place in _places(home, legacy):
        if isinstance(place, ItemFault):
            faults.append(place)
            continue
        try:
            found = _loaded(place, before.seen.get(place.folder) if before else None)
            enabled = _is_on(place, found.manifest, record, registry)
        except LlamagateError as error:
            faults.append(_fault(place.key.id, error))
        else:
            seen[place.folder] = found
            items.append(found.item if found.item.enabled == enabled else replace(found.item, enabled=enabled))
    return Loaded(
        extensions=tuple(item for item in items if isinstance(item, Extension)),
        modules=tuple(item for item in items if isinstance(item, Module)),
        faults=tuple(faults),
        seen=seen,
    )


def _state(home: Home) -> tuple[Record, Registry, ItemFault | None]:
    record, registry = Record(generation=0), Registry()
    try:
        registry = read_registry(home).registry
        record = read_record(home)[0]
    except LlamagateError as error:
        return record, registry, _fault("the home", error)
    return record, registry, None


def _places(home: Home, legacy: Path | None) -> Iterator[_Place | ItemFault]:
    """Where items are, in the order of loading, and what keeps others out."""
    if legacy is not None and (legacy / BUILTIN_FOLDER).is_dir():
        yield from _unmanaged(legacy / BUILTIN_FOLDER, LoadedFrom.BUILTIN)
    try:
        present = sorted(present_items(home))
    except LlamagateError as error:
        yield _fault("the home", error)
    else:
        yield from (_Place(home.item(key), key, LoadedFrom.INSTALLED) for key in present)
    if legacy is not None:
        yield from _unmanaged(legacy, LoadedFrom.LEGACY)


def _unmanaged(folder: Path, origin: LoadedFrom) -> Iterator[_Place | ItemFault]:
    """The extensions in a folder that no command of this project wrote."""
    try:
        packages = legacy_packages(folder)
    except LlamagateError as error:
        yield _fault(str(folder), error)
        return
    for package in packages:
        if (package / MODULE_MANIFEST).is_file():
            message = f"a module is served once it is installed: 'llamagate migrate {folder}'"
            yield ItemFault(name=package.name, message=message)
        else:
            yield _Place(package, ItemKey(Kind.EXTENSION, package.name), origin)


def _loaded(place: _Place, before: _LoadedFolder | None) -> _LoadedFolder:
    """The item at ``place``; as ``before`` where its files are."""
    stamps = stamps_of(place.folder, place.key.kind)
    if before is not None and before.stamps == stamps:
        return before
    return _read(place, stamps).after(before)


def _read(place: _Place, stamps: FileStamps) -> _LoadedFolder:
    definitions, name = open_definitions(place.folder, stamps), str(place.folder)
    package = read_package(definitions, name=name)
    if package.manifest.kind is not place.key.kind:
        raise InputError(f"it holds an {package.manifest.kind}, and is in the folder of the {place.key.kind}s")
    definition = Definition(
        id=package.manifest.id,
        origin=place.origin,
        folder=place.folder,
        digest=definitions.digest,
        templates=definitions.templates,
    )
    if place.key.kind is Kind.EXTENSION:
        item: Extension | Module = extension_of(package.document, definition)
    else:
        item = module_of(package.document, definition, bundled_documents(definitions, name=name))
    return _LoadedFolder(stamps, package.manifest, item)


def load_folder(folder: Path, kind: Kind | None = None) -> Extension | Module:
    """The item of a package that is not installed. ``InputError`` where it cannot be served."""
    is_module = (folder / MODULE_MANIFEST).is_file()
    key = ItemKey(kind or (Kind.MODULE if is_module else Kind.EXTENSION), folder.name)
    return _read(_Place(folder, key, LoadedFrom.INSTALLED), stamps_of(folder, key.kind)).item


def load_installed(home: Home, key: ItemKey) -> Extension | Module:
    """The installed item, switched on or off as it is. ``InputError`` where it cannot be served."""
    place = _Place(home.item(key), key, LoadedFrom.INSTALLED)
    found = _read(place, stamps_of(place.folder, key.kind))
    record, registry, _ = _state(home)
    return replace(found.item, enabled=_is_on(place, found.manifest, record, registry))


def _is_on(place: _Place, manifest: Manifest, record: Record, registry: Registry) -> bool:
    if place.origin is LoadedFrom.INSTALLED:
        entry, recorded = registry.get(place.key), record.items.get(place.key)
        return is_enabled(entry, recorded, default=manifest.enabled_default)
    return place.origin is LoadedFrom.BUILTIN or manifest.enabled_default


def _fault(name: str, error: LlamagateError) -> ItemFault:
    """What is wrong, in one line."""
    if len(error.faults) < 2:
        return ItemFault(name=name, message=error.message)
    shown = "; ".join(str(fault) for fault in error.faults[:_SHOWN_FAULTS])
    more = len(error.faults) - _SHOWN_FAULTS
    return ItemFault(name=name, message=f"{shown}; and {more} more" if more > 0 else shown)
