"""Init: a desired state for what is already installed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, StorageError
from reconciler.fs import durable
from reconciler.model.config import Json, JsonObject
from reconciler.model.desired import (
    API_VERSION,
    DEFAULT_MUTABLE,
    DEFAULT_OWNER,
    SERVERS_SECTION,
    Limits,
    Policy,
    section_of,
)
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import PACKAGE_KINDS, ItemKey, Kind, id_problem
from reconciler.model.record import Record, RecordItem
from reconciler.model.registry import Registry
from reconciler.model.servers import KNOWN_SETTINGS, FoundServer, server_faults, server_key
from reconciler.observe.home import manifest_at, observe
from reconciler.observe.items import ListedItem, listed_items
from reconciler.packages.content import Content, read
from reconciler.packages.installed import open_installed
from reconciler.planning.diff import mutable_matcher
from reconciler.planning.drift import drift_of
from reconciler.planning.manifest_diff import MASK
from reconciler.planning.server_views import shown_settings
from reconciler.reconcile.readers import check_there
from reconciler.resolve.store import PackageStore
from reconciler.store.gateway_file import read_gateway_file
from reconciler.store.state_files import read_record, read_registry

_HEAD = """\
# What is installed in this LlamaGate home. 'llamagate apply' starts to manage it; no file is rewritten.
"""


class Described(Struct, frozen=True, kw_only=True):
    """The file's text, and what could not be taken into it."""

    text: str
    notes: tuple[str, ...]


def describe_installed(env: Environment, folder: Path) -> Described:
    """Describe every valid item; packages that have no source of their own are copied to ``folder/packages``.

    ``InputError`` where there is no home, or a package folder to write exists already; then nothing is written.
    """
    home = Home(env.home)
    check_there(home)
    record, _ = read_record(home)
    sections: dict[Kind, JsonObject] = {kind: {} for kind in PACKAGE_KINDS}
    copies: dict[ItemKey, Content] = {}
    notes, builtin = [], []
    store = PackageStore(home=home, limits=Limits())
    registry = read_registry(home).registry
    for item in listed_items(home, record, registry):
        recorded = record.items.get(item.key)
        reason = _reason_to_leave_out(item, recorded)
        if reason:
            notes.append(f"{item.key.id} is left out: {reason}")
            continue
        if recorded is None or not (recorded.source.is_pinned or Path(recorded.source.location).exists()):
            copies[item.key] = _content(store, item, recorded)
        sections[item.key.kind][item.key.id] = _entry(item, recorded, folder, copied=item.key in copies)
        manifest = recorded.manifest if recorded else manifest_at(Path(item.path), item.key.kind, item.key.id)
        if manifest is not None and manifest.builtin:
            builtin.append(item.key.id)
            notes.append(f"{item.key.id} says 'builtin: true', so the gateway always runs it; the file permits that")
    notes += _changed(home, record, registry)
    servers, said = _servers(home, record)
    notes += said
    copy_packages(copies, folder / "packages")
    document: JsonObject = {"apiVersion": API_VERSION}
    if builtin:
        document["policy"] = {"allow_builtin": [*builtin]}
    document |= {section_of(kind): section for kind, section in sections.items() if section}
    if servers:
        document[SERVERS_SECTION] = servers
    return Described(text=_HEAD + yaml_text.dump(document), notes=tuple(notes))


def _servers(home: Home, record: Record) -> tuple[JsonObject, list[str]]:
    """The tool servers in the gateway's file as entries, and what could not be taken as it is.

    A value that may be a secret is not copied: the entry takes it from a variable.
    """
    file = read_gateway_file(home)
    if file.problem:
        return {}, [f"the tool servers are left out: {file.problem}"]
    entries: JsonObject = {}
    notes: list[str] = []
    for name in sorted(file.servers):
        recorded = record.servers.get(server_key(name))
        if recorded is not None and recorded.owner not in (None, DEFAULT_OWNER):
            notes.append(f"{name} is left out: it belongs to the owner '{recorded.owner}'")
            continue
        found = file.servers[name]
        is_as_recorded = recorded is not None and recorded.entry == found.digest
        settings, variables = (recorded.settings, []) if recorded and is_as_recorded else _without_secrets(name, found)
        entry = {key: value for key, value in settings.items() if key != "transport" or value == "sse"}
        if reason := _not_listable(name, entry):
            notes.append(f"{name} is left out: {reason}")
            continue
        entries[name] = {**entry, "enabled": found.enabled}
        if variables:
            notes.append(f"{name}: set {', '.join(variables)} to what the gateway's file has, before you apply")
    return entries, notes


def _without_secrets(name: str, found: FoundServer) -> tuple[JsonObject, list[str]]:
    """The settings with references in the place of what may be secret, and the variables that they name."""
    variables: list[str] = []
    settings = dict(found.settings)
    for part in ("env", "headers"):
        values = settings.get(part)
        if isinstance(values, dict):
            hidden = shown_settings({part: values})[part]
            settings[part] = {
                key: _reference(name, key, variables) if cast(JsonObject, hidden)[key] == MASK else value
                for key, value in values.items()
            }
    return settings, variables


def _reference(name: str, key: str, variables: list[str]) -> JsonObject:
    variable = re.sub(r"[^A-Z0-9]", "_", f"{name}_{key}".upper())
    variables.append(variable)
    return {"env": variable}


def _not_listable(name: str, entry: JsonObject) -> str:
    """Why a desired state cannot have the entry; empty where it can."""
    unknown = sorted(entry.keys() - KNOWN_SETTINGS)
    if unknown:
        return f"its entry has the key '{unknown[0]}', which llamagate does not know"
    faults = [what for _, what in server_faults(entry)]
    return id_problem(name) or (faults[0] if faults else "")


def _changed(home: Home, record: Record, registry: Registry) -> Iterator[str]:
    """What a first apply refuses to adopt as it is: what was changed since a command installed it."""
    unowned = {key: item for key, item in record.items.items() if item.owner is None}
    found = observe(home, unowned, registry, {}, corrupt=None)
    for key in sorted(unowned):
        if key in found.present and drift_of(unowned[key], found, Policy(), str(home.root)):
            back = f"'llamagate apply --take-over {key.id}' puts its package back"
            yield f"{key.id} was changed since it was installed: {back}; or run 'llamagate sync', and this again"


def _reason_to_leave_out(item: ListedItem, recorded: RecordItem | None) -> str:
    if item.state == "missing":
        return "its folder is missing"
    if item.dialect is None:
        return "it is not a valid package; 'llamagate validate' with its folder says why"
    if recorded is not None and recorded.owner not in (None, DEFAULT_OWNER):
        return f"it belongs to the owner '{recorded.owner}'"
    return ""


def _content(store: PackageStore, item: ListedItem, recorded: RecordItem | None) -> Content:
    if recorded is not None:
        return store.open_recorded(recorded).content
    return open_installed(store.home.item(item.key), limits=store.limits, name=item.key.id)


def _entry(item: ListedItem, recorded: RecordItem | None, folder: Path, *, copied: bool) -> JsonObject:
    source: Json = f"./packages/{item.key.id}"
    if not copied and recorded is not None:
        location = Path(recorded.source.location)
        below = f"./{location.relative_to(folder)}" if location.is_relative_to(folder) else recorded.source.location
        source = replace(recorded.source, location=below).to_document()
    entry: JsonObject = {"source": source, "enabled": item.enabled}
    if recorded is not None and recorded.source.chooses_by_version:
        entry["version"] = recorded.version
    if recorded is not None and recorded.config:
        entry["config"] = recorded.config
    if recorded is not None and recorded.depends_on:
        entry["depends_on"] = [*recorded.depends_on]
    return entry


def copy_packages(copies: Mapping[ItemKey, Content], packages: Path) -> None:
    """Write each package into a folder of its id. ``InputError`` where one exists already; then nothing is written."""
    for key in copies:
        if (packages / key.id).exists():
            raise InputError(
                f"{packages / key.id} exists; it is not overwritten", advice="move it aside", code=ErrorCode.EXISTS
            )
    is_mutable = mutable_matcher(DEFAULT_MUTABLE)
    for key, content in copies.items():
        for entry in content.files:
            if not is_mutable(entry.path):
                _copy(packages / key.id / entry.path, read(content, entry.path), executable=entry.executable)


def _copy(target: Path, data: bytes, *, executable: bool) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        durable.write_file(target, data, mode=0o755 if executable else 0o644, sync=False)
    except OSError as error:
        raise StorageError(f"{target}: {error.strerror}; it was not written") from error
