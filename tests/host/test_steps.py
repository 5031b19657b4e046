"""Every step, and what it takes, gives and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler.host.engine.run import RunLimits
from reconciler.host.engine.template import MAX_ACTIONS
from tests.cli.shell import Session
from tests.host.conftest import Serve
from tests.host.model_server import ModelServer
from tests.host.served import Host, extension, put_on_disk

Runs = Callable[..., Any]


@pytest.fixture
def host_of(session: Session, serve: Serve) -> Callable[..., Host]:
    """A host that serves one extension ``foo`` with this text behind its head, and these files."""

    def begin(text: str, **files: str) -> Host:
        put_on_disk(session, "foo", manifest__yaml=extension(text), **files)
        return serve()

    return begin


# State and placeholders


def test_the_state_starts_as_the_input_and_collects_results(host_of: Callable[..., Host], model: ModelServer) -> None:
    host = host_of("""\
outputs: [{id: llm_response, type: string}]
steps:
  - uses: llm.chat
    with: {prompt: "one {{who}}"}
  - uses: llm.chat
    with: {prompt: "two {{llm_response}} {{who}}"}
""")
    model.say = lambda body: f"<{body['messages'][0]['content']}>"
    assert host.run("foo", {"who": "me"}) == {"llm_response": "<two <one me> me>"}


def test_a_value_is_never_taken_for_a_template(host_of: Callable[..., Host], model: ModelServer) -> None:
    host = host_of('steps: [{uses: llm.chat, with: {prompt: "{{a}} {{b}}"}}]\n')
    host.run("foo", {"a": "{{b}}", "b": "secret"})
    assert model.prompts == ["{{b}} secret"]


def test_values_other_than_text_are_written_as_json(host_of: Callable[..., Host], model: ModelServer) -> None:
    host = host_of('steps: [{uses: llm.chat, with: {prompt: "{{n}} {{o}} {{t}} {{inputs.o.k.0}}"}}]\n')
    host.run("foo", {"n": 1.5, "o": {"k": ["ä"]}, "t": True})
    assert model.prompts == ['1.5 {"k": ["ä"]} true ä']


def test_an_optional_input_that_is_not_there_is_nothing_and_an_unknown_word_stays(
    host_of: Callable[..., Host], model: ModelServer
) -> None:
    host = host_of("""\
inputs: [{id: a, type: string}]
steps: [{uses: llm.chat, with: {prompt: "[{{a}}][{{inputs.b}}][{{unknown}}][{{ a.b }}]"}}]
""")
    host.run("foo", {})
    assert model.prompts == ["[][][{{unknown}}][{{ a.b }}]"]


def test_row_121_an_input_of_a_name_of_ours_is_reached_below_inputs_only(
    host_of: Callable[..., Host], model: ModelServer
) -> None:
    prompt = "{{inputs.a}}|{{steps.b}}|{{inputs.x}}|{{inputs.steps.b}}|{{inputs.inputs.a}}|{{true}}"
    host = host_of(f'steps: [{{uses: llm.chat, with: {{prompt: "{prompt}"}}}}]\n')
    host.run("foo", {"inputs": {"a": 1}, "steps": {"b": 2}, "x": 3, "true": 4})
    assert model.prompts == ["||3|2|1|true"]


def test_a_lone_placeholder_is_the_value_itself(host_of: Callable[..., Host], session: Session) -> None:
    put_on_disk(
        session,
        "bar",
        manifest__yaml=extension(
            "inputs: [{id: list, type: array, required: true}]\n"
            'steps: [{uses: rules.evaluate, with: {rules: [{if: "3 in list", then: {found: "{{list}}"}}]}}]\n',
            name="bar",
        ),
    )
    host = host_of('steps: [{uses: extension.call, with: {extension: bar, input: {list: "{{given}}"}}}]\n')
    assert host.run("foo", {"given": [1, 2, 3]}) == {"found": [1, 2, 3]}


def test_a_text_cannot_grow_without_end(host_of: Callable[..., Host]) -> None:
    host = host_of(f'steps: [{{uses: llm.chat, with: {{prompt: "{"{{a}}" * 50}"}}}}]\n')
    message = host.run("foo", {"a": "x" * 100_000}, 400)
    assert message == ("step 1 (llm.chat): a text has more than 4194304 characters once it is filled in")


# llm.chat


def test_the_model_is_that_of_the_step_or_the_input_or_the_config_or_the_host(
    host_of: Callable[..., Host], model: ModelServer
) -> None:
    host = host_of("""\
config: {temperature: 0.2, other: 1}
steps:
  - uses: llm.chat
    with: {prompt: p, model: of-step, temperature: 0}
  - uses: llm.chat
    with: {prompt: p}
""")
    host.run("foo", {"model": "of-input"})
    host.run("foo", {})
    assert [(body["model"], body["temperature"]) for body in model.asked] == [
        ("of-step", 0),
        ("of-input", 0.2),
        ("of-step", 0),
        ("mistral", 0.2),
    ]
    assert set(model.asked[0]) == {"model", "messages", "stream", "temperature"}


def test_a_system_prompt_and_messages(host_of: Callable[..., Host], model: ModelServer) -> None:
    host = host_of("""\
steps:
  - uses: llm.chat
    config: {system_prompt: "be {{inputs.how}}", user_prompt: "do {{inputs.what}}"}
  - uses: llm.chat
    with: {messages: [{role: system, content: "be {{how}}"}, {role: user, content: "{{what}}"}]}
""")
    host.run("foo", {"how": "brief", "what": {"k": 1}})
    assert [body["messages"] for body in model.asked] == [
        [{"role": "system", "content": "be brief"}, {"role": "user", "content": 'do {"k": 1}'}],
        [{"role": "system", "content": "be brief"}, {"role": "user", "content": '{"k": 1}'}],
    ]


def test_outputs_of_a_step_are_taken_from_what_it_said(host_of: Callable[..., Host], model: ModelServer) -> None:
    host = host_of("""\
outputs: [{id: all, type: object}, {id: one, type: number}, {id: place, type: string}, {id: gone, type: string}]
steps:
  - name: ask
    uses: llm.chat
    config: {user_prompt: p}
    outputs:
      all: ${steps.ask.output.content}
      one: ${steps.ask.output.one}
      place: ${inputs.folder}/x.html
      gone: ${steps.ask.output.nothing}
""")
    model.say = lambda _: 'Here it is:\n```json\n{"one": "1.5"}\n```'
    found = host.run("foo", {"folder": "./out"})
    assert found == {"all": {"one": "1.5"}, "one": 1.5, "place": "./out/x.html"}


def test_a_prompt_is_needed(host_of: Callable[..., Host]) -> None:
    assert host_of("steps: [{uses: llm.chat}]\n").run("foo", {}, 500) == (
        "Extension execution failed: step 1 (llm.chat): "
        "it needs 'rendered_prompt', which neither the step nor the state has"
    )


# Templates


def test_a_template_is_loaded_and_rendered(host_of: Callable[..., Host], model: ModelServer) -> None:
    host = host_of(
        'steps: [{uses: template.load, with: {template_id: "{{which}}"}}, {uses: template.render}, {uses: llm.chat}]\n',
        templates___a__txt="{{.x}} {{x}} {{ y }}{{range $k, $v := .variables}}\n- {{$k}}: {{$v}}{{end}}\n",
    )
    host.run("foo", {"which": "a", "x": "of-state", "variables": {"y": "{{x}}", "b": 2}})
    assert model.prompts == ["of-state of-state {{x}}\n- b: 2\n- y: {{x}}\n"]


@pytest.mark.parametrize("action", ["{{if .x}}a{{end}}", "{{.x | upper}}", "{{else}}{{end}}", "{{$other}}", "{{}}"])
def test_other_actions_of_a_template_are_refused_by_name(host_of: Callable[..., Host], action: str) -> None:
    host = host_of(f"steps: [{{uses: template.render, with: {{template_content: '{action}'}}}}]\n")
    first = action[: action.index("}}") + 2]
    assert f"the template uses '{first}', which is not supported" in host.run("foo", {"x": 1}, 500)


def test_template_content_is_filled_in_once(host_of: Callable[..., Host]) -> None:
    host = host_of("steps: [{uses: template.render, with: {template_content: 'say {{.text}}'}}]\n")
    assert host.run("foo", {"text": "{{.secret}}", "secret": "no"})["prompt"] == "say {{.secret}}"


# summary.parse and rules.evaluate


@pytest.mark.parametrize(
    "said",
    ['{"a": 1}', 'Sure!\n```json\n{"a": 1}\n```\nBye {', 'it {is} {"a": 1} so', '```\n{"a": 1}\n```'],
    ids=["bare", "fenced", "between words", "fence without a language"],
)
def test_the_json_is_taken_out_of_a_reply(host_of: Callable[..., Host], model: ModelServer, said: str) -> None:
    host = host_of("steps: [{uses: llm.chat, with: {prompt: p}}, {uses: summary.parse}]\noutputs: [{id: summary}]\n")
    model.say = lambda _: said
    assert host.run("foo", {}) == {"summary": {"a": 1}}


@pytest.mark.parametrize("said", ["no", "[1]", '{"a": NaN}', '{"a": 1e999}', "{" * 3000, '{"a":' * 3000])
def test_a_reply_without_json(host_of: Callable[..., Host], model: ModelServer, said: str) -> None:
    host = host_of("steps: [{uses: llm.chat, with: {prompt: p}}, {uses: summary.parse}]\n")
    model.say = lambda _: said
    assert host.run("foo", {}, 500).endswith("step 2 (summary.parse): the model's answer holds no JSON object")


def test_the_first_rule_that_holds_wins(host_of: Callable[..., Host]) -> None:
    host = host_of("""\
steps:
  - uses: rules.evaluate
    with:
      rules:
        - {if: "level == 'high'", then: {route: a, who: "{{who}}"}}
        - {if: "level == 'low' and not vip", then: {route: b}}
        - {if: "level == 'low'", then: {route: c}}
""")
    assert host.run("foo", {"summary": {"level": "high"}, "who": "me"}) == {"route": "a", "who": "me"}
    assert host.run("foo", {"level": "low"}) == {"route": "b"}
    assert host.run("foo", {"level": "low", "vip": True}) == {"route": "c"}
    assert host.run("foo", {"level": "none"}) == {}


# Steps as such


def test_an_unknown_step_fails_by_name(host_of: Callable[..., Host]) -> None:
    message = host_of("steps: [{uses: shell.run, id: it}]\n").run("foo", {}, 500)
    assert message.startswith("Extension execution failed: step 1 (it: shell.run): there is no step 'shell.run'; known")


def test_a_step_may_go_on_after_an_error(host_of: Callable[..., Host]) -> None:
    host = host_of("""\
steps:
  - {uses: nope, id: first, on_error: continue}
  - {uses: rules.evaluate, with: {rules: [{if: "true", then: {why: "{{steps.first.output.error}}"}}]}}
""")
    assert host.run("foo", {})["why"].startswith("there is no step 'nope'")


@pytest.mark.parametrize(
    ("declared", "given", "message"),
    [
        ("{id: a, type: string, required: true}", {}, "Required input 'a' is missing"),
        ("{id: a, type: string, required: true}", {"a": None}, "Required input 'a' is missing"),
        ("{id: a, type: string}", {"a": 1}, "Input 'a' must be text"),
        ("{id: a, type: number}", {"a": True}, "Input 'a' must be a number"),
        ("{id: a, type: boolean}", {"a": "true"}, "Input 'a' must be true or false"),
        ("{id: a, type: object}", {"a": []}, "Input 'a' must be a mapping"),
        ("{id: a, type: array}", {"a": {}}, "Input 'a' must be a list"),
    ],
    ids=str,
)
def test_inputs_are_checked(host_of: Callable[..., Host], declared: str, given: object, message: str) -> None:
    host = host_of(f"inputs: [{declared}]\nsteps: [{{uses: llm.chat, with: {{prompt: p}}}}]\n")
    assert host.run("foo", given, 400) == message


def test_an_input_has_its_default(host_of: Callable[..., Host], model: ModelServer) -> None:
    host = host_of("""\
inputs: [{id: a, type: string, default: usual}]
steps: [{uses: llm.chat, with: {prompt: "{{a}} {{inputs.a}}"}}]
""")
    host.run("foo", {})
    assert model.prompts == ["usual usual"]


# Other extensions


def test_an_extension_calls_another(host_of: Callable[..., Host], session: Session, model: ModelServer) -> None:
    put_on_disk(
        session,
        "bar",
        manifest__yaml=extension('steps: [{uses: llm.chat, with: {prompt: "{{p}}"}}]\n', name="bar"),
    )
    host = host_of('steps: [{uses: extension.call, id: c, with: {extension: bar, input: {p: "hi {{who}}"}}}]\n')
    assert host.run("foo", {"who": "you"}) == {"llm_response": "hello"}
    assert model.prompts == ["hi you"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("steps: [{uses: extension.call, with: {extension: nope}}]\n", "there is no extension 'nope'"),
        ("steps: [{uses: extension.call, with: {extension: off}}]\n", "the extension 'off' is disabled"),
        (
            "steps: [{uses: extension.call, with: {extension: watcher}}]\n",
            "the extension 'watcher' is of type observer; only a workflow can be called",
        ),
    ],
    ids=["unknown", "disabled", "observer"],
)
def test_what_cannot_be_called(host_of: Callable[..., Host], session: Session, text: str, reason: str) -> None:
    put_on_disk(session, "off", manifest__yaml=extension("enabled: false\nsteps: [{uses: x}]\n", name="off"))
    put_on_disk(
        session, "watcher", manifest__yaml=extension("hooks: [{on: llm.response}]\n", name="watcher", kind="observer")
    )
    assert host_of(text).run("foo", {}, 500).endswith(f"step 1 (extension.call): {reason}")


def test_what_an_extension_sends_to_another_is_no_mistake_of_its_caller(
    host_of: Callable[..., Host], session: Session
) -> None:
    inputs = "inputs: [{id: a, type: string, required: true}]\nsteps: [{uses: x}]\n"
    put_on_disk(session, "bar", manifest__yaml=extension(inputs, name="bar"))
    host = host_of("steps: [{uses: extension.call, with: {extension: bar}}]\n")
    assert host.run("foo", {}, 500) == (
        "Extension execution failed: step 1 (extension.call): Required input 'a' is missing"
    )


def test_a_loop_of_calls_ends_at_ten_levels(host_of: Callable[..., Host]) -> None:
    message = host_of("steps: [{uses: extension.call, with: {extension: foo}}]\n").run("foo", {}, 500)
    assert message.endswith("extensions call each other more than 10 levels deep")


@pytest.mark.parametrize(
    "step",
    ["{uses: llm.chat, with: {prompt: p}}", "{uses: file.write, with: {path: var/x, content: y}}"],
    ids=["models", "files"],
)
def test_each_model_and_each_file_is_one_call_of_the_budget(session: Session, serve: Serve, step: str) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(f"steps: [{step}, {step}, {step}]\n"))
    host = serve(limits=RunLimits(calls=3))  # the extension itself is one
    assert "step 3" in host.run("foo", {}, 500)
    assert "the run has used up its calls" in host.run("foo", {}, 500)
    host = serve(limits=RunLimits(calls=4))
    host.run("foo", {})


def test_a_tree_of_calls_ends_with_the_budget(session: Session, serve: Serve) -> None:
    put_on_disk(session, "leaf", manifest__yaml=extension("steps: [{uses: nope, on_error: continue}]\n", name="leaf"))
    calls = "".join("  - {uses: extension.call, with: {extension: leaf}}\n" for _ in range(300))
    put_on_disk(session, "foo", manifest__yaml=extension(f"steps:\n{calls}"))
    message = serve().run("foo", {}, 500)
    assert "step 200 (extension.call): the run has used up its calls" in message


# Files


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../bar/manifest.yaml", "the path leaves the package"),
        ("a/../../bar/manifest.yaml", "the path leaves the package"),
        ("/etc/passwd", "the path is absolute"),
        ("C:\\x", "the name holds a backslash"),
        ("link/secret.txt", "cannot be used"),
        ("leads-out.txt", "cannot be used"),
        ("nothing.txt", "cannot be used: No such file or directory"),
        ("templates", "is no regular file"),
        ("a\x00b", "control or invisible"),
        ("./../x", "the path leaves the package"),
        ("pipe", "is no regular file"),
    ],
)
def test_no_read_leads_out_of_the_item(
    host_of: Callable[..., Host], session: Session, tmp_path: Path, path: str, reason: str
) -> None:
    import os

    host = host_of('steps: [{uses: file.read, with: {path: "{{where}}"}}]\n', templates___a__txt="x")
    (tmp_path / "secret.txt").write_text("secret")
    session.installed("foo", "link").symlink_to(tmp_path)
    session.installed("foo", "leads-out.txt").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(session.installed("foo", "pipe"))
    assert reason in host.run("foo", {"where": path}, 400)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("manifest.yaml", "manifest.yaml must not be written"),
        ("templates/a.txt", "must not be written"),
        ("../bar/var/x", "the path leaves the package"),
        ("var/../manifest.yaml", "the path leaves the package"),
        ("/var/x", "the path is absolute"),
        ("var/link/x", "cannot be used"),
        ("var", "must not be written"),
    ],
)
def test_writes_go_to_the_mutable_folders_only(
    host_of: Callable[..., Host], session: Session, tmp_path: Path, path: str, reason: str
) -> None:
    host = host_of('steps: [{uses: file.write, with: {path: "{{where}}", content: x}}]\n')
    (outside := tmp_path / "outside").mkdir()
    session.installed("foo", "var").mkdir()
    session.installed("foo", "var/link").symlink_to(outside)
    assert reason in host.run("foo", {"where": path}, 400)
    assert list(outside.iterdir()) == []


def test_a_link_in_the_place_of_a_written_file_is_replaced_and_not_followed(
    host_of: Callable[..., Host], session: Session, tmp_path: Path
) -> None:
    host = host_of("steps: [{uses: file.write, with: {path: var/x, content: new}}]\n")
    (outside := tmp_path / "outside").write_text("kept")
    session.installed("foo", "var").mkdir()
    session.installed("foo", "var/x").symlink_to(outside)
    assert host.run("foo", {}) == {"output_file": "var/x"}
    assert (outside.read_text(), session.installed("foo", "var/x").read_text()) == ("kept", "new")


def test_a_file_output_names_the_file_and_holds_what_the_model_said(
    host_of: Callable[..., Host], session: Session
) -> None:
    host = host_of("""\
outputs: [{id: result, type: file, path: ./output/deep/result.md}]
steps: [{uses: llm.chat, with: {prompt: p}}, {uses: file.write}]
""")
    assert host.run("foo", {}) == {"result": "output/deep/result.md"}
    assert session.installed("foo", "output/deep/result.md").read_text() == "hello"
    assert [path.name for path in session.installed("foo", "output/deep").iterdir()] == ["result.md"]


def test_what_is_written_can_be_read(host_of: Callable[..., Host]) -> None:
    host = host_of("""\
outputs: [{id: file_content, type: object}]
steps:
  - {uses: file.write, with: {path: "var/{{inputs.id}}.json", content: "{{inputs}}"}}
  - {uses: file.read, with: {path: "var/{{inputs.id}}.json"}}
""")
    found = host.run("foo", {"id": "x", "a": [1]})
    assert found == {"file_content": {"id": "x", "a": [1]}}


def test_a_file_beyond_the_limit(host_of: Callable[..., Host], session: Session) -> None:
    host = host_of("steps: [{uses: file.read, with: {path: var/big}}]\n")
    session.write(str(session.installed("foo", "var/big")), b"x" * (4 * 2**20 + 1))
    assert "var/big has more than 4194304 bytes" in host.run("foo", {}, 500)


def test_nothing_beyond_the_limit_is_written(session: Session, serve: Serve) -> None:
    text = 'steps: [{uses: file.write, with: {path: var/x, content: "{{text}}"}}]\n'
    put_on_disk(session, "foo", manifest__yaml=extension(text))
    host = serve(limits=RunLimits(file=10))
    assert host.run("foo", {"text": "x" * 10}) == {"output_file": "var/x"}
    assert "var/x would have more than 10 bytes" in host.run("foo", {"text": "y" * 11}, 400)
    assert session.installed("foo", "var/x").read_text() == "x" * 10


def test_a_write_that_fails_leaves_nothing(host_of: Callable[..., Host], session: Session) -> None:
    host = host_of("steps: [{uses: file.write, with: {path: var/x, content: y}}]\n")
    session.installed("foo", "var/x").mkdir(parents=True)
    assert "var/x cannot be used: Is a directory" in host.run("foo", {}, 500)
    assert [path.name for path in session.installed("foo", "var").iterdir()] == ["x"]


def test_policy_mutable_says_where_programs_may_write(session: Session, serve: Serve) -> None:
    put_on_disk(
        session, "foo", manifest__yaml=extension('steps: [{uses: file.write, with: {path: "{{p}}", content: x}}]\n')
    )
    session.desired('policy: {mutable: ["data/**"]}\n')
    host = serve()
    assert host.run("foo", {"p": "data/x"}) == {"output_file": "data/x"}
    assert "must not be written" in host.run("foo", {"p": "var/x"}, 400)
    session.desired("policy: {}\n")
    host.refresh()
    assert host.run("foo", {"p": "var/x"}) == {"output_file": "var/x"}
    session.desired("policy: [\n")
    host.refresh()
    assert host.run("foo", {"p": "var/x"}) == {"output_file": "var/x"}


# Answers


def test_an_answer_beyond_the_limit(session: Session, serve: Serve) -> None:
    from reconciler.host.engine.run import RunLimits

    put_on_disk(
        session,
        "foo",
        manifest__yaml=extension('steps: [{uses: template.render, with: {template_content: "{{a}}"}}]\n'),
    )
    host = serve(limits=RunLimits(answer=100))
    assert host.run("foo", {"a": "x" * 100}, 500) == "The answer has more than 100 bytes"


def test_the_trace_id_and_the_time_are_in_the_state(host_of: Callable[..., Host], model: ModelServer) -> None:
    host = host_of('steps: [{uses: llm.chat, with: {prompt: "{{trace_id}} {{timestamp}}"}}]\n')
    answer = host.post("/v1/extensions/foo/execute", {})
    trace_id, moment = model.prompts[0].split()
    assert trace_id == answer.headers["x-request-id"]
    assert len(moment) == len("2026-01-22T10-30-45Z")
    assert json.loads(answer.text)["data"] == {"llm_response": "hello"}


# What a caller, or a model, could make take for ever


LONG_TEMPLATES: Final[dict[str, tuple[str, dict[str, Any], int]]] = {
    "spaces": ("{{" + " " * 200_000, {}, 200),
    "braces": ("{{" * 100_000, {}, 200),
    "ranges without an end": ("{{range $v := .l}}" * 10_000, {"l": [1]}, 400),
    "a long list": ("{{range $v := .l}}{{.x}}{{end}}", {"l": [0] * 200_000}, 400),
    "ends without a range": ("{{range $v := .l}}" + "{{end}}" * 20_000, {"l": [1]}, 400),
    "many ranges over a list": ("{{range $v := .l}}{{end}}" * 1_000, {"l": [0] * 10_000}, 400),
    "a long body of a range": ("{{range $v := .l}}" + "{{$v}}" * 300 + "{{end}}", {"l": [""] * 10_000}, 400),
    "as much as may be": ("{{range $v := .l}}{{$v}}{{end}}", {"l": [""] * 40_000}, 200),
}


@pytest.fixture
def rendering(host_of: Callable[..., Host]) -> Host:
    """A host whose extension renders the template that a caller gives."""
    return host_of("steps: [{uses: template.render}]\noutputs: [{id: nothing}]\n")


def test_no_template_takes_long(rendering: Host) -> None:
    for name, (content, given, status) in LONG_TEMPLATES.items():
        answer = rendering.post("/v1/extensions/foo/execute", {"template_content": content, **given})
        assert (name, answer.status_code) == (name, status)


def test_a_template_takes_so_many_actions_and_no_more(rendering: Host) -> None:
    def given(actions: int) -> dict[str, Any]:
        return {"template_content": "{{range $v := .l}}{{end}}", "l": [0] * (actions - 1)}

    assert rendering.run("foo", given(MAX_ACTIONS)) == {"prompt": "", "rendered_prompt": ""}
    assert rendering.run("foo", given(MAX_ACTIONS + 1), 400) == (
        "step 1 (template.render): the template takes more than 100000 actions, repeats of its ranges included"
    )


def test_no_answer_holds_a_number_that_is_not_finite(host_of: Callable[..., Host], model: ModelServer) -> None:
    model.say = lambda _: '{"a": 1e999} {"a": 1e9}'
    host = host_of(
        "inputs: [{id: n, type: number}]\noutputs: [{id: summary, type: object}, {id: n, type: number}]\n"
        "steps: [{uses: llm.chat, with: {prompt: p}}, {uses: summary.parse}]\n"
        "endpoints: [{path: /e, method: GET, description: d}]\n"
    )
    assert host.run("foo", {}) == {"summary": {"a": 1e9}}
    answer = host.get("/v1/extensions/foo/e?n=1e999")
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Input 'n' must be a number")


def test_half_a_character_that_a_model_spells_goes_everywhere(
    host_of: Callable[..., Host], session: Session, model: ModelServer
) -> None:
    model.say = lambda _: "a\ud800b"
    host = host_of("""\
steps:
  - {uses: llm.chat, with: {prompt: p}}
  - {uses: file.write, with: {path: var/x}}
  - {uses: llm.chat, with: {prompt: "{{llm_response}}"}}
  - {uses: extension.call, with: {extension: "{{llm_response}}"}, on_error: continue}
  - {uses: file.read, with: {path: "var/{{llm_response}}"}, on_error: continue}
  - {uses: file.write, with: {path: "var/{{llm_response}}"}, on_error: continue}
  - {uses: template.load, with: {template_id: "{{llm_response}}"}, on_error: continue}
""")
    assert host.run("foo", {})["llm_response"] == "a\ud800b"
    assert session.installed("foo", "var/x").read_text() == "a\\ud800b"
    assert model.prompts == ["p", "a\\ud800b"]


def test_no_reply_takes_long(host_of: Callable[..., Host], model: ModelServer) -> None:
    host = host_of("steps: [{uses: llm.chat, with: {prompt: p}}, {uses: summary.parse}]\n")
    for said in ("```" + "\n" * 500_000, "```\n" * 300_000, "{" * 1_000_000, '{"a":' * 200_000):
        model.say = lambda _, said=said: said  # type: ignore[misc]
        host.run("foo", {}, 500)
