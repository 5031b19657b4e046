"""What an extension lets in and writes down: endpoints, audit logs; and which model it means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from reconciler.codes import CheckCode
from reconciler.documents.yaml.places import Path
from reconciler.model.config import Json
from reconciler.model.regex import regex
from reconciler.packages.check.document import Document, at, mapping, rows, text_at
from reconciler.packages.check.found import Found, at_key, at_value, misspelt_key
from reconciler.packages.check.near import meant, near, nearest

_BODY_PARTS: Final = regex(r"\$?\.*(?:messages|prompt)\b|\$(?:\.\.?\*)?$|\$\.\.|\$\[\*\]")
"""Paths of ``redact`` that hide what people write to a model."""
_PINNED: Final = regex(r".+:(?!latest$).+|.*-\d.*|.*[@/].*")
_ANSWER: Final = ("success", "data", "error")


def in_endpoints(document: Document) -> Iterator[Found]:
    """Endpoints that take requests of everyone, and schemas that do not fit what the workflow takes and gives."""
    inputs = [text_at(row, "id") for _, row in rows(document.value, "inputs")]
    outputs = [text_at(row, "id") for _, row in rows(document.value, "outputs")]
    for index, row in rows(document.value, "endpoints"):
        path = ("endpoints", index)
        if row.get("requires_auth") is False and not mapping(row, "signature"):
            message = (
                "everyone who reaches the gateway can call this endpoint; "
                "leave out 'requires_auth: false', or add a 'signature'"
            )
            yield at_key(document, CheckCode.OPEN_ENDPOINT, (*path, "requires_auth"), message)
        yield from _near_names(document, (*path, "request_schema", "properties"), inputs, "input")
        answer = (*path, "response_schema", "properties")
        yield from _near_names(document, answer, [*_ANSWER], "part of an answer")
        yield from _near_names(document, (*answer, "data", "properties"), outputs, "output")


def _near_names(document: Document, path: Path, known: list[str], what: str) -> Iterator[Found]:
    given = mapping(document.value, *path)
    required = at(document.value, *path[:-1], "required")
    wanted = required if isinstance(required, list) else []
    for name in given:
        lacking = [one for one in known if one not in given]
        found = [] if name in known else near(name, lacking)
        is_said = any(isinstance(one, str) and one not in given and near(name, (one,)) for one in wanted)
        if found and not is_said:  # else what 'required' names says it
            message = f"there is no {what} '{name}'{meant(found)}"
            yield misspelt_key(document, (*path, name), message, meant=found[0], fix=nearest(name, lacking))


def in_hooks(document: Document) -> Iterator[Found]:
    """Audit logs that show what people write."""
    redact = at(document.value, "config", "redact")
    for index, hook in rows(document.value, "hooks"):
        if text_at(hook, "action") != "audit.log":
            continue
        path = ("hooks", index, "action")
        if redact is None:
            message = "config.redact does not say what of a body to hide; write rules, or 'redact: []' to log no body"
            yield at_value(document, CheckCode.LOGGED_BODIES, path, message)
        elif isinstance(redact, list) and redact and not any(_hides(rule) for rule in redact):
            message = "bodies are logged, and no rule of config.redact hides '$.messages[*].content' or '$.prompt'"
            yield at_value(document, CheckCode.LOGGED_BODIES, ("config", "redact"), message)
        return


def _hides(rule: Json) -> bool:
    return isinstance(rule, dict) and _BODY_PARTS.match(text_at(rule, "path")) is not None


def models(document: Document) -> Iterator[Found]:
    """Models whose name leaves open which one is meant."""
    value = document.value
    for index, step in rows(value, "steps"):
        if text_at(step, "uses") == "llm.chat":
            yield from _model(document, ("steps", index, "with", "model"))
            yield from _model(document, ("steps", index, "config", "model"))
    for key in ("model_name", "model"):
        yield from _model(document, ("model", key))


def _model(document: Document, path: Path) -> Iterator[Found]:
    name = text_at(document.value, *path)
    if name and "{{" not in name and not re.search(r"\s", name) and not _PINNED.fullmatch(name):
        which = "whichever is the latest" if name.endswith(":latest") else f"{name}:latest, whichever that is"
        message = f"'{name}' is {which}; name the model with its tag, as in mistral:7b"
        yield at_value(document, CheckCode.UNPINNED_MODEL, path, message)
