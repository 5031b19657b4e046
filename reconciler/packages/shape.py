"""Which keys mean something where in the documents of a package: those of the gateway, and those of the host only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from reconciler.packages.steps import MODEL_SETTINGS


class Shape(Struct, frozen=True, kw_only=True):
    """What may be at a place. ``keys`` are those of a mapping there, ``rows`` is the shape of the entries of a list.

    ``is_schema``: a mapping there is a JSON Schema. ``is_free``: its keys are names that the author chooses.
    """

    keys: Mapping[str, Shape] = {}
    rows: Shape | None = None
    is_schema: bool = False
    is_free: bool = False


FREE: Final = Shape(is_free=True)
SCHEMA: Final = Shape(is_schema=True)


def _leaves(*names: str) -> dict[str, Shape]:
    return dict.fromkeys(names, FREE)


def _rows(shape: Shape) -> Shape:
    return Shape(rows=shape)


_INPUT: Final = Shape(
    keys=_leaves(
        *("id", "type", "required", "description", "default", "enum", "format", "name", "label", "title"),
        *("example", "examples", "items", "properties", "min", "max", "minimum", "maximum", "pattern", "secret"),
    )
)
_OUTPUT: Final = Shape(
    keys=_leaves("id", "type", "path", "description", "name", "title", "format", "items", "properties", "example")
)
RULE: Final = Shape(keys=_leaves("if", "condition", "then", "outputs", "description", "name", "id"))
STEP: Final = Shape(
    keys=_leaves("uses", "with", "id", "name", "config", "outputs", "on_error", "description", "if", "when")
)
_HOOK: Final = Shape(
    keys={**_leaves("on", "action", "description", "id", "name"), "match": Shape(keys=_leaves("path_prefix", "method"))}
)
_ENDPOINT: Final = Shape(
    keys={
        **_leaves("path", "method", "description", "requires_auth", "requires_rate_limit", "strict", "headers"),
        "request_schema": SCHEMA,
        "response_schema": SCHEMA,
        "signature": Shape(keys={**_leaves("header"), "secret": Shape(keys=_leaves("env"))}),
    }
)
_GUARDRAILS: Final = _rows(Shape(keys=_leaves("type", "enabled", "value", "description")))
_OBSERVABILITY: Final = Shape(
    keys={
        "logging": Shape(keys=_leaves("enabled", "level", "format", "include_inputs", "include_outputs")),
        "metrics": Shape(keys=_leaves("enabled", "track_latency", "track_tokens", "track_cost")),
        "tracing": Shape(keys=_leaves("enabled", "sample_rate")),
    }
)
_ABOUT: Final = _leaves(
    *("name", "version", "description", "id", "author", "authors", "license", "tags", "keywords", "homepage"),
    *("repository", "category", "icon", "title", "metadata", "requirements", "dependencies", "depends_on"),
)
_PACKAGING: Final = _leaves("enabled_default", "hot_reload", "load_mode", "autostart", "entry_workflow")
_MODEL: Final = Shape(
    keys=_leaves(
        *("provider", "model_name", "model", *MODEL_SETTINGS, "frequency_penalty", "presence_penalty", "top_k"),
        *("n", "response_format", "num_ctx", "num_predict", "repeat_penalty", "stream", "timeout", "base_url"),
    )
)

EXTENSION: Final = Shape(
    keys={
        **_ABOUT,
        **_PACKAGING,
        **_leaves("type", "enabled", "builtin", "config"),
        "inputs": Shape(rows=_INPUT, is_schema=True),
        "outputs": Shape(rows=_OUTPUT, is_schema=True),
        "steps": _rows(STEP),
        "hooks": _rows(_HOOK),
        "endpoints": _rows(_ENDPOINT),
        "mcp_servers": FREE,
        "guardrails": _GUARDRAILS,
        "observability": _OBSERVABILITY,
        "task": Shape(keys=_leaves("type", "description")),
        "model": _MODEL,
        "prompt": FREE,
        "rules": _rows(RULE),
    }
)
"""``manifest.yaml`` and ``extension.yaml``, in each of the dialects."""

_MODULE_STEP: Final = Shape(keys=_leaves("extension", "input", "inputs", "on_error", "name", "id", "description"))
MODULE: Final = Shape(
    keys={
        **_ABOUT,
        **_PACKAGING,
        **_leaves("config", "enabled", "type"),
        "inputs": SCHEMA,
        "outputs": SCHEMA,
        "steps": _rows(_MODULE_STEP),
        "workflow": Shape(keys={**_leaves("name", "description"), "steps": _rows(_MODULE_STEP)}),
        "guardrails": _GUARDRAILS,
        "observability": _OBSERVABILITY,
        "extensions": FREE,
    }
)
"""``agenticmodule.yaml``."""

PACKAGING: Final = Shape(keys={**_ABOUT, **_PACKAGING, **_leaves("type", "enabled")})
"""``extension.yaml`` beside a manifest, and ``module.yaml``."""

SCHEMA_KEYWORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"), "named schemas"),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), "schemas"),
    **dict.fromkeys(
        ("items", "contains", "not", "if", "then", "else", "additionalProperties", "propertyNames"), "schema"
    ),
    **dict.fromkeys(
        (
            *("$schema", "$id", "$ref", "$anchor", "$comment", "$dynamicRef", "$vocabulary", "type", "enum", "const"),
            *("title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly"),
            *("minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType", "contentSchema"),
            *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "required", "nullable"),
            *("minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties"),
            *("dependentRequired", "unevaluatedProperties", "unevaluatedItems", "discriminator", "xml"),
            *("externalDocs", "additionalItems", "dependencies"),
        ),
        "value",
    ),
}
"""Each keyword of JSON Schema (and of OpenAPI), with what its value holds."""
