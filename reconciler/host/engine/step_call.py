"""One step under way: its arguments, its files, and the questions that it may put to a model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

from msgspec import Struct, field

from reconciler.host.engine.files import ItemFiles
from reconciler.host.engine.json_values import object_in
from reconciler.host.engine.pieces import done
from reconciler.host.engine.run import Question, Run, ToolReply, ToolRequest, judged
from reconciler.host.engine.state import Missing, State, text_of
from reconciler.host.engine.weight import to_fill, weight
from reconciler.host.errors import RunError, StepValueError, ToolError
from reconciler.host.items import Extension, Step
from reconciler.model.config import Json, JsonObject

_P = ParamSpec("_P")
_T = TypeVar("_T")


class StepResult(Struct, frozen=True):
    """What a step gave: ``values`` join the state; ``view`` is what later steps see under the step's name.

    ``rule`` is the index of the rule that held, where rules were asked.
    """

    values: JsonObject
    view: JsonObject = field(default_factory=dict)
    rule: int | None = None


class StepView(Struct, frozen=True, kw_only=True):
    """What a step computes from, wherever that is done. ``config`` is the extension's."""

    step: Step
    config: JsonObject
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
        held = (value for name in names if (value := self.state.held(name)) is not None)
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
            raise StepValueError(f"'{names[0]}' must be a mapping")
        return value


class StepCall(Struct, kw_only=True):
    """One step of a workflow, as its function sees it.

    ``is_callers`` says whether all that it computed so far came from nobody but the caller.
    """

    run: Run
    extension: Extension
    view: StepView
    is_callers: bool = False

    @property
    def weight(self) -> int:
        """That of all that the step can look up."""
        state = self.view.state
        return weight(state.values, state.inputs, state.steps)

    async def computed(
        self,
        function: Callable[Concatenate[StepView, _P], _T],
        *arguments: _P.args,
        **named: _P.kwargs,
    ) -> _T:
        """What ``function`` makes of the step's arguments and the state."""
        step = self.view.step
        return await self.within(to_fill([step.arguments, step.config], self.weight), function, *arguments, **named)

    async def within(
        self,
        cost: int,
        function: Callable[Concatenate[StepView, _P], _T],
        *arguments: _P.args,
        **named: _P.kwargs,
    ) -> _T:
        """``computed``, where the work is known better."""
        found, self.is_callers = await done(
            self.run.services.workers, cost, _observed, function, self.view, arguments, named
        )
        return found

    async def with_files(self, work: Callable[[ItemFiles], str]) -> str:
        """Do ``work`` on the item's files, beside the event loop. ``RunError`` where the guardrails forbid it."""
        if not self.run.guardrails.files:
            raise RunError("the guardrail no_filesystem_access forbids it")
        self.run.budget.spend()
        try:
            return await asyncio.to_thread(work, self.run.services.files_of(self.extension))
        except StepValueError as error:
            raise judged(error, is_callers=self.is_callers) from error


def _observed(
    function: Callable[..., _T], view: StepView, arguments: tuple[object, ...], named: dict[str, object]
) -> tuple[_T, bool]:
    """What ``function`` gives, and whether all that it looked up was the caller's."""
    view.state.seen.clear()
    try:
        found = function(view, *arguments, **named)
    except StepValueError as error:
        raise judged(error, is_callers=view.state.is_callers()) from error
    return found, view.state.is_callers()


async def asked(run: Run, question: Question) -> str:
    """The model's answer, and its tokens told to the observers. The longest that guardrails allow is kept to."""
    run.budget.spend()
    reply = await run.services.model.ask(question)
    run.services.answered(reply, run.trace_id)
    longest = run.guardrails.max_output
    if longest is not None and len(reply.text) > longest:
        raise RunError(f"the model's answer has {len(reply.text)} characters; max_output_length allows {longest}")
    return reply.text


async def called(run: Run, request: ToolRequest) -> ToolReply:
    """What a tool gave. ``RunError`` where the guardrails forbid the call, or what came is longer than they allow."""
    if not run.guardrails.network:
        raise RunError("the guardrail no_network_access forbids it")
    if run.services.tools is None:
        raise ToolError("no tool server can be called here")
    run.budget.spend()
    reply = await run.services.tools.call(request)
    longest = run.guardrails.max_output
    if longest is not None and len(reply.text) > longest:
        raise RunError(f"the tool's answer has {len(reply.text)} characters; max_output_length allows {longest}")
    return reply


async def object_of(run: Run, text: str) -> JsonObject | None:
    """The JSON object in what a model said: see ``object_in``, whose tries may each read to the end."""
    return await done(run.services.workers, len(text), object_in, text)


StepFunction = Callable[[StepCall], Awaitable[StepResult]]
