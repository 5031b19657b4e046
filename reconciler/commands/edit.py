"""Add and set: one entry of the desired state is changed in place, and every other byte of it stays."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Final, Literal, cast

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.commands.save import NEW_FILE, relative_source
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, LlamagateError, UsageError, WrongKindError
from reconciler.fs.presence import is_there
from reconciler.model.config import Json, JsonObject, reference_of
from reconciler.model.desired import DesiredItem, Limits, place_of
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind, did_you_mean
from reconciler.model.inputs import Input
from reconciler.model.listener import Notice, Progress, no_progress
from reconciler.model.record import Record
from reconciler.model.regex import regex
from reconciler.model.source import Source, SourceKind
from reconciler.planning.manifest_diff import MASK, Place, dotted, masked
from reconciler.reconcile.inputs import made_again, writing_inputs
from reconciler.resolve.pins import Pins, entries_of, lock_of, partition
from reconciler.resolve.resolve import Resolver, context_of
from reconciler.resolve.signatures import Signing, asker, fresh_signatures, trust_of, trusted_pins
from reconciler.resolve.store import PackageStore, store_for
from reconciler.store.desired_file import DesiredFile, decode_desired, read_desired, with_other_ending
from reconciler.store.lock_file import lock_path, read_lock
from reconciler.store.state_files import read_record

Values = Sequence[tuple[str, str | None]]
"""Keys with their values as YAML writes them; ``None`` takes the key out."""

_PART: Final = regex(r"\"(?P<quoted>[^\"]+)\"|\[(?P<index>[0-9]{1,6})\]|(?P<plain>[^.\[\]\"]+)")
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


class Named(Struct, frozen=True):
    """An item as it is named on the command line."""

    item_id: str
    kind: Kind | None = None


class Edit(Struct, frozen=True, kw_only=True):
    """One value of the file, before and after; what may be secret is masked. ``change`` tells null from no value."""

    key: str
    change: Literal["added", "changed", "removed"]
    before: Json = None
    after: Json = None

    def to_document(self) -> JsonObject:
        return {"key": self.key, "change": self.change, "before": self.before, "after": self.after}


class Edited(Struct, frozen=True, kw_only=True):
    """What changes in the file and in the lock. ``notes`` are for people."""

    file: Path
    edits: tuple[Edit, ...]
    inputs: tuple[Input, ...]
    stale: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything is written."""
        return any(one.is_written for one in self.inputs)

    def to_document(self) -> JsonObject:
        return {
            "file": str(self.file),
            "changed": self.changed,
            "edits": [edit.to_document() for edit in self.edits],
            "lock": {"stale": [*self.stale]},
        }


def written(edited: Edited, *, dry_run: bool) -> Edited:
    """Write it, but for a ``dry_run``."""
    with writing_inputs(() if dry_run else edited.inputs):
        return edited


def add(
    env: Environment, path: Path, asked: Added, notice: Notice, progress: Progress = no_progress, *, dry_run: bool
) -> Edited:
    """List an item that the file does not list, and pin it. ``InputError`` where it cannot be used as it is asked."""

    def make() -> Edited:
        return written(_added(env, path, asked, progress), dry_run=dry_run)

    return made_again(make, notice)


def set_values(
    env: Environment,
    path: Path,
    named: Named,
    values: Values,
    notice: Notice,
    *,
    dry_run: bool,
) -> Edited:
    """Set these keys of an item's configuration. ``InputError`` where the file would not be valid with them."""

    def make() -> Edited:
        return written(_set(env, path, named, values), dry_run=dry_run)

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
    with _without_places():
        file = decode_desired(yaml_text.set_entry(old, place_of(key), entry, name=str(path)), path)
        pins = _pins_with(env, file, asked.item_id, progress)
    inputs = (
        Input(path=path, before=before.data if before else None, data=file.data, said=f"wrote {path}"),
        Input(path=pins.old.path, before=pins.old.data, data=pins.data, said=f"wrote {pins.old.path}"),
    )
    edit = Edit(key=dotted(place_of(key)), change="added", after=entry)
    return Edited(file=path, edits=(edit,), inputs=inputs, stale=pins.stale)


@contextmanager
def _without_places(*, names_key: bool = False) -> Iterator[None]:
    """Errors name no line of the file: it would be one of the new text, which nobody has seen."""
    try:
        yield
    except LlamagateError as error:
        fault = error.faults[0] if error.faults else None
        key = f"{fault.path}: " if fault and fault.path and names_key else ""
        said = f"{key}{fault.message}" if fault else error.message
        raise type(error)(said, advice=error.advice, code=error.code) from error


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
        value = _loaded(text, "SOURCE", advice="write it as in '{catalog: ./catalog}'")
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
    store, context = store_for(home, file.desired.policy), context_of(env, file, progress, judge=trust)
    resolver = Resolver(file=file, record=record, store=store, context=context, lock_path=old.path)
    items = [item for item in file.desired.items if item.key.id == item_id]
    found = resolver.resolve(partition(items, lock_of(file, old)))
    signing = Signing(trust, fresh_signatures(found), asker(context))
    return trusted_pins(file, old, entries_of(file, found), signing)


def _set(env: Environment, path: Path, named: Named, values: Values) -> Edited:
    before = read_desired(path)
    item = _listed(before, path, named)
    data = before.data
    if not isinstance(before.entry(item.key), dict) and any(text is not None for _, text in values):
        entry: Json = {"source": item.source.to_document()}
        data = yaml_text.set_entry(data, place_of(item.key), entry, name=str(path))
    edits: list[Edit] = []
    with _without_places(names_key=True):
        for key, text in values:
            old = decode_desired(data, path)
            data = _with_value(old, item.key, key, text)
            before_and_after = (_at(file, item.key, _place(key)) for file in (old, decode_desired(data, path)))
            edits += _edit(_place(key), *before_and_after)
    told = [_place(key) for key, text in values if text is not None]
    return Edited(
        file=path,
        edits=tuple(edits),
        inputs=(Input(path=path, before=before.data, data=data, said=f"wrote {path}"),),
        notes=tuple(_notes(env, item, decode_desired(data, path), told)),
    )


def _listed(file: DesiredFile, path: Path, named: Named) -> DesiredItem:
    """The item of the file. ``InputError`` where it lists none, or several, of this name."""
    found = [one for one in file.desired.items if one.key.id == named.item_id and named.kind in (None, one.key.kind)]
    if len(found) > 1:
        kinds = " and ".join(str(one.key.kind) for one in found)
        message = f"{path} lists {named.item_id} as {kinds}"
        advice = f"write the type before the id: 'llamagate set {found[0].key.kind} {named.item_id} KEY=VALUE'"
        raise InputError(message, advice=advice, code=ErrorCode.AMBIGUOUS)
    if not found:
        known = {one.key.id for one in file.desired.items}
        what = str(named.kind or "item")
        raise InputError(
            f"{path} lists no {what} '{named.item_id}'{did_you_mean(named.item_id, known)}",
            advice="'llamagate add ID SOURCE' lists one",
            code=ErrorCode.NOT_FOUND,
        )
    return found[0]


def _with_value(file: DesiredFile, key: ItemKey, name: str, text: str | None) -> bytes:
    """The file with the value set. A mapping that would lose its last key goes as a whole: an empty one is null."""
    place, start = _place(name), (*place_of(key), "config")
    if text is None and not _at(file, key, place):
        return file.data
    keys = tuple(takewhile(lambda part: isinstance(part, str), place))
    if len(keys) < len(place):  # a list is written as a whole
        value = _put(_at(file, key, keys), place, len(keys), [] if text is None else [_value(name, text)])
        return yaml_text.set_entry(file.data, (*start, *map(str, keys)), value, name=str(file.path))
    if text is not None:
        return yaml_text.set_entry(file.data, (*start, *map(str, place)), _value(name, text), name=str(file.path))
    while place and len(cast(JsonObject, _at(file, key, place[:-1])[0])) <= 1:
        place = place[:-1]
    return yaml_text.remove_entry(file.data, (*start, *map(str, place)), name=str(file.path))


def _put(found: Sequence[Json], place: Place, depth: int, new: list[Json]) -> Json:
    """``found``, which is at the first ``depth`` parts of ``place``, with ``new`` at its end: one value, or none."""
    if depth == len(place):
        return new[0]
    value, part = found[0] if found else None, place[depth]
    is_last = depth + 1 == len(place)
    if isinstance(part, int):
        return _put_into_list(value, place, depth, new)
    if value is not None and not isinstance(value, dict):
        raise UsageError(f"{dotted(('config', *place[:depth]))} is not a mapping: it has no key '{part}'")
    holder = dict(value or {})
    if is_last and not new:
        del holder[part]
    else:
        holder[part] = _put([holder[part]] if part in holder else [], place, depth + 1, new)
    return holder


def _put_into_list(value: Json, place: Place, depth: int, new: list[Json]) -> Json:
    index, name = cast(int, place[depth]), dotted(("config", *place[:depth]))
    if not isinstance(value, list):
        raise UsageError(f"{name} is not a list", advice="to set a key that has brackets in its name, put it in quotes")
    if index > len(value):
        last = f"{name}[{len(value) - 1}] is the last one, and " if value else ""
        raise UsageError(f"there is no {name}[{index}]; {last}{name}[{len(value)}] adds one")
    if depth + 1 == len(place) and not new:
        return [*value[:index], *value[index + 1 :]]
    below = _put(value[index : index + 1], place, depth + 1, new)
    return [*value[:index], below, *value[index + 1 :]]


def _place(key: str) -> Place:
    """``model.name``, ``stops[0]``, ``"a.b".c`` as the parts that lead to a value."""
    place: list[str | int] = []
    at = 0
    while match := _PART.match(key, at):
        if match["index"] is not None and not place:
            break
        place.append(int(match["index"]) if match["index"] is not None else match["quoted"] or match["plain"])
        at = match.end()
        if at == len(key):
            return tuple(place)
        at += key[at] == "."
        if at == len(key):
            break
    raise UsageError(f"'{key}' is not a key", advice="write one as in greeting, model.name, stops[0] or '\"a.b\".c'")


def _value(key: str, text: str) -> Json:
    """A value as YAML writes it; a text that is none needs quotes."""
    if not text.strip():
        return text
    return _loaded(text, key, advice=f"""to set a text, put it in quotes: '{key}="…"'""")


def _loaded(text: str, name: str, *, advice: str) -> Json:
    try:
        return yaml_text.load(text.encode(), name=name)
    except InputError as error:
        what = error.faults[0].message if error.faults else error.message
        raise UsageError(f"{name} is not YAML: {what}", advice=advice) from error


def _at(file: DesiredFile, key: ItemKey, place: Place) -> Sequence[Json]:
    """The value there; none where there is no such key."""
    found: Sequence[Json] = (file.entry(key),)
    for part in ("config", *place):
        found = _below(found[0], part) if found else ()
    return found


def _below(value: Json, part: str | int) -> Sequence[Json]:
    if isinstance(part, int):
        return value[part : part + 1] if isinstance(value, list) else ()
    return (value[part],) if isinstance(value, dict) and part in value else ()


def _edit(place: Place, before: Sequence[Json], after: Sequence[Json]) -> Iterator[Edit]:
    old, new = ([_shown(place, value) for value in values] for values in (before, after))
    key = dotted(("config", *place))
    if old and new:
        yield Edit(key=key, change="changed", before=old[0], after=new[0])
    elif old or new:
        yield Edit(
            key=key, change="added" if new else "removed", before=next(iter(old), None), after=next(iter(new), None)
        )


def _shown(place: Place, value: Json) -> Json:
    """The value, masked where it may be secret; where a secret is may be shown."""
    if reference_of(value) is not None:
        return value
    shown = masked(("config", *place), value, frozenset())
    if isinstance(value, dict) and shown != MASK:
        return {key: _shown((*place, key), below) for key, below in value.items()}
    return shown


def _literal_secrets(place: Place, value: Json) -> Iterator[str]:
    """The keys at or below ``place`` whose value is a secret that the file itself has."""
    shown = _shown(place, value)
    if shown == MASK:
        yield dotted(place)
    elif isinstance(value, dict) and reference_of(value) is None:
        for key, below in value.items():
            yield from _literal_secrets((*place, key), below)


def _notes(env: Environment, item: DesiredItem, file: DesiredFile, places: Sequence[Place]) -> Iterator[str]:
    own = _own_config(env, item)
    for place in places:
        found = _at(file, item.key, place)
        for key in _literal_secrets(place, found[0] if found else None):
            yield f"{key} sounds like a secret, and is in the file now; '{key}={{env: NAME}}' takes it from a variable"
        if own and (first := str(place[0])) not in own:
            yield f"the package of {item.key.id} has no key '{first}' in its config{did_you_mean(first, own)}"


def _own_config(env: Environment, item: DesiredItem) -> Mapping[str, Json]:
    """The package's own configuration, where the item is installed and its package is at hand."""
    home = Home(env.home)
    try:
        recorded = read_record(home)[0].items.get(item.key) if home.root.is_dir() else None
        if recorded is None:
            return {}
        document = PackageStore(home=home, limits=Limits()).open_recorded(recorded).package.document
    except LlamagateError:
        return {}
    config = document.get("config")
    return config if isinstance(config, dict) else {}
