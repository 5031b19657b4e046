"""LOOK: read what a home, and a gateway's old folder, hold into items. What is unchanged is not read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from reconciler.errors import InputError, LlamagateError
from reconciler.host.decode import Placed, extension_of, module_of
from reconciler.host.served import Extension, ItemFault, LoadedFrom, Module
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFolders:
    """Where items are looked for. ``legacy`` is the folder ``extensions`` from which a gateway was started."""

    home: Home
    legacy: Path | None = None


@dataclass(frozen=True, slots=True)
class _LoadedFolder:
    """What a folder was read as, and the stamps of what was read. ``manifest`` has what its package says of itself."""

    stamps: FileStamps
    manifest: Manifest
    item: Extension | Module

    def after(self, before: _LoadedFolder | None) -> _LoadedFolder:
        """What is served where ``before`` was: the new, unless its package wants a restart for that."""
        return self if before is None or self.manifest.hot_reload else replace(self, item=before.item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Everything that could be read, in the order of loading, and what could not."""

    extensions: tuple[Extension, ...] = ()
    modules: tuple[Module, ...] = ()
    faults: tuple[ItemFault, ...] = ()
    seen: Mapping[Path, _LoadedFolder] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class _Reading:
    """One pass over the places."""

    before: Mapping[Path, _LoadedFolder]
    record: Record
    registry: Registry
    items: list[Extension | Module] = field(default_factory=list)
    faults: list[ItemFault] = field(default_factory=list)
    seen: dict[Path, _LoadedFolder] = field(default_factory=dict)

    def take(self, folder: Path, key: ItemKey, origin: LoadedFrom) -> None:
        """Add the item in ``folder``, or the fault that keeps it out."""
        try:
            stamps = stamps_of(folder, key.kind)
            seen = self.before.get(folder)
            if seen is None or seen.stamps != stamps:
                seen = _read(folder, key, origin, stamps).after(seen)
            self.seen[folder] = seen
            self.items.append(_switched(seen.item, enabled=self._is_on(key, origin, seen.manifest)))
        except LlamagateError as error:
            self.faults.append(ItemFault(name=key.id, message=_in_one_line(error)))

    def take_installed(self, home: Home) -> None:
        """Add everything that lies in the home."""
        try:
            present = present_items(home)
        except LlamagateError as error:
            self.faults.append(ItemFault(name="the home", message=_in_one_line(error)))
            return
        for key in sorted(present):
            self.take(home.item(key), key, LoadedFrom.INSTALLED)

    def take_below(self, folder: Path, origin: LoadedFrom) -> None:
        """Add the extensions in a folder that no command of ours wrote."""
        try:
            packages = legacy_packages(folder)
        except LlamagateError as error:
            self.faults.append(ItemFault(name=str(folder), message=_in_one_line(error)))
            return
        for place in packages:
            if (place / MODULE_MANIFEST).is_file():
                message = f"a module is served once it is installed: 'llamagate migrate {folder}'"
                self.faults.append(ItemFault(name=place.name, message=message))
            else:
                self.take(place, ItemKey(Kind.EXTENSION, place.name), origin)

    def _is_on(self, key: ItemKey, origin: LoadedFrom, manifest: Manifest) -> bool:
        if origin is LoadedFrom.INSTALLED:
            entry, recorded = self.registry.get(key), self.record.items.get(key)
            return is_enabled(entry, recorded, default=manifest.enabled_default)
        return origin is LoadedFrom.BUILTIN or manifest.enabled_default


def _read(folder: Path, key: ItemKey, origin: LoadedFrom, stamps: FileStamps) -> _LoadedFolder:
    definitions = open_definitions(folder, stamps)
    package = read_package(definitions, name=str(folder))
    if package.manifest.kind is not key.kind:
        raise InputError(f"it holds an {package.manifest.kind}, and lies among the {key.kind}s")
    placed = Placed(
        id=package.manifest.id,
        origin=origin,
        folder=folder,
        digest=definitions.digest,
        templates=definitions.templates,
    )
    if key.kind is Kind.EXTENSION:
        item: Extension | Module = extension_of(package.document, placed)
    else:
        item = module_of(package.document, placed, bundled_documents(definitions, name=str(folder)))
    return _LoadedFolder(stamps, package.manifest, item)


def _switched(item: Extension | Module, *, enabled: bool) -> Extension | Module:
    return item if item.enabled == enabled else replace(item, enabled=enabled)


def load(places: ItemFolders, before: Loaded | None = None) -> Loaded:
    """Read all that is there; items whose files and switch are as ``before`` are taken from there.

    Where record or registry cannot be read, that is a fault, and manifests alone decide what is enabled.
    """
    record, registry, faults = _state(places.home)
    reading = _Reading(before.seen if before else {}, record, registry, faults=faults)
    if places.legacy is not None and (places.legacy / BUILTIN_FOLDER).is_dir():
        reading.take_below(places.legacy / BUILTIN_FOLDER, LoadedFrom.BUILTIN)
    reading.take_installed(places.home)
    if places.legacy is not None:
        reading.take_below(places.legacy, LoadedFrom.LEGACY)
    return Loaded(
        extensions=tuple(item for item in reading.items if isinstance(item, Extension)),
        modules=tuple(item for item in reading.items if isinstance(item, Module)),
        faults=tuple(reading.faults),
        seen=reading.seen,
    )


def _state(home: Home) -> tuple[Record, Registry, list[ItemFault]]:
    record, registry, faults = Record(generation=0), Registry(), []
    try:
        registry = read_registry(home).registry
        record = read_record(home)[0]
    except LlamagateError as error:
        faults.append(ItemFault(name="the home", message=_in_one_line(error)))
    return record, registry, faults


def _in_one_line(error: LlamagateError) -> str:
    if len(error.faults) < 2:
        return error.message
    shown = "; ".join(str(fault) for fault in error.faults[:_SHOWN_FAULTS])
    more = len(error.faults) - _SHOWN_FAULTS
    return f"{shown}; and {more} more" if more > 0 else shown
