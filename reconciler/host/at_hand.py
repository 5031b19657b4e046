"""The items that one run can use: the package that is named, those that the file lists, those that are installed.

Each is read when it is first called, so that a run of one costs nothing for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError
from reconciler.fs.places import located
from reconciler.host.items import Extension, Module
from reconciler.host.load import load_folder, load_installed
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind, did_you_mean
from reconciler.observe.below import is_package
from reconciler.observe.home import present_items
from reconciler.store.desired_file import DesiredFile

_Item = TypeVar("_Item", Extension, Module)


class Lazy(Mapping[str, _Item], Generic[_Item]):
    """Items by name, each read by its function when it is first asked for."""

    def __init__(self, readers: Mapping[str, Callable[[], _Item]], ready: Mapping[str, _Item]) -> None:
        self._readers: Mapping[str, Callable[[], _Item]] = readers
        self._ready: dict[str, _Item] = dict(ready)

    def __getitem__(self, name: str) -> _Item:
        if name not in self._ready:
            self._ready[name] = self._readers[name]()
        return self._ready[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._ready, **self._readers})

    def __len__(self) -> int:
        return len({**self._ready, **self._readers})


@dataclass(frozen=True, slots=True, kw_only=True)
class AtHand:
    """``item`` is the one that was named; the others are what it can call."""

    item: Extension | Module
    extensions: Mapping[str, Extension]
    modules: Mapping[str, Module] = field(default_factory=dict)


def at_hand(env: Environment, desired: DesiredFile | None, named: str) -> AtHand:
    """The item that ``named`` is: a folder with a package, an id of the file, or an id that is installed.

    ``InputError`` where there is none, or where it cannot be read.
    """
    local, home = _local(desired), Home(env.home)
    installed = _installed(home)
    item = _named(named, local, home, installed)
    readers: dict[ItemKey, Callable[[], Extension | Module]] = {
        key: partial(load_installed, home, key) for key in installed
    }
    readers |= {key: partial(load_folder, folder, key.kind) for key, folder in local.items()}
    extensions = {key.id: partial(_extension, read) for key, read in readers.items() if key.kind is Kind.EXTENSION}
    modules = {key.id: partial(_module, read) for key, read in readers.items() if key.kind is Kind.MODULE}
    return AtHand(
        item=item,
        extensions=Lazy(extensions, {} if isinstance(item, Module) else {item.name: item}),
        modules=Lazy(modules, {item.name: item} if isinstance(item, Module) else {}),
    )


def _named(named: str, local: Mapping[ItemKey, Path], home: Home, installed: Collection[ItemKey]) -> Extension | Module:
    folder = Path(named)
    if is_package(folder):
        return load_folder(folder)
    for key, place in local.items():
        if key.id == named:
            return load_folder(place, key.kind)
    for key in installed:
        if key.id == named:
            return replace(load_installed(home, key), enabled=True)
    known = [key.id for key in (*local, *installed)]
    what = f"'{named}' is neither a folder with a package, nor listed in the file, nor installed"
    raise InputError(what + did_you_mean(named, known), code=ErrorCode.NOT_FOUND)


def _local(desired: DesiredFile | None) -> dict[ItemKey, Path]:
    """The folders of this machine that the file lists."""
    found = {}
    for item in desired.desired.items if desired else ():
        place = located(desired.path.parent, item.source.location) if desired else Path()
        if not item.source.is_pinned and not item.source.path and is_package(place):
            found[item.key] = place
    return found


def _installed(home: Home) -> list[ItemKey]:
    try:
        return sorted(present_items(home))
    except LlamagateError:
        return []


def _extension(read: Callable[[], Extension | Module]) -> Extension:
    item = read()
    if isinstance(item, Module):
        raise InputError(f"{item.name} is an agentic module, not an extension")
    return item


def _module(read: Callable[[], Extension | Module]) -> Module:
    item = read()
    if isinstance(item, Extension):
        raise InputError(f"{item.name} is an extension, not an agentic module")
    return item
