"""What really is in the home, item by item; record and registry come in as values."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from reconciler.errors import LlamagateError, StorageError
from reconciler.fs import tree
from reconciler.fs.presence import is_file, is_folder
from reconciler.fs.probe import keeps_executable_bit
from reconciler.model.desired import Limits
from reconciler.model.home import Home
from reconciler.model.ids import PACKAGE_KINDS, ItemKey, Kind, id_problem
from reconciler.model.observed import ABSENT, Observed, ObservedItem, Presence, is_enabled
from reconciler.model.package import MANIFESTS, Manifest
from reconciler.model.record import Record, RecordedFile, RecordItem
from reconciler.model.registry import Registry, RegistryEntry, registry_time


def observe(
    home: Home,
    recorded: Mapping[ItemKey, RecordItem],
    registry: Registry,
    wanted: Mapping[ItemKey, Collection[str]],
    *,
    corrupt: str | None,
    whole: Collection[ItemKey] = (),
) -> Observed:
    """Look at the ``recorded`` and the ``wanted`` items.

    ``wanted`` names the paths whose content matters beyond the recorded ones. A file with its recorded stat stamp is
    not read again; a local file that nobody asked for is never read. ``whole`` are the items of which local files
    count, too.
    """
    present = present_items(home)
    see = Sight(home, registry).see
    keys = {**dict.fromkeys(recorded), **wanted}
    items = {key: see(key, recorded.get(key), wanted.get(key, ()), whole=key in whole) for key in keys}
    return Observed(registry=registry, items=items, present=present, corrupt=corrupt)


def is_there(home: Home) -> bool:
    """Whether there is a home: a folder with more than what a command left that failed before it did anything."""
    if not is_folder(home.root):
        return False
    left = {home.lock, home.watch_lock, home.status}
    try:
        return [*home.root.iterdir()] != [home.ours] or not {*home.ours.iterdir()} <= left
    except OSError:
        return True  # who looks into it next says why it cannot be read


class Sight:
    """Looks at items one by one, and remembers none. ``reads_all``: also what has its recorded stat stamp.

    Where every recorded file is as it was, local files are not looked for, unless an item is asked for as a ``whole``.
    """

    def __init__(self, home: Home, registry: Registry, *, reads_all: bool = False) -> None:
        self._home, self._registry, self._reads_all = home, registry, reads_all
        self._installed = {kind: str(home.installed(kind)) for kind in PACKAGE_KINDS}

    def see(
        self, key: ItemKey, recorded: RecordItem | None, wanted: Collection[str] = (), *, whole: bool = False
    ) -> ObservedItem:
        """What is at the item's place. ``StorageError`` where that cannot be read."""
        before, folder = recorded.files if recorded else {}, f"{self._installed[key.kind]}/{key.id}"
        if self._reads_all:
            before = {path: RecordedFile(file.sha256) for path, file in before.items()}
        looks = whole or self._reads_all or not before or any(path not in before for path in wanted)
        found = None if looks else _untouched(folder, before)
        found = found or _look(folder, before, wanted)
        if recorded is not None and _disagrees(self._registry.get(key), recorded):
            manifest = manifest_at(self._home.item(key), key.kind, key.id)
            found = replace(found, version=manifest.version if manifest else "")
        return _with_lost_bits(found, recorded, self._home)

    def alone(self, recorded: RecordItem) -> Observed:
        """A recorded item as if the home had no other one."""
        return Observed(registry=self._registry, items={recorded.key: self.see(recorded.key, recorded)})


def _disagrees(entry: RegistryEntry | None, recorded: RecordItem) -> bool:
    return entry is not None and entry.version != recorded.version


def present_items(home: Home) -> frozenset[ItemKey]:
    """Every item folder that a gateway would look at."""
    found = set()
    for kind in PACKAGE_KINDS:
        folder = home.installed(kind)
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StorageError(f"{folder} cannot be read: {error.strerror}") from error
        found |= {ItemKey(kind, name) for name in names if id_problem(name) is None}
    return frozenset(found)


def manifest_at(folder: Path, kind: Kind, name: str) -> Manifest | None:
    """What the package installed in ``folder`` says of itself; ``None`` where it is not a valid package."""
    from reconciler.packages.installed import open_installed  # only what something else installed is read
    from reconciler.packages.manifest import read_package

    try:
        if not any(is_file(folder / manifest) for manifest in MANIFESTS[kind]):
            return None
        return read_package(open_installed(folder, limits=Limits(), name=name), name=name).manifest
    except (LlamagateError, OSError):
        return None


def rebuilt_registry(home: Home, record: Record, now: datetime) -> Registry:
    """The registry as our record and the disk tell it, for one whose bytes are lost."""
    moment = registry_time(now)
    entries = {}
    for key in sorted(present_items(home) | set(record.items)):
        recorded = record.items.get(key)
        there = manifest_at(home.item(key), key.kind, key.id)
        manifest = recorded.manifest if recorded else there
        if there is not None and manifest is not None and there.version != manifest.version:
            manifest = there  # another tool may have put it there
        if manifest is not None:
            entries[key.id] = RegistryEntry(
                key=key,
                name=manifest.name,
                version=manifest.version,
                enabled=is_enabled(None, recorded, default=manifest.enabled_default),
                installed_at=moment,
                last_updated_at=moment,
                source_path=str(home.item(key)),
            )
    return Registry(entries=entries)


def _untouched(folder: str, recorded: Mapping[str, RecordedFile]) -> ObservedItem | None:
    """The item whose recorded files are all as they were, as far as those go; ``None`` where it must be looked at."""
    try:
        executables = tree.executables_if_untouched(folder, recorded)
    except OSError:
        return None
    if executables is None:
        return None
    return ObservedItem(presence=Presence.FOLDER, files=recorded, executables=executables)


def _look(folder: str, recorded: Mapping[str, RecordedFile], wanted: Collection[str]) -> ObservedItem:
    try:
        return _look_into(folder, recorded, wanted)
    except FileNotFoundError:
        return ABSENT
    except NotADirectoryError:
        return ObservedItem(presence=Presence.OTHER)
    except OSError as error:
        raise StorageError(f"{error.filename or folder} cannot be read: {error.strerror}") from error


def _look_into(folder: str, recorded: Mapping[str, RecordedFile], wanted: Collection[str]) -> ObservedItem:
    files: dict[str, RecordedFile] = {}
    folders, links, executables = set(), set(), set()
    for node in tree.walk(folder):
        if node.kind is tree.NodeKind.FILE:
            if node.mode & 0o111:
                executables.add(node.path)
            before = recorded.get(node.path)
            if before is not None and before[1:] == node.stamp:
                files[node.path] = before
            elif before is not None or node.path in wanted:
                stamp = () if tree.hides_changes(node.stamp) else node.stamp
                files[node.path] = RecordedFile(tree.hash_file(folder, node.path), *stamp)
            else:
                files[node.path] = RecordedFile("", *node.stamp)
        elif node.kind is tree.NodeKind.FOLDER:
            folders.add(node.path)
        else:
            links.add(node.path)
    return ObservedItem(
        presence=Presence.FOLDER,
        files=files,
        folders=frozenset(folders),
        links=frozenset(links),
        executables=frozenset(executables),
    )


def _with_lost_bits(found: ObservedItem, recorded: RecordItem | None, home: Home) -> ObservedItem:
    """The item as it is where the file system keeps the executable bit; else with those that were written."""
    if recorded is None or not recorded.executables or recorded.executables <= found.executables:
        return found
    if keeps_executable_bit(home.item(recorded.key)):
        return found
    return replace(found, executables=found.executables | recorded.executables)
