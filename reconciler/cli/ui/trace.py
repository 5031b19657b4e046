"""A step of a run, for people and as a document."""

from __future__ import annotations

import json
from typing import Final

from reconciler.host.engine.run import Traced
from reconciler.model.config import Json, JsonObject

_SHOWN: Final = 2_000
_MILLISECONDS: Final = 1000


def render_step(step: Traced) -> str:
    """The step, and below it what it worked on, what the model was asked and said, and what came out."""
    event = step.event
    called = (
        f"step {event.number} ({event.name}: {event.uses})"
        if event.name != event.uses
        else f"step {event.number} ({event.uses})"
    )
    lines = [f"{event.item}: {called}  {event.state}, {event.seconds * _MILLISECONDS:.0f} ms"]
    lines += _block("arguments", event.arguments)
    for one in step.asked:
        lines += [*_block("prompt", one.prompt), *_block("answer", one.answer)]
    if event.rule is not None:
        lines.append(f"    rule {event.rule + 1} holds")
    lines += _block("error", event.error) if event.error else _block("gives", event.result)
    margin = "  " * max(0, event.depth - 1)
    return "\n".join(f"{margin}{line}" for line in lines)


def _block(title: str, value: Json) -> list[str]:
    if value in ({}, None, ""):
        return []
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
    first, *others = text.rstrip("\n").split("\n")
    return [f"    {title}: {first}", *(f"      {line}" for line in others)]


def step_document(step: Traced) -> JsonObject:
    """The step in the document of ``--json``."""
    event = step.event
    return {
        "item": event.item,
        "number": event.number,
        "name": event.name,
        "uses": event.uses,
        "depth": event.depth,
        "state": event.state,
        "arguments": event.arguments,
        "asked": [{"prompt": one.prompt, "answer": one.answer} for one in step.asked],
        "result": event.result,
        "error": event.error,
        "rule": event.rule,
        "milliseconds": int(event.seconds * _MILLISECONDS),
    }
