"""The one planner: intent, record and observation in, a plan out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.model.ids import ItemKey, Kind
from reconciler.model.observed import Observed
from reconciler.model.package import Manifest
from reconciler.model.plan import Action, Plan
from reconciler.model.record import Record
from reconciler.planning import policy
from reconciler.planning.drift import drift_of
from reconciler.planning.intent import Intent
from reconciler.planning.order import dependency_cycle, in_order
from reconciler.planning.server_drift import server_drift
from reconciler.planning.servers import (
    judge_server,
    judge_server_removal,
    judge_server_restore,
    judge_server_switch,
    not_editable,
)
from reconciler.planning.signers import with_signers
from reconciler.planning.verdict import Verdict, judge_removal, judge_switch, judge_target
from reconciler.planning.warnings import warnings


def make_plan(intent: Intent, record: Record, observed: Observed) -> Plan:
    """Decide what to do to every item in scope. Nothing happens; a plan with refusals must not be applied."""
    pruned = _pruned(intent, record)
    removed = frozenset((*pruned, *intent.removals))
    verdicts = _verdicts(intent, record, observed, pruned)
    graph = _graph(intent, record)
    cycle = dependency_cycle(graph)
    refusals = [refusal for verdict in verdicts.values() for refusal in verdict.refusals]
    refusals += policy.bad_id(intent, record, observed)
    refusals += policy.other_kind(intent, record, observed)
    refusals += policy.dependencies(intent, cycle, observed.present, removed)
    refusals += policy.needed(intent, record)
    refusals += policy.prune_guard(intent, record, pruned)
    refusals += policy.other_file(intent, record, pruned)
    actions = with_signers([*_ordered(verdicts, {} if cycle else graph, record)], record)
    refusals += not_editable(actions, intent, observed)
    changing = frozenset(action.key for action in actions)
    return Plan(
        generation=record.generation,
        actions=actions,
        drift=tuple(row for key in sorted(verdicts) for row in verdicts[key].drift),
        refusals=tuple(sorted(refusals, key=lambda refusal: (refusal.key, refusal.code, refusal.message))),
        warnings=tuple(warnings(intent, record, observed, removed=removed, changing=changing)),
        rebuilds_registry=observed.corrupt is not None,
    )


def _verdicts(intent: Intent, record: Record, observed: Observed, pruned: list[ItemKey]) -> dict[ItemKey, Verdict]:
    verdicts = {key: judge_target(target, intent, record, observed) for key, target in intent.targets.items()}
    going = {**dict.fromkeys(pruned, "no longer in the file"), **intent.removals}
    verdicts |= {key: judge_server(target, intent, record, observed) for key, target in intent.servers.items()}
    for key, reason in going.items():
        remove = judge_server_removal if key.kind is Kind.MCP_SERVER else judge_removal
        verdicts[key] = remove(key, reason, record, observed)
    for key, on in intent.switches.items():
        switch = judge_server_switch if key.kind is Kind.MCP_SERVER else judge_switch
        verdicts[key] = switch(key, on, record, observed)
    verdicts |= {key: judge_server_restore(key, entry, observed) for key, entry in intent.entries.items()}
    for key, server in record.servers.items():
        if key not in verdicts and (intent.scope is None or key in intent.scope):
            verdicts[key] = Verdict(drift=server_drift(server, observed.gateway_file, intent.rules.policy))
    for key in record.items.keys() - verdicts.keys() - intent.settled:
        if intent.scope is None or key in intent.scope:
            verdicts[key] = Verdict(drift=drift_of(record.items[key], observed, intent.rules.policy, intent.home))
    return verdicts


def _pruned(intent: Intent, record: Record) -> list[ItemKey]:
    """Owned items that the file no longer lists; only a pass over everything may conclude that."""
    if intent.speaker.owner is None or intent.scope is not None or intent.rules.policy.prune == "never":
        return []
    listed = intent.targets.keys() | intent.servers.keys() | intent.settled | intent.pause.suspended
    unlisted = (record.items.keys() | record.servers.keys()) - listed
    return sorted(key for key in unlisted if record.owner_of(key) == intent.speaker.owner)


def _graph(intent: Intent, record: Record) -> dict[ItemKey, list[ItemKey]]:
    """What each target needs of the items of the file."""
    targets = {key: (target.depends_on, target.manifest) for key, target in intent.targets.items()}
    if not any(depends_on or manifest.requires for depends_on, manifest in targets.values()):
        return {}
    return _needs({key: ((), record.items[key].manifest) for key in intent.settled} | targets)


def _needs(items: Mapping[ItemKey, tuple[tuple[str, ...], Manifest]]) -> dict[ItemKey, list[ItemKey]]:
    """What each of ``items`` needs of the others, by ``depends_on``, which gives ids, and by the steps of modules.

    Steps name extensions as the gateway does, by name. Of two with one name it is the last, by id.
    """
    by_id = {key.id: key for key in items}
    extensions = {key.id: key for key in items if key.kind is Kind.EXTENSION}
    extensions |= {items[key][1].name: key for key in sorted(items) if key.kind is Kind.EXTENSION}
    return {
        key: [
            *(by_id[need] for need in depends_on if need in by_id),
            *(extensions[need] for need in manifest.requires if need in extensions),
        ]
        for key, (depends_on, manifest) in items.items()
    }


def _ordered(
    verdicts: Mapping[ItemKey, Verdict], graph: Mapping[ItemKey, list[ItemKey]], record: Record
) -> Iterable[Action]:
    actions = {key: verdict.action for key, verdict in verdicts.items() if verdict.action}
    coming = [key for key, action in actions.items() if not action.removes]
    going = [key for key, action in actions.items() if action.removes]
    known = {key: record.items[key] for key in going if key in record.items}
    needed = _needs({key: (item.depends_on, item.manifest) for key, item in known.items()})
    if dependency_cycle(needed):  # each may have been fine when it was installed
        needed = {}
    return [actions[key] for key in [*in_order(coming, graph), *reversed(in_order(going, needed))]]
