"""Remove one item: its files go to the backup, its registry entry goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode, WarningCode
from reconciler.commands.save import saved_removal
from reconciler.errors import InputError
from reconciler.model.environment import Environment
from reconciler.model.generation import Generation
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.note import Note
from reconciler.model.package import Manifest
from reconciler.planning.intents import to_remove
from reconciler.reconcile.home_state import HomeState, listed_by, read_home_state
from reconciler.reconcile.intent import intent_of_command
from reconciler.reconcile.naming import SEE_LIST, find, not_installed
from reconciler.reconcile.proposal import Parts, Proposal
from reconciler.reconcile.propose import propose_intent
from reconciler.store.state_files import read_generations


class Removal(Struct, frozen=True, kw_only=True):
    """What is asked for.

    ``force`` also removes what others depend on; ``save`` takes it out of the desired state; with ``if_present`` it is
    no error that there never was such an item.
    """

    item: str
    kind: Kind | None = None
    force: bool = False
    save: bool = False
    if_present: bool = False


def propose_removal(env: Environment, file: Path, asked: Removal) -> Proposal:
    """Plan a removal. What is already gone is a plan without actions, and a warning that says so.

    ``InputError`` for an item of which neither this home nor, with ``save``, the desired state knows anything.
    """
    state = read_home_state(env, file, needs_file=asked.save)
    key = find(state, asked.item, asked.kind)
    if key is None:
        return _nothing_to_remove(state, asked)
    inputs = saved_removal(state, key) if asked.save else ()
    against = listed_by(state, key, saving=asked.save)
    base = replace(intent_of_command(state), others=() if asked.force else tuple(_modules_of_others(state)))
    intent = to_remove(base, key, force=asked.force)
    return propose_intent(state, intent, Parts(inputs=inputs, against=against))


def _nothing_to_remove(state: HomeState, asked: Removal) -> Proposal:
    listed = state.file.desired.keys if state.file else ()
    key = next((key for key in listed if _is_asked(key, asked)), None)
    saved = key if asked.save else None
    gone = _removed_in(state, asked)
    message = f"'{asked.item}' was removed {gone}" if gone else not_installed(state, asked.item, asked.kind)
    if not (saved or gone or asked.if_present):
        raise InputError(
            message, advice=f"{SEE_LIST}; with --if-present this is not an error", code=ErrorCode.NOT_FOUND
        )
    note = Note(WarningCode.NOTHING_FOUND, f"nothing to remove: {message}", key)
    inputs = saved_removal(state, saved) if saved else ()
    against = listed_by(state, key, saving=asked.save) if key else None
    intent = replace(intent_of_command(state), notes=(note,))
    return propose_intent(state, intent, Parts(inputs=inputs, against=against))


def _removed_in(state: HomeState, asked: Removal) -> str:
    """When this home last had the item, as far as generations are kept; empty if it never did."""
    generations = read_generations(state.home)
    for number, one in reversed(generations.items()):
        if isinstance(one, Generation) and any(_is_asked(key, asked) for key in one.list):
            is_known = isinstance(generations.get(number + 1), Generation)
            return f"in generation {number + 1}" if is_known else f"after generation {number}"
    return ""


def _is_asked(key: ItemKey, asked: Removal) -> bool:
    return key.id == asked.item and asked.kind in (None, key.kind)


def _modules_of_others(state: HomeState) -> Iterator[Manifest]:
    for key in state.present - state.record.items.keys():
        manifest = state.manifest_of(key) if key.kind is Kind.MODULE else None
        if manifest is not None:
            yield manifest
