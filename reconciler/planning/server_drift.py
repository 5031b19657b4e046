"""How the entry of a tool server differs from the record, whether or not anything is done about it."""

from __future__ import annotations

from reconciler.model.desired import Policy
from reconciler.model.ids import ItemKey
from reconciler.model.plan import Change, Drift
from reconciler.model.servers import GATEWAY_FILE, GatewayFile, RecordedServer


def server_drift(recorded: RecordedServer, file: GatewayFile | None, rules: Policy) -> tuple[Drift, ...]:
    """Nothing where the gateway's file was not read, or cannot be."""
    if file is None or file.problem:
        return ()
    found = file.get(recorded.key)
    if found is None:
        return missing(recorded.key, rules)
    return () if found.digest == recorded.entry else edited(recorded.key, rules)


def missing(key: ItemKey, rules: Policy) -> tuple[Drift, ...]:
    """The whole entry is gone."""
    return () if rules.drift_missing == "ignore" else (Drift(key=key, path=".", change=Change.MISSING),)


def edited(key: ItemKey, rules: Policy) -> tuple[Drift, ...]:
    """Its settings are others."""
    return () if rules.drift_edited == "ignore" else (Drift(key=key, path=GATEWAY_FILE, change=Change.EDITED),)
