"""From a validated manifest to what the host serves. Pure; what the manifest's schema leaves open is checked here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar, cast

from msgspec.structs import replace

from reconciler.errors import InputError
from reconciler.host.items import (
    DeclaredInput,
    DeclaredOutput,
    Definition,
    Endpoint,
    Extension,
    ExtensionType,
    Guardrails,
    Hook,
    LoadedFrom,
    Module,
    ModuleStep,
    Rule,
    Signature,
    Step,
    Task,
)
from reconciler.host.schema import Schema, compiled
from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import did_you_mean, id_problem
from reconciler.packages.steps import tool_servers_in

_SECONDS: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
MAX_REDACT_RULES: Final = 50
MAX_DESCENTS: Final = 2
MAX_PATH_CHARACTERS: Final = 300
"""Of a JSONPath of ``redact``: each segment may fit every place in a body."""
MAX_CONDITION_CHARACTERS: Final = 2_000
MAX_RULES: Final = 1_000

_KEY_HEADERS: Final = frozenset(["authorization", "proxy-authorization", "x-api-key", "cookie"])
"""Headers that are for the host, and for no package."""
_RULE_KEYS: Final = frozenset(["condition", "outputs"])
_Part = TypeVar("_Part")


def extension_of(document: JsonObject, definition: Definition) -> Extension:
    """The extension that ``document``, in any of the dialects, defines. ``InputError`` where it cannot be served."""
    _check_redaction(_mapping(document, "config"))
    is_task = "steps" not in document and "hooks" not in document and "type" not in document
    return Extension(
        name=_name(document, definition),
        version=_text(document, "version"),
        description=_text(document, "description"),
        definition=definition,
        written=_written(document),
        guardrails=_guardrails(document),
        type=cast(ExtensionType, "workflow" if is_task else _text(document, "type") or "workflow"),
        config=_mapping(document, "config"),
        inputs=_each(document, "inputs", _input),
        outputs=_each(document, "outputs", _output),
        steps=_each(document, "steps", _step),
        task=_task(document) if is_task else None,
        hooks=_each(document, "hooks", _hook),
        endpoints=tuple(_endpoints(document)),
        tool_servers=tool_servers_in(document),
    )


def module_of(document: JsonObject, definition: Definition, bundled: dict[str, JsonObject]) -> Module:
    """The module that ``document`` defines; ``bundled`` holds its extensions' documents by path."""
    own: dict[str, Extension] = {}
    for path, below in bundled.items():
        private = replace(definition, id=Path(path).stem, origin=LoadedFrom.BUNDLED)
        extension = extension_of(below, private)
        own[path] = own[extension.name] = extension
    return Module(
        name=_name(document, definition),
        version=_text(document, "version"),
        description=_text(document, "description"),
        definition=definition,
        written=_written(document),
        guardrails=_guardrails(document),
        steps=_each(document if "steps" in document else _mapping(document, "workflow"), "steps", _module_step),
        bundled=own,
        inputs=_schema(document, "inputs"),
    )


def rules_of(holder: JsonObject) -> tuple[Rule, ...]:
    """The ``rules`` of a task or of a ``rules.evaluate`` step."""
    if len(_rows(holder, "rules")) > MAX_RULES:
        raise InputError(f"there are more than {MAX_RULES} rules")
    return _each(holder, "rules", _rule)


def _name(document: JsonObject, definition: Definition) -> str:
    """The name by which it is called: the manifest's, or the id where that is a name to show only."""
    name = _text(document, "name")
    return definition.id if id_problem(name) else name


def _written(document: JsonObject) -> JsonObject:
    return {key: document.get(key) for key in ("inputs", "outputs")}


def _input(row: JsonObject) -> DeclaredInput:
    is_required, default = row.get("required") is True, row.get("default")
    return DeclaredInput(id=_text(row, "id"), type=_text(row, "type"), required=is_required, default=default)


def _output(row: JsonObject) -> DeclaredOutput:
    return DeclaredOutput(id=_text(row, "id"), type=_text(row, "type"), path=_text(row, "path"))


def _step(row: JsonObject) -> Step:
    uses = _text(row, "uses")
    if uses == "rules.evaluate":
        rules_of({**_mapping(row, "config"), **_mapping(row, "with")})  # refused now, and not in each run
    return Step(
        uses=uses,
        name=_text(row, "id") or _text(row, "name"),
        arguments=_mapping(row, "with"),
        config=_mapping(row, "config"),
        outputs=_mapping(row, "outputs"),
        goes_on=row.get("on_error") == "continue",
    )


def _module_step(row: JsonObject) -> ModuleStep:
    given = row.get("input", row.get("inputs"))
    return ModuleStep(
        name=_text(row, "name") or _text(row, "id"),
        extension=_text(row, "extension"),
        input=given if isinstance(given, dict) else None,
        goes_on=row.get("on_error") == "continue",
    )


def _hook(row: JsonObject) -> Hook:
    prefix = _text(_mapping(row, "match"), "path_prefix")
    return Hook(on=_text(row, "on"), action=_text(row, "action"), path_prefix=prefix)


def _endpoints(document: JsonObject) -> Iterator[Endpoint]:
    for index, row in enumerate(_rows(document, "endpoints")):
        request, response = row.get("request_schema"), row.get("response_schema")
        yield Endpoint(
            method=_text(row, "method").upper(),
            path=_text(row, "path"),
            description=_text(row, "description"),
            request_schema=request if isinstance(request, dict) else None,
            response_schema=response if isinstance(response, dict) else None,
            request=_schema(row, "request_schema", f"endpoints[{index}].request_schema"),
            requires_auth=row.get("requires_auth") is not False,
            requires_rate_limit=row.get("requires_rate_limit") is not False,
            strict=row.get("strict") is True,
            headers=_headers(document, row, f"endpoints[{index}].headers"),
            signature=_signature(_mapping(row, "signature")),
        )


def _headers(document: JsonObject, row: JsonObject, where: str) -> Mapping[str, str]:
    found = {name: str(header) for name, header in _mapping(row, "headers").items()}
    known = [_text(one, "id") for one in _rows(document, "inputs")]
    for name, header in found.items():
        if name not in known:
            raise InputError(f"{where}: there is no input '{name}'{did_you_mean(name, known)}")
        if header.lower() in _KEY_HEADERS:
            raise InputError(f"{where}: {header} holds a caller's key")
    return found


def _signature(row: JsonObject) -> Signature | None:
    return Signature(header=_text(row, "header"), variable=_text(_mapping(row, "secret"), "env")) if row else None


def _task(document: JsonObject) -> Task:
    return Task(
        asks_model=_mapping(document, "task").get("type") != "rules",
        prompt=_text(document, "prompt"),
        settings=_mapping(document, "model"),
        rules=rules_of(document),
        inputs=_schema(document, "inputs"),
        outputs=_schema(document, "outputs"),
    )


def _rule(row: JsonObject) -> Rule:
    """A rule names its results below ``outputs``, or beside its condition."""
    condition = row.get("condition", row.get("if", True))
    outputs = row.get("outputs", row.get("then"))
    if not isinstance(outputs, dict):
        outputs = {key: value for key, value in row.items() if key not in _RULE_KEYS}
    condition = condition if isinstance(condition, bool) else _as_text(condition)
    if isinstance(condition, str) and len(condition) > MAX_CONDITION_CHARACTERS:
        raise InputError(f"a rule's condition has more than {MAX_CONDITION_CHARACTERS} characters")
    return Rule(condition=condition, outputs=outputs)


def _check_redaction(config: JsonObject) -> None:
    """Paths that a hook can follow in any body in time. Whether they are understood is seen when they are used."""
    rules = _rows(config, "redact")
    if len(rules) > MAX_REDACT_RULES:
        raise InputError(f"config.redact has more than {MAX_REDACT_RULES} rules")
    for index, rule in enumerate(rules):
        path = _text(rule, "path")
        if path.count("..") > MAX_DESCENTS:
            raise InputError(f"config.redact[{index}].path descends ('..') more than {MAX_DESCENTS} times")
        if len(path) > MAX_PATH_CHARACTERS:
            raise InputError(f"config.redact[{index}].path has more than {MAX_PATH_CHARACTERS} characters")


def _guardrails(document: JsonObject) -> Guardrails:
    found = Guardrails()
    for row in _rows(document, "guardrails"):
        kind, value = row.get("type"), row.get("value")
        if row.get("enabled") is False:
            continue
        if kind == "no_filesystem_access":
            found = replace(found, files=False)
        elif kind == "no_network_access":
            found = replace(found, network=False)
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


def _each(holder: JsonObject, key: str, decode: Callable[[JsonObject], _Part]) -> tuple[_Part, ...]:
    return tuple(decode(row) for row in _rows(holder, key))


def _rows(holder: JsonObject, key: str) -> list[JsonObject]:
    value = holder.get(key)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _mapping(holder: JsonObject, key: str) -> JsonObject:
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


def _text(holder: JsonObject, key: str) -> str:
    return _as_text(holder.get(key))


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
