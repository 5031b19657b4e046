"""The items that one run can use: the package that is named, those that the file lists, those that are installed.

Each is read when it is first called, so that a run of one costs nothing for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError
from reconciler.fs.places import located
from reconciler.fs.presence import is_there
from reconciler.host.items import Extension, Module
from reconciler.host.load import load_folder, load_installed
from reconciler.model.desired import DEFAULT_MUTABLE
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind, did_you_mean
from reconciler.observe.below import is_package
from reconciler.observe.home import present_items
from reconciler.planning.diff import mutable_matcher
from reconciler.store.desired_file import DesiredFile, read_desired

_Item = TypeVar("_Item", Extension, Module)


class Lazy(Mapping[str, _Item], Generic[_Item]):
    """Items by name. ``readers`` is asked for their functions when one that is not ``ready`` is looked for."""

    def __init__(self, readers: Callable[[], Mapping[str, Callable[[], _Item]]], ready: Mapping[str, _Item]) -> None:
        self._ask: Callable[[], Mapping[str, Callable[[], _Item]]] = readers
        self._ready: dict[str, _Item] = dict(ready)

    @cached_property
    def _readers(self) -> Mapping[str, Callable[[], _Item]]:
        return self._ask()

    def __getitem__(self, name: str) -> _Item:
        if name not in self._ready:
            self._ready[name] = self._readers[name]()
        return self._ready[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._ready, **self._readers})

    def __len__(self) -> int:
        return len({**self._ready, **self._readers})


class AtHand(Struct, frozen=True, kw_only=True):
    """``item`` is the one that was named; the others are what it can call."""

    item: Extension | Module
    extensions: Mapping[str, Extension]
    modules: Mapping[str, Module]


class Surroundings(Struct, frozen=True, dict=True):
    """Where items are: a home, and the file that lists some. Each is looked at when it is first asked for."""

    env: Environment
    file: Path

    @cached_property
    def desired(self) -> DesiredFile | None:
        """The file; ``None`` where there is none."""
        return read_desired(self.file) if is_there(self.file) else None

    def is_mutable(self, path: str) -> bool:
        """Whether programs may write this file of an item."""
        return self._matcher(path)

    @cached_property
    def _matcher(self) -> Callable[[str], bool]:
        return mutable_matcher(self.desired.desired.policy.mutable if self.desired else DEFAULT_MUTABLE)

    @cached_property
    def readers(self) -> Mapping[ItemKey, Callable[[], Extension | Module]]:
        """A function for each item: those of the file go before those that are installed."""
        home = Home(self.env.home)
        found: dict[ItemKey, Callable[[], Extension | Module]] = {
            key: partial(load_installed, home, key) for key in _installed(home)
        }
        return found | {key: partial(load_folder, folder, key.kind) for key, folder in _local(self.desired).items()}

    def extensions(self) -> Mapping[str, Callable[[], Extension]]:
        """The readers of extensions, by id."""
        return {key.id: partial(_extension, one) for key, one in self.readers.items() if key.kind is Kind.EXTENSION}

    def modules(self) -> Mapping[str, Callable[[], Module]]:
        """The readers of modules, by id."""
        return {key.id: partial(_module, one) for key, one in self.readers.items() if key.kind is Kind.MODULE}


def at_hand(around: Surroundings, named: str) -> AtHand:
    """The item that ``named`` is: a folder with a package, an id of the file, or an id that is installed.

    ``InputError`` where there is none, or where it cannot be read.
    """
    item = _named(around, named)
    return AtHand(
        item=item,
        extensions=Lazy(around.extensions, {} if isinstance(item, Module) else {item.name: item}),
        modules=Lazy(around.modules, {item.name: item} if isinstance(item, Module) else {}),
    )


def _named(around: Surroundings, named: str) -> Extension | Module:
    folder = Path(named)
    if is_package(folder):
        return load_folder(folder)
    for key, read in around.readers.items():
        if key.id == named:
            item = read()
            return replace(item, enabled=True)
    what = f"'{named}' is neither a folder with a package, nor listed in the file, nor installed"
    raise InputError(what + did_you_mean(named, [key.id for key in around.readers]), code=ErrorCode.NOT_FOUND)


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
