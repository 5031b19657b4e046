"""What is served at one moment: a value that is swapped as a whole. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from reconciler.host.items import Extension, Hook, Item, ItemFault, LoadedFrom, Module
from reconciler.host.load import Loaded
from reconciler.host.routes import Routes, make_routes

_Item = TypeVar("_Item", Extension, Module)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Extensions and modules by name, in the order of loading; a request that has it keeps it to its end.

    ``hooks`` are those of enabled extensions, by their event.
    ``faults`` say what is not served and why, ``warnings`` which copy of an item gave way to another.
    """

    extensions: Mapping[str, Extension] = field(default_factory=dict)
    modules: Mapping[str, Module] = field(default_factory=dict)
    routes: Routes = field(default_factory=lambda: Routes({}))
    hooks: Mapping[str, tuple[tuple[Extension, Hook], ...]] = field(default_factory=dict)
    faults: tuple[ItemFault, ...] = ()
    warnings: tuple[str, ...] = ()

    def faults_of(self, name: str) -> list[str]:
        """What is wrong with the item, or a part of the item, ``name``."""
        return [fault.message for fault in self.faults if fault.name in (name, f"{name} (routes)")]

    def summary(self) -> str:
        """One line for the person who starts the host; what is switched off is installed, but not loaded."""
        on = Counter(extension.definition.origin for extension in self.extensions.values() if extension.enabled)
        modules = sum(module.enabled for module in self.modules.values())
        return (
            f"Loaded {on[LoadedFrom.BUILTIN]} builtin, {on[LoadedFrom.INSTALLED]} installed, "
            f"{on[LoadedFrom.LEGACY]} legacy "
            f"extensions, {modules} modules; {len(self.faults)} failed"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How one snapshot departs from another: names of extensions, each list sorted."""

    added: tuple[str, ...]
    updated: tuple[str, ...]
    removed: tuple[str, ...]


def make_snapshot(loaded: Loaded) -> Snapshot:
    """Decide which of several items of one name is served, and where the endpoints lie."""
    extensions, copies = _by_name(loaded.extensions)
    modules, more_copies = _by_name(loaded.modules)
    routes, conflicts = make_routes(extensions.values())
    pairs = [*copies, *more_copies]
    taken = [_taken(item, first) for item, first in pairs if _are_equals(item, first)]
    return Snapshot(
        extensions=extensions,
        modules=modules,
        routes=routes,
        hooks=_hooks(extensions.values()),
        faults=(*loaded.faults, *taken, *conflicts),
        warnings=tuple(_hidden(item, first) for item, first in pairs if not _are_equals(item, first)),
    )


def difference(before: Snapshot, after: Snapshot) -> Difference:
    """What a refresh changed: an extension is updated where its definition or its switch differs."""
    known, now = before.extensions, after.extensions
    return Difference(
        added=_sorted(now.keys() - known.keys()),
        updated=_sorted(name for name in now.keys() & known.keys() if _state(now[name]) != _state(known[name])),
        removed=_sorted(known.keys() - now.keys()),
    )


def _hooks(extensions: Iterable[Extension]) -> dict[str, tuple[tuple[Extension, Hook], ...]]:
    found: dict[str, tuple[tuple[Extension, Hook], ...]] = {}
    for extension in extensions:
        for hook in extension.hooks if extension.enabled else ():
            found[hook.on] = (*found.get(hook.on, ()), (extension, hook))
    return found


def _by_name(items: Iterable[_Item]) -> tuple[dict[str, _Item], list[tuple[_Item, _Item]]]:
    """The first item of each name; and each further one of a name, with that first one."""
    found: dict[str, _Item] = {}
    pairs = [(item, found.setdefault(item.name, item)) for item in items]
    return found, [(item, first) for item, first in pairs if item is not first]


def _are_equals(item: Item, first: Item) -> bool:
    return item.definition.origin is first.definition.origin


def _taken(item: Item, first: Item) -> ItemFault:
    message = f"the name '{item.name}' is already that of {first.definition.folder.name}"
    return ItemFault(name=item.definition.folder.name, message=message)


def _hidden(item: Item, first: Item) -> str:
    return (
        f"the {first.definition.origin} extension {item.name} is served; "
        f"the {item.definition.origin} one in {item.definition.folder} is not"
    )


def _state(extension: Extension) -> tuple[str, str, bool]:
    return str(extension.definition.folder), extension.definition.digest, extension.enabled


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
