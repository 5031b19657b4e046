"""Add: list an item in the desired state, and pin it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.commands.edit import Edit, Edited, loaded_value, without_places, written
from reconciler.commands.save import NEW_FILE, relative_source
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, UsageError, WrongKindError
from reconciler.fs.presence import is_there
from reconciler.model.config import Json, JsonObject
from reconciler.model.desired import place_of
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.inputs import Input
from reconciler.model.listener import Notice, Progress, no_progress
from reconciler.model.record import Record
from reconciler.model.source import Source, SourceKind
from reconciler.planning.manifest_diff import dotted
from reconciler.reconcile.inputs import made_again
from reconciler.resolve.pins import Pins, entries_of, lock_of, partition
from reconciler.resolve.resolve import Resolver, context_of
from reconciler.resolve.signatures import Signing, asker, fresh_signatures, judge_of, trust_of, trusted_pins
from reconciler.resolve.store import store_for
from reconciler.store.desired_file import DesiredFile, decode_desired, read_desired, with_other_ending
from reconciler.store.lock_file import lock_path, read_lock
from reconciler.store.state_files import read_record

_SOURCE_KINDS: Final = tuple(map(str, SourceKind))


class Added(Struct, frozen=True, kw_only=True):
    """What is asked for. ``kind`` is ``None`` where the package says it; ``ref`` and ``path`` belong to the source."""

    item_id: str
    source: str
    version: str | None = None
    kind: Kind | None = None
    ref: str = ""
    path: str = ""
    enabled: bool | None = None


def add(
    env: Environment, path: Path, asked: Added, notice: Notice, progress: Progress = no_progress, *, dry_run: bool
) -> Edited:
    """List an item that the file does not list, and pin it. ``InputError`` where it cannot be used as it is asked."""

    def make() -> Edited:
        return written(_added(env, path, asked, progress), dry_run=dry_run)

    return made_again(make, notice)


def _added(env: Environment, path: Path, asked: Added, progress: Progress) -> Edited:
    if not is_there(path) and with_other_ending(path) is not None:
        read_desired(path)  # the error that says so
    before = read_desired(path) if is_there(path) else None
    if before and any(item.key.id.casefold() == asked.item_id.casefold() for item in before.desired.items):
        raise InputError(
            f"{path} lists {asked.item_id} already",
            advice=f"'llamagate set {asked.item_id} KEY=VALUE' changes its configuration; edit its source there",
            code=ErrorCode.EXISTS,
        )
    kinds = (asked.kind,) if asked.kind else (Kind.EXTENSION, Kind.MODULE)
    for kind in kinds[:-1]:
        try:
            return _added_as(env, path, asked, before, kind, progress)
        except WrongKindError:
            continue  # it is of the other kind
    return _added_as(env, path, asked, before, kinds[-1], progress)


def _added_as(
    env: Environment, path: Path, asked: Added, before: DesiredFile | None, kind: Kind, progress: Progress
) -> Edited:
    key = ItemKey(kind, asked.item_id)
    entry = _entry(asked, path.absolute().parent)
    old = before.data if before else NEW_FILE
    with without_places():
        file = decode_desired(yaml_text.set_entry(old, place_of(key), entry, name=str(path)), path)
        pins = _pins_with(env, file, asked.item_id, progress)
    inputs = (
        Input(path=path, before=before.data if before else None, data=file.data, said=f"wrote {path}"),
        Input(path=pins.old.path, before=pins.old.data, data=pins.data, said=f"wrote {pins.old.path}"),
    )
    edit = Edit(key=dotted(place_of(key)), change="added", after=entry)
    return Edited(file=path, edits=(edit,), inputs=inputs, stale=pins.stale)


def _entry(asked: Added, folder: Path) -> Json:
    """The item as the file writes it: in the shortest way."""
    source = _source(asked, folder)
    if asked.version is None and asked.enabled is None and isinstance(source, str):
        return source
    entry: JsonObject = {"source": source}
    if asked.version is not None:
        entry["version"] = asked.version
    if asked.enabled is not None:
        entry["enabled"] = asked.enabled
    return entry


def _source(asked: Added, folder: Path) -> Json:
    """The source as the file writes it; a path that is given means one of the current folder."""
    text = asked.source
    kind, mark, place = text.partition("=")
    value: Json = text
    if text.startswith("{"):
        value = loaded_value(text, "SOURCE", advice="write it as in '{catalog: ./catalog}'")
    elif mark and kind in _SOURCE_KINDS:
        value = {kind: place}
    places = [value.get(kind) for kind in _SOURCE_KINDS] if isinstance(value, dict) else [value]
    if not any(isinstance(one, str) and one for one in places):
        advice = "write a path, a URL, or KIND=PLACE such as catalog=./catalog"
        raise UsageError(f"'{text}' is not a source", advice=advice)
    extra: JsonObject = {name: part for name, part in (("ref", asked.ref), ("path", asked.path)) if part}
    if extra:
        value = {**(value if isinstance(value, dict) else Source.from_document(value).to_full_document()), **extra}
    source = Source.from_document(value)
    if source.is_address or source.location.startswith("~/"):
        return value
    place = relative_source(_absolute(source), folder).location
    if not isinstance(value, dict):
        return Source(source.kind, place).to_document()
    return {**value, str(source.kind): place}


def _absolute(source: Source) -> Source:
    return Source(source.kind, os.path.abspath(source.location), source.ref, source.path)  # noqa: PTH100 - links stay


def _pins_with(env: Environment, file: DesiredFile, item_id: str, progress: Progress) -> Pins:
    """The lock with this item's entry; every other one stays as it is."""
    home = Home(env.home)
    record = read_record(home)[0] if home.root.is_dir() else Record()
    old = read_lock(lock_path(file.path, env.lock_file), known=record.documents)
    trust = trust_of(env, file, file.path.absolute().parent, old=old)
    store, context = store_for(home, file.desired.policy), context_of(env, file, progress, judge=judge_of(trust))
    resolver = Resolver(file=file, record=record, store=store, context=context, lock_path=old.path)
    items = [item for item in file.desired.items if item.key.id == item_id]
    found = resolver.resolve(partition(items, lock_of(file, old)))
    signing = Signing(trust, fresh_signatures(found), asker(context))
    return trusted_pins(file, old, entries_of(file, found), signing)
