"""Enable or disable one item: the registry entry, and our record of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode, WarningCode
from reconciler.commands.save import saved_switch
from reconciler.errors import InputError
from reconciler.model.environment import Environment
from reconciler.model.ids import PACKAGE_KINDS, ItemKey, Kind
from reconciler.model.note import Note
from reconciler.planning.intents import to_switch
from reconciler.planning.warnings import mcp_off
from reconciler.reconcile.home_state import HomeState, ListedBy, listed_by, read_home_state
from reconciler.reconcile.intent import intent_of_command
from reconciler.reconcile.naming import must_find
from reconciler.reconcile.proposal import Parts, Proposal
from reconciler.reconcile.propose import propose_intent
from reconciler.reconcile.trusted import revoked_problems


class Switch(Struct, frozen=True, kw_only=True):
    """What is asked for. ``save`` writes it into the desired state."""

    item: str
    enabled: bool
    kind: Kind | None = None
    save: bool = False


def propose_switch(env: Environment, file: Path, asked: Switch) -> Proposal:
    """Plan it. ``InputError`` where there is no such item, or none that the registry could hold."""
    state = read_home_state(env, file, needs_file=asked.save)
    key = must_find(state, asked.item, asked.kind)
    if key.kind in PACKAGE_KINDS and key not in state.record.items and state.registry.get(key) is None:
        raise InputError(
            f"{key} has no entry in the registry, and llamagate did not install it",
            advice="'llamagate sync' registers what is there",
            code=ErrorCode.NOT_FOUND,
        )
    inputs = saved_switch(state, key, enabled=asked.enabled) if asked.save else ()
    base = replace(intent_of_command(state), notes=tuple(_notes(state, key, enabled=asked.enabled)))
    intent = to_switch(base, key, enabled=asked.enabled)
    recorded = state.record.items.get(key)
    refused = revoked_problems(state, {key: recorded.signers}) if asked.enabled and recorded else {}
    parts = Parts(inputs=inputs, against=_contradicted(state, key, asked), refused=refused)
    return propose_intent(state, intent, parts)


def _notes(state: HomeState, key: ItemKey, *, enabled: bool) -> Iterator[Note]:
    if key.kind is Kind.MCP_SERVER and enabled and not state.gateway_file.is_on:
        yield mcp_off(state.gateway_file.path)
    manifest = None if enabled or key.kind is Kind.MCP_SERVER else state.manifest_of(key)
    if manifest is not None and manifest.builtin:
        message = f"{key.id} says 'builtin: true' in its manifest, so the gateway still runs it"
        yield Note(WarningCode.BUILTIN_RUNS, message, key)


def _contradicted(state: HomeState, key: ItemKey, asked: Switch) -> ListedBy | None:
    """The file that sets the opposite, if one does or may."""
    says = listed_by(state, key, saving=asked.save)
    agrees = says and says.item and says.item.enabled in (None, asked.enabled)
    return None if agrees else says
