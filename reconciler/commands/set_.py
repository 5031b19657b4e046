"""Set: values of an item's configuration in the desired state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Literal, cast

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.commands.config_places import below, place_of_key, with_value_at
from reconciler.commands.edit import Edit, Edited, loaded_value, without_places, written
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, LlamagateError, UsageError
from reconciler.model.config import Json, JsonObject, reference_of
from reconciler.model.desired import DesiredItem, Limits, place_of
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind, did_you_mean
from reconciler.model.inputs import Input
from reconciler.model.listener import Notice
from reconciler.planning.manifest_diff import MASK, Place, dotted, masked
from reconciler.planning.server_views import without_secrets
from reconciler.reconcile.inputs import made_again
from reconciler.resolve.store import PackageStore
from reconciler.store.desired_file import DesiredFile, decode_desired, read_desired
from reconciler.store.state_files import read_record

Values = Sequence[tuple[str, str | None]]
"""Keys with their values as YAML writes them; ``None`` takes the key out."""


class Named(Struct, frozen=True):
    """An item as it is named on the command line."""

    item_id: str
    kind: Kind | None = None


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


def _set(env: Environment, path: Path, named: Named, values: Values) -> Edited:
    before = read_desired(path)
    listed = _listed(before, path, named)
    item = before.desired.find(listed)
    if item is None:
        return _set_server(path, before, listed, values)
    data = before.data
    if not isinstance(before.entry(item.key), dict) and any(text is not None for _, text in values):
        entry: Json = {"source": item.source.to_document()}
        data = yaml_text.set_entry(data, place_of(item.key), entry, name=str(path))
    edits: list[Edit] = []
    with without_places(names_key=True):
        for key, text in values:
            old = decode_desired(data, path)
            data = _with_value(old, item.key, key, text)
            before_and_after = (_at(file, item.key, place_of_key(key)) for file in (old, decode_desired(data, path)))
            edits += _edit(place_of_key(key), *before_and_after)
    told = [place_of_key(key) for key, text in values if text is not None]
    return Edited(
        file=path,
        edits=tuple(edits),
        inputs=(Input(path=path, before=before.data, data=data, said=f"wrote {path}"),),
        notes=tuple(_notes(env, item, decode_desired(data, path), told)),
    )


def _listed(file: DesiredFile, path: Path, named: Named) -> ItemKey:
    """The item of the file. ``InputError`` where it lists none, or several, of this name."""
    found = [key for key in file.desired.keys if key.id == named.item_id and named.kind in (None, key.kind)]
    if len(found) > 1:
        kinds = " and ".join(str(key.kind) for key in found)
        message = f"{path} lists {named.item_id} as {kinds}"
        advice = f"write the type before the id: 'llamagate set {found[0].kind} {named.item_id} KEY=VALUE'"
        raise InputError(message, advice=advice, code=ErrorCode.AMBIGUOUS)
    if not found:
        known = {key.id for key in file.desired.keys}
        what = str(named.kind or "item")
        raise InputError(
            f"{path} lists no {what} '{named.item_id}'{did_you_mean(named.item_id, known)}",
            advice="'llamagate add ID SOURCE' lists one",
            code=ErrorCode.NOT_FOUND,
        )
    return found[0]


def _set_server(path: Path, before: DesiredFile, key: ItemKey, values: Values) -> Edited:
    """The same for the settings of a tool server."""
    data, notes = before.data, []
    edits: list[Edit] = []
    with without_places(names_key=True):
        for name, text in values:
            old, place = decode_desired(data, path), _setting_place(name)
            data = _with_setting(old, key, place, text)
            now = _setting(decode_desired(data, path), key, place)
            edits += _setting_edit(place, _setting(old, key, place), now)
            notes += [_sounds_secret(one) for one in (_literal_secrets(place, now) if text is not None else ())]
    written = Input(path=path, before=before.data, data=data, said=f"wrote {path}")
    return Edited(file=path, edits=tuple(edits), inputs=(written,), notes=tuple(notes))


def _setting_place(name: str) -> tuple[str, ...]:
    place = place_of_key(name)
    if any(isinstance(part, int) for part in place):
        raise UsageError(f"'{name}' is a part of a list", advice="a list is set as a whole: args='[-y, name@1.0.0]'")
    return tuple(map(str, place))


def _setting_edit(place: tuple[str, ...], before: Json, after: Json) -> Iterator[Edit]:
    if before is None and after is None:
        return
    shown = [None if value is None else _shown_setting(place, value) for value in (before, after)]
    change: Literal["added", "changed", "removed"] = "changed"
    if None in (before, after):
        change = "added" if before is None else "removed"
    yield Edit(key=dotted(place), change=change, before=shown[0], after=shown[1])


def _shown_setting(place: tuple[str, ...], value: Json) -> Json:
    """As ``_shown``; of headers, arguments and addresses as ``show`` does."""
    if place[0] not in ("args", "headers", "url"):
        return _shown(place, value)
    for name in reversed(place):
        value = {name: value}
    value = without_secrets(cast(JsonObject, value))
    for name in place:
        value = cast(JsonObject, value)[name]
    return value


def _with_setting(file: DesiredFile, key: ItemKey, place: tuple[str, ...], text: str | None) -> bytes:
    whole = (*place_of(key), *place)
    if text is None:
        return yaml_text.remove_entry(file.data, whole, name=str(file.path))
    value = _arguments(text) if place == ("args",) else _value(dotted(place), text)
    return yaml_text.set_entry(file.data, whole, value, name=str(file.path))


def _arguments(text: str) -> Json:
    """A list of arguments, each as it is written: ``1.10`` is no number."""
    try:
        document = yaml_text.load(b"args: " + text.encode(), name="args", text_keys=frozenset([(1, "args")]))
        return cast(JsonObject, document)["args"]
    except InputError as error:
        raise UsageError(f"args is not a list: {text}", advice="write args='[-y, name@1.0.0]'") from error


def _setting(file: DesiredFile, key: ItemKey, place: Sequence[str]) -> Json:
    value: Json = file.server(key.id)
    for part in place:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _with_value(file: DesiredFile, key: ItemKey, name: str, text: str | None) -> bytes:
    """The file with the value set. A mapping that would lose its last key goes as a whole: an empty one is null."""
    place, start = place_of_key(name), (*place_of(key), "config")
    if text is None and not _at(file, key, place):
        return file.data
    keys = tuple(takewhile(lambda part: isinstance(part, str), place))
    if len(keys) < len(place):  # a list is written as a whole
        value = with_value_at(_at(file, key, keys), place, len(keys), [] if text is None else [_value(name, text)])
        return yaml_text.set_entry(file.data, (*start, *map(str, keys)), value, name=str(file.path))
    if text is not None:
        return yaml_text.set_entry(file.data, (*start, *map(str, place)), _value(name, text), name=str(file.path))
    while place and len(cast(JsonObject, _at(file, key, place[:-1])[0])) <= 1:
        place = place[:-1]
    return yaml_text.remove_entry(file.data, (*start, *map(str, place)), name=str(file.path))


def _value(key: str, text: str) -> Json:
    """A value as YAML writes it; a text that is none needs quotes."""
    if not text.strip():
        return text
    return loaded_value(text, key, advice=f"""to set a text, put it in quotes: '{key}="…"'""")


def _at(file: DesiredFile, key: ItemKey, place: Place) -> Sequence[Json]:
    """The value there; none where there is no such key."""
    found: Sequence[Json] = (file.entry(key),)
    for part in ("config", *place):
        found = below(found[0], part) if found else ()
    return found


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
            yield _sounds_secret(key)
        if own and (first := str(place[0])) not in own:
            yield f"the package of {item.key.id} has no key '{first}' in its config{did_you_mean(first, own)}"


def _sounds_secret(key: str) -> str:
    return f"{key} sounds like a secret, and is in the file now; '{key}={{env: NAME}}' takes it from a variable"


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
