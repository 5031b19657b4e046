"""Run one extension: check its inputs, go through its steps or do its task, and give its declared outputs."""

from __future__ import annotations

from typing import Final

from reconciler.host.engine.builtin_steps import STEPS
from reconciler.host.engine.expression import first_that_holds
from reconciler.host.engine.inputs import checked_state
from reconciler.host.engine.json_values import as_type, object_in
from reconciler.host.engine.run import Question, Run, placed, within
from reconciler.host.engine.state import REFERENCE, State, text_of
from reconciler.host.engine.step_call import StepCall, StepResult, asked
from reconciler.host.errors import RunError
from reconciler.host.items import DeclaredOutput, Extension, Task
from reconciler.model.config import Json, JsonObject

_SETTINGS_NOT_SENT: Final = frozenset(["provider", "model_name", "model"])


async def execute(run: Run, extension: Extension, given: JsonObject) -> JsonObject:
    """Run ``extension`` one level below ``run``. ``RunError`` says which step failed, and why."""
    below = run.inside(extension)
    state = checked_state(extension, given)
    async with within(extension.guardrails.max_seconds, f"the extension '{extension.name}'"):
        if extension.task is not None:
            return await _do(below, extension.task, state)
        return await _go_through(below, extension, state)


async def _go_through(run: Run, extension: Extension, state: State) -> JsonObject:
    moment = run.services.now()
    state.values = {"timestamp": f"{moment:%Y-%m-%dT%H-%M-%SZ}", "trace_id": run.trace_id, **state.values}
    gave: JsonObject = {}
    for number, step in enumerate(extension.steps, 1):
        where = f"step {number} ({step.name}: {step.uses})" if step.name else f"step {number} ({step.uses})"
        try:
            result = await _perform(StepCall(run=run, extension=extension, step=step, state=state))
        except RunError as error:
            if not step.goes_on:
                raise placed(error, where) from error
            state.note(step.name, {}, {"error": error.message})
            continue
        view = result.view or result.values
        state.note(step.name, result.values, view)
        named = state.mapping(step.outputs, REFERENCE)
        state.note(step.name, named, {**view, **named})
        gave |= result.values | named
    return _declared(extension, state.values, gave)


def _declared(extension: Extension, values: JsonObject, steps_gave: JsonObject) -> JsonObject:
    """The extension's outputs as far as they came out; where none did, what the steps gave."""
    found = {
        output.id: as_type(value, output.type)
        for output in extension.outputs
        if (value := _value_of(output, values)) is not None
    }
    return found or steps_gave


def _value_of(output: DeclaredOutput, values: JsonObject) -> Json:
    return values.get(output.id, values.get("output_file") if output.type == "file" else None)


async def _perform(call: StepCall) -> StepResult:
    function = STEPS.get(call.step.uses)
    if function is None:
        raise RunError(f"there is no step '{call.step.uses}'; known are {', '.join(sorted(STEPS))}")
    return await function(call)


async def _do(run: Run, task: Task, state: State) -> JsonObject:
    result = await _ask(run, task, state) if task.asks_model else _judge(task, state)
    if task.outputs is None:
        return result
    problem = task.outputs.problem(result)
    if problem:
        raise RunError(f"what came out does not fit 'outputs': {problem}")
    known = task.outputs.properties
    return {name: value for name, value in result.items() if name in known} if known else result


async def _ask(run: Run, task: Task, state: State) -> JsonObject:
    chosen = task.settings.get("model_name") or task.settings.get("model") or run.services.default_model
    settings = {name: value for name, value in task.settings.items() if name not in _SETTINGS_NOT_SENT}
    messages: tuple[JsonObject, ...] = ({"role": "user", "content": state.text(task.prompt)},)
    text = await asked(run, Question(model=text_of(chosen), messages=messages, settings=settings))
    if task.outputs is None:
        return {"content": text}
    found = object_in(text)
    if found is None:
        raise RunError("the model's answer holds no JSON object")
    return found


def _judge(task: Task, state: State) -> JsonObject:
    found = first_that_holds(task.rules, state, {})
    if found is None:
        raise RunError("no rule holds, and there is none for all other cases ('condition: true')")
    return found
