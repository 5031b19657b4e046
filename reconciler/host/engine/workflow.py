"""Run one extension: check its inputs, go through its steps or do its task, and give its declared outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from reconciler.host.engine.builtin_steps import STEPS
from reconciler.host.engine.expression import cost_of, first_that_holds
from reconciler.host.engine.inputs import checked_state, problem_with
from reconciler.host.engine.json_values import as_type
from reconciler.host.engine.pieces import done
from reconciler.host.engine.run import Question, Run, judged, placed, within
from reconciler.host.engine.state import REFERENCE, RESERVED, State, text_of
from reconciler.host.engine.step_call import StepCall, StepResult, StepView, asked, object_of
from reconciler.host.engine.weight import to_fill, weight
from reconciler.host.errors import RunError, StepValueError
from reconciler.host.items import DeclaredOutput, Extension, Rule, Step, Task
from reconciler.model.config import Json, JsonObject

_SETTINGS_NOT_SENT: Final = frozenset(["provider", "model_name", "model"])


async def execute(run: Run, extension: Extension, given: JsonObject) -> JsonObject:
    """Run ``extension`` one level below ``run``. ``RunError`` says which step failed, and why."""
    below = run.inside(extension)
    own: JsonObject = {"timestamp": f"{run.services.now():%Y-%m-%dT%H-%M-%SZ}", "trace_id": run.trace_id}
    async with within(extension.guardrails.max_seconds, f"the extension '{extension.name}'"):
        state = await checked_state(run.services.workers, extension, given, own)
        if extension.task is not None:
            return await _do(below, extension.task, state)
        return await _go_through(below, extension, state)


async def _go_through(run: Run, extension: Extension, state: State) -> JsonObject:
    gave: JsonObject = {}
    for number, step in enumerate(extension.steps, 1):
        where = f"step {number} ({step.name}: {step.uses})" if step.name else f"step {number} ({step.uses})"
        try:
            view = StepView(step=step, config=extension.config, state=state)
            result, named = await _perform(StepCall(run=run, extension=extension, view=view))
        except RunError as error:
            if not step.goes_on:
                raise placed(error, where) from error
            state.note(step.name, {}, {"error": error.message})
            continue
        state.note(step.name, result.values | named, {**(result.view or result.values), **named})
        gave |= result.values | named
    values = {name: value for name, value in state.values.items() if name not in RESERVED} | state.own | gave
    texts = sum(len(value) for one in extension.outputs if isinstance(value := _value_of(one, values), str))
    return await done(run.services.workers, texts, _declared, extension.outputs, values, gave)


def _declared(outputs: tuple[DeclaredOutput, ...], values: JsonObject, steps_gave: JsonObject) -> JsonObject:
    """The extension's outputs as far as they came out; where none did, what the steps gave."""
    found = {
        output.id: as_type(value, output.type) for output in outputs if (value := _value_of(output, values)) is not None
    }
    return found or steps_gave


def _value_of(output: DeclaredOutput, values: JsonObject) -> Json:
    return values.get(output.id, values.get("output_file") if output.type == "file" else None)


async def _perform(call: StepCall) -> tuple[StepResult, JsonObject]:
    """What the step gave, and the further results that its ``outputs`` name."""
    step = call.view.step
    function = STEPS.get(step.uses)
    if function is None:
        raise RunError(f"there is no step '{step.uses}'; known are {', '.join(sorted(STEPS))}")
    result = await function(call)
    if not step.outputs:
        return result, {}
    state = replace(call.view.state)
    state.note(step.name, result.values, result.view or result.values)
    return result, await done(call.run.services.workers, to_fill(step.outputs, call.weight), _named, step, state)


def _named(step: Step, state: State) -> JsonObject:
    return state.mapping(step.outputs, REFERENCE)


async def _do(run: Run, task: Task, state: State) -> JsonObject:
    result = await _ask(run, task, state) if task.asks_model else await _judge(run, task, state)
    if task.outputs is None:
        return result
    problem = await problem_with(run.services.workers, task.outputs, result)
    if problem:
        raise RunError(f"what came out does not fit 'outputs': {problem}")
    known = task.outputs.properties
    return {name: value for name, value in result.items() if name in known} if known else result


async def _ask(run: Run, task: Task, state: State) -> JsonObject:
    chosen = task.settings.get("model_name") or task.settings.get("model") or run.services.default_model
    settings = {name: value for name, value in task.settings.items() if name not in _SETTINGS_NOT_SENT}
    prompt = await done(run.services.workers, to_fill(task.prompt, weight(state.values)), state.text, task.prompt)
    question = Question(
        model=text_of(chosen),
        messages=({"role": "user", "content": prompt},),
        settings=settings,
        trace_id=run.trace_id,
    )
    text = await asked(run, question)
    if task.outputs is None:
        return {"content": text}
    found = await object_of(run, text)
    if found is None:
        raise RunError("the model's answer holds no JSON object")
    return found


async def _judge(run: Run, task: Task, state: State) -> JsonObject:
    found = await done(
        run.services.workers, cost_of(task.rules, weight(state.values)), _first_that_holds, task.rules, state
    )
    if found is None:
        raise RunError("no rule holds, and there is none for all other cases ('condition: true')")
    return found


def _first_that_holds(rules: tuple[Rule, ...], state: State) -> JsonObject | None:
    try:
        return first_that_holds(rules, state, {})
    except StepValueError as error:
        raise judged(error, is_callers=state.is_callers()) from error
