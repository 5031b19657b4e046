"""Try a workflow from the page: what it asks for, and a run of it with each of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import cast

from starlette.requests import Request

from reconciler.errors import LlamagateError
from reconciler.host.engine.run import Traced
from reconciler.host.engine.trace import Trace
from reconciler.host.errors import RunError
from reconciler.host.items import Extension
from reconciler.host.runtime import Runtime
from reconciler.host.secrets import Masks
from reconciler.host.web.front import request_id_of
from reconciler.host.web.request import Body, body_of
from reconciler.host.web.response import bad_request, not_found
from reconciler.model.config import Json, JsonObject, references, texts_of
from reconciler.model.home import Home
from reconciler.planning.manifest_diff import secret_places
from reconciler.store.state_files import read_record


class Trying:
    """Runs what a runtime serves, and says what was seen; no secret is in that."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def names(self) -> list[Json]:
        """The workflows that can be tried."""
        found = self._runtime.snapshot.extensions.values()
        return [one.name for one in found if one.enabled and one.type == "workflow"]

    def inputs(self, name: str) -> JsonObject:
        """What the workflow asks for."""
        extension = self._named(name)
        if extension.task is not None and extension.task.inputs is not None:
            return {"inputs": [*_of_schema(extension.task.inputs.document)]}
        found = [
            {"id": one.id, "type": one.type, "required": one.required, "default": one.default}
            for one in extension.inputs
        ]
        return {"inputs": [*found]}

    async def run(self, request: Request) -> JsonObject:
        """What it gives for the document in the request, with its steps; a failure too is an answer."""
        extension = self._named(request.path_params["name"])
        data = await body_of(request, self._runtime.settings.body)
        given = await Body(data, self._runtime.workers).value()
        if not isinstance(given, dict):
            raise bad_request("The inputs must be a JSON object")
        trace, snapshot = Trace(), self._runtime.snapshot
        found: JsonObject = {"data": {}, "error": None}
        try:
            found["data"] = await self._runtime.run(snapshot, extension, given, request_id_of(request.scope), trace)
        except RunError as error:
            found["error"] = error.message
        masks = self._masks(extension)
        return cast(JsonObject, _masked({**found, "steps": [_step(one) for one in trace.steps]}, masks))

    def _named(self, name: str) -> Extension:
        extension = self._runtime.snapshot.extensions.get(name)
        if extension is None or not extension.enabled or extension.type != "workflow":
            raise not_found("Workflow")
        return extension

    def _masks(self, extension: Extension) -> Masks:
        """What must not be seen: secrets of the variables, and of the extension's own configuration."""
        known = Masks.of(self._runtime.settings.env.variables)
        own = [text for text in _secrets(self._runtime, extension) if text]
        return Masks(tuple(sorted({*known.values, *own}, key=len, reverse=True)))


def _secrets(runtime: Runtime, extension: Extension) -> Iterator[str]:
    """The texts of its configuration that came from elsewhere, or whose key sounds like a secret."""
    config: JsonObject = {}
    with suppress(LlamagateError):
        items = read_record(Home(runtime.settings.env.home))[0].items.values()
        config = next((item.config for item in items if item.manifest.name == extension.name), config)
    places = {place for place, _ in references(config)}
    places |= {place[1:] for place in secret_places(config) | secret_places(extension.config)}
    for place in places:
        value: Json = extension.config
        for part in place:
            value = value.get(str(part)) if isinstance(value, dict) else None
        yield from (text for _, text in texts_of(value))


def _of_schema(schema: Json) -> Iterator[Json]:
    document = schema if isinstance(schema, dict) else {}
    properties, required = document.get("properties"), document.get("required")
    for name, one in properties.items() if isinstance(properties, dict) else ():
        known = one if isinstance(one, dict) else {}
        yield {
            "id": name,
            "type": known.get("type", "string"),
            "required": isinstance(required, list) and name in required,
            "default": known.get("default"),
            "description": known.get("description"),
        }


def _step(found: Traced) -> JsonObject:
    event = found.event
    return {
        "item": event.item,
        "name": event.name,
        "uses": event.uses,
        "depth": event.depth,
        "state": event.state,
        "seconds": event.seconds,
        "arguments": event.arguments or None,
        "asked": [{"prompt": one.prompt, "answer": one.answer} for one in found.asked],
        "result": event.result or None,
        "error": event.error,
    }


def _masked(value: Json, masks: Masks) -> Json:
    if isinstance(value, str):
        return masks.masked(value)
    if isinstance(value, dict):
        return {masks.masked(key): _masked(one, masks) for key, one in value.items()}
    if isinstance(value, list):
        return [_masked(one, masks) for one in value]
    return value
