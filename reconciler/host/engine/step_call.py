"""One step under way: its arguments, its files, and the questions that it may put to a model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from reconciler.host.engine.files import ItemFiles
from reconciler.host.engine.json_values import object_in
from reconciler.host.engine.run import Question, Run
from reconciler.host.engine.state import Missing, State, text_of
from reconciler.host.errors import RunError
from reconciler.host.items import Extension, Step
from reconciler.model.config import Json, JsonObject


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step gave: ``values`` join the state; ``view`` is what later steps see under the step's name."""

    values: JsonObject
    view: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCall:
    """One step of a workflow, as its function sees it."""

    run: Run
    extension: Extension
    step: Step
    state: State

    def argument(self, name: str) -> Json:
        """The step's argument ``name``, filled in; ``None`` where it is not given."""
        for source in (self.step.arguments, self.step.config):
            if name in source:
                found = self.state.filled(source[name])
                if not isinstance(found, Missing):
                    return found
        return None

    def given(self, *names: str) -> Json:
        """The first of ``names`` that is an argument, else the first that the state holds."""
        found = (value for name in names if (value := self.argument(name)) is not None)
        held = (value for name in names if (value := self.state.values.get(name)) is not None)
        return next(found, next(held, None))

    def text(self, *names: str) -> str:
        """``given`` as text. ``RunError`` where there is none."""
        value = self.given(*names)
        if value in (None, ""):
            raise RunError(f"it needs '{names[0]}', which neither the step nor the state has")
        return text_of(value)

    def mapping(self, *names: str) -> JsonObject | None:
        """``given``, where it must be a mapping."""
        value = self.given(*names)
        if value is not None and not isinstance(value, dict):
            raise RunError(f"'{names[0]}' must be a mapping")
        return value

    async def with_files(self, work: Callable[[ItemFiles], str]) -> str:
        """Do ``work`` on the item's files, beside the event loop. ``RunError`` where the guardrails forbid it."""
        if not self.run.guardrails.files:
            raise RunError("the guardrail no_filesystem_access forbids it")
        self.run.budget.spend()
        return await asyncio.to_thread(work, self.run.services.files_of(self.extension))


async def asked(run: Run, question: Question) -> str:
    """The model's answer, and its tokens told to the observers. The longest that guardrails allow is kept to."""
    run.budget.spend()
    reply = await run.services.model.ask(question)
    await run.services.answered(reply, run.trace_id)
    longest = run.guardrails.max_output
    if longest is not None and len(reply.text) > longest:
        raise RunError(f"the model's answer has {len(reply.text)} characters; max_output_length allows {longest}")
    return reply.text


def reply_view(text: str) -> JsonObject:
    """What later steps see of a model's answer: its text, and the keys of the JSON object that it holds."""
    return {**(object_in(text) or {}), "content": text, "llm_response": text}


StepFunction = Callable[[StepCall], Awaitable[StepResult]]
