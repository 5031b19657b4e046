"""Modules and the task dialect: bundled extensions, schemas, guardrails, and the record of a run."""

from __future__ import annotations

import json
import threading

import pytest

from tests.cli.shell import Session
from tests.host.conftest import Serve
from tests.host.model_server import ModelServer
from tests.host.served import extension, put_on_disk, write

TASK = """\
name: {name}
version: 1.0.0
inputs: {{type: object, properties: {{text: {{type: string}}, n: {{type: number, default: 3}}}}, required: [text]}}
outputs: {{type: object, properties: {{mood: {{type: string, enum: [good, bad]}}}}, required: [mood]}}
task: {{type: model}}
model: {{provider: ollama, model_name: small, temperature: 0.1, max_tokens: 9}}
prompt: "{{{{inputs.text}}}} {{{{n}}}}"
{more}"""
RULES = """\
name: route
version: 1.0.0
task: {type: rules}
rules:
  - {condition: "{{inputs.mood}} == 'bad'", outputs: {queue: now, because: "{{inputs.mood}}"}}
  - {condition: true, queue: later}
"""
MODULE = """\
name: desk
version: 2.0.0
inputs: {type: object, required: [text]}
workflow:
  steps:
    - {name: judge, extension: extensions/judge.yaml, inputs: {text: "{{inputs.text}}"}}
    - {name: route, extension: route, inputs: {mood: "{{steps.judge.outputs.mood}}"}}
"""


def put_module(session: Session, name: str, **files: str) -> None:
    write(session.home / "agentic-modules" / "installed" / name, files)


@pytest.fixture
def desk(session: Session, model: ModelServer) -> None:
    model.say = lambda _: '{"mood": "bad"}'
    put_module(
        session,
        "desk",
        agenticmodule__yaml=MODULE,
        extensions___judge__yaml=TASK.format(name="judge", more=""),
        extensions___route__yaml=RULES,
    )


# The task dialect


def test_a_task_asks_its_model(session: Session, serve: Serve, model: ModelServer) -> None:
    put_on_disk(session, "mood", extension__yaml=TASK.format(name="mood", more=""))
    model.say = lambda _: 'So: {"mood": "good"}'
    assert serve().run("mood", {"text": "{{n}}"}) == {"mood": "good"}
    assert model.asked == [
        {
            "model": "small",
            "messages": [{"role": "user", "content": "{{n}} 3"}],
            "stream": False,
            "temperature": 0.1,
            "max_tokens": 9,
        }
    ]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ('{"mood": "odd"}', """mood: "odd" is not one of "good" or "bad\""""),
        ("{}", '"mood" is a required property'),
        ("no", "the model's answer holds no JSON object"),
    ],
)
def test_what_the_model_says_must_fit(
    session: Session, serve: Serve, model: ModelServer, said: str, reason: str
) -> None:
    put_on_disk(session, "mood", extension__yaml=TASK.format(name="mood", more=""))
    model.say = lambda _: said
    assert reason in serve().run("mood", {"text": "x"}, 500)


def test_what_a_task_is_given_must_fit(session: Session, serve: Serve, model: ModelServer) -> None:
    put_on_disk(session, "mood", extension__yaml=TASK.format(name="mood", more=""))
    host = serve()
    assert host.run("mood", {}, 400) == 'The input does not fit: "text" is a required property'
    assert host.run("mood", {"text": 5}, 400) == 'The input does not fit: text: 5 is not of type "string"'
    assert model.asked == []


def test_a_task_gives_what_its_schema_names(session: Session, serve: Serve, model: ModelServer) -> None:
    put_on_disk(session, "mood", extension__yaml=TASK.format(name="mood", more=""))
    model.say = lambda _: '{"mood": "good", "why": "because"}'
    assert serve().run("mood", {"text": "x"}) == {"mood": "good"}


def test_a_task_without_schemas_gives_what_was_said(session: Session, serve: Serve, model: ModelServer) -> None:
    put_on_disk(session, "bare", extension__yaml="name: bare\nversion: 1.0.0\ntask: {type: model}\nprompt: hi\n")
    host = serve()
    assert host.run("bare", {}) == {"content": "hello"}
    assert host.get("/v1/extensions/bare").json()["type"] == "workflow"


def test_no_rule_that_holds(session: Session, serve: Serve) -> None:
    text = "name: r\nversion: 1.0.0\ntask: {type: rules}\nrules: [{condition: 'a == 1', outputs: {b: 1}}]\n"
    put_on_disk(session, "r", extension__yaml=text)
    host = serve()
    assert host.run("r", {"a": 1}) == {"b": 1}
    assert host.run("r", {}, 500).endswith("no rule holds, and there is none for all other cases ('condition: true')")


# Guardrails


def test_an_answer_longer_than_the_guardrail_allows(session: Session, serve: Serve, model: ModelServer) -> None:
    more = "guardrails: [{type: max_output_length, value: 10}]\n"
    put_on_disk(session, "mood", extension__yaml=TASK.format(name="mood", more=more))
    model.say = lambda _: '{"mood": "good"}'
    message = serve().run("mood", {"text": "x"}, 500)
    assert message.endswith("the model's answer has 16 characters; max_output_length allows 10")


def test_a_guardrail_on_time(session: Session, serve: Serve, model: ModelServer) -> None:
    more = "guardrails: [{type: max_execution_time, value: 200ms}]\n"
    put_on_disk(session, "mood", extension__yaml=TASK.format(name="mood", more=more))
    model.pause = threading.Event()
    assert serve().run("mood", {"text": "x"}, 504).endswith("the extension 'mood' took longer than 0.2 seconds")


def test_no_filesystem_access_holds_for_what_is_called_too(session: Session, serve: Serve) -> None:
    put_on_disk(
        session,
        "inner",
        manifest__yaml=extension("steps: [{uses: file.write, with: {path: var/x, content: x}}]\n", name="inner"),
    )
    put_on_disk(
        session,
        "outer",
        manifest__yaml=extension(
            "guardrails: [{type: no_filesystem_access, enabled: true}]\n"
            "steps: [{uses: extension.call, with: {extension: inner}}]\n",
            name="outer",
        ),
    )
    host = serve()
    assert host.run("inner", {}) == {"output_file": "var/x"}
    assert host.run("outer", {}, 500).endswith("the guardrail no_filesystem_access forbids it")


def test_an_answer_as_long_as_the_guardrail_allows(session: Session, serve: Serve, model: ModelServer) -> None:
    more = "guardrails: [{type: max_output_length, value: 16}]\n"
    put_on_disk(session, "mood", extension__yaml=TASK.format(name="mood", more=more))
    model.say = lambda _: '{"mood": "good"}'
    assert serve().run("mood", {"text": "x"}) == {"mood": "good"}


@pytest.mark.parametrize(("outer", "inner"), [(4, 100), (100, 4), (4, None), (None, 4)])
def test_the_narrower_of_two_guardrails_holds(
    session: Session, serve: Serve, outer: int | None, inner: int | None
) -> None:
    def guarded(longest: int | None) -> str:
        return "" if longest is None else f"guardrails: [{{type: max_output_length, value: {longest}}}]\n"

    asks = guarded(inner) + "steps: [{uses: llm.chat, with: {prompt: p}}]\n"
    calls = guarded(outer) + "steps: [{uses: extension.call, with: {extension: inner}}]\n"
    put_on_disk(session, "inner", manifest__yaml=extension(asks, name="inner"))
    put_on_disk(session, "outer", manifest__yaml=extension(calls, name="outer"))
    assert serve().run("outer", {}, 500).endswith("the model's answer has 5 characters; max_output_length allows 4")


def test_no_filesystem_access_holds_for_templates_too(session: Session, serve: Serve) -> None:
    guarded = "guardrails: [{type: no_filesystem_access}]\nsteps: [{uses: template.load, with: {template_id: a}}]\n"
    put_on_disk(session, "foo", manifest__yaml=extension(guarded), templates___a__txt="a")
    assert serve().run("foo", {}, 500).endswith("the guardrail no_filesystem_access forbids it")


@pytest.mark.usefixtures("desk")
def test_a_modules_guardrails_hold_for_its_steps(session: Session, serve: Serve, model: ModelServer) -> None:
    short = MODULE + "guardrails: [{type: max_output_length, value: 3}]\n"
    quick = MODULE.replace("desk", "quick") + "guardrails: [{type: max_execution_time, value: 200ms}]\n"
    put_module(session, "desk", agenticmodule__yaml=short)
    put_module(session, "quick", agenticmodule__yaml=quick, extensions___judge__yaml=TASK.format(name="judge", more=""))
    put_module(session, "quick", extensions___route__yaml=RULES)
    host = serve()
    assert "max_output_length allows 3" in host.run_module("desk", {"text": "x"}, 500)["steps"][0]["error"]
    model.pause = threading.Event()
    answer = host.post("/v1/agentic-modules/quick/execute", {"text": "x"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        504,
        "Module execution failed: the module 'quick' took longer than 0.2 seconds",
    )


def test_a_guardrail_that_is_off_or_not_understood(session: Session, serve: Serve) -> None:
    off = "guardrails: [{type: max_output_length, value: 1, enabled: false}]\n"
    put_on_disk(session, "fine", extension__yaml="name: fine\nversion: 1.0.0\nprompt: hi\n" + off)
    odd = "guardrails: [{type: max_execution_time, value: soon}]\n"
    put_on_disk(session, "odd", extension__yaml="name: odd\nversion: 1.0.0\nprompt: hi\n" + odd)
    wide = "guardrails: [{type: max_output_length, value: '500'}]\n"
    put_on_disk(session, "wide", extension__yaml="name: wide\nversion: 1.0.0\nprompt: hi\n" + wide)
    host = serve()
    assert host.run("fine", {}) == {"content": "hello"}
    said = host.get("/v1/extensions/wide").json()["faults"]
    assert said == ["guardrails: the length '500' is no number of characters"]
    assert "odd: guardrails: the time 'soon' is not understood; write 30s" in host.told


# Modules


@pytest.mark.usefixtures("desk")
def test_a_module_runs_with_its_own_extensions(serve: Serve) -> None:
    record = serve().run_module("desk", {"text": "late"})
    assert {key: record[key] for key in ("module_name", "module_version", "status", "final_output")} == {
        "module_name": "desk",
        "module_version": "2.0.0",
        "status": "success",
        "final_output": {"mood": "bad", "queue": "now", "because": "bad"},
    }
    assert [(step["name"], step["status"], step["output"]) for step in record["steps"]] == [
        ("judge", "success", {"mood": "bad"}),
        ("route", "success", {"queue": "now", "because": "bad"}),
    ]
    assert all(step["duration_ms"] >= 0 for step in record["steps"])


@pytest.mark.usefixtures("desk")
def test_what_a_module_brings_is_its_own(session: Session, serve: Serve) -> None:
    put_on_disk(
        session,
        "thief",
        manifest__yaml=extension("steps: [{uses: extension.call, with: {extension: route}}]\n", name="thief"),
    )
    put_module(
        session,
        "other",
        agenticmodule__yaml="name: other\nversion: 1.0.0\ndescription: x\nsteps: [{extension: thief}]\n",
        extensions___route__yaml=RULES,
    )
    host = serve()
    assert host.names == ["thief"]
    assert "there is no extension 'route'" in host.run("thief", {}, 500)
    assert "there is no extension 'route'" in host.run_module("other", {}, 500)["steps"][0]["error"]


@pytest.mark.usefixtures("desk")
def test_the_lists_of_modules(serve: Serve) -> None:
    host = serve()
    assert host.get("/v1/agentic-modules").text == (
        '{"count":1,"modules":[{"description":"","enabled":true,"name":"desk","version":"2.0.0"}]}'
    )
    document = host.get("/v1/agentic-modules/desk").json()
    assert document["steps"] == [
        {"extension": "extensions/judge.yaml", "name": "judge"},
        {"extension": "route", "name": "route"},
    ]
    assert document["faults"] == []
    answer = host.get("/v1/agentic-modules/nope")
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Agentic module not found")


@pytest.mark.usefixtures("desk")
def test_a_failed_step_ends_the_run_and_is_in_the_record(serve: Serve, model: ModelServer) -> None:
    model.say = lambda _: "no"
    host = serve()
    answer = host.post("/v1/agentic-modules/desk/execute", {"text": "x"})
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == (
        "Module execution failed: module step 1 (extensions/judge.yaml): the model's answer holds no JSON object"
    )
    record = answer.json()["run_record"]
    assert (record["status"], [step["status"] for step in record["steps"]]) == ("failed", ["failed"])
    assert record["trace_id"] == answer.headers["x-request-id"]


@pytest.mark.usefixtures("desk")
def test_a_modules_input_is_checked(serve: Serve) -> None:
    answer = serve().post("/v1/agentic-modules/desk/execute", {})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400,
        'The input does not fit: "text" is a required property',
    )


def test_on_error_continue_goes_on(session: Session, serve: Serve) -> None:
    put_module(
        session,
        "m",
        agenticmodule__yaml="name: m\nversion: 1.0.0\ndescription: x\nsteps:\n"
        "  - {extension: nope, on_error: continue}\n  - {extension: foo, input: {a: '{{text}}'}}\n",
    )
    put_on_disk(
        session,
        "foo",
        manifest__yaml=extension(
            'steps: [{uses: rules.evaluate, with: {rules: [{if: "true", then: {b: "{{a}}"}}]}}]\n'
        ),
    )
    host = serve()
    assert host.get("/v1/agentic-modules/m").json()["faults"] == ["there is no extension 'nope'"]
    record = host.run_module("m", {"text": "x"})
    assert [step["status"] for step in record["steps"]] == ["failed", "success"]
    assert record["final_output"] == {"b": "x"}


@pytest.mark.usefixtures("desk")
def test_a_disabled_module_is_not_run(session: Session, serve: Serve) -> None:
    session.llamagate("sync")
    session.llamagate("disable", "desk")
    answer = serve().post("/v1/agentic-modules/desk/execute", {"text": "x"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "Agentic module is disabled")


@pytest.mark.usefixtures("desk")
def test_a_workflow_runs_a_module(session: Session, serve: Serve, model: ModelServer) -> None:
    steps = ", ".join(f"{{uses: module.{verb}}}" for verb in ("load", "validate", "execute", "record"))
    put_on_disk(
        session,
        "runner",
        manifest__yaml=extension(
            "inputs: [{id: module_name, type: string, required: true}, {id: module_input, type: object}]\n"
            f"steps: [{steps}]\noutputs: [{{id: final_output}}, {{id: run_record}}]\n",
            name="runner",
        ),
    )
    host = serve()
    found = host.run("runner", {"module_name": "desk", "module_input": {"text": "x"}})
    assert found["final_output"] == {"mood": "bad", "queue": "now", "because": "bad"}
    assert found["run_record"]["status"] == "success"
    asked = {"module_name": "desk", "module_input": {"text": "x"}, "max_steps": 1}
    assert "the module has 2 steps, more than it may run" in host.run("runner", asked, 500)
    model.say = lambda _: "no"
    failed = {"module_name": "desk", "module_input": {"text": "x"}}
    assert host.run("runner", failed, 500).endswith(
        "step 3 (module.execute): module step 1 (extensions/judge.yaml): the model's answer holds no JSON object"
    )
    model.pause = threading.Event()
    slow = {"module_name": "desk", "module_input": {"text": "x"}, "max_runtime_seconds": 0.2}
    assert host.run("runner", slow, 504).endswith("the module took longer than 0.2 seconds")
    model.pause.set()
    asked = {"module_name": "nope", "module_input": {}}
    assert "step 1 (module.load): there is no agentic module 'nope'" in host.run("runner", asked, 400)


@pytest.mark.usefixtures("desk")
def test_a_changed_bundled_extension_is_seen(session: Session, serve: Serve) -> None:
    host = serve()
    put_module(session, "desk", extensions___route__yaml=RULES.replace("queue: now", "queue: changed"))
    host.refresh()
    assert host.run_module("desk", {"text": "x"})["final_output"]["queue"] == "changed"


def test_every_answer_is_json(session: Session, serve: Serve) -> None:
    host = serve()
    for path in ("/health", "/openapi.json", "/v1/extensions", "/v1/agentic-modules", "/nope"):
        json.loads(host.get(path).text)
