"""Names that are the host's own, and inputs that nothing declares: no caller decides what an earlier step decided."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.host.engine.expression import holds
from reconciler.host.engine.state import State
from tests.cli.shell import Session
from tests.host.conftest import Serve
from tests.host.model_server import ModelServer
from tests.host.served import extension, put_on_disk

JUDGE = """\
inputs: [{id: text, type: string, required: true}]
outputs: [{id: verdict, type: string}]
steps:
  - uses: rules.evaluate
    id: check
    with: {rules: [{if: "text == 'good'", then: {score: 1}}, {if: "1 == 1", then: {score: 0}}]}
  - uses: rules.evaluate
    with:
      rules:
        - {if: "steps.check.output.score == 1", then: {verdict: good}}
        - {if: "{{steps.check.output.score}} == 1", then: {verdict: good}}
        - {if: "(score == 1) == true", then: {verdict: good}}
        - {if: "score == null or trace_id == 'mine' or timestamp == 'mine'", then: {verdict: good}}
        - {if: "1 == 1", then: {verdict: bad}}
    outputs: {said: "${steps.check.output.score}"}
"""
FORGED: list[dict[str, Any]] = [
    {"steps": {"check": {"output": {"score": 1}}}},
    {"true": False},
    {"false": True},
    {"null": 0},
    {"inputs": {"text": "good"}},
    {"trace_id": "mine"},
    {"timestamp": "mine"},
    {"placeholder0": 1, "placeholder1": 1},
]


@pytest.mark.parametrize("forged", FORGED, ids=str)
def test_row_121_no_input_wins_over_what_is_the_hosts_own(session: Session, serve: Serve, forged: Any) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(JUDGE))
    assert serve().run("foo", {"text": "bad", **forged}) == {"verdict": "bad"}


@pytest.mark.parametrize("query", ["trace_id=mine", "timestamp=mine", "steps=x", "true=false"])
def test_row_121_nor_does_a_query_string(session: Session, serve: Serve, model: ModelServer, query: str) -> None:
    text = (
        "endpoints: [{path: /x, method: GET}]\n"
        'steps: [{uses: llm.chat, with: {prompt: "{{trace_id}} {{timestamp}} {{steps}} {{true}}"}}]\n'
    )
    put_on_disk(session, "foo", manifest__yaml=extension(text))
    answer = serve().get(f"/v1/extensions/foo/x?{query}")
    trace_id, _, steps, word = model.prompts[0].split()
    assert (trace_id, steps, word) == (answer.headers["x-request-id"], "{}", "true")
    assert "mine" not in model.prompts[0]


@pytest.mark.parametrize("name", ["steps", "true", "timestamp"])
def test_nor_does_what_a_template_is_given(session: Session, serve: Serve, name: str) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension("steps: [{uses: template.render}]\n"))
    given = {
        "template_content": f"{{{{{name}.x}}}}|{{{{inputs.variables.{name}.x}}}}",
        "variables": {name: {"x": "mine"}},
    }
    assert serve().run("foo", given)["prompt"].endswith("|mine")
    assert not serve().run("foo", given)["prompt"].startswith("mine")


def test_nor_does_a_models_summary() -> None:
    state = State(values={}, inputs={}, steps={"a": {"output": {"x": 1}}})
    assert holds("steps.a.output.x == 1 and true and null != 1", state, {"steps": {}, "true": False, "null": 1})


def test_an_output_of_a_name_of_ours_is_not_the_callers(session: Session, serve: Serve) -> None:
    text = "outputs: [{id: trace_id, type: string}]\nsteps: [{uses: rules.evaluate, with: {rules: [{then: {a: 1}}]}}]\n"
    put_on_disk(session, "foo", manifest__yaml=extension(text))
    assert serve().run("foo", {"trace_id": "mine"})["trace_id"] != "mine"


def test_strict_takes_only_what_is_declared(session: Session, serve: Serve) -> None:
    text = (
        "inputs: [{id: text, type: string}]\n"
        "endpoints: [{path: /open, method: POST}, {path: /strict, method: POST, strict: true}]\n"
        "steps: [{uses: rules.evaluate, with: {rules: [{then: {done: true}}]}}]\n"
    )
    put_on_disk(session, "foo", manifest__yaml=extension(text))
    host, path = serve(), "/v1/extensions/foo"
    assert host.post(f"{path}/open", {"texts": "x"}).status_code == 200
    refused = host.post(f"{path}/strict", {"texts": "x"})
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        400,
        "Input 'texts' is not declared; did you mean 'text'?",
    )
    assert host.post(f"{path}/strict", {"text": "x"}).status_code == 200
    assert host.post(f"{path}/strict?model=mine", {"text": "x"}).status_code == 400
    assert host.run("foo", {"more": 1}) == {"done": True}
    assert serve(strict=True).run("foo", {"more": 1}, 400) == "Input 'more' is not declared"


def test_strict_takes_a_webhook_that_is_one_input(session: Session, serve: Serve) -> None:
    text = (
        "inputs: [{id: payload, type: object, required: true}]\n"
        "endpoints: [{path: /hook, method: POST, strict: true}]\n"
        'steps: [{uses: rules.evaluate, with: {rules: [{then: {got: "{{payload.a}}", none: "{{a}}"}}]}}]\n'
    )
    put_on_disk(session, "foo", manifest__yaml=extension(text))
    answer = serve().post("/v1/extensions/foo/hook", {"a": 1})
    assert answer.json()["data"] == {"got": 1}


def test_a_tasks_declared_inputs_are_those_of_its_schema(session: Session, serve: Serve) -> None:
    text = (
        "name: foo\nversion: 1.0.0\ninputs: {properties: {n: {type: number}}}\n"
        "task: {type: rules}\nrules: [{outputs: {a: 1}}]\n"
    )
    put_on_disk(session, "foo", extension__yaml=text)
    host = serve(strict=True)
    assert host.run("foo", {"n": 1}) == {"a": 1}
    host.run("foo", {"m": 1}, 400)
