"""``llamagate run``: what ``serve`` gives for the same input, without a server, and without a trace on disk."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.shell import Session, finished, snapshot
from tests.host.conftest import Serve
from tests.host.model_server import ModelServer
from tests.host.served import Host
from tests.host.test_packages import EXAMPLES, OUTPUTS, SAID, given_for
from tests.support.laws import examples

_FLOW: Final = """\
name: flow
version: 1.0.0
description: A bit of everything
type: workflow
inputs:
  - {id: text, type: string, required: true}
  - {id: count, type: number}
  - {id: more, type: object}
outputs:
  - {id: prompt, type: string}
  - {id: size, type: number}
  - {id: llm_response, type: object}
steps:
  - id: fill
    uses: template.render
    with:
      template_content: "{{text}} {{count}} {{more.a}}"
  - id: judge
    uses: rules.evaluate
    on_error: continue
    with:
      rules:
        - if: "count > 3"
          then: {size: 2}
        - if: "more.a == 'x'"
          then: {size: "{{more.b}}"}
        - if: true
          then: {size: 1}
  - id: ask
    uses: llm.chat
"""
_VALUES: Final = st.one_of(st.integers(-5, 9), st.sampled_from(["x", "{{text}}", "", "a b"]), st.booleans(), st.none())
_INPUTS: Final = st.fixed_dictionaries(
    {},
    optional={
        "text": st.one_of(st.text(max_size=20), _VALUES),
        "count": st.one_of(st.floats(-5, 9), _VALUES),
        "more": st.one_of(st.dictionaries(st.sampled_from("abc"), _VALUES), _VALUES),
        "other": _VALUES,
    },
)


@pytest.fixture
def flow(session: Session) -> str:
    session.write("packages/flow/manifest.yaml", _FLOW)
    return "packages/flow"


def ran(session: Session, *arguments: object) -> Any:
    said = session.run("run", *arguments, "--json")
    assert said.code == 0, said.err + said.out
    return json.loads(said.out)


def test_every_example_gives_what_the_host_gives(session: Session, serve: Serve, model: ModelServer) -> None:
    for package in sorted(EXAMPLES.glob("*/*/")):
        session.llamagate("import", package)
    model.say = lambda _: SAID
    host = serve()
    for name in host.names:
        document = host.get(f"/v1/extensions/{name}").json()
        if name in OUTPUTS:
            session.write("in.json", json.dumps(given_for(document)))
            expected = host.run(name, given_for(document))
            for what in (name, EXAMPLES / "extensions" / name):
                assert ran(session, what, "--input", "in.json", "--llm-url", model.url)["data"] == expected
    asked = {"ticket": "x", "customer_tier": "team"}
    session.write("in.json", json.dumps(asked))
    record = host.run_module("triage-pipeline", asked)
    alone = ran(session, EXAMPLES / "modules" / "triage-pipeline", "--input", "in.json", "--llm-url", model.url)
    assert alone["data"] == record["final_output"]


@pytest.fixture
def served(session: Session, flow: str, serve: Serve, model: ModelServer) -> Host:
    session.llamagate("import", flow)
    model.say = lambda body: body["messages"][0]["content"] or "{}"
    return serve()


@given(inputs=_INPUTS)
@examples(0.4)
def test_law_run_gives_what_serve_gives(session: Session, served: Host, model: ModelServer, inputs: Any) -> None:
    answer = served.post("/v1/extensions/flow/execute", inputs)
    session.write("in.json", json.dumps(inputs))
    said = session.run("run", "flow", "--input", "in.json", "--llm-url", model.url, "--json")
    document = json.loads(said.out)
    if answer.status_code == 200:
        assert document["data"] == answer.json()["data"]
    else:
        assert answer.json()["error"]["message"].endswith(document["error"]["message"])


def test_inputs_are_typed_as_they_are_declared(session: Session, flow: str) -> None:
    found = ran(session, flow, "text=7", "count=7", 'more={"a": 1}', "--mock", "{}")
    assert found["steps"][0]["result"]["prompt"] == "7 7 1"
    assert session.run("run", flow, "text=a", "count=many", "--mock", "x").code == 64
    assert session.run("run", flow, "txt=a", "--mock", "x").code == 64


def test_nothing_is_installed_and_files_go_into_a_copy(session: Session) -> None:
    package = session.project / "notes"
    steps = "steps: [{uses: file.write, with: {path: output/x.md, content: '{{text}}'}}]"
    session.write("notes/manifest.yaml", f"name: notes\nversion: 1.0.0\ndescription: d\ntype: workflow\n{steps}\n")
    before = snapshot(session.base)
    found = ran(session, "notes", "text=hello")
    assert (found["data"], found["files"]) == ({"output_file": "output/x.md"}, ["output/x.md"])
    assert snapshot(session.base) == before
    ran(session, "notes", "text=hello", "--here")
    assert (package / "output" / "x.md").read_text() == "hello"


def test_answers_by_step_and_by_match(session: Session, flow: str) -> None:
    session.write("answers.yaml", "- {match: nothing, answer: no}\n- {step: ask, match: hi, answer: {a: 1}}\n")
    assert ran(session, flow, "text=hi", "--mock", "answers.yaml")["data"]["llm_response"] == {"a": 1}
    said = session.run("run", flow, "text=ho", "--mock", "answers.yaml")
    assert (said.code, "no answer for step ask" in said.err) == (1, True)


def test_a_recording_is_replayed_and_another_prompt_is_shown_word_by_word(session: Session, flow: str) -> None:
    key = "sk-ant-" + "a1b2c3d4e5f6g7h8i9j0"
    ran(session, flow, f"text=one {key} three", "--mock", "{}", "--record", "answers.yaml")
    assert key not in (session.project / "answers.yaml").read_text()
    ran(session, flow, f"text=one {key} three", "--mock", "answers.yaml")
    said = session.run("run", flow, f"text=one {key} four", "--mock", "answers.yaml")
    assert said.code == 1
    assert "[-three-]{+four+}" in said.err


def test_the_trace_has_each_step_with_its_arguments_prompt_answer_and_rule(session: Session, flow: str) -> None:
    steps = ran(session, flow, "text=a", "count=4", "--mock", '{"b": 2}')["steps"]
    assert [(one["name"], one["state"], one["rule"]) for one in steps] == [
        ("fill", "ran", None),
        ("judge", "ran", 0),
        ("ask", "ran", None),
    ]
    assert steps[2]["asked"] == [{"prompt": "a 4 {{more.a}}", "answer": '{"b": 2}'}]
    shown = session.run("run", flow, "text=a", "--mock", "{}", "--trace").err
    assert "flow: step 3 (ask: llm.chat)" in shown


def test_what_comes_after_a_failure_is_skipped(session: Session) -> None:
    steps = "steps: [{uses: file.read, with: {path: nothing}}, {uses: llm.chat, with: {prompt: p}}]"
    session.write("bad/manifest.yaml", f"name: bad\nversion: 1.0.0\ndescription: d\ntype: workflow\n{steps}\n")
    said = session.run("run", "bad", "--mock", "x", "--trace")
    assert said.code == 1
    assert "failed" in said.err
    assert "skipped" in said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("verb", ["run", "test"])
def test_a_signal_ends_it_and_nothing_is_left(
    session: Session, model: ModelServer, flow: str, verb: str, number: signal.Signals
) -> None:
    scratch = session.project.parent / "scratch"
    scratch.mkdir()
    session.variables["TMPDIR"] = str(scratch)
    session.write("packages/flow/tests/case.yaml", "input: {text: a}\nexpect: {subset: {size: 1}}\n")
    model.pause = threading.Event()
    process = session.process(verb, flow, *(["text=a"] if verb == "run" else []), "--llm-url", model.url)
    deadline = time.monotonic() + 20
    while not model.asked and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [*scratch.iterdir()]
    os.kill(process.pid, number)
    done = finished(process)
    model.pause.set()
    assert (done.code, done.err.strip(), [*scratch.iterdir()]) == (130, "llamagate: interrupted", [])


def test_what_is_not_there_is_told_with_the_nearest(session: Session, flow: str) -> None:
    session.desired("extensions: {flow: ./packages/flow}\n")
    said = session.run("run", "flwo", "text=a")
    assert (said.code, "did you mean 'flow'" in said.err) == (1, True)
    assert ran(session, "flow", "text=a", "--mock", "{}")["name"] == "flow"


def test_it_runs_again_when_a_file_changes(session: Session) -> None:
    steps = "steps: [{uses: rules.evaluate, with: {rules: [{if: true, then: {size: 1}}]}}]"
    session.write("pkg/manifest.yaml", f"name: pkg\nversion: 1.0.0\ndescription: d\ntype: workflow\n{steps}\n")
    process = session.process("run", "pkg", "--watch")
    assert process.stdout is not None
    try:
        first = [process.stdout.readline() for _ in range(3)]
        session.edit("pkg/manifest.yaml", "{size: 1}", "{size: 7}")
        second = [process.stdout.readline() for _ in range(3)]
    finally:
        os.kill(process.pid, signal.SIGINT)
        finished(process)
    assert (first[1], second[1]) == ('  "size": 1\n', '  "size": 7\n')


def test_inputs_in_json_are_read_as_json(session: Session, flow: str) -> None:
    """Where it is JSON, characters that YAML has no place for are no mistake."""
    session.write("in.json", json.dumps({"text": "a\x7fb", "count": 1}))
    session.write("in.txt", json.dumps({"text": "a\x7fb", "count": 1}))
    session.write("flow.yaml", "{text: x, count: 2}\n")
    for name, prompt in {"in.json": "a\x7fb 1", "in.txt": "a\x7fb 1", "flow.yaml": "x 2"}.items():
        found = ran(session, flow, "--input", name, "--mock", "{}")
        assert found["steps"][0]["result"]["prompt"].startswith(prompt)


def test_what_is_too_long_is_refused_and_not_cut_off(
    session: Session, flow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = f"text: {'x' * 2**22}\n"
    session.write("in.yaml", long)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(long.encode())))
    for given_in, name in (("in.yaml", "in.yaml"), ("-", "standard input")):
        said = session.llamagate("run", flow, "--input", given_in, "--mock", "{}", exits=1)
        assert f"{name} has more than 4194304 bytes" in said.err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(long.encode())))
    said = session.llamagate("check", "-", "--stdin-name", f"{flow}/manifest.yaml", exits=1)
    assert "standard input has more than 4194304 bytes" in said.err


def test_an_answer_may_be_a_text_that_no_file_can_be_called(session: Session, flow: str) -> None:
    for text in ("ü" * 200, "a/" * 120 + "b" * 15):
        assert ran(session, flow, "text=x", "--mock", json.dumps({"said": text}, ensure_ascii=False))


def test_a_run_without_a_model_loads_no_client_and_no_server(session: Session) -> None:
    """What that costs beside a validation is a row of the benchmark."""
    steps = "steps: [{uses: rules.evaluate, with: {rules: [{if: true, then: {size: 1}}]}}]"
    session.write("pkg/manifest.yaml", f"name: pkg\nversion: 1.0.0\ndescription: d\ntype: workflow\n{steps}\n")
    code = "import sys\nfrom reconciler.cli.app import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    with session.python(code, "run", "pkg", fresh=True) as running:
        done = finished(running)
    assert json.loads(done.out) == {"size": 1}
    loaded = {name.partition(".")[0] for name in done.err.split()}
    assert "simpleeval" in loaded
    assert not loaded & {"httpx2", "httpcore2", "starlette", "uvicorn", "mcp", "jsonschema", "http", "urllib3"}
