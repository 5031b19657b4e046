"""What was changed by hand in an item's files: from each file as it was installed to what it is now."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import cast

from reconciler.codes import ErrorCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, LlamagateError
from reconciler.fs.bounded import read_start
from reconciler.model.config import Json, JsonObject, with_references
from reconciler.model.desired import Limits, Policy
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import Kind, did_you_mean
from reconciler.model.observed import Observed, ObservedItem
from reconciler.model.record import RecordItem
from reconciler.model.servers import GATEWAY_FILE, RecordedServer
from reconciler.observe.home import observe
from reconciler.packages.content import read
from reconciler.packages.realise import realise
from reconciler.planning.content.file_change import FileSide, file_change
from reconciler.planning.drift import drift_of
from reconciler.planning.manifest_diff import MASK
from reconciler.planning.server_views import hidden_settings, shown_settings
from reconciler.reconcile.as_found import shown_as_found, without_secrets
from reconciler.reconcile.naming import one_of
from reconciler.resolve.store import PackageStore
from reconciler.store.gateway_file import read_gateway_file
from reconciler.store.state_files import read_record, read_registry


def drift_of_item(env: Environment, item_id: str, kind: Kind | None) -> list[Json]:
    """The entries of ``diff.files``, as a plan has them, of an item that we installed."""
    home = Home(env.home)
    record, _ = read_record(home)
    known = record.owners_by_key
    key = one_of(item_id, (key for key in known if key.id == item_id and kind in (None, key.kind)))
    if key is None:
        hint = did_you_mean(item_id, (key.id for key in known))
        raise InputError(f"llamagate did not install '{item_id}'{hint}", code=ErrorCode.NOT_FOUND)
    if key.kind is Kind.MCP_SERVER:
        return server_drift_files(home, record.servers[key])
    return drift_files(home, record.items[key])


def server_drift_files(home: Home, recorded: RecordedServer) -> list[Json]:
    """The same for the entry of a tool server, as far as it may be shown."""
    file = read_gateway_file(home)
    found = file.get(recorded.key)
    if file.problem or (found is not None and found.digest == recorded.entry):
        return []
    before = FileSide(sha256=recorded.entry, data=yaml_text.dump(shown_settings(recorded.settings)).encode())
    after = None
    if found is not None:
        shown = hidden_settings(found.settings, recorded.settings)
        after = FileSide(sha256=found.digest, data=yaml_text.dump(shown).encode())
    change = file_change(GATEWAY_FILE, before, after)
    return [change] if change else []


def drift_files(home: Home, recorded: RecordItem) -> list[Json]:
    """The entries of ``diff.files``, as a plan has them."""
    observed = observe(home, {recorded.key: recorded}, read_registry(home).registry, {}, corrupt=None)
    paths = _edited(home, recorded, observed)
    try:
        expected = _expected(home, recorded) if paths else {}
    except LlamagateError:
        expected = {}  # the package is not kept any more: only that the files differ can be said
    found = observed.item(recorded.key)
    sides = {path: (_as_installed(recorded, path, expected), _as_found(home, recorded, path, found)) for path in paths}
    return [change for path in paths if (change := file_change(path, *sides[path]))]


def _edited(home: Home, recorded: RecordItem, observed: Observed) -> list[str]:
    """The package's files that are not as they were written."""
    drift = drift_of(recorded, observed, Policy(mutable=()), str(home.root))
    paths = {path for row in drift for path in (recorded.files if row.path == "." else [row.path])}
    return sorted(paths & recorded.files.keys())


def _as_installed(recorded: RecordItem, path: str, expected: Mapping[str, bytes]) -> FileSide:
    return FileSide(sha256=recorded.files[path].sha256, data=expected.get(path))


def _as_found(home: Home, recorded: RecordItem, path: str, found: ObservedItem) -> FileSide | None:
    """What is there now; what a link leads to is not read."""
    if path not in found.files:
        return FileSide(sha256="") if path in found.links or path in found.folders else None
    try:
        data = read_start(home.item(recorded.key) / path)
    except OSError:
        return FileSide(sha256="")
    return FileSide(sha256=sha256(data).hexdigest(), data=shown_as_found(data, path, recorded))


def _expected(home: Home, recorded: RecordItem) -> dict[str, bytes]:
    """The files as they were written, values from variables and files masked."""
    opened = PackageStore(home=home, limits=Limits()).open_recorded(recorded)
    realised = realise(
        opened.package, opened.content, cast(JsonObject, with_references(recorded.config, lambda _: MASK))
    )
    files = {path: realised.written.get(path) or read(opened.content, path) for path in realised.hashes}
    definition = recorded.manifest.installed_definition
    return files | {definition: without_secrets(files[definition], {})}
