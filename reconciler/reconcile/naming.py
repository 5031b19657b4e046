"""Which item a word on the command line names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError, NotDesiredError
from reconciler.fs.presence import is_there
from reconciler.model.ids import ItemKey, Kind, did_you_mean, is_named
from reconciler.model.record import Record
from reconciler.reconcile.home_state import HomeState
from reconciler.store.desired_file import DesiredFile, read_desired

SEE_LIST: Final = "'llamagate list' shows what is installed"


def check_listed(file: DesiredFile, named: frozenset[str]) -> None:
    """Words given on the command line must each name one item of the file: see ``is_named``.

    A typing error must not pass for "nothing to do".
    """
    keys = file.desired.keys
    known = {key.id for key in keys}
    for word in sorted(named):
        if one_of(word, (key for key in keys if is_named(key, (word,)))) is None:
            near = did_you_mean(word, known)
            raise InputError(f"{file.path} lists no item '{word}'{near}", code=ErrorCode.NOT_FOUND)


def find(state: HomeState, text: str, kind: Kind | None) -> ItemKey | None:
    """The item that ``text`` names, by id, else by name. ``InputError`` with the candidates where there are several."""
    return one_of(text, named_items(state, text, kind))


def named_items(state: HomeState, text: str, kind: Kind | None, also: Iterable[ItemKey] = ()) -> list[ItemKey]:
    """The items that ``text`` names, by id, else by name: of those that somebody knows, and of ``also``."""
    known = sorted(key for key in {*state.known, *state.servers, *also} if kind in (None, key.kind))
    return [key for key in known if key.id == text] or [key for key in known if _name(state, key) == text]


def one_of(text: str, keys: Iterable[ItemKey]) -> ItemKey | None:
    """The one that ``text`` names of ``keys``, if there is one. ``InputError`` where there are several."""
    found = sorted(set(keys))
    if len(found) > 1:
        candidates = ", ".join(map(str, found))
        raise InputError(
            f"'{text}' is ambiguous: {candidates}", advice="name the type and the id", code=ErrorCode.AMBIGUOUS
        )
    return found[0] if found else None


def must_find(state: HomeState, text: str, kind: Kind | None, also: Iterable[ItemKey] = ()) -> ItemKey:
    """``find``, of ``also`` too; ``InputError`` with the nearest id where there is no such item."""
    key = one_of(text, named_items(state, text, kind, also))
    if key is None:
        raise InputError(not_installed(state, text, kind), advice=SEE_LIST, code=ErrorCode.NOT_FOUND)
    return key


def not_installed(state: HomeState, text: str, kind: Kind | None) -> str:
    """That no such item is installed, and which one may have been meant."""
    everything = state.known | state.servers
    for key in everything if kind is not None else ():
        if key.id == text:
            return f"no {kind} '{text}' is installed, but an {key.kind} '{text}' is"
    known = (key.id for key in everything if kind in (None, key.kind))
    return f"no {kind or 'item'} '{text}' is installed{did_you_mean(text, known)}"


def _name(state: HomeState, key: ItemKey) -> str | None:
    recorded, entry = state.record.items.get(key), state.registry.get(key)
    return recorded.manifest.name if recorded else entry.name if entry else None


def known_to(record: Record, file: Path) -> tuple[frozenset[ItemKey], bool]:
    """The items that are installed, or listed in ``file``; and whether it could be read."""
    try:
        listed = read_desired(file).desired.keys if is_there(file) else ()
    except NotDesiredError:
        listed = ()  # it lists no item
    except LlamagateError:
        return frozenset(record.owners_by_key), False
    return frozenset((*record.owners_by_key, *listed)), True


def known_kind(item: str, kind: Kind | None, record: Record, file: Path) -> Kind | None:
    """The kind of ``item``: it is installed, or listed in ``file``, so that a typing error does not pass for an item.

    ``None`` where the file cannot be read, which may list it. ``InputError`` where it is unknown, or two kinds have it.
    """
    known, is_read = known_to(record, file)
    if not is_read and not any(key.id == item and kind in (None, key.kind) for key in known):
        return kind
    found = one_of(item, (key for key in known if key.id == item and kind in (None, key.kind)))
    if found is None:
        near = did_you_mean(item, {key.id for key in known if kind in (None, key.kind)})
        message = f"no {kind or 'item'} '{item}' is installed or listed in the file{near}"
        raise InputError(message, code=ErrorCode.NOT_FOUND)
    return found.kind
