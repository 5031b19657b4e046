"""What ``llamagate run`` does once the host is known to be installed, which this file loads."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import boot
from reconciler.cli.again import again
from reconciler.cli.given import read_given
from reconciler.cli.host_flags import ModelFlags
from reconciler.cli.invocation import Invocation
from reconciler.cli.model_server import LaterModel
from reconciler.cli.output_file import write_output
from reconciler.cli.run_flags import RunFlags
from reconciler.cli.tool_servers import LaterTools
from reconciler.cli.ui.trace import render_step, step_document
from reconciler.documents import json_text
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import ExitCode, InputError
from reconciler.host.alone import Bench, run_alone, scratch
from reconciler.host.at_hand import AtHand, Surroundings, at_hand
from reconciler.host.engine.run import RunLimits, StepEvent
from reconciler.host.engine.trace import Trace
from reconciler.host.given import typed, types_of
from reconciler.host.items import Extension, Module
from reconciler.model.config import Json, JsonObject

if TYPE_CHECKING:
    from reconciler.host.mock import Mock
    from reconciler.host.secrets import Masks


def run_item(invocation: Invocation, models: ModelFlags, named: str, asked: RunFlags) -> int:
    """Run the item, and with ``--watch`` again and again; the exit code."""
    boot.raise_on_term()
    if not asked.watch:
        return run_once(invocation, models, named, asked)
    folder = at_hand(Surroundings(invocation.env, invocation.named_file), named).item.definition.folder
    return again(lambda: [folder], lambda: run_once(invocation, models, named, asked))


def run_once(invocation: Invocation, models: ModelFlags, named: str, asked: RunFlags) -> int:
    """Run the item, show what it gives; the exit code."""
    around = Surroundings(invocation.env, invocation.named_file)
    found = at_hand(around, named)
    given = {**_document(asked.given), **typed(asked.values, types_of(found.item))}
    show = invocation.terminal.error if asked.trace and not invocation.as_json else None
    trace = Trace(tell=lambda step: show(render_step(step)) if show else None)
    limits = RunLimits()
    mock = None if asked.mock is None else _mock(asked.mock, lambda: trace.current, _masks(invocation))
    tools = LaterTools(invocation.env, invocation.named_file, invocation.terminal.notice)
    with scratch(around.is_mutable, here=asked.here, limits=limits) as files:
        bench = Bench(
            extensions=found.extensions,
            modules=found.modules,
            model=mock or LaterModel(invocation.env, models),
            tools=mock or tools,
            scratch=files,
            default_model=models.model,
            limits=limits,
        )
        try:
            data = asyncio.run(_ran(bench, found.item, given, trace, tools))
        finally:
            if asked.record is not None:
                write_output(asked.record, _recording(trace, _masks(invocation)))
        written = {path: place.stat().st_size for path, place in files.written().items()}
    return _answer(invocation, found, data, trace, written)


def _answer(invocation: Invocation, found: AtHand, data: JsonObject, trace: Trace, written: dict[str, int]) -> ExitCode:
    for path, size in written.items():
        message = f"it wrote {path} ({size} bytes), into a copy that is deleted; --here writes it into the package"
        invocation.terminal.notice(message)
    document: JsonObject = {
        "name": found.item.name,
        "version": found.item.version,
        "data": data,
        "steps": [step_document(step) for step in trace.steps],
        "files": [*written],
    }
    return invocation.answer(document, json.dumps(data, indent=2, ensure_ascii=False))


def _document(path: Path | None) -> JsonObject:
    """The inputs in a file, JSON or YAML."""
    if path is None:
        return {}
    data, name = read_given(path)
    value = _loaded(data, name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"{name}: the inputs are a mapping, as in {{person: Ada}}")
    return value


def _loaded(data: bytes, name: str) -> Json:
    """JSON where it is that: it may hold characters that YAML has no place for."""
    if name.endswith(".json"):
        return json_text.load(data, name=name)
    if data.lstrip().startswith(b"{"):
        with suppress(InputError):  # YAML has mappings in braces too
            return json_text.load(data, name=name)
    return yaml_text.load(data, name=name)


async def _ran(
    bench: Bench, item: Extension | Module, given: JsonObject, trace: Trace, tools: LaterTools
) -> JsonObject:
    try:
        return await run_alone(bench, item, given, trace)
    finally:
        await tools.close()


def _mock(said: str, step: Callable[[], StepEvent | None], masks: Masks) -> Mock:
    """A text is the answer to everything; what names a file is a file of answers."""
    from reconciler.host.mock import Mock, answers_of

    path = Path(said)
    if not os.path.isfile(said):  # noqa: PTH113 - a text is often no name that a file could have
        return Mock(answers_of([{"answer": said}], file="--mock"), step, masks.masked)
    data, _ = read_given(path)
    if path.suffix not in (".yaml", ".yml", ".json"):
        return Mock(answers_of([{"answer": data.decode("utf-8", "replace")}], file=said), step, masks.masked)
    return Mock(answers_of(yaml_text.load(data, name=said), file=said), step, masks.masked)


def _masks(invocation: Invocation) -> Masks:
    from reconciler.host.secrets import Masks

    return Masks.of(invocation.env.variables)


def _recording(trace: Trace, masks: Masks) -> bytes:
    """What ``--mock`` reads again, without secrets."""
    rows: list[Json] = [
        {
            "step": step.event.name or step.event.number,
            "prompt": masks.masked(one.prompt),
            "answer": masks.masked(one.answer),
        }
        for step in trace.steps
        for one in step.asked
    ]
    return yaml_text.dump({"answers": rows}).encode()
