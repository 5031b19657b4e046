"""Which endpoints the router of the gateway has after a pass: what was known, what changed, what the refresh said."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from reconciler.gateway.call import Gateway, Missed
from reconciler.gateway.refresh import Refreshed
from reconciler.gateway.routes import RouteChange, is_restarted, process_of, routes_after
from reconciler.model.record import Record, Routes
from reconciler.model.registry import Registry
from reconciler.reconcile.changed import Changed
from reconciler.reconcile.serving import expected_of


def routes_now(
    gateway: Gateway,
    record: Record,
    registry: Registry,
    changed: Collection[Changed],
    refreshed: Refreshed | Missed | None,
) -> Routes:
    """What its router has after ``refreshed``, ``None`` where it was not asked.

    ``changed`` is since the generation of ``record.routes``. A gateway that does not run, or has no extensions, has
    nothing. One that was restarted began with all that was installed before this pass.
    """
    if isinstance(refreshed, Missed) and not refreshed.again:
        return Routes(generation=record.generation)
    process, known = process_of(gateway.url), record.routes
    if is_restarted(known, process):
        changed, known = [one for one in changed if one.is_by_pass], Routes()
    changes = dict(_changes(changed))
    if isinstance(refreshed, Refreshed):
        kept = refreshed.unregistered
        registered = _with_endpoints(record, registry) - kept
    else:
        kept, registered = frozenset(name for name, change in changes.items() if change.had), frozenset()
    items = routes_after(known.items, changes, kept=kept, registered=registered)
    return Routes(process=process or known.process, generation=record.generation, items=items)


def _changes(changed: Collection[Changed]) -> Iterator[tuple[str, RouteChange]]:
    """An item that came in a pass which the gateway missed is left out: what it had of it is not known."""
    for one in changed:
        if one.is_extension and (one.before is not None or one.is_by_pass):
            yield one.name, RouteChange(before=one.before, had=one.had_endpoints)


def _with_endpoints(record: Record, registry: Registry) -> frozenset[str]:
    """The extensions whose endpoints a gateway registers when it reads what is installed."""
    enabled = {one.name for one in expected_of(record, registry) if one.enabled and one.loadable}
    manifests = (item.manifest for item in record.items.values())
    return frozenset(manifest.name for manifest in manifests if manifest.has_endpoints and manifest.name in enabled)
