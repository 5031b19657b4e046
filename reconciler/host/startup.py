"""Start: make registry and disk agree, load everything in a fixed order, and say in one line what is served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.commands.migrate import Migration, migrate
from reconciler.errors import LlamagateError, StorageError
from reconciler.host.runtime import Runtime, propose_synchronising, synchronise
from reconciler.host.upstream.address import Upstream
from reconciler.host.upstream.look import first_look
from reconciler.host.upstream.unread import unread_by
from reconciler.model.home import Home
from reconciler.model.note import notes_once, once
from reconciler.model.plan import Plan
from reconciler.reconcile.readers import steadily

_SHOWN_LINES: Final = 20


def start(runtime: Runtime, *, migrates: bool) -> None:
    """Bring ``runtime`` to where it can serve. Only ``migrates`` may fail: an item, or a home, that is bad is told of.

    ``migrates`` first installs the packages of the legacy folder.
    """
    settings = runtime.settings
    if migrates and settings.legacy is not None:
        migration = Migration(folders=(settings.legacy,), skips_invalid=True)
        outcome = migrate(runtime.env, settings.file, migration, runtime.listener)
        _tell(runtime, outcome.plan, "migrated")
    _heal(runtime)
    snapshot = runtime.refresh().snapshot
    faults = once((fault.name, str(fault)) for fault in snapshot.faults)
    for line in (*snapshot.warnings, *faults, snapshot.summary()):
        runtime.tell(line)
    if settings.upstream:
        _tell_of_upstream(runtime, settings.upstream)


def _tell_of_upstream(runtime: Runtime, upstream: Upstream) -> None:
    """Once, at the start: where all else goes, what is there of the host's own, and what hooks cannot read of it."""
    seen = first_look(upstream)
    if not seen.answers:
        runtime.tell(f"the upstream {upstream.url} does not answer yet; requests for it are refused until it does")
    if seen.needs_key:
        runtime.tell(f"the upstream {upstream.url} asks for a key; set LLAMAGATE_UPSTREAM_API_KEY")
    if seen.has_extensions:
        runtime.tell(f"the upstream {upstream.url} has extensions too; this host answers /v1/extensions with its own")
    for extension in runtime.snapshot.extensions.values():
        for line in unread_by(extension):
            runtime.tell(f"{extension.name}: {line}")


def _heal(runtime: Runtime) -> None:
    """Sync; where the home cannot be written, only tell what a sync would do."""
    env, file = runtime.env, runtime.settings.file
    try:
        _tell(runtime, synchronise(env, file, runtime.listener).plan, "synchronised")
    except StorageError as error:
        runtime.tell(f"registry and disk are left as they are: {error.message}")
        _preview(runtime)
    except LlamagateError as error:
        runtime.tell(f"registry and disk were not synchronised: {error.message}; {error.advice or 'see doctor'}")


def _preview(runtime: Runtime) -> None:
    env, file = runtime.env, runtime.settings.file
    try:
        proposal = steadily(Home(env.home), lambda: propose_synchronising(env, file))
        _tell(runtime, proposal.plan, "a sync would change")
    except LlamagateError as error:
        runtime.tell(f"what a sync would change is not known: {error.message}")


def _tell(runtime: Runtime, plan: Plan, what: str) -> None:
    lines = [*_lines(plan)]
    for line in lines[:_SHOWN_LINES]:
        runtime.tell(f"{what}: {line}")
    if len(lines) > _SHOWN_LINES:
        runtime.tell(f"{what}: and {len(lines) - _SHOWN_LINES} more")


def _lines(plan: Plan) -> Iterator[str]:
    for action in plan.actions:
        yield f"{action.action} {action.key}" + (f" ({'; '.join(action.reasons)})" if action.reasons else "")
    yield from notes_once(plan.warnings)
    yield from (refusal.message for refusal in plan.refusals)
