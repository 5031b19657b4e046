"""One run: what it may use, and how much of it. Shared by everything that it calls, however deep."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.host.engine.files import ItemFiles
from reconciler.host.engine.pieces import Workers
from reconciler.host.errors import RunError, RunInputError, RunTimeoutError, StepValueError
from reconciler.host.items import UNGUARDED, Extension, Guardrails, Item, LoadedFrom, Module
from reconciler.model.config import JsonObject
from reconciler.model.ids import did_you_mean

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """Bounds on one run. ``calls`` counts extensions, models and files; ``answer`` and ``file`` are in bytes.

    ``piece`` bounds, in seconds, one uninterrupted computation, ``hook`` what a hook does with one request.
    """

    depth: int = 10
    calls: int = 200
    seconds: float = 300.0
    piece: float = 10.0
    hook: float = 2.0
    answer: int = 8 * 2**20
    file: int = 4 * 2**20


class Question(Struct, frozen=True, kw_only=True):
    """What a model is asked. ``settings`` are further fields of the request, ``temperature`` for one.

    ``trace_id`` tells the model server which request it belongs to.
    """

    model: str
    messages: tuple[JsonObject, ...]
    settings: JsonObject
    trace_id: str = ""


def prompt_of(question: Question) -> str:
    """All that the model is asked, as one text: a lone message as it is, several with their roles."""
    messages = question.messages
    if len(messages) == 1:
        return str(messages[0].get("content", ""))
    return "\n".join(f"[{one.get('role')}]\n{one.get('content')}" for one in messages)


class Reply(Struct, frozen=True, kw_only=True):
    """What a model said. ``usage`` counts tokens, as the server gives them."""

    text: str
    model: str
    usage: JsonObject


class Model(Protocol):
    """A model server."""

    async def ask(self, question: Question) -> Reply:
        """The model's answer. ``ModelError``, or ``RunTimeoutError``, where there is none."""


class ToolRequest(Struct, frozen=True, kw_only=True):
    """A call of a tool. ``programs``: whether a server may be asked that is a program of this machine."""

    server: str
    tool: str
    arguments: JsonObject
    programs: bool = True

    def as_text(self) -> str:
        """The call as one text, as traces and mocks have it."""
        return f"{self.server}.{self.tool} {json.dumps(self.arguments, sort_keys=True, ensure_ascii=False)}"


class ToolReply(Struct, frozen=True, kw_only=True):
    """What a tool gave: its text, and its result as a mapping where it has one."""

    text: str
    structured: JsonObject | None = None

    def as_text(self) -> str:
        """The answer as one text: JSON where it is a mapping."""
        return self.text if self.structured is None else json.dumps(self.structured, ensure_ascii=False)


class Tools(Protocol):
    """The tool servers that steps can call."""

    async def call(self, request: ToolRequest) -> ToolReply:
        """What the tool gives. ``ToolError``, or ``RunTimeoutError``, where that is nothing."""


class StepEvent(Struct, frozen=True, kw_only=True):
    """How one step went. ``number`` counts from 1 in its ``item``, ``depth`` the levels of calls above it.

    ``state`` is ``ran``, ``failed`` or ``skipped``. ``rule`` is the index of the rule that held, if one did.
    """

    item: str
    number: int
    name: str
    uses: str
    depth: int
    state: str = "ran"
    arguments: JsonObject = field(default_factory=dict)
    result: JsonObject = field(default_factory=dict)
    error: str | None = None
    rule: int | None = None
    seconds: float = 0.0


class Asked(Struct, frozen=True, kw_only=True):
    """One question to the model, and its answer."""

    prompt: str
    answer: str


class Traced(Struct, frozen=True, kw_only=True):
    """A step with what it asked the model meanwhile."""

    event: StepEvent
    asked: tuple[Asked, ...] = ()


class Witness(Protocol):
    """Who watches a run, step by step."""

    def began(self, event: StepEvent) -> None:
        """A step begins: what is not known yet is empty."""

    def ended(self, event: StepEvent) -> None:
        """It ended, or was never begun."""


class Services(Struct, frozen=True, kw_only=True):
    """What the engine is given. ``extensions`` and ``modules`` are those that were served when the run began.

    ``files_of`` opens the files of an item; ``answered`` is told of each reply of a model, with the trace id,
    and holds up nothing;
    ``execute`` runs an extension, for the steps that call others; ``witness`` watches, where somebody wants to see;
    ``tools`` are the tool servers, where there are any.
    """

    extensions: Mapping[str, Extension]
    modules: Mapping[str, Module]
    model: Model
    workers: Workers
    limits: RunLimits
    default_model: str
    files_of: Callable[[Item], ItemFiles]
    now: Callable[[], datetime]
    answered: Callable[[Reply, str], None]
    execute: Execute
    witness: Witness | None = None
    tools: Tools | None = None


class Budget(Struct):
    """How many calls are left to the whole run."""

    calls: int

    def spend(self) -> None:
        """One call more. ``RunError`` where none is left."""
        if self.calls <= 0:
            raise RunError("the run has used up its calls; a loop of extensions that call each other does that")
        self.calls -= 1


class Run(Struct, frozen=True, kw_only=True):
    """One level of a run. ``own`` holds the extensions that only the module under way can call, by name and path."""

    services: Services
    trace_id: str
    budget: Budget
    depth: int = 0
    guardrails: Guardrails = UNGUARDED
    own: Mapping[str, Extension]

    def inside(self, extension: Extension) -> Run:
        """The level of an extension that is called; what a module brings stays between the module's own."""
        own = self.own if extension.definition.origin is LoadedFrom.BUNDLED else {}
        return replace(self.deeper(extension.guardrails), own=own)

    def deeper(self, guardrails: Guardrails) -> Run:
        """The level below, which may do no more than this one."""
        if self.depth >= self.services.limits.depth:
            raise RunError(f"extensions call each other more than {self.services.limits.depth} levels deep")
        self.budget.spend()
        return replace(self, depth=self.depth + 1, guardrails=both(self.guardrails, guardrails))

    def extension(self, name: str) -> Extension:
        """The extension that a step calls ``name``. ``RunError`` where there is none that could run."""
        found = self.own.get(name) or self.services.extensions.get(name)
        if found is None:
            raise StepValueError(f"there is no extension '{name}'{did_you_mean(name, self.services.extensions)}")
        if not found.enabled:
            raise StepValueError(f"the extension '{name}' is disabled")
        if found.type != "workflow":
            raise StepValueError(f"the extension '{name}' is of type {found.type}; only a workflow can be called")
        return found


Execute = Callable[[Run, Extension, JsonObject], Awaitable[JsonObject]]


def both(one: Guardrails, other: Guardrails) -> Guardrails:
    """The guardrails of a level below, inside those of the level above."""
    return Guardrails(
        files=one.files and other.files,
        network=one.network and other.network,
        max_output=_least(one.max_output, other.max_output),
        max_seconds=_least(one.max_seconds, other.max_seconds),
    )


def _least(one: _Number | None, other: _Number | None) -> _Number | None:
    return min((value for value in (one, other) if value is not None), default=None)


@asynccontextmanager
async def within(seconds: float | None, what: str) -> AsyncIterator[None]:
    """``RunTimeoutError`` where what is inside takes longer than ``seconds``; ``None`` is no limit."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise RunTimeoutError(f"{what} took longer than {seconds:g} seconds") from error


def placed(error: RunError, where: str) -> RunError:
    """The same error, saying where it happened."""
    return type(error)(f"{where}: {error.message}", advice=error.advice, faults=error.faults)


def judged(error: RunError, *, is_callers: bool) -> RunError:
    """The same error as the caller's mistake, where it is one: what a step sends to another it answers for itself."""
    if is_callers and isinstance(error, StepValueError):
        return RunInputError(error.message)
    if not is_callers and isinstance(error, RunInputError):
        return RunError(error.message)
    return error
