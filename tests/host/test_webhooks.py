"""Webhooks: headers that an endpoint takes as inputs, and bodies that their sender signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Final

import pytest

from tests.cli.shell import Session
from tests.host.conftest import Serve
from tests.host.served import Host, extension, put_on_disk

SHARED: Final = "s3cret"
BODY: Final = b'{"action": "opened"}'
INPUTS: Final = (
    "inputs: [{id: payload, type: object, required: true}, {id: event, type: string}, {id: n, type: number}]\n"
)
HEADERS: Final = "headers: {event: X-GitHub-Event, n: x-number}"
SIGNATURE: Final = "signature: {header: X-Hub-Signature-256, secret: {env: HOOK_SECRET}}"
STEPS: Final = (
    'steps: [{uses: rules.evaluate, with: {rules: [{then: {event: "{{inputs.event}}", n: "{{inputs.n}}", '
    'did: "{{payload.action}}"}}]}}]\n'
)


def webhook(session: Session, keys: str) -> None:
    text = f"{INPUTS}endpoints: [{{path: /hook, method: POST, requires_auth: false, {keys}}}]\n{STEPS}"
    put_on_disk(session, "foo", manifest__yaml=extension(text))


def called(host: Host, **headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = host.post("/v1/extensions/foo/hook", BODY, headers=names)
    return answer.json()["data"] if answer.status_code == 200 else answer.status_code


def signed(body: bytes = BODY, by: str = SHARED) -> str:
    return hmac.new(by.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("strict", ["strict: false", "strict: true"])
def test_headers_are_inputs(session: Session, serve: Serve, strict: str) -> None:
    webhook(session, f"{HEADERS}, {strict}")
    host = serve()
    assert called(host, X_GitHub_Event="push", X_Number="7") == {"event": "push", "n": 7, "did": "opened"}
    assert called(host) == {"did": "opened"}
    assert called(host, X_Number="seven") == 400


def test_what_comes_from_a_header_comes_from_nowhere_else(session: Session, serve: Serve) -> None:
    webhook(session, HEADERS)
    answer = serve().post("/v1/extensions/foo/hook?event=query", {"event": "body", "action": "a"})
    assert answer.json()["data"] == {"did": "a"}


@pytest.mark.parametrize(
    "shown", [f"sha256={signed()}", signed(), signed().upper()], ids=["prefix", "bare", "capitals"]
)
def test_a_signed_body_is_taken(session: Session, serve: Serve, shown: str) -> None:
    webhook(session, SIGNATURE)
    session.variables["HOOK_SECRET"] = f"{SHARED}\n"
    assert called(serve(api_key="k3y"), X_Hub_Signature_256=shown) == {"did": "opened"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Hub_Signature_256": ""},
        {"X_Hub_Signature_256": "sha256="},
        {"X_Hub_Signature_256": signed(b"{}")},
        {"X_Hub_Signature_256": signed(by="other")},
        {"X_Hub_Signature_256": f"sha1={signed()}"},
        {"X_Hub_Signature_256": f"{signed()}, {signed()}"},
        {"X_Signature": signed()},
    ],
    ids=["none", "empty", "prefix", "of another body", "of another secret", "another kind", "two", "another header"],
)
def test_a_body_that_is_not_signed_is_refused(session: Session, serve: Serve, headers: dict[str, str]) -> None:
    audit = "config: {redact: [{path: $.x}]}\nhooks: [{on: http.request, action: audit.log}]\n"
    put_on_disk(session, "audit", manifest__yaml=extension(audit, name="audit", kind="middleware"))
    webhook(session, SIGNATURE)
    session.variables["HOOK_SECRET"] = SHARED
    host = serve()
    assert called(host, **headers) == 401
    host.hooks_done()
    assert not session.installed("audit", "var").exists()  # hooks see what was let in


@pytest.mark.parametrize("secret", [None, "", " \n"])
def test_without_its_secret_an_endpoint_takes_nothing(session: Session, serve: Serve, secret: str | None) -> None:
    webhook(session, SIGNATURE)
    session.variables |= {} if secret is None else {"HOOK_SECRET": secret}
    host = serve()
    assert called(host, X_Hub_Signature_256=signed(by="")) == 503
    called(host)
    assert [line for line in host.told if "HOOK_SECRET" in line] == [
        "POST /hook of foo takes no request: set HOOK_SECRET, the secret that its senders sign with"
    ]


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("headers: {event: Authorization}", "endpoints[0].headers: Authorization holds a caller's key"),
        ("headers: {event: x-api-KEY}", "endpoints[0].headers: x-api-KEY holds a caller's key"),
        ("headers: {events: X-E}", "endpoints[0].headers: there is no input 'events'; did you mean 'event'?"),
    ],
    ids=["authorization", "key", "no input"],
)
def test_headers_that_cannot_be_inputs(session: Session, serve: Serve, keys: str, fault: str) -> None:
    webhook(session, keys)
    assert serve().get("/v1/extensions/foo").json()["faults"] == [fault]


def test_they_are_shown(session: Session, serve: Serve) -> None:
    webhook(session, f"{HEADERS}, {SIGNATURE}, strict: true")
    host = serve()
    shown = host.get("/v1/extensions/foo").json()["endpoints"][0]
    assert (shown["headers"], shown["signature"], shown["strict"]) == (
        {"event": "X-GitHub-Event", "n": "x-number"},
        "X-Hub-Signature-256",
        True,
    )
    parameters = host.get("/openapi.json").json()["paths"]["/v1/extensions/foo/hook"]["post"]["parameters"]
    assert [(one["name"], one["in"], one["required"]) for one in parameters] == [
        ("X-GitHub-Event", "header", False),
        ("x-number", "header", False),
        ("X-Hub-Signature-256", "header", True),
    ]
    assert json.dumps(SHARED) not in host.get("/openapi.json").text


@pytest.mark.parametrize(
    "keys",
    ["headers: [a]", "headers: {event: 'a b'}", "signature: {header: X}", "signature: {header: X, secret: s3cret}"],
)
def test_validate_names_what_is_wrong(session: Session, keys: str) -> None:
    text = f"{INPUTS}endpoints: [{{path: /hook, method: POST, {keys}}}]\n{STEPS}"
    session.package("foo", files={"manifest.yaml": extension(text)})
    assert "endpoints[0]." in session.llamagate("validate", "packages/foo", exits=1).err
