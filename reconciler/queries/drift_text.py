"""What was changed by hand in an item's files, as text."""

from __future__ import annotations

import difflib
from typing import cast

from reconciler.codes import ErrorCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, LlamagateError
from reconciler.model.config import Json, JsonObject, reference_of, references, with_references
from reconciler.model.desired import Limits, Policy
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import did_you_mean
from reconciler.model.record import RecordItem
from reconciler.observe.home import observe
from reconciler.packages.content import read
from reconciler.packages.realise import realise, with_config
from reconciler.planning.manifest_diff import MASK
from reconciler.planning.verdict import drift_of
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
    observed = observe(home, {recorded.key: recorded}, read_registry(home).registry, {}, corrupt=None)
    drift = drift_of(recorded, observed, Policy(mutable=()), str(home.root))
    paths = {path for row in drift for path in (recorded.files if row.path == "." else [row.path])}
    expected = _expected(home, recorded) if paths & recorded.files.keys() else {}
    return "".join(_unified(home, recorded, path, expected.get(path)) for path in sorted(paths & recorded.files.keys()))


def _expected(home: Home, recorded: RecordItem) -> dict[str, bytes]:
    """The files as they were written, values from variables and files masked."""
    opened = PackageStore(home=home, limits=Limits()).open_recorded(recorded)
    realised = realise(
        opened.package, opened.content, cast(JsonObject, with_references(recorded.config, lambda _: MASK))
    )
    return {path: realised.written.get(path) or read(opened.content, path) for path in realised.hashes}


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
    """The installed manifest with the values hidden that came from a variable or a file.

    The entries are written again, as in what it is compared with: in the text a secret may be quoted and escaped in
    many ways.
    """
    if not any(references(config)):
        return data
    try:
        value = cast(JsonObject, yaml_text.load(data, name="manifest"))
        return with_config(data, value["config"], cast(JsonObject, _hidden(value["config"], config)))
    except (LlamagateError, KeyError, TypeError):
        return b"(it cannot be read, and may hold secrets: it is not shown)\n"


def _hidden(found: Json, config: Json) -> Json:
    """``found`` with a mask where ``config`` refers to a variable or a file; masked whole where the shapes differ."""
    if not any(references(config)):
        return found
    if isinstance(found, dict) and isinstance(config, dict) and reference_of(config) is None:
        return {key: _hidden(value, config.get(key)) for key, value in found.items()}
    if isinstance(found, list) and isinstance(config, list) and len(found) == len(config):
        return [_hidden(*pair) for pair in zip(found, config, strict=True)]
    return MASK
