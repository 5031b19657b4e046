"""Status: is the home as it should be. Answers always, also while a change is under way or after a crash."""

from __future__ import annotations

import difflib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from reconciler.documents import yaml_text
from reconciler.errors import (
    InputError,
    LlamagateError,
    NewerDocumentError,
    NotDesiredError,
    StorageError,
    UnreachableError,
)
from reconciler.fs import file_lock
from reconciler.gateway.refresh import address_of, reachable
from reconciler.model.config import Json, JsonObject, env_references, is_env_reference
from reconciler.model.desired import GatewaySettings, Limits, Policy
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.plan import Drift
from reconciler.model.record import Hold, RecordItem, Suspension
from reconciler.model.watched import Watched
from reconciler.observe import observe
from reconciler.packages.content import read
from reconciler.packages.realise import realise
from reconciler.planning.explain import MASK
from reconciler.planning.verdict import drift_of
from reconciler.reconcile.listing import Listed, list_items
from reconciler.reconcile.looking import Options, look
from reconciler.reconcile.reading import TransactionState, steadily, transaction_state
from reconciler.sources.resolved import open_recorded
from reconciler.store.state_files import read_record, read_registry
from reconciler.store.watched_file import read_watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How things stand. ``pending`` and ``refused`` count what a full apply would do and refuse.

    ``stale`` says in words what of the lock does not fit. ``watcher`` is what the watcher last said, if one ever ran.
    """

    in_sync: bool
    has_file: bool
    generation: int
    pending: int
    refused: int
    drift: tuple[Drift, ...]
    hold: Hold | None
    transaction: TransactionState
    gateway_url: str | None
    gateway_reachable: bool
    items: tuple[Listed, ...]
    stale: tuple[str, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    watcher: Watched | None = None
    is_watched: bool = False
    """Whether a watcher is at work now."""
    unreachable: str = ""
    """Why it is not known what is pending: a source that would have to be asked does not answer."""
    note: str = ""
    """Why the file that is there does not count, for people."""

    def to_document(self) -> JsonObject:
        hold: Json = {"reason": self.hold.reason, "generation": self.hold.generation} if self.hold else None
        watcher: Json = {"running": self.is_watched, **self.watcher.to_document()} if self.watcher else None
        return {
            "in_sync": self.in_sync,
            "generation": self.generation,
            "pending": self.pending,
            "drift": [row.to_document() for row in self.drift],
            "hold": hold,
            "transaction": self.transaction,
            "gateway": {"url": self.gateway_url, "reachable": self.gateway_reachable},
            "items": [item.to_document() for item in self.items],
            "suspensions": [one.to_document() for one in self.suspensions],
            "watcher": watcher,
            "unreachable": self.unreachable or None,
        }


def read_status(env: Environment, file: Path) -> Status:
    """Compare the home with ``file``, or only with our record where there is no desired state in that place."""
    home = Home(env.home)
    try:
        status = steadily(home, lambda: _status(env, file))
    except LlamagateError:
        if transaction_state(home) == "none":
            raise
        status = replace(_without_file(env), in_sync=False)
    watcher = _watcher(home)
    status = replace(
        status, transaction=transaction_state(home), watcher=watcher, is_watched=_is_watched(home, watcher)
    )
    return replace(status, gateway_reachable=status.gateway_url is not None and reachable(status.gateway_url))


def _watcher(home: Home) -> Watched | None:
    """What the watcher last did; left out where only a newer version can read it."""
    with suppress(NewerDocumentError):
        return read_watched(home)
    return None


def _is_watched(home: Home, watcher: Watched | None) -> bool:
    """Whether a watcher is at work; where its lock is another user's, whether it has not said that it ended."""
    try:
        return file_lock.is_held(home.watch_lock)
    except StorageError:
        return watcher is not None and watcher.next_at != ""


def _status(env: Environment, file: Path) -> Status:
    if not file.exists():
        return _without_file(env)
    try:
        looked = look(env, Options(file=file))
    except NotDesiredError as error:
        return replace(_without_file(env), note=error.message)
    except UnreachableError as error:
        return replace(_without_file(env), in_sync=False, has_file=True, unreachable=error.message)
    plan = looked.plan
    return Status(
        in_sync=not (plan.changes or plan.drift or plan.refusals or looked.stale),
        has_file=True,
        generation=plan.generation,
        pending=len(plan.actions) + plan.rebuilds_registry,
        refused=len(plan.refusals),
        drift=plan.drift,
        hold=looked.record.hold,
        suspensions=looked.record.suspensions,
        transaction="none",
        gateway_url=address_of(looked.gateway, is_own_home=env.is_own_home),
        gateway_reachable=False,
        items=list_items(looked.home),
        stale=looked.stale,
    )


def _without_file(env: Environment) -> Status:
    home = Home(env.home)
    record, _ = read_record(home)
    registry = read_registry(home)
    observed = observe(home, record.items, registry.registry, {}, corrupt=registry.corrupt)
    items = [record.items[key] for key in sorted(record.items)]
    drift = tuple(row for item in items for row in drift_of(item, observed, Policy(), str(home.root)))
    return Status(
        in_sync=not drift and registry.corrupt is None,
        has_file=False,
        generation=record.generation,
        pending=0,
        refused=0,
        drift=drift,
        hold=record.hold,
        suspensions=record.suspensions,
        transaction="none",
        gateway_url=address_of(GatewaySettings(), is_own_home=env.is_own_home),
        gateway_reachable=False,
        items=list_items(home),
    )


def drift_text(env: Environment, item_id: str) -> str:
    """What was changed by hand in an item's files, as a unified diff; nothing where they are as they were written."""
    home = Home(env.home)
    record, _ = read_record(home)
    recorded = next((item for key, item in record.items.items() if key.id == item_id), None)
    if recorded is None:
        near = difflib.get_close_matches(item_id, [key.id for key in record.items], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise InputError(f"llamagate has not installed any '{item_id}'{hint}")
    observed = observe(home, {recorded.key: recorded}, read_registry(home).registry, {}, corrupt=None)
    drift = drift_of(recorded, observed, Policy(mutable=()), str(home.root))
    paths = {path for row in drift for path in (recorded.files if row.path == "." else [row.path])}
    expected = _expected(home, recorded) if paths & recorded.files.keys() else {}
    return "".join(_unified(home, recorded, path, expected.get(path)) for path in sorted(paths & recorded.files.keys()))


def _expected(home: Home, recorded: RecordItem) -> dict[str, bytes]:
    """The files as they were written, values from the environment masked."""
    opened = open_recorded(recorded, home, Limits())
    realised = realise(opened.package, opened.content, cast(JsonObject, _masked(recorded.config)))
    return {path: realised.written.get(path) or read(opened.content, path) for path in realised.hashes}


def _masked(config: Json) -> Json:
    if is_env_reference(config):
        return MASK
    if isinstance(config, dict):
        return {key: _masked(value) for key, value in config.items()}
    return [_masked(value) for value in config] if isinstance(config, list) else config


def _unified(home: Home, recorded: RecordItem, path: str, expected: bytes | None) -> str:
    name = f"{recorded.key.id}/{path}"
    try:
        found = (home.item(recorded.key) / path).read_bytes()
    except OSError:
        return f"{name} is missing\n"
    if path == recorded.manifest.installed_definition:
        found = _without_secrets(found, recorded.config)
    before, after = _lines(expected or b""), _lines(found)
    if before is None or after is None:
        return f"{name} differs, and is not text\n"
    text = "".join(difflib.unified_diff(before, after, f"{name} (as installed)", f"{name} (now)"))
    return text or f"{name} differs in what is not shown: a value from the environment, or the text around it\n"


def _lines(data: bytes) -> list[str] | None:
    try:
        lines = data.decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError:
        return None
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]


def _without_secrets(data: bytes, config: JsonObject) -> bytes:
    """The installed manifest with the values hidden that came from the environment.

    Its block ``config`` is written anew, as that of what it is compared with was: in the text a secret may be quoted
    and escaped in many ways.
    """
    if not any(env_references(config)):
        return data
    try:
        value = cast(JsonObject, yaml_text.load(data, name="manifest"))
        return yaml_text.replace_block(data, "config", cast(JsonObject, _hidden(value["config"], config)))
    except (LlamagateError, KeyError, TypeError):
        return b"(it cannot be read, and may hold secrets: it is not shown)\n"


def _hidden(found: Json, config: Json) -> Json:
    """``found`` with a mask wherever ``config`` names the environment; masked whole where they differ in shape."""
    if not any(env_references(config)):
        return found
    if isinstance(found, dict) and isinstance(config, dict) and not is_env_reference(config):
        return {key: _hidden(value, config.get(key)) for key, value in found.items()}
    if isinstance(found, list) and isinstance(config, list) and len(found) == len(config):
        return [_hidden(*pair) for pair in zip(found, config, strict=True)]
    return MASK
