"""Run a module: its steps in order, each an extension, and a record of how it went."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.host.engine.inputs import checked_by
from reconciler.host.engine.pieces import done
from reconciler.host.engine.run import Run, judged, placed, within
from reconciler.host.engine.state import State
from reconciler.host.engine.watched import Watched
from reconciler.host.engine.weight import to_fill, weight
from reconciler.host.errors import RunError, RunInputError, StepValueError
from reconciler.host.items import Module, ModuleStep
from reconciler.model.config import JsonObject
from reconciler.model.ids import did_you_mean

_MOST_STEPS: Final = 100


class StepRecord(Struct, frozen=True, kw_only=True):
    """How one step went. ``output`` is empty where it failed."""

    index: int
    name: str
    extension: str
    milliseconds: int
    output: JsonObject
    error: str | None = None

    def to_document(self) -> JsonObject:
        ended: JsonObject = {"output": self.output} if self.error is None else {"error": self.error}
        return {
            "step_index": self.index,
            **({"name": self.name} if self.name else {}),
            "extension": self.extension,
            "status": "success" if self.error is None else "failed",
            "duration_ms": self.milliseconds,
            **ended,
        }


class ModuleRecord(Struct, kw_only=True):
    """How a module's run went. ``error`` is what ended it early."""

    module: Module
    trace_id: str
    started_at: datetime
    completed_at: datetime
    steps: list[StepRecord] = field(default_factory=list)
    output: JsonObject = field(default_factory=dict)
    error: RunError | None = None

    def to_document(self) -> JsonObject:
        duration = self.completed_at - self.started_at
        return {
            "module_name": self.module.name,
            "module_version": self.module.version,
            "trace_id": self.trace_id,
            "status": "success" if self.error is None else "failed",
            "started_at": f"{self.started_at:%Y-%m-%dT%H:%M:%SZ}",
            "completed_at": f"{self.completed_at:%Y-%m-%dT%H:%M:%SZ}",
            "total_duration_ms": int(duration.total_seconds() * 1000),
            "steps": [step.to_document() for step in self.steps],
            "final_output": self.output,
        }


def module_named(run: Run, name: str) -> Module:
    """The module ``name``. ``RunError`` where there is none that could run."""
    module = run.services.modules.get(name)
    if module is None:
        raise StepValueError(f"there is no agentic module '{name}'{did_you_mean(name, run.services.modules)}")
    if not module.enabled:
        raise StepValueError(f"the agentic module '{name}' is disabled")
    return module


def validate_module(run: Run, module: Module) -> None:
    """``RunError`` unless every extension that the steps name can be called."""
    inside = replace(run, own=module.bundled)
    for number, step in enumerate(module.steps, 1):
        try:
            inside.extension(step.extension)
        except RunError as error:
            raise placed(error, f"module step {number}") from error


async def run_module(
    run: Run, module: Module, given: JsonObject, *, seconds: float | None = None, most_steps: float | None = None
) -> ModuleRecord:
    """Go through the steps. What ends the run is in the record, which is given back in any case."""
    now = run.services.now
    record = ModuleRecord(module=module, trace_id=run.trace_id, started_at=now(), completed_at=now())
    inside = replace(run.deeper(module.guardrails), own=module.bundled)
    try:
        state = await _start(inside, module, given, most_steps)
        async with within(inside.guardrails.max_seconds, f"the module '{module.name}'"), within(seconds, "the module"):
            await _go_through(inside, module, state, record)
    except RunError as error:
        record.error = error
    record.completed_at = now()
    return record


async def _start(run: Run, module: Module, given: JsonObject, most_steps: float | None) -> State:
    if len(module.steps) > (most_steps or _MOST_STEPS):
        raise RunError(f"the module has {len(module.steps)} steps, more than it may run")
    inputs = await checked_by(run.services.workers, module.inputs, given)
    return State(values=inputs, inputs=inputs, given=frozenset(given))


async def _go_through(run: Run, module: Module, state: State, record: ModuleRecord) -> None:
    for index, step in enumerate(module.steps):
        started = time.monotonic()
        output: JsonObject = {}
        failed: RunError | None = None
        seen = Watched(run, record.module.name, index + 1, step.name or step.extension, step.extension)
        seen.begin(partial(dict, step.input or {}))
        try:
            output = await _step(run, step, state)
        except RunError as error:
            failed = error
        seen.end(output, error=failed.message if failed else None)
        record.steps.append(
            StepRecord(
                index=index,
                name=step.name,
                extension=step.extension,
                milliseconds=int((time.monotonic() - started) * 1000),
                output=output,
                error=failed.message if failed else None,
            )
        )
        if failed is not None and not step.goes_on:
            for number, later in enumerate(record.module.steps[index + 1 :], index + 2):
                Watched(run, record.module.name, number, later.name or later.extension, later.extension).skip()
            raise placed(failed, f"module step {index + 1} ({step.extension})") from failed
        state.note(step.name or step.extension, output, output)
        record.output = {**record.output, **output}


async def _step(run: Run, step: ModuleStep, state: State) -> JsonObject:
    extension = run.extension(step.extension)
    given, is_callers = await done(
        run.services.workers, to_fill(step.input, weight(state.values, state.inputs, state.steps)), _input, step, state
    )
    try:
        return await run.services.execute(run, extension, given)
    except RunInputError as error:
        raise judged(error, is_callers=is_callers) from error


def _input(step: ModuleStep, state: State) -> tuple[JsonObject, bool]:
    """What the step's extension is given, and whether that is the caller's own."""
    state.seen.clear()
    if step.input is None:
        state.seen.update((name,) for name in state.values)
        return state.values, state.is_callers()
    return state.mapping(step.input), state.is_callers()
