"""Run one extension: check its inputs, go through its steps or do its task, and give its declared outputs."""

from __future__ import annotations

from typing import Final

from reconciler.host.engine.expression import first_that_holds
from reconciler.host.engine.inputs import checked_state
from reconciler.host.engine.outputs import declared, object_in
from reconciler.host.engine.run import Question, Run, placed, within
from reconciler.host.engine.state import REFERENCE, State, text_of
from reconciler.host.engine.step import Call, Given, asked
from reconciler.host.engine.steps import STEPS
from reconciler.host.errors import RunError
from reconciler.host.served import Extension, Task
from reconciler.model.config import JsonObject

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
            found = await _perform(Call(run=run, extension=extension, step=step, state=state))
        except RunError as error:
            if not step.goes_on:
                raise placed(error, where) from error
            state.note(step.name, {}, {"error": error.message})
            continue
        view = found.view or found.result
        state.note(step.name, found.result, view)
        named = state.mapping(step.outputs, REFERENCE)
        state.note(step.name, named, {**view, **named})
        gave |= found.result | named
    return declared(extension, state.values, gave)


async def _perform(call: Call) -> Given:
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
