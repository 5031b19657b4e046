"""The answers of gateways, key by key, and what is refused before anything is looked at."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.cli.shell import Session
from tests.host.conftest import Serve
from tests.host.model_server import ModelServer
from tests.host.served import extension, put_on_disk

RULES = 'steps:\n  - uses: rules.evaluate\n    with: {rules: [{if: "true", then: {done: true}}]}\n'


@pytest.fixture
def foo(session: Session) -> Session:
    """One extension, installed as a user would."""
    session.package("foo", files={"manifest.yaml": extension(RULES).replace("A test", "first")})
    session.extensions("foo")
    session.llamagate("apply")
    return session


def test_health_names_the_model_server(serve: Serve, model: ModelServer) -> None:
    answer = serve().get("/health")
    assert (answer.status_code, answer.json()) == (
        200,
        {"ollama": "connected", "ollama_host": model.url, "status": "healthy"},
    )


def test_health_without_a_model_server_is_still_an_answer(serve: Serve, model: ModelServer) -> None:
    host = serve()
    model.close()
    answer = host.get("/health")
    assert (answer.status_code, answer.json()["ollama"], answer.json()["status"]) == (200, "disconnected", "degraded")


def test_list(foo: Session, serve: Serve) -> None:
    answer = serve().get("/v1/extensions")
    assert answer.text == (
        '{"count":1,"extensions":[{"description":"first","enabled":true,"name":"foo","type":"workflow",'
        '"version":"1.0.0"}]}'
    )
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_an_empty_list_is_a_list(serve: Serve) -> None:
    assert serve().get("/v1/extensions").text == '{"count":0,"extensions":[]}'


def test_get(foo: Session, serve: Serve) -> None:
    document = serve().get("/v1/extensions/foo").json()
    theirs = {key: document[key] for key in ("description", "enabled", "inputs", "name", "outputs", "type", "version")}
    assert json.dumps(theirs) == (
        '{"description": "first", "enabled": true, "inputs": null, "name": "foo", "outputs": null, '
        '"type": "workflow", "version": "1.0.0"}'
    )
    assert set(document) - set(theirs) == {"endpoints", "faults", "origin"}


@pytest.mark.parametrize("path", ["/v1/extensions/nope", "/v1/extensions/nope/execute"])
def test_an_unknown_extension(serve: Serve, path: str) -> None:
    host = serve()
    answer = host.post(path, {}) if path.endswith("execute") else host.get(path)
    error = answer.json()["error"]
    assert answer.status_code == 404
    assert (error["message"], error["type"], set(error)) == (
        "Extension not found",
        "not_found",
        {"message", "type", "request_id"},
    )
    assert error["request_id"] == answer.headers["x-request-id"]


def test_a_key_is_wanted_everywhere_but_for_health(foo: Session, serve: Serve) -> None:
    host = serve(api_key="k3y")
    assert host.get("/health").status_code == 200
    for answer in (
        host.get("/v1/extensions"),
        host.get("/v1/extensions/foo"),
        host.get("/openapi.json"),
        host.get("/v1/agentic-modules"),
        host.post("/v1/extensions/refresh"),
        host.post("/v1/extensions/foo/execute", {}),
        host.put("/v1/extensions/foo", "name: foo"),
        host.get("/v1/extensions/foo/x"),
    ):
        error = answer.json()["error"]
        assert (answer.status_code, error["message"], error["type"]) == (
            401,
            "Invalid API key",
            "invalid_request_error",
        )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-API-Key": "k3y"}, 200),
        ({"Authorization": "Bearer k3y"}, 200),
        ({"Authorization": "bearer k3y"}, 200),
        ({"X-API-Key": "k3"}, 401),
        ({"X-API-Key": ""}, 401),
        ({"Authorization": "Basic k3y"}, 401),
        ({"Authorization": "k3y"}, 401),
    ],
    ids=str,
)
def test_both_ways_of_showing_a_key(serve: Serve, headers: dict[str, str], status: int) -> None:
    assert serve(api_key="k3y").get("/v1/extensions", headers=headers).status_code == status


def test_too_many_requests_of_one_caller(serve: Serve) -> None:
    host = serve(rate=3, api_key="k3y")
    known = {"X-API-Key": "k3y"}
    answers = [host.get("/v1/extensions", headers=known) for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    error = refused[0].json()["error"]
    assert (error["message"], error["type"]) == ("Rate limit exceeded", "rate_limit_error")
    assert refused[0].headers["retry-after"] == "1"
    assert host.get("/health").status_code == 200


def test_a_disabled_extension_is_listed_and_not_run(foo: Session, serve: Serve) -> None:
    foo.llamagate("disable", "foo")
    host = serve()
    assert host.get("/v1/extensions").json()["extensions"][0]["enabled"] is False
    answer = host.post("/v1/extensions/foo/execute", {})
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "Extension is disabled")
    assert answer.json()["error"]["type"] == "service_unavailable"


def test_execute_answers_with_what_came_out(foo: Session, serve: Serve) -> None:
    assert serve().post("/v1/extensions/foo/execute", {}).text == '{"data":{"done":true},"success":true}'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[]", "expected a JSON object"),
        (b'{"a":1,"a":2}', "duplicate key"),
        (b'{"a":NaN}', "NaN"),
        (b"\xff", "UTF-8"),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "nested deeper"),
    ],
    ids=["empty", "cut", "list", "double", "nan", "latin", "deep"],
)
def test_a_body_that_is_no_json_object(foo: Session, serve: Serve, body: bytes, reason: str) -> None:
    answer = serve().post("/v1/extensions/foo/execute", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Invalid request body")
    assert reason in answer.json()["error"]["message"]


def test_a_body_beyond_the_limit(foo: Session, serve: Serve) -> None:
    answer = serve(body=100).post("/v1/extensions/foo/execute", {"a": "x" * 200})
    assert (answer.status_code, answer.json()["error"]["message"]) == (413, "The body has more than 100 bytes")


def test_a_body_that_does_not_end(foo: Session, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.host.web.request.BODY_SECONDS", 0.1)
    host = serve()
    with socket.create_connection((host.client.base_url.host, host.client.base_url.port or 0)) as caller:
        caller.sendall(b"POST /v1/extensions/foo/execute HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        assert caller.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_an_observer_cannot_be_executed(session: Session, serve: Serve) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension("hooks: [{on: llm.response}]\n", kind="observer"))
    assert serve().run("foo", {}, 400) == "Only workflow extensions can be executed via API"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "localhost"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:3000"}, 200),
        ([("Origin", "http://localhost"), ("Origin", "https://evil.example")], 403),
    ],
    ids=str,
)
def test_without_a_key_no_page_of_another_site_gets_in(serve: Serve, headers: Any, status: int) -> None:
    host = serve(local_only=True)
    assert host.get("/v1/extensions", headers=headers).status_code == status
    assert len(host.told) == 1  # that it has loaded


def test_a_method_or_page_that_there_is_not(foo: Session, serve: Serve) -> None:
    host = serve()
    assert host.client.delete("/v1/extensions").status_code == 404
    assert host.client.delete("/v1/extensions/foo").status_code == 404
    assert host.get("/").json()["error"]["message"] == "Page not found"
