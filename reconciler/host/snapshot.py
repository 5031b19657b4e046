"""What is served at one moment: a value that is swapped as a whole. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.host.load import Loaded
from reconciler.host.routes import Routes, make_routes
from reconciler.host.served import Extension, ItemFault, LoadedFrom, Module


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Extensions and modules by name, in the order of loading; a request that has it keeps it to its end.

    ``faults`` say what is not served and why, ``warnings`` which copy of an item gave way to another.
    """

    extensions: Mapping[str, Extension] = field(default_factory=dict)
    modules: Mapping[str, Module] = field(default_factory=dict)
    routes: Routes = field(default_factory=lambda: Routes({}))
    faults: tuple[ItemFault, ...] = ()
    warnings: tuple[str, ...] = ()

    def faults_of(self, name: str) -> list[str]:
        """What is wrong with the item, or a part of the item, ``name``."""
        return [fault.message for fault in self.faults if fault.name in (name, f"{name} (routes)")]

    def summary(self) -> str:
        """One line for whoever starts it; what is switched off is installed, but not loaded."""
        on = Counter(extension.origin for extension in self.extensions.values() if extension.enabled)
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
    extensions: dict[str, Extension] = {}
    faults, warnings = list(loaded.faults), []
    for extension in loaded.extensions:
        holder = extensions.setdefault(extension.name, extension)
        if holder is extension:
            continue
        if holder.origin is extension.origin:
            faults.append(ItemFault(name=extension.folder.name, message=_taken(extension.name, holder.folder.name)))
        else:
            warnings.append(
                f"the {holder.origin} extension {extension.name} is served; "
                f"the {extension.origin} one in {extension.folder} is not"
            )
    modules: dict[str, Module] = {}
    for module in loaded.modules:
        kept = modules.setdefault(module.name, module)
        if kept is not module:
            faults.append(ItemFault(name=module.folder.name, message=_taken(module.name, kept.folder.name)))
    routes, conflicts = make_routes(extensions.values())
    return Snapshot(
        extensions=extensions,
        modules=modules,
        routes=routes,
        faults=(*faults, *conflicts),
        warnings=tuple(warnings),
    )


def difference(before: Snapshot, after: Snapshot) -> Difference:
    """What a refresh changed: an extension is updated where its definition or its switch differs."""
    known, now = before.extensions, after.extensions
    return Difference(
        added=_sorted(now.keys() - known.keys()),
        updated=_sorted(name for name in now.keys() & known.keys() if _state(now[name]) != _state(known[name])),
        removed=_sorted(known.keys() - now.keys()),
    )


def _state(extension: Extension) -> tuple[str, str, bool]:
    return str(extension.folder), extension.digest, extension.enabled


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


def _taken(name: str, holder: str) -> str:
    return f"the name '{name}' is already that of {holder}"
