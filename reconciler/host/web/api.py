"""Every route of the host, and what each answers. ``docs/host.md`` compares them with those of gateways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from starlette.responses import Response

from reconciler.host.engine.inputs import undeclared
from reconciler.host.errors import RunError
from reconciler.host.items import Endpoint, Extension, Item, Module
from reconciler.host.routes import Match
from reconciler.host.runtime import RefreshResult, Runtime
from reconciler.host.snapshot import Snapshot
from reconciler.host.upstream.look import Looks
from reconciler.host.upstream.unread import unread_by
from reconciler.host.web.openapi import openapi_document
from reconciler.host.web.request import Call, endpoint_input
from reconciler.host.web.response import Problem, answer, answer_of, bad_request, encoded, not_found, problem_of
from reconciler.model.config import JsonObject
from reconciler.model.ids import did_you_mean

_PARTIAL = 206
_Item = TypeVar("_Item", Extension, Module)


class Api:
    """Answers from a runtime. Each method is one route; what it raises becomes an error answer."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._one_change = asyncio.Lock()  # those that wait must not hold the threads that runs need for their files
        self._next_refresh: asyncio.Task[RefreshResult] | None = None
        self._looks = Looks(runtime.pool) if runtime.pool else None
        self._encoded: dict[str, tuple[Snapshot, bytes]] = {}

    async def health(self) -> Response:
        asked = [self.runtime.client.is_reachable(), *([self._looks.is_reachable()] if self._looks else [])]
        connected, *behind = await asyncio.gather(*asked)
        document: JsonObject = {
            "ollama": _connected(connected),
            "ollama_host": self.runtime.settings.model.url,
            "status": "healthy" if connected and all(behind) else "degraded",
        }
        upstream = self.runtime.settings.upstream
        if upstream:
            snapshot = self.runtime.snapshot
            unread = [f"{one.name}: {line}" for one in snapshot.extensions.values() for line in unread_by(one)]
            document |= {"upstream": _connected(all(behind)), "upstream_host": upstream.url, "unread": [*unread]}
        return answer(document)

    async def openapi(self, call: Call) -> Response:
        return await self._kept("openapi", call.snapshot, openapi_document)

    # Extensions

    async def list_extensions(self, call: Call) -> Response:
        make = _extensions_before if self.runtime.settings.upstream else _extensions
        return await self._kept("extensions", call.snapshot, make)

    async def get_extension(self, call: Call) -> Response:
        extension = _named(call, call.snapshot.extensions, "Extension")
        return answer(
            {
                **_in_short(extension),
                "type": extension.type,
                **extension.written,
                "origin": str(extension.definition.origin),
                "endpoints": [_endpoint(endpoint) for endpoint in extension.endpoints],
                "faults": [*call.snapshot.faults_of(extension.name)],
            }
        )

    async def execute_extension(self, call: Call) -> Response:
        extension = _named(call, call.snapshot.extensions, "Extension")
        if not extension.enabled:
            raise Problem(503, "service_unavailable", "Extension is disabled")
        if extension.type != "workflow":
            raise bad_request("Only workflow extensions can be executed via API")
        return await self._run(call, extension, await call.document(), strict=self._strict)

    async def call_endpoint(self, call: Call, match: Match) -> Response:
        strict = self._strict or match.route.endpoint.strict
        given = await call.unless_left(endpoint_input(call, match))
        return await self._run(call, match.route.extension, given, strict=strict)

    async def refresh(self, _call: Call) -> Response:
        if self._next_refresh is None:  # else one that has not begun yet will see whatever this one would
            self._next_refresh = asyncio.create_task(self._refresh())
        result = await asyncio.shield(self._next_refresh)
        now, changed = result.snapshot, result.changed
        document: JsonObject = {
            "added": [*changed.added],
            "builtin": sum(extension.definition.origin == "builtin" for extension in now.extensions.values()),
            "removed": [*changed.removed],
            "status": "partial" if now.faults else "refreshed",
            "total": len(now.extensions),
            "updated": [*changed.updated],
        }
        errors: JsonObject = {"errors": [str(fault) for fault in now.faults]} if now.faults else {}
        return answer(document | errors, _PARTIAL if now.faults else 200)

    async def _refresh(self) -> RefreshResult:
        async with self._one_change:
            self._next_refresh = None
            return await asyncio.to_thread(self.runtime.refresh)

    async def put_extension(self, call: Call) -> Response:
        if not self.runtime.settings.takes_manifests:
            return answer({"code": "UPSERT_NOT_CONFIGURED", "error": "Workflow upsert is not enabled"}, 501)
        if not call.body.data.strip():
            raise bad_request("Request body is required (YAML or JSON manifest)")
        async with self._one_change:
            path = await asyncio.to_thread(self.runtime.upsert, call.name, call.body.data)
        return answer({"name": call.name, "path": str(path), "status": "ok"})

    # Modules

    async def list_modules(self, call: Call) -> Response:
        return await self._kept("modules", call.snapshot, _modules)

    async def get_module(self, call: Call) -> Response:
        module = _named(call, call.snapshot.modules, "Agentic module")
        return answer(
            {
                **_in_short(module),
                **module.written,
                "steps": [{"extension": step.extension, "name": step.name} for step in module.steps],
                "faults": [*_missing(call.snapshot, module)],
            }
        )

    async def execute_module(self, call: Call) -> Response:
        module = _named(call, call.snapshot.modules, "Agentic module")
        if not module.enabled:
            raise Problem(503, "service_unavailable", "Agentic module is disabled")
        running = self.runtime.run_module(call.snapshot, module, await call.document(), call.request_id)
        record = await call.unless_left(running)
        if record.error is not None:
            problem = problem_of(record.error, "Module")
            problem.more = {"run_record": record.to_document()}
            raise problem
        return await self._limited({"data": record.to_document(), "success": True})

    async def _kept(self, name: str, snapshot: Snapshot, make: Callable[[Snapshot], JsonObject]) -> Response:
        """The document ``name``, which depends on nothing but the snapshot: made and encoded once for each."""
        made_of, body = self._encoded.get(name, (None, b""))
        if made_of is not snapshot:
            body = await encoded(await asyncio.to_thread(make, snapshot))
            self._encoded[name] = (snapshot, body)
        return answer_of(body)

    @property
    def _strict(self) -> bool:
        return self.runtime.settings.strict

    async def _run(self, call: Call, extension: Extension, given: JsonObject, *, strict: bool) -> Response:
        problem = undeclared(extension, given) if strict else None
        if problem:
            raise bad_request(problem)
        try:
            running = self.runtime.run(call.snapshot, extension, given, call.request_id)
            result = await call.unless_left(running)
        except RunError as error:
            raise problem_of(error, "Extension") from error
        return await self._limited({"data": result, "success": True})

    async def _limited(self, document: JsonObject) -> Response:
        return answer_of(await encoded(document, limit=self.runtime.settings.limits.answer))


def _named(call: Call, items: Mapping[str, _Item], what: str) -> _Item:
    """The item in the path. ``Problem`` where it is not served."""
    item = items.get(call.name)
    if item is None:
        faults = call.snapshot.faults_of(call.name)
        raise not_found(what, faults, near="" if faults else did_you_mean(call.name, items))
    return item


def _extensions(snapshot: Snapshot) -> JsonObject:
    found = [_in_list(one) for one in snapshot.extensions.values()]
    return {"count": len(found), "extensions": [*found]}


def _extensions_before(snapshot: Snapshot) -> JsonObject:
    """The list, where an upstream is behind the host: with what hooks cannot read of it."""
    found = [_in_list(one) | _unread(one) for one in snapshot.extensions.values()]
    return {"count": len(found), "extensions": [*found]}


def _unread(extension: Extension) -> JsonObject:
    lines = unread_by(extension)
    return {"unread": [*lines]} if lines else {}


def _connected(is_connected: bool) -> str:
    return "connected" if is_connected else "disconnected"


def _modules(snapshot: Snapshot) -> JsonObject:
    found = [_in_short(module) for module in snapshot.modules.values()]
    return {"count": len(found), "modules": [*found]}


def _in_short(item: Item) -> JsonObject:
    return {"description": item.description, "enabled": item.enabled, "name": item.name, "version": item.version}


def _in_list(extension: Extension) -> JsonObject:
    return {**_in_short(extension), "type": extension.type}


def _endpoint(endpoint: Endpoint) -> JsonObject:
    return {
        "path": endpoint.path,
        "method": endpoint.method,
        "description": endpoint.description,
        "request_schema": endpoint.request_schema,
        "response_schema": endpoint.response_schema,
        "requires_auth": endpoint.requires_auth,
        "requires_rate_limit": endpoint.requires_rate_limit,
        "strict": endpoint.strict,
        "headers": {**endpoint.headers},
        "signature": endpoint.signature.header if endpoint.signature else None,
    }


def _missing(snapshot: Snapshot, module: Module) -> list[str]:
    """What keeps a module from running."""
    known = {**snapshot.extensions, **module.bundled}
    names = dict.fromkeys(step.extension for step in module.steps)
    absent = [f"there is no extension '{name}'" for name in names if name not in known]
    off = [f"the extension '{name}' is disabled" for name in names if name in known and not known[name].enabled]
    return [*snapshot.faults_of(module.name), *absent, *off]
