"""``template.render``: the placeholders of a template, and the one loop that templates of gateways use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from msgspec import Struct

from reconciler.host.engine.state import (
    MAX_TEXT_CHARACTERS,
    State,
    check_placeholder,
    substituted,
    text_of,
)
from reconciler.host.errors import StepValueError
from reconciler.model.config import Json, JsonObject

_ACTION: Final = re.compile(
    r"\{\{-?\s*range\s+(?:\$(?P<key>\w+)\s*,\s*)?\$(?P<value>\w+)\s*:=\s*\.(?P<path>[\w.-]+)\s*-?\}\}"
    r"(?P<body>.*?)\{\{-?\s*end\s*-?\}\}"
    r"|\{\{(?P<action>[^{}]*)\}\}",
    re.DOTALL,
)
_LOCAL: Final = re.compile(r"\$(\w+)")
_KEY: Final = re.compile(r"\.?((?:[A-Za-z_][\w-]*)(?:\.[\w-]+)*)")
_WORDS: Final = frozenset(["end", "else", "break", "continue"])

MAX_ACTIONS: Final = 100_000
"""In one template, each repeat of a range counted: lists come from the caller, and templates may too; each action
costs time even where it adds no text."""

_Locals = dict[str, Json]


class _Rendering(Struct):
    """One template under way, and how many actions it may still take."""

    scope: State
    actions: int = MAX_ACTIONS

    def spend(self) -> None:
        if self.actions <= 0:
            raise StepValueError(f"the template takes more than {MAX_ACTIONS} actions, repeats of its ranges included")
        self.actions -= 1


def rendered(template: str, state: State, variables: JsonObject) -> str:
    """``template`` with ``{{key}}`` and ``{{.key}}`` filled in, ``variables`` before the state.

    ``{{range $key, $value := .name}}…{{end}}`` repeats its body, mappings sorted by key. ``StepValueError`` for any
    other action of a Go template: left as text it would end up in a prompt.
    """
    scope = replace(state, values={**state.values, "variables": variables, **variables})
    return _rendered(template, _Rendering(scope), {})


def _rendered(template: str, rendering: _Rendering, locals_: _Locals) -> str:
    return substituted(template, _ACTION, lambda match: _one(match, rendering, locals_))


def _one(match: re.Match[str], rendering: _Rendering, locals_: _Locals) -> str:
    rendering.spend()
    check_placeholder(match["path"] or match["action"].strip())
    if match["path"] is not None:
        return _repeated(match, rendering, locals_)
    action = match["action"].strip("- \t\r\n")
    local, key = _LOCAL.fullmatch(action), _KEY.fullmatch(action)
    if local and local[1] in locals_:
        return text_of(locals_[local[1]])
    if key is None or action in _WORDS:
        raise StepValueError(
            f"the template uses '{{{{{action[:60]}}}}}', which is not supported; use '{{{{key}}}}' or a range"
        )
    return rendering.scope.text("{{" + key[1] + "}}")


def _repeated(match: re.Match[str], rendering: _Rendering, locals_: _Locals) -> str:
    parts: list[str] = []
    length = 0
    for key, value in _entries(rendering.scope.find(match["path"])):
        rendering.spend()
        names = {match["key"]: key} if match["key"] else {}
        parts.append(_rendered(match["body"], rendering, {**locals_, **names, match["value"]: value}))
        length += len(parts[-1])
        if length > MAX_TEXT_CHARACTERS:
            break  # the text that it becomes a part of is refused
    return "".join(parts)


def _entries(value: object) -> Iterator[tuple[Json, Json]]:
    if isinstance(value, dict):
        yield from sorted(value.items())
    elif isinstance(value, list):
        yield from enumerate(value)
