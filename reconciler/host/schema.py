"""JSON Schemas that packages bring, applied to what callers and models send.

The validator is jsonschema-rs and not the jsonschema that checks our own documents: its patterns run in linear time,
whatever a package writes and a caller sends, and nothing that a schema refers to is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final

import jsonschema_rs

from reconciler.errors import InputError
from reconciler.model.config import Json, JsonObject

_SHOWN_FAULTS: Final = 5
_SHOWN_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Schema:
    """A compiled JSON Schema and the ``default`` of each of its properties."""

    document: JsonObject
    _validator: jsonschema_rs.Validator

    def problem(self, value: Json) -> str | None:
        """What is wrong with ``value``, in one line; ``None`` where nothing is."""
        found = [_said(error) for error in islice(self._validator.iter_errors(value), _SHOWN_FAULTS)]
        return "; ".join(found) or None

    @property
    def properties(self) -> JsonObject:
        """The schemas of its properties by name."""
        properties = self.document.get("properties")
        return properties if isinstance(properties, dict) else {}

    def with_defaults(self, value: JsonObject) -> JsonObject:
        """``value`` with the defaults of the properties that it lacks."""
        defaults = {
            name: below["default"]
            for name, below in self.properties.items()
            if isinstance(below, dict) and "default" in below
        }
        return {**defaults, **value}


def compiled(document: JsonObject, *, name: str) -> Schema:
    """The schema in ``document``. ``InputError`` where it cannot be used; messages call it ``name``."""
    try:
        validator = jsonschema_rs.validator_for(document, pattern_options=jsonschema_rs.RegexOptions(), offline=True)
    except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        reason = str(error).partition("\n")[0][:_SHOWN_CHARACTERS]
        raise InputError(f"{name} is no JSON Schema that can be used here: {reason}") from error
    return Schema(document, validator)


def _said(error: jsonschema_rs.ValidationError) -> str:
    """The fault and its place. The value is cut: it may be long, and it is the caller's own."""
    place = ".".join(str(part) for part in error.instance_path)
    message = error.message if len(error.message) <= _SHOWN_CHARACTERS else error.message[:_SHOWN_CHARACTERS] + "…"
    return f"{place}: {message}" if place else message
