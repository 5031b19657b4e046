"""Run one extension: check its inputs, go through its steps or do its task, and give its declared outputs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from reconciler.host.engine.builtin_steps import STEPS
from reconciler.host.engine.expression import cost_of, first_that_holds
from reconciler.host.engine.inputs import checked_state, problem_with
from reconciler.host.engine.json_values import as_type
from reconciler.host.engine.pieces import done
from reconciler.host.engine.run import Question, Run, judged, placed, within
from reconciler.host.engine.state import REFERENCE, RESERVED, State, text_of
from reconciler.host.engine.step_call import StepCall, StepResult, StepView, asked, object_of
from reconciler.host.engine.watched import Watched
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
            return await _do(below, extension.name, extension.task, state)
        return await _go_through(below, extension, state)


async def _go_through(run: Run, extension: Extension, state: State) -> JsonObject:
    gave: JsonObject = {}
    for number, step in enumerate(extension.steps, 1):
        where = f"step {number} ({step.name}: {step.uses})" if step.name else f"step {number} ({step.uses})"
        seen = Watched(run, extension.name, number, step.name, step.uses)
        try:
            view = StepView(step=step, config=extension.config, state=state)
            seen.begin(partial(_shown_arguments, view))
            result, named = await _perform(StepCall(run=run, extension=extension, view=view))
        except RunError as error:
            seen.end(error=error.message)
            if not step.goes_on:
                _skip(run, extension, number)
                raise placed(error, where) from error
            state.note(step.name, {}, {"error": error.message})
            continue
        seen.end(result.values | named, rule=result.rule)
        state.note(step.name, result.values | named, {**(result.view or result.values), **named})
        gave |= result.values | named
    values = {name: value for name, value in state.values.items() if name not in RESERVED} | state.own | gave
    texts = sum(len(value) for one in extension.outputs if isinstance(value := _value_of(one, values), str))
    return await done(run.services.workers, texts, _declared, extension.outputs, values, gave)


def _shown_arguments(view: StepView) -> JsonObject:
    """What the step works on, filled in; as it is written where that fails, which the step then says."""
    written = {**view.step.config, **view.step.arguments}
    try:
        return replace(view.state, seen=set()).mapping(written)
    except RunError:
        return written


def _skip(run: Run, extension: Extension, done: int) -> None:
    for number, step in enumerate(extension.steps[done:], done + 1):
        Watched(run, extension.name, number, step.name, step.uses).skip()


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


async def _do(run: Run, name: str, task: Task, state: State) -> JsonObject:
    seen = Watched(run, name, 1, name, "task.model" if task.asks_model else "task.rules")
    seen.begin(lambda: state.values)
    try:
        rule, found = (None, await _ask(run, task, state)) if task.asks_model else await _judge(run, task, state)
        result = await _fitting(run, task, found)
    except RunError as error:
        seen.end(error=error.message)
        raise
    seen.end(result, rule=rule)
    return result


async def _fitting(run: Run, task: Task, result: JsonObject) -> JsonObject:
    """What came out, as far as the schema of the outputs names it. ``RunError`` where it does not fit."""
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


async def _judge(run: Run, task: Task, state: State) -> tuple[int, JsonObject]:
    found = await done(
        run.services.workers, cost_of(task.rules, weight(state.values)), _first_that_holds, task.rules, state
    )
    if found is None:
        raise RunError("no rule holds, and there is none for all other cases ('condition: true')")
    return found


def _first_that_holds(rules: tuple[Rule, ...], state: State) -> tuple[int, JsonObject] | None:
    try:
        return first_that_holds(rules, state, {})
    except StepValueError as error:
        raise judged(error, is_callers=state.is_callers()) from error
