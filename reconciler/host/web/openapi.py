"""The OpenAPI document of what is served now: the host's own routes, and every extension's endpoints. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from reconciler import __version__
from reconciler.host.items import Extension
from reconciler.host.routes import Route
from reconciler.host.snapshot import Snapshot
from reconciler.model.config import JsonObject

_TYPES: Final = frozenset(["string", "number", "boolean", "object", "array"])

_OWN: Final[tuple[tuple[str, str, str], ...]] = (
    ("get", "/health", "Whether the host and its model server answer"),
    ("get", "/v1/extensions", "List the extensions"),
    ("post", "/v1/extensions/refresh", "Look at the home again"),
    ("get", "/v1/extensions/{name}", "Show one extension"),
    ("put", "/v1/extensions/{name}", "Install a manifest as this extension"),
    ("post", "/v1/extensions/{name}/execute", "Run a workflow"),
    ("get", "/v1/agentic-modules", "List the modules"),
    ("get", "/v1/agentic-modules/{name}", "Show one module"),
    ("post", "/v1/agentic-modules/{name}/execute", "Run a module"),
)


def openapi_document(snapshot: Snapshot) -> JsonObject:
    """OpenAPI 3.1, whose schemas are JSON Schema 2020-12, as those of the manifests are."""
    paths: dict[str, JsonObject] = {}
    for path, method, operation in (*_own(), *_executions(snapshot), *_endpoints(snapshot)):
        paths.setdefault(path, {}).setdefault(method, operation)
    schemes: JsonObject = {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "llamagate host", "version": __version__},
        "paths": dict(paths.items()),
        "components": {"securitySchemes": schemes},
    }


def _own() -> Iterator[tuple[str, str, JsonObject]]:
    for method, path, summary in _OWN:
        parameters = [_parameter("name", "path", required=True)] if "{name}" in path else []
        yield path, method, _operation(summary, parameters, needs_key=path != "/health")


def _executions(snapshot: Snapshot) -> Iterator[tuple[str, str, JsonObject]]:
    for extension in snapshot.extensions.values():
        if extension.enabled and extension.type == "workflow":
            path = f"/v1/extensions/{extension.name}/execute"
            operation = _operation(extension.description, [], needs_key=True)
            yield path, "post", operation | _body(_input_schema(extension))


def _endpoints(snapshot: Snapshot) -> Iterator[tuple[str, str, JsonObject]]:
    for route in snapshot.routes.all():
        endpoint = route.endpoint
        operation = _operation(endpoint.description, _parameters(route), needs_key=endpoint.requires_auth)
        if endpoint.request_schema is not None:
            operation |= _body(endpoint.request_schema)
        if endpoint.response_schema is not None:
            operation["responses"] = {"200": {"description": "OK", **_content(endpoint.response_schema)}}
        yield f"/v1/extensions/{route.extension.name}{route.template}", endpoint.method.lower(), operation


def _parameters(route: Route) -> Iterator[JsonObject]:
    yield from (_parameter(name, "path", required=True) for name in route.names)
    yield from (_parameter(name, "header", required=False) for name in route.endpoint.headers.values())
    if route.endpoint.signature:
        yield _parameter(route.endpoint.signature.header, "header", required=True)


def _parameter(name: str, place: str, *, required: bool) -> JsonObject:
    return {"name": name, "in": place, "required": required, "schema": {"type": "string"}}


def _operation(summary: str, parameters: Iterable[JsonObject], *, needs_key: bool) -> JsonObject:
    return {
        "summary": summary,
        "parameters": [*parameters],
        "responses": {"200": {"description": "OK"}, "default": {"description": "An error, in its envelope"}},
        "security": [{"key": []}, {"bearer": []}] if needs_key else [],
    }


def _input_schema(extension: Extension) -> JsonObject:
    written = extension.written["inputs"]
    if isinstance(written, dict):
        return written
    return {
        "type": "object",
        "properties": {one.id: {"type": one.type} if one.type in _TYPES else {} for one in extension.inputs},
        "required": [one.id for one in extension.inputs if one.required],
    }


def _body(schema: JsonObject) -> JsonObject:
    return {"requestBody": {"required": True, **_content(schema)}}


def _content(schema: JsonObject) -> JsonObject:
    return {"content": {"application/json": {"schema": schema}}}
