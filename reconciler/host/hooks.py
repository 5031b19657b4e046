"""Middleware and observers: what they write of requests and answers, below their own mutable folders.

A hook never fails what it watches: its own failure is told, once per hook and reason.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from jsonpath import JSONPathEnvironment
from jsonpath.exceptions import JSONPathError

from reconciler.host.engine.files import ItemFiles
from reconciler.host.engine.run import Reply
from reconciler.host.errors import RunError
from reconciler.host.items import Extension, Hook, Item
from reconciler.host.snapshot import Snapshot
from reconciler.model.config import Json, JsonObject

MAX_USAGE_ROWS: Final = 10_000
"""Kept in a usage report, the newest: it is one JSON list, which is written whole for each row."""

_TOKENS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_MAX_NAME_CHARACTERS: Final = 200
"""Of a model: callers choose it, and the report must hold many rows."""
_REDACTED: Final = "[redacted]"
_DEFAULT_AUDIT: Final = "./var/audit"
_DEFAULT_REPORT: Final = "./output/usage_report.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookEvent:
    """A request as hooks see it. ``body`` is decoded JSON, ``None`` where it is none."""

    method: str
    path: str
    request_id: str
    address: str
    body: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Runs the hooks of a snapshot. ``share`` gives a number from 0 to 1, by which requests are sampled."""

    files_of: Callable[[Item], ItemFiles]
    now: Callable[[], datetime]
    tell: Callable[[str], None]
    share: Callable[[], float] = random.random
    _told: set[str] = field(default_factory=set)
    _one_report: threading.Lock = field(default_factory=threading.Lock)

    async def requested(self, snapshot: Snapshot, path: str, look: Callable[[], HookEvent]) -> None:
        """Tell every middleware whose ``match`` fits; ``look`` is asked only where there is one."""
        for extension, hook in _hooks(snapshot, "http.request"):
            if path.startswith(hook.path_prefix):
                await self._act(extension, hook, "audit.log", partial(self._audit, extension=extension, event=look()))

    async def answered(self, snapshot: Snapshot, reply: Reply, request_id: str) -> None:
        """Tell every observer."""
        for extension, hook in _hooks(snapshot, "llm.response"):
            track = partial(self._track, extension=extension, reply=reply, request_id=request_id)
            await self._act(extension, hook, "usage.track", track)

    async def _act(self, extension: Extension, hook: Hook, known: str, work: Callable[[ItemFiles], None]) -> None:
        try:
            _check_action(hook, known)
            await asyncio.to_thread(work, self.files_of(extension))
        except RunError as error:
            line = f"the hook {hook.on} of {extension.name} failed: {error.message}"
            if line not in self._told:
                self._told.add(line)
                self.tell(line)

    def _audit(self, files: ItemFiles, *, extension: Extension, event: HookEvent) -> None:
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
        rules = config.get("redact")
        if isinstance(rules, list) and event.body is not None:
            entry["body"] = redacted(event.body, rules)  # only where the manifest says what of it to hide
        folder = str(config.get("audit_dir") or _DEFAULT_AUDIT).rstrip("/")
        line = json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        files.append(f"{folder}/audit-{moment:%Y-%m-%d}.jsonl", line)

    def _track(self, files: ItemFiles, *, extension: Extension, reply: Reply, request_id: str) -> None:
        declared = (output.path for output in extension.outputs if output.type == "file" and output.path)
        path = next(declared, _DEFAULT_REPORT)
        row: JsonObject = {
            "timestamp": f"{self.now():%Y-%m-%dT%H:%M:%SZ}",
            "request_id": request_id,
            "model": reply.model[:_MAX_NAME_CHARACTERS],
            **{name: _count(reply.usage.get(name)) for name in _TOKENS},
        }
        with self._one_report:  # held to the end of the write, also where the run is cancelled meanwhile
            rows = [*_report(files, path), row][-MAX_USAGE_ROWS:]
            while len(data := _in_bytes(rows)) > files.limit and len(rows) > 1:
                rows = rows[len(rows) // 2 :]
            files.write(path, data)


def redacted(body: Json, rules: list[Json]) -> Json:
    """A copy of ``body`` with the rules laid over it.

    ``truncate`` cuts a text to ``max_len`` characters; any other mode, or value, is replaced. ``RunError`` for a path
    that is not understood: what it should hide would else be written.
    """
    environment = JSONPathEnvironment()
    environment.function_extensions.clear()  # patterns of a manifest must not run on what callers send
    copy = deepcopy(body)
    for rule in rules:
        path = rule.get("path") if isinstance(rule, dict) else None
        if not isinstance(rule, dict) or not isinstance(path, str):
            raise RunError("a rule of 'redact' has a 'path'")
        try:
            found = list(environment.finditer(path, copy))
        except JSONPathError as error:
            raise RunError(f"the path {path[:80]!r} of 'redact' is not understood") from error
        for match in sorted(found, key=lambda one: -len(one.parts)):  # what is deeper first
            copy = _replaced(copy, tuple(match.parts), _hidden(match.obj, rule))
    return copy


def _check_action(hook: Hook, known: str) -> None:
    if hook.action != known:
        raise RunError(f"there is no action '{hook.action}' for {hook.on}; known is {known}")


def _hidden(value: object, rule: JsonObject) -> Json:
    longest = rule.get("max_len")
    if rule.get("mode") == "truncate" and isinstance(value, str) and isinstance(longest, int):
        return value if len(value) <= longest else value[: max(0, longest)] + "…"
    return _REDACTED


def _replaced(document: Json, place: tuple[str | int, ...], value: Json) -> Json:
    if not place:
        return value
    holder: Json = document
    for part in place[:-1]:
        holder = holder[part]  # type: ignore[index]
    holder[place[-1]] = value  # type: ignore[index]
    return document


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _in_bytes(rows: list[Json]) -> bytes:
    return json.dumps(rows, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _report(files: ItemFiles, path: str) -> list[Json]:
    try:
        rows = json.loads(files.read(path))
    except (RunError, ValueError, RecursionError):
        return []
    return rows if isinstance(rows, list) else []


def _hooks(snapshot: Snapshot, event: str) -> list[tuple[Extension, Hook]]:
    return [
        (extension, hook)
        for extension in snapshot.extensions.values()
        if extension.enabled
        for hook in extension.hooks
        if hook.on == event
    ]
