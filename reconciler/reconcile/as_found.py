"""Files of an item as they are on the disk, in a form that may be shown."""

from __future__ import annotations

from typing import cast

from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import LlamagateError
from reconciler.model.config import Json, JsonObject, reference_of, references, same
from reconciler.model.record import RecordItem
from reconciler.packages.realise import with_config
from reconciler.planning.manifest_diff import MASK, masked


def shown_as_found(data: bytes, path: str, recorded: RecordItem) -> bytes:
    """What may be shown of an installed file: ``data``, and of the manifest all but its secrets."""
    return without_secrets(data, recorded.config) if path == recorded.manifest.installed_definition else data


def without_secrets(data: bytes, config: JsonObject) -> bytes:
    """The installed manifest with masks for the values that came from elsewhere, or whose key sounds like a secret.

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
