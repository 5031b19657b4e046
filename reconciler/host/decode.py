"""From a validated manifest to what the host serves. Pure; what the manifest's schema leaves open is checked here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

from reconciler.errors import InputError
from reconciler.host.schema import Schema, compiled
from reconciler.host.served import (
    DeclaredInput,
    DeclaredOutput,
    Endpoint,
    Extension,
    ExtensionType,
    Guardrails,
    Hook,
    LoadedFrom,
    Module,
    ModuleStep,
    Rule,
    Step,
    Task,
)
from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import id_problem

_SECONDS: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_RULE_KEYS: Final = frozenset(["condition", "outputs"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a definition was found, and what lies beside it."""

    id: str
    origin: LoadedFrom
    folder: Path
    digest: str
    templates: Mapping[str, str]


def extension_of(document: JsonObject, placed: Placed) -> Extension:
    """The extension that ``document``, in any of the dialects, defines. ``InputError`` where it cannot be served."""
    is_task = "steps" not in document and "hooks" not in document and "type" not in document
    return Extension(
        name=_name(document, placed),
        version=_text(document.get("version")),
        description=_text(document.get("description")),
        type=cast(ExtensionType, "workflow" if is_task else _text(document.get("type")) or "workflow"),
        origin=placed.origin,
        folder=placed.folder,
        digest=placed.digest,
        config=_mapping(document.get("config")),
        raw_inputs=document.get("inputs"),
        raw_outputs=document.get("outputs"),
        inputs=tuple(_inputs(document)),
        outputs=tuple(_outputs(document)),
        steps=tuple(_steps(document)),
        task=_task(document) if is_task else None,
        hooks=tuple(_hooks(document)),
        endpoints=tuple(_endpoints(document)),
        guardrails=_guardrails(document),
        templates=placed.templates,
    )


def module_of(document: JsonObject, placed: Placed, bundled: dict[str, JsonObject]) -> Module:
    """The module that ``document`` defines; ``bundled`` holds its extensions' documents by path."""
    own: dict[str, Extension] = {}
    for path, definition in bundled.items():
        private = replace(placed, id=Path(path).stem, origin=LoadedFrom.BUNDLED)
        extension = extension_of(definition, private)
        own[path] = own[extension.name] = extension
    return Module(
        name=_name(document, placed),
        version=_text(document.get("version")),
        description=_text(document.get("description")),
        folder=placed.folder,
        digest=placed.digest,
        steps=tuple(_module_steps(document)),
        bundled=own,
        raw_inputs=document.get("inputs"),
        raw_outputs=document.get("outputs"),
        inputs=_schema(document, "inputs"),
        guardrails=_guardrails(document),
    )


def _name(document: JsonObject, placed: Placed) -> str:
    """The name by which it is called: the manifest's, or the id where that is a name to show only."""
    name = _text(document.get("name"))
    return placed.id if id_problem(name) else name


def _inputs(document: JsonObject) -> Iterator[DeclaredInput]:
    for row in _rows(document.get("inputs")):
        yield DeclaredInput(
            id=_text(row.get("id")),
            type=_text(row.get("type")),
            required=row.get("required") is True,
            default=row.get("default"),
        )


def _outputs(document: JsonObject) -> Iterator[DeclaredOutput]:
    for row in _rows(document.get("outputs")):
        yield DeclaredOutput(id=_text(row.get("id")), type=_text(row.get("type")), path=_text(row.get("path")))


def _steps(document: JsonObject) -> Iterator[Step]:
    for row in _rows(document.get("steps")):
        yield Step(
            uses=_text(row.get("uses")),
            name=_text(row.get("id")) or _text(row.get("name")),
            arguments=_mapping(row.get("with")),
            config=_mapping(row.get("config")),
            outputs=_mapping(row.get("outputs")),
            goes_on=row.get("on_error") == "continue",
        )


def _module_steps(document: JsonObject) -> Iterator[ModuleStep]:
    holder = document if "steps" in document else _mapping(document.get("workflow"))
    for row in _rows(holder.get("steps")):
        given = row.get("input", row.get("inputs"))
        yield ModuleStep(
            name=_text(row.get("name")) or _text(row.get("id")),
            extension=_text(row.get("extension")),
            input=given if isinstance(given, dict) else None,
            goes_on=row.get("on_error") == "continue",
        )


def _hooks(document: JsonObject) -> Iterator[Hook]:
    for row in _rows(document.get("hooks")):
        yield Hook(
            on=_text(row.get("on")),
            action=_text(row.get("action")),
            path_prefix=_text(_mapping(row.get("match")).get("path_prefix")),
        )


def _endpoints(document: JsonObject) -> Iterator[Endpoint]:
    for index, row in enumerate(_rows(document.get("endpoints"))):
        request, response = row.get("request_schema"), row.get("response_schema")
        yield Endpoint(
            method=_text(row.get("method")).upper(),
            path=_text(row.get("path")),
            description=_text(row.get("description")),
            request_schema=request if isinstance(request, dict) else None,
            response_schema=response if isinstance(response, dict) else None,
            request=_schema(row, "request_schema", f"endpoints[{index}].request_schema"),
            requires_auth=row.get("requires_auth") is not False,
            requires_rate_limit=row.get("requires_rate_limit") is not False,
        )


def _task(document: JsonObject) -> Task:
    return Task(
        asks_model=_mapping(document.get("task")).get("type") != "rules",
        prompt=_text(document.get("prompt")),
        settings=_mapping(document.get("model")),
        rules=tuple(_rules(document.get("rules"))),
        inputs=_schema(document, "inputs"),
        outputs=_schema(document, "outputs"),
    )


def _rules(value: Json) -> Iterator[Rule]:
    """A rule names its results below ``outputs``, or beside its condition."""
    for row in _rows(value):
        condition = row.get("condition", row.get("if", True))
        outputs = row.get("outputs", row.get("then"))
        yield Rule(
            condition=condition if isinstance(condition, bool) else _text(condition),
            outputs=outputs
            if isinstance(outputs, dict)
            else {key: below for key, below in row.items() if key not in _RULE_KEYS},
        )


def rules_of(value: Json) -> tuple[Rule, ...]:
    """The rules of a ``rules.evaluate`` step, ``{if, then}`` each."""
    return tuple(_rules(value))


def _guardrails(document: JsonObject) -> Guardrails:
    found = Guardrails()
    for row in _rows(document.get("guardrails")):
        kind, value, is_on = row.get("type"), row.get("value"), row.get("enabled") is not False
        if not is_on:
            continue
        if kind == "no_filesystem_access":
            found = replace(found, files=False)
        elif kind == "max_output_length":
            found = replace(found, max_output=_characters(value))
        elif kind == "max_execution_time":
            found = replace(found, max_seconds=_seconds(value))
    return found


def _characters(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"guardrails: the length {str(value)[:40]!r} is no number of characters")
    return int(value)


def _seconds(value: Json) -> float | None:
    """``30s``, ``2m``, or a number of seconds."""
    match = _SECONDS.fullmatch(str(value).strip())
    if match is None:
        raise InputError(f"guardrails: the time {str(value)[:40]!r} is not understood; write 30s")
    return float(match[1]) * _UNITS[match[2]]


def _schema(holder: JsonObject, key: str, name: str = "") -> Schema | None:
    value = holder.get(key)
    return compiled(value, name=name or key) if isinstance(value, dict) and value else None


def _rows(value: Json) -> list[JsonObject]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _mapping(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
