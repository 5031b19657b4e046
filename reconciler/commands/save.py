"""``--save``: what a command did is written into the desired state and the lock, and nothing else of them changes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, RefusedError
from reconciler.model.config import Json
from reconciler.model.desired import API_VERSION, DEFAULT_OWNER, DesiredItem, place_of
from reconciler.model.ids import PACKAGE_KINDS, ItemKey, Kind
from reconciler.model.inputs import Input
from reconciler.model.lock import Lock, LockItem
from reconciler.model.source import Source, SourceKind
from reconciler.model.version import in_range
from reconciler.reconcile.home_state import HomeState
from reconciler.resolve.resolved import Resolved
from reconciler.store.desired_file import decode_desired, read_desired, with_other_ending
from reconciler.store.lock_file import LockFile, lock_bytes, lock_path, read_lock

NEW_FILE: Final = f"apiVersion: {API_VERSION}\n".encode()


def saving_owner(state: HomeState) -> str:
    """The owner of items that are written into the file. ``RefusedError`` where another file would remove them.

    ``InputError`` where the file would be a second one beside one with the other ending.
    """
    if state.file is None and with_other_ending(state.path) is not None:
        read_desired(state.path)  # the error that says so
    owner = state.file.desired.owner if state.file else DEFAULT_OWNER
    path = state.speaker(owner)
    other = state.record.owners.get(owner, path)
    if owner == DEFAULT_OWNER and other != path:
        listed = {*state.file.desired.keys} if state.file else set()
        if any(whose == owner and key not in listed for key, whose in state.record.owners_by_key.items()):
            message = f"{other} owns all items without an 'owner:': its apply would remove what only {state.path} lists"
            raise RefusedError(
                message,
                advice=f"give {state.path} its own 'owner:', or save into that one with -f",
                code=ErrorCode.NOT_SAVED,
            )
    return owner


def check_can_be_kept(state: HomeState, package: Resolved) -> None:
    """``InputError`` where a package is in a folder that commands change: the next one may remove it."""
    if package.source.is_pinned:
        return
    location = Path(os.path.realpath(package.source.location))
    changed = [state.home.ours, *map(state.home.installed, PACKAGE_KINDS)]
    if any(location.is_relative_to(os.path.realpath(folder)) for folder in changed):
        message = (
            f"{package.name} is in a folder of llamagate's own, whose contents it deletes, so it cannot be a source"
        )
        raise InputError(message, advice="copy it elsewhere first, or leave out --save", code=ErrorCode.NOT_SAVED)


def saved_packages(state: HomeState, packages: Iterable[Resolved]) -> tuple[Input, ...]:
    """Desired state and lock with each of ``packages`` in them, from where it was taken."""
    data = state.file.data if state.file else NEW_FILE
    old = _lock(state)
    lock = dict(old.lock.by_key)
    for package in packages:
        source = relative_source(package.source, state.path.absolute().parent)
        data = _with_package(state, data, package, source)
        lock[package.key] = replace(package.locked_as(source), signed=package.signed)
    return _inputs(state, data, old, lock)


def saved_removal(state: HomeState, key: ItemKey) -> tuple[Input, ...]:
    """Desired state and lock without the item, as far as they have it."""
    if state.file is None:
        return ()
    old = _lock(state)
    lock = {locked: entry for locked, entry in old.lock.by_key.items() if locked != key}
    listed = state.listed(key) is not None
    data = yaml_text.remove_entry(state.file.data, place_of(key), name=str(state.path)) if listed else state.file.data
    return _inputs(state, data, old, lock)


def saved_switch(state: HomeState, key: ItemKey, *, enabled: bool) -> tuple[Input, ...]:
    """The desired state with the item's ``enabled`` set. ``InputError`` where the file does not list it."""
    item = state.listed(key)
    if state.file is None or item is None:
        advice = "'import --save' lists it, or leave out --save"
        if key.kind is Kind.MCP_SERVER:
            advice = f"add it below 'mcp_servers:' in {state.path}, or leave out --save"
        raise InputError(
            f"{state.path} does not list {key.id}, so nothing can be saved there",
            advice=advice,
            code=ErrorCode.NOT_SAVED,
        )
    if item.enabled is enabled:
        return ()
    if not isinstance(item, DesiredItem) or isinstance(state.file.entry(key), dict):
        data = yaml_text.set_entry(state.file.data, (*place_of(key), "enabled"), enabled, name=str(state.path))
    else:
        entry: Json = {"source": item.source.to_document(), "enabled": enabled}
        data = yaml_text.set_entry(state.file.data, place_of(key), entry, name=str(state.path))
    old = _lock(state)
    return _inputs(state, data, old, old.lock.by_key)


def _with_package(state: HomeState, data: bytes, package: Resolved, source: Source) -> bytes:
    key, name = package.key, str(state.path)
    item = state.listed_item(key)
    if item is not None and item.version and not in_range(package.manifest.version, item.version):
        message = (
            f"{name} allows {key.id} in the range '{item.version}', but the package has {package.manifest.version}"
        )
        raise InputError(
            message, advice="change its version there first, or leave out --save", code=ErrorCode.NOT_SAVED
        )
    entry = source.to_document()
    if item is None and isinstance(entry, dict):
        entry = {"source": entry}
    listed = state.file.entry(key) if state.file and item else None
    place = (*place_of(key), "source") if isinstance(listed, dict) else place_of(key)
    return yaml_text.set_entry(data, place, entry, name=name)


def _inputs(state: HomeState, data: bytes, old: LockFile, lock: Mapping[ItemKey, LockItem]) -> tuple[Input, ...]:
    """Both files, as they were read and as they will be. The new text is decoded first, as by the next command.

    What the lock remembers of catalogs stays as long as one of the items is from there. An empty lock is not written
    where there was none.
    """
    desired = decode_desired(data, state.path).desired
    listed = {server.key for server in desired.servers}
    servers = tuple(server for server in old.lock.servers if server.key in listed)
    places = {item.source.location for item in desired.items if item.source.kind is SourceKind.CATALOG}
    catalogs = tuple(one for one in old.lock.catalogs if one.source in places)
    items = tuple(lock[key] for key in sorted(lock))
    pins = Lock(items=items, rules=old.lock.rules, catalogs=catalogs, servers=servers)
    locked = lock_bytes(pins, like=old.data) if lock or old.data is not None else None
    before = state.file.data if state.file else None
    return (
        Input(path=state.path, before=before, data=data, said=f"wrote {state.path}"),
        Input(path=old.path, before=old.data, data=locked, said=f"wrote {old.path}"),
    )


def _lock(state: HomeState) -> LockFile:
    return read_lock(lock_path(state.path, state.env.lock_file), known=state.record.documents)


def relative_source(source: Source, folder: Path) -> Source:
    """``source`` as a file in ``folder`` writes it: relative where it is below that folder."""
    if source.is_address:
        return source
    location = Path(source.location)
    if location.is_relative_to(folder):
        below = location.relative_to(folder).as_posix()
        return replace(source, location=f"./{below}" if source.kind is SourceKind.DIR else below)
    return replace(source, location=os.fspath(location))
