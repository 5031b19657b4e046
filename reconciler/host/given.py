"""Inputs as people type them: ``KEY=VALUE``, each as the type that the item declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.errors import UsageError
from reconciler.host.engine.json_values import json_value
from reconciler.host.items import Extension, Module
from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import did_you_mean


def types_of(item: Extension | Module) -> dict[str, str]:
    """The declared inputs, with the type of each; empty where nothing says it."""
    schema = item.inputs if isinstance(item, Module) else item.task.inputs if item.task else None
    if schema is not None:
        kinds = {name: one.get("type") for name, one in schema.properties.items() if isinstance(one, dict)}
        return {name: kind if isinstance(kind, str) else "" for name, kind in kinds.items()}
    return {} if isinstance(item, Module) else {one.id: one.type for one in item.inputs}


def typed(values: Sequence[str], types: Mapping[str, str]) -> JsonObject:
    """The inputs in ``values``. ``UsageError`` where one is no pair, or not of the type that is declared."""
    found: JsonObject = {}
    for pair in values:
        key, mark, text = pair.partition("=")
        if not mark or not key:
            raise UsageError(f"'{pair[:60]}' is no input; write KEY=VALUE")
        if types and key not in types and did_you_mean(key, types):
            raise UsageError(f"there is no input '{key[:60]}'{did_you_mean(key, types)}")
        found[key] = _value(key, text, types.get(key, ""))
    return found


def _value(key: str, text: str, kind: str) -> Json:
    if kind == "string":
        return text
    value = json_value(text)
    if kind in ("", "null") or value is not None:
        return text if value is None and text != "null" else value
    raise UsageError(f"the input '{key}' is of type {kind}: {text[:60]!r} is none; write it as JSON")
