"""How an installed item differs from the record, whether or not anything is done about it."""

from __future__ import annotations

from typing import Final

from reconciler.model.desired import Policy
from reconciler.model.ids import ItemKey
from reconciler.model.observed import Observed, version_of_other_tool
from reconciler.model.plan import Change, Drift
from reconciler.model.record import RecordItem
from reconciler.model.registry import RegistryEntry
from reconciler.planning.diff import compare
from reconciler.planning.modes import with_modes

REGISTRY_PATH: Final = "registry/installed.json"


def drift_of(recorded: RecordItem, observed: Observed, rules: Policy, home: str) -> tuple[Drift, ...]:
    """How an installed item differs from the record, whether or not anything would be done about it."""
    files = {path: file.sha256 for path, file in recorded.files.items()}
    found = observed.item(recorded.key)
    entry = observed.registry.get(recorded.key)
    if version_of_other_tool(recorded, found, entry):
        return other_version_drift(recorded.key, rules)
    diff = compare(recorded.key, recorded, files, found, rules, overwrite=False)
    diff = with_modes(diff, recorded, recorded.executables, found, rules)
    return (*diff.drift, *registry_drift(recorded, entry, home))


def other_version_drift(key: ItemKey, rules: Policy) -> tuple[Drift, ...]:
    """That another tool put another version of the item there, where the policy does not ignore it."""
    if rules.drift_edited == "ignore":
        return ()
    return (Drift(key=key, path=".", change=Change.OTHER_VERSION),)


def registry_drift(recorded: RecordItem | None, entry: RegistryEntry | None, home: str) -> tuple[Drift, ...]:
    """Whether the registry lacks the item, or says something else of it than the record."""
    if recorded is None:
        return ()
    key = recorded.key
    path = f"{home}/{key.kind.folder}/installed/{key.id}"
    right = (recorded.manifest.name, recorded.version, path)
    if entry is not None and (entry.name, entry.version, entry.source_path) == right:
        return ()
    return (Drift(key=key, path=REGISTRY_PATH, change=Change.REGISTRY),)
