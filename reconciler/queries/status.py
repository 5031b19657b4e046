"""Status: is the home as it should be. Answers always, also while a change is under way or after a crash."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.errors import LlamagateError, NewerDocumentError, NotDesiredError, StorageError, UnreachableError
from reconciler.fs import file_lock
from reconciler.fs.presence import is_there
from reconciler.model.config import Json, JsonObject
from reconciler.model.desired import GatewaySettings
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.plan import Drift
from reconciler.model.record import ConfirmBy, Hold, Suspension
from reconciler.model.source import SourceKind
from reconciler.model.trust import LockedCatalog
from reconciler.model.watched import Watched
from reconciler.observe.items import ListedItem, listed_items, listed_servers
from reconciler.queries.list import changed, changed_servers, drift_of_servers, known_registry, look, policy_of
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.options import Options
from reconciler.reconcile.proposal import Proposal
from reconciler.reconcile.readers import TransactionState, check_there, steadily, transaction_state
from reconciler.reconcile.serving import Serving, gateway_of, look_at
from reconciler.reconcile.unchanged import unchanged
from reconciler.store.gateway_file import read_gateway_file
from reconciler.store.lock_file import lock_path, read_lock
from reconciler.store.state_files import read_record, read_registry
from reconciler.store.watched_file import read_watched


class Status(Struct, frozen=True, kw_only=True):
    """How the home is. ``pending`` and ``refused`` count what a full apply would do and refuse.

    ``stale`` says in words what of the lock does not fit. ``watcher`` is what the watcher last said, if one ever ran.
    """

    in_sync: bool
    has_file: bool
    generation: int
    pending: int = 0
    refused: int = 0
    drift: tuple[Drift, ...]
    hold: Hold | None
    transaction: TransactionState = "none"
    gateway_url: str | None = None
    serving: Serving | None = None
    """What the gateway serves; ``None`` where there is none to ask."""
    items: tuple[ListedItem, ...]
    stale: tuple[str, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    confirm_by: ConfirmBy | None = None
    watcher: Watched | None = None
    is_watched: bool = False
    """Whether a watcher is at work now."""
    unreachable: str = ""
    """Why it is not known what is pending: a source does not answer, or something cannot be read."""
    catalogs: tuple[LockedCatalog, ...] = ()
    """The signed catalogs that items come from, as the lock has seen them."""
    expired: tuple[str, ...] = ()
    """Which of those have expired, in words."""
    note: str = ""
    """For people: why the file that is there does not count, or that the registry is damaged."""

    @property
    def gateway_state(self) -> str | None:
        """How the gateway answered; ``None`` where there is none to ask."""
        return self.serving.state if self.serving else None

    def to_document(self) -> JsonObject:
        hold: Json = {"reason": self.hold.reason, "generation": self.hold.generation} if self.hold else None
        watcher: Json = {"running": self.is_watched, **self.watcher.to_document()} if self.watcher else None
        return {
            "in_sync": self.in_sync,
            "lock": {"stale": [*self.stale]},
            "generation": self.generation,
            "pending": self.pending,
            "drift": [row.to_document() for row in self.drift],
            "hold": hold,
            "transaction": self.transaction,
            "gateway": self._gateway(),
            "items": [item.to_document() for item in self.items],
            "suspensions": [one.to_document() for one in self.suspensions],
            "confirm_by": _confirm_document(self.confirm_by),
            "watcher": watcher,
            "unreachable": self.unreachable or None,
            "expired": [*self.expired],
        }

    def _gateway(self) -> JsonObject:
        if self.serving is None:
            return {"url": self.gateway_url, "reachable": False, "state": None, "notes": [], "unread": []}
        notes: list[Json] = [*self.serving.notes]
        servers: JsonObject = {}
        if self.serving.servers:
            servers["servers"] = [server.to_document() for server in self.serving.servers]
        return {
            "url": self.gateway_url,
            "reachable": self.serving.answers,
            "state": self.serving.state,
            "notes": notes,
            "unread": [*self.serving.unread],
            **servers,
        }


def _confirm_document(one: ConfirmBy | None) -> Json:
    return {"generation": one.generation, "back_to": one.back_to, "until": one.until} if one else None


def read_status(env: Environment, file: Path | None) -> Status:
    """Compare the home with ``file``, or only with our record where that is no desired state."""
    home = Home(env.home)
    try:
        status = steadily(home, lambda: _status(env, file))
    except LlamagateError:
        if transaction_state(home) == "none":
            raise
        status = replace(_without_file(env, file), in_sync=False)
    watcher = watcher_of(home)
    return replace(status, transaction=transaction_state(home), watcher=watcher, is_watched=is_watched(home, watcher))


def watcher_of(home: Home) -> Watched | None:
    """What the watcher last did; left out where only a newer version can read it."""
    with suppress(NewerDocumentError):
        return read_watched(home)
    return None


def is_watched(home: Home, watcher: Watched | None) -> bool:
    """Whether a watcher is at work; where its lock is another user's, whether it has not said that it ended."""
    try:
        return file_lock.is_held(home.watch_lock)
    except StorageError:
        return watcher is not None and watcher.next_at != ""


def _status(env: Environment, file: Path | None) -> Status:
    if file is None or not is_there(file):
        check_there(Home(env.home))
        return _without_file(env, None)
    options = Options(file=file)
    if unchanged(env, options) is not None and (status := _in_sync(env, file)) is not None:
        return status
    from reconciler.reconcile.propose import propose  # most looks find nothing changed, and do not need it

    try:
        proposal = propose(env, options)
    except NotDesiredError as error:
        return replace(_without_file(env, None), note=error.message)
    except (UnreachableError, StorageError) as error:
        return replace(_without_file(env, file), in_sync=False, has_file=True, unreachable=error.message)
    plan, state = proposal.plan, proposal.state
    gateway = gateway_of(env, state.gateway)
    return Status(
        in_sync=not (plan.changes or plan.drift or plan.refusals or plan.stale or plan.expired),
        has_file=True,
        generation=plan.generation,
        pending=len(plan.actions) + plan.rebuilds_registry,
        refused=len(plan.refusals),
        drift=plan.drift,
        hold=state.record.hold,
        suspensions=state.record.suspensions,
        confirm_by=state.record.confirm_by,
        gateway_url=gateway.url if gateway else None,
        serving=look_at(gateway, state.record, state.registry, state.gateway_file) if gateway else None,
        items=_listed(proposal),
        stale=plan.stale,
        catalogs=_catalogs(env, state),
        expired=plan.expired,
    )


def _in_sync(env: Environment, file: Path) -> Status | None:
    """The status where a full pass would find nothing to do; ``None`` where it would not say all that it found."""
    state = read_home_state(env, file, needs_file=True)
    if "ignore" in (state.policy.drift_edited, state.policy.drift_missing):
        return None
    record, registry = state.record, state.registry
    gateway = gateway_of(env, state.gateway)
    return Status(
        in_sync=True,
        has_file=True,
        generation=record.generation,
        drift=(),
        hold=record.hold,
        suspensions=record.suspensions,
        confirm_by=record.confirm_by,
        gateway_url=gateway.url if gateway else None,
        serving=look_at(gateway, record, registry, state.gateway_file) if gateway else None,
        items=(*listed_items(state.home, record, registry), *listed_servers(state.gateway_file, record)),
        catalogs=_catalogs(env, state),
    )


def _catalogs(env: Environment, state: HomeState) -> tuple[LockedCatalog, ...]:
    """Those of the lock; no signed ones are in it where the file takes nothing from a catalog."""
    items = state.file.desired.items if state.file else ()
    if not any(item.source.kind is SourceKind.CATALOG for item in items):
        return ()
    with suppress(LlamagateError):
        return read_lock(lock_path(state.path, env.lock_file), known=state.record.documents).lock.catalogs
    return ()


def _listed(proposal: Proposal) -> tuple[ListedItem, ...]:
    state, observed = proposal.state, proposal.observed
    states = changed(state.record.items, observed, proposal.plan.drift)
    servers = listed_servers(state.gateway_file, state.record, changed_servers(proposal.plan.drift))
    return (*listed_items(state.home, state.record, observed.registry, states), *servers)


def _without_file(env: Environment, file: Path | None) -> Status:
    """Compare the home with our record alone; the policy of ``file`` says which edits count."""
    home = Home(env.home)
    record, _ = read_record(home)
    found = read_registry(home)
    registry = known_registry(home, record, found, env)
    policy, gateway_file = policy_of(file, record), read_gateway_file(home)
    seen = look(home, record.items, registry, policy)
    drift = (*seen.drift, *drift_of_servers(record, gateway_file, policy))
    servers = listed_servers(gateway_file, record, changed_servers(drift))
    gateway = gateway_of(env, GatewaySettings())
    unknown = gateway_file.problem if record.servers else ""
    damage = f"{home.registry} cannot be read: {found.corrupt}; 'llamagate sync' rebuilds it"
    return Status(
        in_sync=not (drift or unknown or found.corrupt or seen.unreadable),
        has_file=False,
        generation=record.generation,
        drift=drift,
        hold=record.hold,
        suspensions=record.suspensions,
        confirm_by=record.confirm_by,
        gateway_url=gateway.url if gateway else None,
        serving=look_at(gateway, record, registry, gateway_file) if gateway else None,
        items=(*listed_items(home, record, registry, seen.states), *servers),
        unreachable="; ".join(filter(None, (*seen.unreadable, unknown))),
        note=damage if found.corrupt else "",
    )
