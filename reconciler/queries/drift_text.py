"""What was changed by hand in an item's files, as text."""

from __future__ import annotations

import difflib
from hashlib import sha256
from typing import cast

from reconciler.codes import ErrorCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, LlamagateError
from reconciler.model.config import Json, JsonObject, reference_of, references, same, with_references
from reconciler.model.desired import Limits, Policy
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, did_you_mean
from reconciler.model.record import RecordItem
from reconciler.observe.home import observe
from reconciler.packages.content import read
from reconciler.packages.realise import realise, with_config
from reconciler.planning.content.file_change import FileSide, file_change
from reconciler.planning.drift import drift_of
from reconciler.planning.manifest_diff import MASK, masked
from reconciler.resolve.store import PackageStore
from reconciler.store.state_files import read_record, read_registry


def drift_text(env: Environment, item_id: str) -> str:
    """What was changed by hand in an item's files, as a unified diff; nothing where they are as they were written."""
    home = Home(env.home)
    record, _ = read_record(home)
    recorded = next((item for key, item in record.items.items() if key.id == item_id), None)
    if recorded is None:
        hint = did_you_mean(item_id, (key.id for key in record.items))
        raise InputError(f"llamagate did not install '{item_id}'{hint}", code=ErrorCode.NOT_FOUND)
    paths = _edited(home, recorded)
    expected = _expected(home, recorded) if paths else {}
    return "".join(_unified(home, recorded, path, expected.get(path)) for path in paths)


def drift_of_item(env: Environment, key: ItemKey) -> list[Json]:
    """What was changed by hand in the files of an item, as ``drift_files``; nothing of one that we did not install."""
    home = Home(env.home)
    recorded = read_record(home)[0].items.get(key)
    return drift_files(home, recorded) if recorded else []


def drift_files(home: Home, recorded: RecordItem) -> list[Json]:
    """The same as the entries of ``diff.files`` in a plan: from each file as it was installed to what it is now."""
    paths = _edited(home, recorded)
    try:
        expected = _expected(home, recorded) if paths else {}
    except LlamagateError:
        expected = {}  # the package is not kept any more: only that the files differ can be said
    return [change for path in paths if (change := _change(home, recorded, path, expected.get(path)))]


def _edited(home: Home, recorded: RecordItem) -> list[str]:
    """The package's files that are not as they were written."""
    observed = observe(home, {recorded.key: recorded}, read_registry(home).registry, {}, corrupt=None)
    drift = drift_of(recorded, observed, Policy(mutable=()), str(home.root))
    paths = {path for row in drift for path in (recorded.files if row.path == "." else [row.path])}
    return sorted(paths & recorded.files.keys())


def _change(home: Home, recorded: RecordItem, path: str, expected: bytes | None) -> JsonObject | None:
    before = FileSide(sha256=recorded.files[path].sha256, data=expected)
    try:
        found = (home.item(recorded.key) / path).read_bytes()
    except OSError:
        return file_change(path, before, None)
    digest = sha256(found).hexdigest()
    if path == recorded.manifest.installed_definition:
        found = _without_secrets(found, recorded.config)
    return file_change(path, before, FileSide(sha256=digest, data=found))


def _expected(home: Home, recorded: RecordItem) -> dict[str, bytes]:
    """The files as they were written, values from variables and files masked."""
    opened = PackageStore(home=home, limits=Limits()).open_recorded(recorded)
    realised = realise(
        opened.package, opened.content, cast(JsonObject, with_references(recorded.config, lambda _: MASK))
    )
    files = {path: realised.written.get(path) or read(opened.content, path) for path in realised.hashes}
    definition = recorded.manifest.installed_definition
    return files | {definition: _without_secrets(files[definition], {})}


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
    return text or f"{name} differs in a part that is not shown: a value of a variable or file, or the text around it\n"


def _lines(data: bytes) -> list[str] | None:
    try:
        lines = data.decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError:
        return None
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]


def _without_secrets(data: bytes, config: JsonObject) -> bytes:
    """The manifest with the values hidden that came from a variable or a file, or whose key sounds like a secret.

    The entries are written again, as in what it is compared with: in the text a secret may be quoted and escaped in
    many ways.
    """
    try:
        found = cast(JsonObject, yaml_text.load(data, name="manifest")).get("config")
        if isinstance(found, dict):
            hidden = cast(JsonObject, masked(("config",), _hidden(found, config), frozenset()))
            return data if same(found, hidden) else with_config(data, found, hidden)
    except (LlamagateError, AttributeError, TypeError):
        pass
    has_secrets = any(references(config)) or not same(masked(("config",), config, frozenset()), config)
    return b"(it cannot be read, and may hold secrets: it is not shown)\n" if has_secrets else data


def _hidden(found: Json, config: Json) -> Json:
    """``found`` with a mask where ``config`` refers to a variable or a file; masked whole where the shapes differ."""
    if not any(references(config)):
        return found
    if isinstance(found, dict) and isinstance(config, dict) and reference_of(config) is None:
        return {key: _hidden(value, config.get(key)) for key, value in found.items()}
    if isinstance(found, list) and isinstance(config, list) and len(found) == len(config):
        return [_hidden(*pair) for pair in zip(found, config, strict=True)]
    return MASK
