"""Refreshing: what is served follows the disk, routes and all, and only what changed is told as changed."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from reconciler.host.runtime import RefreshResult, Runtime
from reconciler.host.web.api import Api
from reconciler.host.web.request import Call
from tests.cli.shell import Session
from tests.host.conftest import Serve
from tests.host.model_server import ModelServer
from tests.host.served import extension, put_on_disk, settings_for

RULE = 'steps: [{uses: rules.evaluate, with: {rules: [{if: "true", then: {version: %s}}]}}]\n'
ENDPOINT = "endpoints: [{path: %s, method: %s}]\n" + RULE % 1
NOTHING: dict[str, list[str]] = {"added": [], "removed": [], "updated": []}


def put(session: Session, text: str, name: str = "foo") -> None:
    put_on_disk(session, name, manifest__yaml=extension(text, name=name))


def changes(answer: dict[str, object]) -> dict[str, object]:
    return {key: answer[key] for key in NOTHING}


def test_refresh_tells_what_is_new(session: Session, serve: Serve) -> None:
    host = serve()
    put(session, RULE % 1)
    answer = host.post("/v1/extensions/refresh")
    assert answer.text == '{"added":["foo"],"builtin":0,"removed":[],"status":"refreshed","total":1,"updated":[]}'
    assert host.run("foo", {}) == {"version": 1}


def test_nothing_changed_is_told_as_nothing(session: Session, serve: Serve) -> None:
    put(session, RULE % 1)
    host = serve()
    os.utime(session.installed("foo", "manifest.yaml"))
    assert changes(host.refresh()) == NOTHING


def test_an_update_is_run_at_once(session: Session, serve: Serve) -> None:
    put(session, RULE % 1)
    host = serve()
    put(session, RULE % 2)
    assert changes(host.refresh()) == {**NOTHING, "updated": ["foo"]}
    assert host.run("foo", {}) == {"version": 2}


def test_a_run_under_way_calls_what_was_served_when_it_began(
    session: Session, serve: Serve, model: ModelServer
) -> None:
    put(session, "steps: [{uses: llm.chat, with: {prompt: p}}, {uses: extension.call, with: {extension: bar}}]\n")
    put(session, RULE % 1, "bar")
    host = serve()
    model.pause = threading.Event()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(host.run, "foo", {})
        while not model.asked:
            time.sleep(0.01)
        put(session, RULE % 2, "bar")
        assert changes(host.refresh()) == {**NOTHING, "updated": ["bar"]}
        model.pause.set()
        assert running.result()["version"] == 1
    assert host.run("foo", {})["version"] == 2


def test_all_who_ask_while_one_refresh_is_under_way_share_the_next(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Runtime(settings_for(session))
    begun, goes_on = threading.Semaphore(0), threading.Event()

    def refresh(own: Callable[[], RefreshResult] = runtime.refresh) -> RefreshResult:
        begun.release()
        goes_on.wait()
        return own()

    monkeypatch.setattr(runtime, "refresh", refresh)

    async def ask() -> list[int]:
        api, asked = Api(runtime), cast(Call, None)
        first = asyncio.create_task(api.refresh(asked))
        await asyncio.to_thread(begun.acquire)
        others = [asyncio.create_task(api.refresh(asked)) for _ in range(9)]
        await asyncio.sleep(0)
        goes_on.set()
        return [answer.status_code for answer in await asyncio.gather(first, *others)]

    assert asyncio.run(ask()) == [200] * 10
    assert begun.acquire(blocking=False)
    assert not begun.acquire(blocking=False)


def test_an_entry_that_is_gone_leaves_it_to_the_manifest(session: Session, serve: Serve) -> None:
    host = serve()
    put(session, RULE % 1)
    entry = {"id": "foo", "type": "extension", "enabled": False}
    session.write(str(session.registry), json.dumps([entry]))
    host.refresh()
    assert host.post("/v1/extensions/foo/execute", {}).status_code == 503
    session.write(str(session.registry), "[]")
    host.refresh()
    assert host.run("foo", {}) == {"version": 1}


def test_a_package_that_wants_a_restart_gets_its_update_then(session: Session, serve: Serve) -> None:
    cold = "id: foo\nname: foo\nversion: 1.0.0\nhot_reload: false\n"
    put_on_disk(session, "foo", manifest__yaml=extension(RULE % 1), extension__yaml=cold)
    host = serve()
    put(session, RULE % 2)
    assert changes(host.refresh()) == NOTHING
    assert host.run("foo", {}) == {"version": 1}
    assert serve().run("foo", {}) == {"version": 2}
    session.llamagate("disable", "foo")
    assert changes(host.refresh()) == {**NOTHING, "updated": ["foo"]}
    assert host.post("/v1/extensions/foo/execute", {}).status_code == 503
    session.llamagate("remove", "foo")
    assert changes(host.refresh()) == {**NOTHING, "removed": ["foo"]}


def test_a_change_is_told_and_found_served(session: Session, serve: Serve) -> None:
    host = serve()
    session.package("task", files={"manifest.yaml": ""})
    (session.project / "packages/task/manifest.yaml").unlink()
    session.write("packages/task/extension.yaml", "name: task\nversion: 1.0.0\ntask: {type: model}\nprompt: hi\n")
    gateway = f'gateway: {{url: "{host.client.base_url}"}}\n'
    session.extensions("foo", "bar", "task", text=gateway)
    assert session.llamagate("apply").err.endswith(
        f"the gateway at {str(host.client.base_url).rstrip('/')} was reloaded\n"
    )
    session.package("foo", version="2.0.0")
    session.desired(gateway + "extensions:\n  foo: {source: ./packages/foo, enabled: false}\n")
    assert session.llamagate("apply").err.endswith("was reloaded\n")
    assert [
        (row["name"], row["version"], row["enabled"]) for row in host.get("/v1/extensions").json()["extensions"]
    ] == [("foo", "2.0.0", False)]


def test_each_command_is_seen(session: Session, serve: Serve) -> None:
    session.package("foo", files={"manifest.yaml": extension(ENDPOINT % ("/x", "GET"))})
    session.extensions("foo")
    session.llamagate("apply")
    host = serve()
    assert host.get("/v1/extensions/foo/x").json() == {"success": True, "data": {"version": 1}}
    session.llamagate("disable", "foo")
    assert changes(host.refresh()) == {**NOTHING, "updated": ["foo"]}
    assert host.get("/v1/extensions/foo/x").status_code == 404
    session.llamagate("enable", "foo")
    host.refresh()
    assert host.get("/v1/extensions/foo/x").status_code == 200
    session.llamagate("remove", "foo")
    assert changes(host.refresh()) == {**NOTHING, "removed": ["foo"]}
    assert host.get("/v1/extensions/foo/x").status_code == 404
    assert host.names == []


def test_an_update_replaces_its_routes(session: Session, serve: Serve) -> None:
    put(session, ENDPOINT % ("/old", "GET"))
    host = serve()
    put(session, ENDPOINT % ("/new", "GET"))
    host.refresh()
    assert host.get("/v1/extensions/foo/old").status_code == 404
    assert host.get("/v1/extensions/foo/new").status_code == 200


@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_extension_with_endpoints_refreshes_without_errors(session: Session, serve: Serve, times: int) -> None:
    put(session, ENDPOINT % ("/x", "GET"))
    host = serve()
    answers = [host.post("/v1/extensions/refresh") for _ in range(times)]
    assert {answer.status_code for answer in answers} == {200}


def test_a_bad_item_is_named_with_its_fault_and_skipped(session: Session, serve: Serve) -> None:
    put(session, RULE % 1)
    put_on_disk(session, "bad", manifest__yaml="name: bad\nversion: 1\n")
    host = serve()
    assert host.names == ["foo"]
    file = session.installed("bad", "manifest.yaml")
    assert (
        f"bad: {file}:1:1: 'description' is missing; {file}:1:1: 'type' is missing; "
        f"{file}:2:1: version: a version starts with three numbers, as in 1.2.3" in host.told
    )
    answer = host.post("/v1/extensions/refresh")
    assert (answer.status_code, answer.json()["status"], answer.json()["total"]) == (206, "partial", 1)
    assert len(answer.json()["errors"]) == 1
    missing = host.get("/v1/extensions/bad")
    assert (missing.status_code, len(missing.json()["faults"])) == (404, 1)


def test_an_item_that_goes_bad_is_no_longer_served_and_comes_back(session: Session, serve: Serve) -> None:
    put(session, RULE % 1)
    host = serve()
    put_on_disk(session, "foo", manifest__yaml="no")
    assert changes(host.refresh()) == {**NOTHING, "removed": ["foo"]}
    put(session, RULE % 2)
    host.refresh()
    assert host.run("foo", {}) == {"version": 2}


def test_links_and_strange_names_are_not_served(session: Session, serve: Serve, tmp_path: Path) -> None:
    put(session, RULE % 1)
    installed = session.home / "extensions" / "installed"
    put_on_disk(session, ".hidden", manifest__yaml=extension(RULE % 1, name="hidden"))
    put_on_disk(session, "backups", foo___1___manifest__yaml=extension(RULE % 1))
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (elsewhere / "manifest.yaml").write_text(extension(RULE % 1, name="linked"))
    (installed / "linked").symlink_to(elsewhere)
    assert serve().names == ["foo"]


def test_two_items_of_one_name(session: Session, serve: Serve) -> None:
    put(session, RULE % 1)
    put_on_disk(session, "other", manifest__yaml=extension(RULE % 2))
    host = serve()
    assert host.run("foo", {}) == {"version": 1}
    assert "other: the name 'foo' is already that of foo" in host.told


@pytest.mark.parametrize(
    "schema",
    ["{$ref: 'URL/x'}", "{type: 5}", "{type: string, pattern: '^(?=x)(x+)+$'}"],
    ids=["elsewhere", "malformed", "not linear"],
)
def test_a_schema_that_cannot_be_used_is_a_fault(
    session: Session, serve: Serve, model: ModelServer, schema: str
) -> None:
    request = schema.replace("URL", model.url)
    put(session, f"endpoints: [{{path: /x, method: POST, request_schema: {request}}}]\n" + RULE % 1)
    host = serve()
    assert host.names == []
    assert any(line.startswith("foo: ") and "request_schema" in line for line in host.told)
    assert model.visits == 0


def test_a_registry_that_cannot_be_read_stops_nothing(session: Session, serve: Serve) -> None:
    put(session, RULE % 1)
    host = serve()
    session.registry.write_text("{}")
    assert host.refresh()["errors"][0].startswith(f"the home: {session.registry}: this version cannot read it")
    assert host.run("foo", {}) == {"version": 1}


# Endpoints


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_every_method(session: Session, serve: Serve, method: str) -> None:
    put(session, ENDPOINT % ("/x/y", method.lower()))
    host = serve()
    answer = host.client.request(method, "/v1/extensions/foo/x/y")
    assert answer.status_code == 200
    assert answer.text == ("" if method == "HEAD" else '{"data":{"version":1},"success":true}')
    other = "GET" if method != "GET" else "POST"
    assert host.client.request(other, "/v1/extensions/foo/x/y").status_code == 404


@pytest.mark.parametrize(
    ("path", "asked", "found"),
    [
        ("/items/:id", "items/7", {"id": "7"}),
        ("/items/{id}", "items/a%2Fb%20c", {"id": "a/b c"}),
        ("/items/{id}/of/:who", "items/1/of/me", {"id": "1", "who": "me"}),
        ("/files/*rest", "files/a/b/c", {"rest": "a/b/c"}),
        ("/files/{rest:path}", "files/a", {"rest": "a"}),
        ("/items/:id", "items/7/", {"id": "7"}),
    ],
)
def test_parameters_in_the_path(
    session: Session, serve: Serve, model: ModelServer, path: str, asked: str, found: dict[str, str]
) -> None:
    text = 'steps: [{uses: llm.chat, with: {prompt: "{{id}}|{{who}}|{{rest}}"}}]\n'
    put(session, f"endpoints: [{{path: '{path}', method: GET}}]\n{text}")
    assert serve().get(f"/v1/extensions/foo/{asked}").status_code == 200
    assert model.prompts == ["|".join(found.get(key, f"{{{{{key}}}}}") for key in ("id", "who", "rest"))]


def test_a_literal_path_goes_before_a_parameter(session: Session, serve: Serve, model: ModelServer) -> None:
    put(
        session,
        "endpoints: [{path: '/:id', method: GET}, {path: /me, method: GET}, {path: '/*all', method: GET}]\n"
        'steps: [{uses: llm.chat, with: {prompt: "{{id}} {{all}}"}}]\n',
    )
    host = serve()
    for path in ("me", "you", "a/b"):
        host.get(f"/v1/extensions/foo/{path}")
    assert model.prompts == ["{{id}} {{all}}", "you {{all}}", "{{id}} a/b"]


def test_no_endpoint_takes_the_route_that_refreshes(session: Session, serve: Serve) -> None:
    rows = "{path: /, method: POST}, {path: /, method: DELETE}"
    put(session, f"endpoints: [{rows}]\n" + RULE % 1, "refresh")
    put(session, f"endpoints: [{rows}]\n" + RULE % 1)
    host = serve()
    assert host.refresh()["errors"] == ["refresh (routes): POST / is a route of the host itself"]
    for name, method in (("refresh", "DELETE"), ("foo", "POST"), ("foo", "DELETE")):
        answer = host.client.request(method, f"/v1/extensions/{name}")
        assert answer.json() == {"data": {"version": 1}, "success": True}


@pytest.mark.parametrize(
    ("endpoints", "message"),
    [
        ("{path: /x, method: GET}, {path: /x/, method: get}", "GET /x/ conflicts with GET /x"),
        ("{path: '/:a', method: GET}, {path: '/{b}', method: GET}", "GET /{b} conflicts with GET /:a"),
        ("{path: /execute, method: POST}", "POST /execute is a route of the host itself"),
        ("{path: /, method: PUT}", "PUT / is a route of the host itself"),
        ("{path: '/:a/:a', method: GET}", "GET /:a/:a names a parameter twice"),
        ("{path: '/*a/b', method: GET}", "GET /*a/b goes on behind a parameter that takes the rest of the path"),
    ],
)
def test_conflicts_are_named_and_the_rest_is_served(
    session: Session, serve: Serve, endpoints: str, message: str
) -> None:
    put(session, f"endpoints: [{endpoints}, {{path: /good, method: GET}}]\n" + RULE % 1)
    host = serve()
    answer = host.post("/v1/extensions/refresh")
    assert (answer.status_code, answer.json()["errors"]) == (206, [f"foo (routes): {message}"])
    assert host.get("/v1/extensions/foo").json()["faults"] == [message]
    assert host.get("/v1/extensions/foo/good").status_code == 200


def test_an_endpoint_may_ask_for_no_key_and_not_count(session: Session, serve: Serve) -> None:
    put(
        session,
        "endpoints: [{path: /open, method: GET, requires_auth: false, requires_rate_limit: false},"
        " {path: /shut, method: GET}]\n" + RULE % 1,
    )
    host = serve(api_key="k3y", rate=2)
    assert {host.get("/v1/extensions/foo/open").status_code for _ in range(8)} == {200}
    assert host.get("/v1/extensions/foo/shut").status_code == 401


def test_what_an_endpoint_is_given(session: Session, serve: Serve, model: ModelServer) -> None:
    put(
        session,
        "endpoints: [{path: '/:who', method: POST}]\ninputs: [{id: n, type: number}, {id: who, type: string}]\n"
        'steps: [{uses: llm.chat, with: {prompt: "{{who}} {{n}} {{q}}"}}]\n',
    )
    host = serve()
    host.post("/v1/extensions/foo/me?n=1.5&q=query&who=no", {"q": "body", "who": "no"})
    host.post("/v1/extensions/foo/7")
    assert model.prompts == ["me 1.5 body", "7  {{q}}"]


def test_a_request_must_fit_the_endpoints_schema(session: Session, serve: Serve) -> None:
    schema = "{type: object, properties: {a: {type: string, pattern: '^(x+)+$'}}, required: [a]}"
    put(session, f"endpoints: [{{path: /x, method: POST, request_schema: {schema}}}]\n" + RULE % 1)
    host = serve()
    assert host.post("/v1/extensions/foo/x", {"a": "xx"}).status_code == 200
    answer = host.post("/v1/extensions/foo/x", {})
    assert answer.json()["error"]["message"] == 'Invalid request body: "a" is a required property'
    # In a backtracking engine this pattern would take for ever.
    assert host.post("/v1/extensions/foo/x", {"a": "x" * 5000 + "!"}).status_code == 400


def test_an_endpoint_of_a_webhook_gets_the_body_as_its_one_object(
    session: Session, serve: Serve, model: ModelServer
) -> None:
    put(
        session,
        "endpoints: [{path: /x, method: POST}]\n"
        "inputs: [{id: payload, type: object, required: true}, {id: model, type: string}]\n"
        'steps: [{uses: llm.chat, with: {prompt: "{{inputs.payload.action}}"}}]\n',
    )
    host = serve()
    assert host.post("/v1/extensions/foo/x", {"action": "opened"}).status_code == 200
    assert model.prompts == ["opened"]
    assert host.post("/v1/extensions/foo/x").json()["error"]["message"] == "Required input 'payload' is missing"


@pytest.mark.parametrize(
    ("path", "shown", "names"),
    [
        ("/", "", []),
        ("/:a/{b}/*c", "/{a}/{b}/{c}", ["a", "b", "c"]),
        ("/{a:path}", "/{a}", ["a"]),
        ("/v.{x}/{y", "/v.%7Bx%7D/%7By", []),
        ("/a b/%2e%2e/é", "/a%20b/%252e%252e/%C3%A9", []),
    ],
)
def test_openapi_writes_paths_in_its_own_way(
    session: Session, serve: Serve, path: str, shown: str, names: list[str]
) -> None:
    put(session, f"endpoints: [{{path: '{path}', method: DELETE, description: d}}]\n" + RULE % 1)
    paths = serve().get("/openapi.json").json()["paths"]
    endpoint = paths[f"/v1/extensions/foo{shown}"]["delete"]
    assert [one["name"] for one in endpoint["parameters"]] == names


def test_openapi_has_every_endpoint_with_its_schemas(session: Session, serve: Serve) -> None:
    put(
        session,
        "endpoints: [{path: '/items/:id', method: POST, request_schema: {type: object}, requires_auth: false,"
        " response_schema: {type: array}}]\ninputs: [{id: a, type: string, required: true}]\n" + RULE % 1,
    )
    paths = serve().get("/openapi.json").json()["paths"]
    endpoint = paths["/v1/extensions/foo/items/{id}"]["post"]
    assert [one["name"] for one in endpoint["parameters"]] == ["id"]
    assert endpoint["security"] == []
    assert endpoint["requestBody"]["content"]["application/json"]["schema"] == {"type": "object"}
    assert endpoint["responses"]["200"]["content"]["application/json"]["schema"] == {"type": "array"}
    execute = paths["/v1/extensions/foo/execute"]["post"]
    assert execute["requestBody"]["content"]["application/json"]["schema"]["required"] == ["a"]
    assert "/v1/agentic-modules/{name}/execute" in paths
