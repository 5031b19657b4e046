"""Sync: record, registry and disk agree again. The disk decides what is there and in which version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.codes import WarningCode
from reconciler.errors import LlamagateError
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.listener import Listener
from reconciler.model.note import Note
from reconciler.model.observed import Observed, Presence
from reconciler.model.record import RecordItem, Routes
from reconciler.observe.kept import lost_copies
from reconciler.planning.drift import registry_drift
from reconciler.planning.intent import Target
from reconciler.planning.intents import as_recorded, to_sync
from reconciler.reconcile.exclusive import exclusive, settle
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.intent import intent_of_command
from reconciler.reconcile.proposal import Parts, Proposal
from reconciler.reconcile.propose import observed_for, propose_intent
from reconciler.reconcile.trusted import judged_here
from reconciler.reconcile.unmanaged import unmanaged_package
from reconciler.resolve.resolved import Resolved
from reconciler.store.state_files import read_record
from reconciler.store.write import write_record


class _Findings(Struct):
    """What one walk over everything that is known comes to. ``ids`` maps each id, in lower case, to its item."""

    ids: dict[str, ItemKey]
    copies: Mapping[ItemKey, Path]
    targets: dict[ItemKey, Target] = field(default_factory=dict)
    resolved: dict[ItemKey, Resolved] = field(default_factory=dict)
    gone: list[ItemKey] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def left_alone(self, key: ItemKey, why: str) -> None:
        self.notes.append(Note(WarningCode.LEFT_ALONE, f"the {key} is not changed: {why}", key))


def note_restart(env: Environment, file: Path, listener: Listener) -> None:
    """Take it as said that the gateway was restarted: its endpoints and tool servers are those that are installed."""
    with exclusive(env, listener):
        home = Home(env.home)
        settle(env, file)
        record, _ = read_record(home)
        routes = Routes(generation=record.generation)
        if record.routes != routes or record.restarts:
            write_record(home, replace(record, routes=routes, restarts={}))


def propose_sync(env: Environment, file: Path) -> Proposal:
    """Plan it: one pass over everything that record, registry or disk know of."""
    return propose_sync_of(read_home_state(env, file))


def propose_sync_of(state: HomeState) -> Proposal:
    """``propose_sync`` for a home that was read already."""
    missing = [key for key in state.registry.keys if key not in state.present]
    base = intent_of_command(state)
    observed = observed_for(state, to_sync(base, (), missing, ()))
    findings = _Findings(ids=state.holders(observed.registry), copies=lost_copies(state.home))
    for key in sorted(state.known.union(observed.registry.keys)):
        _judge(state, key, observed, findings)
    findings.gone += _servers_gone(state)
    findings.notes += [
        Note(
            WarningCode.LEFT_COPY,
            f"{key.id} is gone, but an interrupted update left a copy: 'llamagate import {copy}' brings it back",
            key,
        )
        for key, copy in findings.copies.items()
        if key not in state.present
    ]
    findings.notes += [
        Note(WarningCode.NOT_TRUSTED, f"{key.id}: {problem.message}", key)
        for key, problem in judged_here(state, findings.resolved.values())[1].items()
    ]
    intent = to_sync(base, findings.targets.values(), findings.gone, findings.notes)
    return propose_intent(state, intent, Parts(resolved=findings.resolved))


def _servers_gone(state: HomeState) -> list[ItemKey]:
    """The recorded tool servers that the gateway's file has no longer; its edits of others stay drift."""
    if not state.record.servers or state.gateway_file.problem:
        return []
    return [key for key in sorted(state.record.servers) if state.gateway_file.get(key) is None]


def _judge(state: HomeState, key: ItemKey, observed: Observed, findings: _Findings) -> None:
    recorded, entry = state.record.items.get(key), observed.registry.get(key)
    if key not in state.present:
        is_offered = recorded is None and key in findings.copies  # its entry knows whether it was enabled
        if observed.item(key).presence is Presence.OTHER:
            if recorded is None:  # else it is drift
                findings.left_alone(key, "it is not a folder, and gateways skip it")
        elif not is_offered:
            findings.gone.append(key)
    elif recorded is None:
        _adopt(state, key, observed, findings)
    elif _may_be_another(recorded, observed) and _adopt(state, key, observed, findings):
        pass  # another version was put there
    elif registry_drift(recorded, entry, str(state.home.root)):
        findings.targets[key] = as_recorded(recorded)


def _adopt(state: HomeState, key: ItemKey, observed: Observed, findings: _Findings) -> bool:
    """Take the package in the folder, if it is one; what is recorded in the same version was only edited."""
    recorded = state.record.items.get(key)
    rival = findings.ids.setdefault(key.id.casefold(), key)
    if rival != key:
        findings.left_alone(key, f"the {rival} has the same id, and a gateway keeps only one")
        return False
    try:
        resolved, target = unmanaged_package(state, key, state.home.item(key), local=_local(recorded, observed))
    except LlamagateError as error:
        if isinstance(error.__cause__, OSError):
            raise  # that it cannot be read says nothing about the package
        if recorded is None:
            findings.left_alone(key, f"it is not a valid package: {error.message}")
        return False
    if recorded is not None and recorded.version == target.manifest.version:
        return False
    findings.resolved[key], findings.targets[key] = resolved, target
    if target.manifest.name != key.id:
        message = f"{key.id} has the name '{target.manifest.name}': a gateway looks enablement up by name first"
        findings.notes.append(Note(WarningCode.ID_AND_NAME, message, key))
    return True


def _local(recorded: RecordItem | None, observed: Observed) -> frozenset[str]:
    """What we did not bring. Another version may have; but a file that a person put there is not the package's."""
    if recorded is None:
        return frozenset()
    return frozenset(observed.item(recorded.key).files.keys() - recorded.files.keys())


def _may_be_another(recorded: RecordItem, observed: Observed) -> bool:
    """Whether something else may have put another version there: only an edited manifest is read."""
    path = recorded.manifest.installed_definition
    before, now = recorded.files.get(path), observed.item(recorded.key).files.get(path)
    return before is not None and now is not None and before.sha256 != now.sha256
