"""Which endpoints the router of the gateway has after a pass: what was known, what changed, what the refresh said."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from reconciler.gateway.call import Gateway, Missed
from reconciler.gateway.refresh import Refreshed
from reconciler.gateway.routes import RouteChange, is_restarted, process_of, routes_after
from reconciler.model.record import Record, Route, Routes
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
    changes = dict(_changes(changed, known.gone))
    if isinstance(refreshed, Refreshed):
        kept = refreshed.unregistered
        registered = _with_endpoints(record, registry) - kept
    else:
        kept, registered = frozenset(name for name, change in changes.items() if change.had), frozenset()
    items = routes_after(known.items, changes, kept=kept, registered=registered)
    gone = _gone(changed, known.gone, record)
    return Routes(process=process or known.process, generation=record.generation, items=items, gone=gone)


def _changes(changed: Collection[Changed], gone: Mapping[str, Route]) -> Iterator[tuple[str, RouteChange]]:
    """An item that came in a pass which the gateway missed is left out: what it had of it is not known.

    One that comes back is as it was when it went: ``gone`` has it.
    """
    for one in changed:
        if one.is_extension and (one.before is not None or one.is_by_pass):
            yield one.name, RouteChange(before=one.before or gone.get(one.name), had=one.had_endpoints)


def _gone(changed: Collection[Changed], known: Mapping[str, Route], record: Record) -> Mapping[str, Route]:
    went = {one.name: one.before for one in changed if one.is_gone and one.had_endpoints and one.before is not None}
    installed = {item.manifest.name for item in record.items.values()}
    return {name: route for name, route in {**known, **went}.items() if name not in installed}


def _with_endpoints(record: Record, registry: Registry) -> frozenset[str]:
    """The extensions whose endpoints a gateway registers when it reads what is installed."""
    enabled = {one.name for one in expected_of(record, registry) if one.enabled and one.loadable}
    manifests = (item.manifest for item in record.items.values())
    return frozenset(manifest.name for manifest in manifests if manifest.has_endpoints and manifest.name in enabled)
