"""What is seen of a run: each step, and what it asked the model and tool servers."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from reconciler.host.engine.run import (
    Asked,
    Model,
    Question,
    Reply,
    StepEvent,
    ToolReply,
    ToolRequest,
    Tools,
    Traced,
    prompt_of,
)


class Trace(Struct):
    """Watches a run. ``steps`` are those that ended, in that order; ``tell`` is told of each at once."""

    tell: Callable[[Traced], None] = lambda _: None
    steps: list[Traced] = field(default_factory=list)
    _open: list[tuple[StepEvent, list[Asked]]] = field(default_factory=list)

    @property
    def current(self) -> StepEvent | None:
        """The step under way, the innermost."""
        return self._open[-1][0] if self._open else None

    def began(self, event: StepEvent) -> None:
        self._open.append((event, []))

    def ended(self, event: StepEvent) -> None:
        asked = self._open.pop()[1] if event.state != "skipped" else []
        found = Traced(event=event, asked=tuple(asked))
        self.steps.append(found)
        self.tell(found)

    def asks(self, prompt: str, answer: str) -> None:
        """The step under way was answered."""
        if self._open:
            self._open[-1][1].append(Asked(prompt=prompt, answer=answer))


class Overheard(Struct, frozen=True, kw_only=True):
    """A model whose answers the trace is told of."""

    model: Model
    trace: Trace

    async def ask(self, question: Question) -> Reply:
        reply = await self.model.ask(question)
        self.trace.asks(prompt_of(question), reply.text)
        return reply


class OverheardTools(Struct, frozen=True, kw_only=True):
    """Tools whose answers the trace is told of."""

    tools: Tools
    trace: Trace

    async def call(self, request: ToolRequest) -> ToolReply:
        reply = await self.tools.call(request)
        self.trace.asks(request.as_text(), reply.as_text())
        return reply
