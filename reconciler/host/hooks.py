"""Middleware and observers: what they write of requests and answers, below their own mutable folders.

A hook never fails what it watches, and does not hold it up: it works beside it. Its own failure is reported, once per
hook and reason.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from reconciler.host.beside import MAX_BESIDE, Beside
from reconciler.host.engine.files import ItemFiles
from reconciler.host.engine.pieces import done
from reconciler.host.engine.run import Reply, within
from reconciler.host.engine.weight import weight
from reconciler.host.errors import RunError
from reconciler.host.items import Extension, Hook, Item
from reconciler.host.redaction import cost_of_redaction, redacted
from reconciler.host.snapshot import Snapshot
from reconciler.host.upstream.kept import Read
from reconciler.model.config import Json, JsonObject
from reconciler.packages.steps import HOOK_ACTIONS

MAX_USAGE_ROWS: Final = 10_000
"""Kept in a usage report, the newest: it is one JSON list, which is written whole for each row."""

_REQUEST: Final = "http.request"
_ANSWER: Final = "llm.response"
_TOKENS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_MAX_NAME_CHARACTERS: Final = 200
"""Of a model: callers choose it, and the report must hold many rows."""
_DEFAULT_AUDIT: Final = "./var/audit"
_DEFAULT_REPORT: Final = "./output/usage_report.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookEvent:
    """A request as hooks see it. ``body`` says what can be read of its body, and the JSON in it."""

    method: str
    path: str
    request_id: str
    address: str
    body: Callable[[], Awaitable[tuple[Read, Json]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Runs the hooks of a snapshot. ``share`` gives a number from 0 to 1, by which requests are sampled.

    ``seconds`` is how long a hook may take.
    """

    files_of: Callable[[Item], ItemFiles]
    beside: Beside
    seconds: float
    now: Callable[[], datetime]
    tell: Callable[[str], None]
    share: Callable[[], float] = random.random
    _told: set[str] = field(default_factory=set)
    _one_report: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: dict[tuple[str, str], list[Json]] = field(default_factory=dict)

    def see_requests(self, snapshot: Snapshot, path: str) -> bool:
        """Whether any middleware wants to know of requests for ``path``."""
        return any(path.startswith(hook.path_prefix) for _, hook in snapshot.hooks.get(_REQUEST, ()))

    def see_answers(self, snapshot: Snapshot) -> bool:
        """Whether there is any observer."""
        return _ANSWER in snapshot.hooks

    async def requested(self, snapshot: Snapshot, path: str, look: Callable[[], HookEvent]) -> None:
        """Tell every middleware whose ``match`` fits; ``look`` is asked only where there is one."""
        for extension, hook in snapshot.hooks.get(_REQUEST, ()):
            if path.startswith(hook.path_prefix):
                await self._act(extension, hook, HOOK_ACTIONS[hook.on], partial(self._audit, extension, look))

    async def answered(self, snapshot: Snapshot, reply: Reply, request_id: str, read: Read = Read.READ) -> None:
        """Tell every observer. ``read`` says how much of the answer the reply was made from."""
        for extension, hook in snapshot.hooks.get(_ANSWER, ()):
            track = partial(self._track, extension, reply, request_id, read)
            # Shielded: it goes on to its end where the run is cancelled meanwhile, and no other writes the report then.
            await self._act(extension, hook, HOOK_ACTIONS[hook.on], partial(_shielded, track))

    async def _act(self, extension: Extension, hook: Hook, known: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            _check_action(hook, known)
            async with within(self.seconds, "it"):
                await work()
        except RunError as error:
            self._tell_once(extension, hook.on, error)

    def _tell_once(self, extension: Extension, event: str, error: RunError) -> None:
        line = f"the hook {event} of {extension.name} failed: {error.message}"
        if line not in self._told:
            self._told.add(line)
            self.tell(line)

    async def _audit(self, extension: Extension, look: Callable[[], HookEvent]) -> None:
        event = look()
        config = extension.config
        rate = config.get("sample_rate", 1.0)
        if config.get("enabled") is False or (isinstance(rate, int | float) and self.share() >= rate):
            return
        moment = self.now()
        entry: JsonObject = {
            "timestamp": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "method": event.method,
            "path": event.path,
            "request_id": event.request_id,
            "ip": event.address,
        }
        line = await self._line(extension, entry, event)
        folder = str(config.get("audit_dir") or _DEFAULT_AUDIT).rstrip("/")
        path = f"{folder}/audit-{moment:%Y-%m-%d}.jsonl"
        await self.beside.in_thread(self.files_of(extension).append, path, line)

    async def _line(self, extension: Extension, entry: JsonObject, event: HookEvent) -> bytes:
        """``entry`` with the request's body, only where the manifest says what of it to hide.

        No caller keeps an entry out of the log: where the body cannot be written, the entry says so in its place.
        """
        rules = extension.config.get("redact")
        if not isinstance(rules, list) or not rules:
            return _line_of(entry)
        try:
            async with within(self.seconds / 2, "hiding parts of it"):  # the other half is left to write it
                read, body = await event.body()
                entry["read"] = str(read)
                if body is None:
                    return _line_of(entry)
                cost = cost_of_redaction(rules, weight(body))
                return await done(self.beside.workers, cost, _line_with, entry, body, rules)
        except RunError as error:
            self._tell_once(extension, _REQUEST, error)
            return _line_of({**entry, "read": str(Read.UNREADABLE), "body": f"[dropped: {error.message}]"})

    async def _track(self, extension: Extension, reply: Reply, request_id: str, read: Read) -> None:
        declared = (output.path for output in extension.outputs if output.type == "file" and output.path)
        path, files = next(declared, _DEFAULT_REPORT), self.files_of(extension)
        row: JsonObject = {
            "timestamp": f"{self.now():%Y-%m-%dT%H:%M:%SZ}",
            "request_id": request_id,
            "model": reply.model[:_MAX_NAME_CHARACTERS],
            **{name: _count(reply.usage.get(name)) for name in _TOKENS},
            "read": str(read),
        }
        waiting = self._waiting.setdefault((extension.name, path), [])
        if len(waiting) >= MAX_BESIDE:  # one that nobody waits for any more stands behind each
            raise RunError("its report is not written: what was begun before has not ended")
        waiting.append(row)
        async with self._one_report:
            rows, waiting[:] = [*waiting], []  # those of others too, that came while the report was written
            if rows:
                report = await self.beside.in_thread(_text_of, files, path)
                data = await done(self.beside.workers, len(report) // 4, report_with, report, rows, files.limit)
                await self.beside.in_thread(files.write, path, data)


async def unread() -> tuple[Read, Json]:
    """The body of an event for which there is no time. No caller keeps an entry out of a log by asking much."""
    return Read.UNREADABLE, None


async def _shielded(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await asyncio.shield(asyncio.ensure_future(work()))


def _line_with(entry: JsonObject, body: Json, rules: list[Json]) -> bytes:
    """A line of the log that holds ``body`` as far as the ``rules`` leave it."""
    return _line_of({**entry, "body": redacted(body, rules)})


def _line_of(entry: JsonObject) -> bytes:
    """A line of the log. Pure."""
    return json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def report_with(report: str, more: list[Json], limit: int) -> bytes:
    """A usage report with ``more`` rows; its oldest ones go where it would have more than ``limit`` bytes. Pure."""
    try:
        found = json.loads(report)
    except (ValueError, RecursionError):
        found = None
    rows: list[Json] = [*(found if isinstance(found, list) else []), *more][-MAX_USAGE_ROWS:]
    while len(data := _in_bytes(rows)) > limit and len(rows) > 1:
        rows = rows[len(rows) // 2 :]
    return data


def _check_action(hook: Hook, known: str) -> None:
    if hook.action != known:
        raise RunError(f"there is no action '{hook.action}' for {hook.on}; known is {known}")


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _in_bytes(rows: list[Json]) -> bytes:
    return json.dumps(rows, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _text_of(files: ItemFiles, path: str) -> str:
    try:
        return files.read(path)
    except RunError:
        return ""
