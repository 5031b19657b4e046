"""``llamagate test``: cases pass, fail with a difference, and what tests nothing is a failure."""

from __future__ import annotations

import json
import shutil
import sys
import xml.etree.ElementTree as ET
from typing import Any, Final

import pytest

from tests.cli.shell import Session
from tests.conftest import PROJECT
from tests.host.model_server import ModelServer
from tests.host.test_tool_servers import SERVER
from tests.sources.git_servers import git

_MANIFEST: Final = """\
name: desk
version: 1.0.0
description: Sorts letters
type: workflow
inputs:
  - {id: letter, type: string, required: true}
outputs:
  - {id: queue, type: string}
steps:
  - id: read
    uses: llm.chat
    with: {prompt: "Sort: {{letter}}"}
  - id: parse
    uses: summary.parse
  - id: route
    uses: rules.evaluate
    with:
      rules:
        - {if: "level == 'high'", then: {queue: now}}
        - {if: true, then: {queue: later}}
"""
_GOOD: Final = """\
input: {letter: help}
mock: [{step: read, answer: {level: high}}]
expect: {output: {queue: now}}
"""


@pytest.fixture
def desk(session: Session) -> Session:
    session.write("desk/manifest.yaml", _MANIFEST)
    return session


def case(session: Session, text: str, *arguments: str) -> Any:
    """The one case, as the document has it."""
    session.write("desk/tests/case.yaml", text)
    document = json.loads(session.run("test", "desk", "--json", *arguments).out)
    package = document["packages"][0]
    return package["cases"][0] if package["cases"] else package


def test_a_good_case_passes(desk: Session) -> None:
    assert case(desk, _GOOD)["passed"] is True
    assert desk.run("test", "desk").code == 0


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("{output: {queue: later}}", 'the output differs:\n    {\n  -   "queue": "later"\n  +   "queue": "now"\n    }'),
        ("{subset: {route: x}}", "the output lacks"),
        ("{schema: {required: [route]}}", "does not fit the schema"),
        ("{jsonpath: {$.queue: later}}", "$.queue:"),
        ("{jsonpath: {'$[': later}}", "not a path"),
        ("{error: too long}", "it did not fail"),
        ("{steps: {read: {prompt: Answer}}}", "lacks a text:\n  - Answer\n  + Sort: help"),
        ("{steps: {route: {rule: 2}}}", "rule 1 holds; expected was 2"),
        ("{steps: {parse: {error: true}}}", "the step 'parse' did not fail"),
        ("{steps: {parse: {state: skipped}}}", "the step 'parse' ran; expected was skipped"),
        ("{steps: {prase: {state: ran}}}", "there is no step 'prase'; did you mean 'parse'?"),
        ("{steps: {route: {output: {queue: later}}}}", "gives another output"),
    ],
)
def test_a_failure_says_how_it_differs(desk: Session, expect: str, said: str) -> None:
    found = case(desk, _GOOD.replace("{output: {queue: now}}", expect))
    assert found["passed"] is False
    assert said in "\n".join(found["failures"])
    assert desk.run("test", "desk").code == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("expect: {output: {queue: now}}\n", "", "expects nothing"),
        ("{output: {queue: now}}", "{outptu: {queue: now}}", "did you mean 'output'"),
        ("{output: {queue: now}}", "{subset: {}}", "expect.subset"),
        ("{output: {queue: now}}", "{schema: yes}", "expect.schema"),
        ("{output: {queue: now}}", "{steps: {read: {}}}", "expects nothing"),
        ("{output: {queue: now}}", "{steps: {read: {stat: ran}}}", "did you mean 'state'"),
        ("{output: {queue: now}}", "{error: false}", "expect.error is a text"),
        ("{output: {queue: now}}", "{error: ''}", "expect.error is a text"),
        ("{output: {queue: now}}", "{error: null}", "expect.error is a text"),
        ("{output: {queue: now}}", "{error: x, subset: {queue: now}}", "leave out expect.error or expect.subset"),
        ("{output: {queue: now}}", "{steps: {read: {error: 5}}}", "expect.steps.read.error is a text"),
        ("{output: {queue: now}}", "{steps: {read: {prompt: []}}}", "expect.steps.read.prompt is a text"),
        ("{output: {queue: now}}", "{steps: {read: {prompt: ['']}}}", "expect.steps.read.prompt is a text"),
        ("{output: {queue: now}}", "{steps: {route: {rule: true}}}", "rule is the number of a rule"),
        ("{output: {queue: now}}", "{steps: {read: {prompt: 5}}}", "expect.steps.read.prompt is a text"),
        ("input:", "inputs:", "did you mean 'input'"),
        ("step: read", "stpe: read", "did you mean 'step'"),
        ("[{step: read, answer: {level: high}}]", "[{step: read}]", "'answer' is missing"),
        ("input: {letter: help}", "input: help", "'input' is a mapping"),
    ],
)
def test_a_case_that_tests_nothing_fails(desk: Session, old: str, new: str, said: str) -> None:
    found = case(desk, _GOOD.replace(old, new))
    assert said in found["faults"][0]
    assert desk.run("test", "desk").code == 1


@pytest.mark.parametrize(
    ("expect", "passes"),
    [
        ("{output: {queue: [true, 1]}}", True),
        ("{output: {queue: [true, 1.0]}}", True),
        ("{output: {queue: [1, 1]}}", False),
        ("{output: {queue: [true, true]}}", False),
        ("{subset: {queue: [1, 1]}}", False),
        ("{jsonpath: {'$.queue[0]': 1}}", False),
        ("{jsonpath: {'$.queue': [1, 1]}}", False),
        ("{steps: {route: {output: {queue: [1, 1]}}}}", False),
    ],
)
def test_true_is_not_1(desk: Session, expect: str, passes: bool) -> None:
    desk.edit("desk/manifest.yaml", "then: {queue: now}", "then: {queue: [true, 1]}")
    assert case(desk, _GOOD.replace("{output: {queue: now}}", expect))["passed"] is passes


def test_an_answer_that_is_never_used_fails(desk: Session) -> None:
    found = case(desk, _GOOD.replace("mock: [", "mock: [{step: later, answer: x}, "))
    assert found["failures"] == ["the mock answer for step later is never used"]


def test_a_case_without_a_mock_asks_no_model_unless_one_is_named(desk: Session, model: ModelServer) -> None:
    text = "input: {letter: help}\nexpect: {output: {queue: now}}\n"
    assert "has no 'mock'" in case(desk, text)["failures"][0]
    model.say = lambda _: '{"level": "high"}'
    assert case(desk, text, "--llm-url", model.url)["passed"] is True


@pytest.fixture
def committed(desk: Session) -> Session:
    """The package and a case, in a repository, and then another prompt and another queue."""
    desk.write("desk/tests/case.yaml", _GOOD)
    for command in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "one")):
        git(*command, folder=desk.project)
    desk.edit("desk/manifest.yaml", "Sort: {{letter}}", "Sort at once: {{letter}}")
    desk.edit("desk/manifest.yaml", "then: {queue: now}", "then: {queue: at once}")
    desk.write("desk/tests/case.yaml", _GOOD.replace("now", "at once"))
    return desk


def test_against_a_commit_it_shows_which_prompts_and_outputs_differ(committed: Session) -> None:
    said = committed.run("test", "desk", "--against", "main")
    assert said.code == 0
    assert "1 passed" in said.out
    assert "desk: 1 of 1 case differs from main." in said.out
    assert "- Sort: help\n      + Sort at once: help" in said.out
    assert '-   "queue": "now"\n      +   "queue": "at once"' in said.out
    document = json.loads(committed.run("test", "desk", "--against", "HEAD", "--json").out)
    [package] = document["against"]["packages"]
    assert (document["against"]["ref"], package["cases"], len(package["differing"])) == ("HEAD", 1, 1)


def test_against_itself_nothing_differs(committed: Session) -> None:
    git("commit", "-qam", "two", folder=committed.project)
    assert "desk: no case differs from HEAD." in committed.run("test", "desk", "--against", "HEAD").out
    assert "1 case differs from HEAD~1." in committed.run("test", "desk", "--against", "HEAD~1").out


def test_a_case_that_failed_before_differs_by_its_error(committed: Session) -> None:
    git("commit", "-qam", "two", folder=committed.project)
    committed.edit("desk/manifest.yaml", "uses: summary.parse", "uses: file.read")
    said = committed.run("test", "desk", "--against", "HEAD")
    assert said.code == 1
    assert "the error:\n      - it does not fail\n      + " in said.out


def test_against_a_version_that_is_installed(committed: Session) -> None:
    git("stash", "-q", folder=committed.project)
    committed.desired("extensions: {desk: ./desk}\n")
    committed.llamagate("apply", "-q")
    git("stash", "pop", "-q", folder=committed.project)
    said = committed.run("test", "--against", "desk@1.0.0")
    assert "1 of 1 case differs from desk@1.0.0." in said.out
    assert "is not kept" in committed.run("test", "--against", "desk@9.0.0").err
    assert "none of these packages is 'dsk'" in committed.run("test", "--against", "dsk@1.0.0").err


@pytest.mark.parametrize(
    ("against", "said"),
    [("nothing", "has no commit 'nothing'"), ("--help-me", "has no commit"), ("", "has no commit"), ("v^{tree}", "no")],
)
def test_a_commit_that_is_not_there_is_said(committed: Session, against: str, said: str) -> None:
    done = committed.run("test", "desk", f"--against={against}")
    assert done.code == 1
    assert said in done.err


def test_a_package_that_was_not_there_is_said(committed: Session) -> None:
    shutil.copytree(committed.project / "desk", committed.project / "new")
    assert "new at main" in committed.run("test", "new", "--against", "main").err
    shutil.rmtree(committed.project / ".git")
    assert "not in a git repository" in committed.run("test", "new", "--against", "main").err


def test_the_published_form(desk: Session) -> None:
    desk.write("desk/tests/sample_input_1.json", '{"letter": "help"}')
    desk.write("desk/tests/answers_1.json", '[{"answer": {"level": "high"}}]')
    assert "no tests/expected_1.json" in desk.run("test", "desk").out
    desk.write("desk/tests/expected_1.json", '{"queue": "now"}')
    assert desk.run("test", "desk").code == 0
    desk.write("desk/tests/expected_1.json", '{"queue": "later"}')
    assert desk.run("test", "desk").code == 1


def test_coverage_names_what_no_case_reached(desk: Session) -> None:
    desk.write("desk/tests/case.yaml", _GOOD)
    document = json.loads(desk.run("test", "desk", "--coverage", "--json").out)
    assert document["packages"][0]["coverage"] == {"total": 5, "missed": ["desk: rule 2 of step 3 (True)"]}


def test_only_cases_of_a_name(desk: Session) -> None:
    desk.write(
        "desk/tests/case.yaml",
        "cases:\n- {name: one, expect: {error: Required}}\n- {name: two, expect: {output: {}}}\n",
    )
    assert desk.run("test", "desk", "-k", "one").code == 0
    assert desk.run("test", "desk").code == 1
    assert desk.run("test", "desk", "-k", "three").code == 1


def test_a_package_without_cases_does_not_pass(desk: Session) -> None:
    assert desk.run("test", "desk").code == 1


def test_the_report_for_build_servers(desk: Session) -> None:
    desk.write("desk/tests/case.yaml", _GOOD.replace("queue: now", 'queue: "<late\\x01r>"'))
    desk.run("test", "desk", "--junit", "report.xml")
    suite = ET.parse(desk.project / "report.xml").getroot()[0]  # noqa: S314 - written just now
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert "<late" in (suite[0][0].text or "")


def test_the_examples_pass_and_reach_everything(session: Session) -> None:
    shutil.copytree(PROJECT / "examples", session.project / "examples")
    shutil.copy(PROJECT / "llamagate.yaml", session.project)
    document = json.loads(session.run("test", "--coverage", "--json").out)
    assert document["passed"] is True
    missed = [one["coverage"]["missed"] for one in document["packages"]]
    assert missed == [[] for _ in missed]
    assert sum(len(one["cases"]) for one in document["packages"]) >= 20


def test_a_schema_that_refers_to_a_place_of_thousands_of_digits(desk: Session) -> None:
    schema = f"{{schema: {{allOf: [{{}}], $ref: '#/allOf/{'9' * 5000}'}}}}"
    assert (
        "expect.schema is not a JSON Schema" in case(desk, _GOOD.replace("{output: {queue: now}}", schema))["faults"][0]
    )


# Tools

_CALLS: Final = """\
name: desk
version: 1.0.0
description: Looks up
type: workflow
mcp_servers: [library]
inputs: [{id: word, type: string}]
steps:
  - {id: look, uses: mcp.call, on_error: continue, with: {server: library, tool: find, arguments: {q: "{{word}}"}}}
  - {id: say, uses: rules.evaluate, with: {rules: [{if: true, then: {said: "{{steps.look.output.pages}}"}}]}}
outputs: [{id: said, type: number}]
"""


@pytest.mark.parametrize(
    ("mock", "expect", "problem"),
    [
        ("[{step: look, answer: {pages: 7}}]", "{output: {said: 7}}", None),
        ('[{match: \'library.find {"q": "ada"}\', answer: {pages: 7}}]', "{subset: {said: 7}}", None),
        ("[{step: look, error: no luck}]", "{steps: {look: {error: no luck}}}", None),
        ("[{step: say, answer: x}]", "{steps: {look: {state: ran}}}", "the mock has no answer for step look"),
        ("null", "{steps: {look: {state: ran}}}", "the case has no 'mock', and calls a tool"),
    ],
    ids=["step", "match", "error", "other", "none"],
)
def test_a_mock_answers_for_tools(mock: str, expect: str, problem: str | None, session: Session) -> None:
    session.write("desk/manifest.yaml", _CALLS)
    found = case(session, f"input: {{word: ada}}\nmock: {mock}\nexpect: {expect}\n")
    assert found["passed"] is (problem is None), found
    assert problem is None or problem in str(found)


def test_run_calls_the_servers_of_the_home_and_its_recording_is_a_mock(session: Session) -> None:
    row = f"{{name: library, enabled: true, command: {sys.executable}, args: ['{SERVER}']}}"
    session.write(
        "desk/manifest.yaml",
        _CALLS.replace("tool: find, arguments: {q:", "tool: add, arguments: {b: 1, a:").replace("pages", "sum"),
    )
    session.home.mkdir()
    (session.home / "llamagate.yaml").write_text(f"mcp: {{servers: [{row}]}}\n")
    given = ("run", "desk", "word=41", "--json")
    assert json.loads(session.run(*given, "--record", "answers.yaml").out)["data"] == {"said": 42}
    (session.home / "llamagate.yaml").unlink()
    found = json.loads(session.run(*given, "--mock", "answers.yaml").out)
    assert (found["data"], found["steps"][0]["uses"]) == ({"said": 42}, "mcp.call")
