"""Every published sample and every example of ours runs, with a model that answers plausibly, or says why not."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.shell import SAMPLES, Session
from tests.conftest import PROJECT
from tests.docs.pages import page
from tests.host.conftest import Serve
from tests.host.model_server import ModelServer
from tests.host.served import Host

EXAMPLES: Final = PROJECT / "examples"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published samples are not beside the project")

VALUES: Final[dict[str, Any]] = {
    "string": "text",
    "number": 1,
    "boolean": True,
    "object": {"urgency_level": "high", "workflow_info": {"workflow_name": "w"}},
    "array": [1],
}
GIVEN: Final[dict[str, dict[str, Any]]] = {
    "prompt-template-executor": {
        "template_id": "example",
        "variables": {"document_type": "note", "format": "markdown"},
    },
    "agenticmodule_runner": {
        "module_name": "triage-pipeline",
        "module_input": {"ticket": "x", "customer_tier": "team"},
    },
    "meeting-notes": {"title": "t", "transcript": "x", "style": "minutes"},
    "github-webhook-receiver": {"webhook_payload": {"action": "opened", "repository": {"full_name": "owner/repo"}}},
    "extension-doc-generator": {"target": "cost-analyst"},
}
SAID: Final = json.dumps(
    {
        "title": "t",
        "category": "bug",
        "urgency_level": "high",
        "next_step": "call",
        "sentiment": "positive",
        "confidence": 0.9,
        "evidence": [],
        "topic": "billing",
        "urgency": "high",
        "reply": "dear",
        "evaluation_report": {"overall_quality": 9},
        "quality_metrics": {"simplicity": 9},
        "improvement_suggestions": [],
        "evaluation_log": "log",
        "research_summary": "found",
        "pattern_library": {},
        "best_practices": [],
        "research_log": "log",
        "execution_log": "log",
        "state_snapshot": {},
        "build_artifacts": {},
        "assessment_state": {},
    }
)
"""What the model answers to everything: an object with each key that any of the packages asks for."""

OUTPUTS: Final[dict[str, list[str]]] = {
    "agenticmodule_runner": ["final_output", "run_record"],
    "cost-analyst": ["cost_analysis"],
    "deck-builder": ["deck_plan"],
    "discriminator": ["evaluation_log", "evaluation_report", "improvement_suggestions", "quality_metrics"],
    "executive-summarizer": ["executive_summary", "recommendations"],
    "github-webhook-receiver": ["llm_response", "output_file"],
    "intake_structured_summary": ["summary"],
    "meeting-notes": ["notes"],
    "orchestrator": ["build_artifacts", "execution_log", "state_snapshot", "workflow_design"],
    "output-assembler": ["output_files"],
    "powerpoint-generator": ["html_path", "html_presentation", "llm_response", "python_code", "slide_content"],
    "priority-rules": ["notify", "priority", "respond_within_hours"],
    "productivity-analyst": ["productivity_analysis"],
    "prompt-template-executor": ["result"],
    "release-webhook": ["announcement"],
    "researcher": ["best_practices", "pattern_library", "research_log", "research_summary"],
    "risk-analyst": ["risk_analysis"],
    "roi-calculator": ["assessment_state", "roi_summary"],
    "sentiment-task": ["confidence", "evidence", "sentiment"],
    "ticket-triage-api": ["route", "summary"],
    "urgency_router": ["priority", "route"],
}
"""What each workflow answers with."""

HOOKED: Final = ("cost-usage-reporter", "request-inspector", "request-audit", "token-budget")


@pytest.fixture
def everything(session: Session, serve: Serve, model: ModelServer) -> Host:
    """One host with all samples as a gateway's old folder, and all examples installed."""
    legacy = session.project / "extensions"
    if SAMPLES.is_dir():
        shutil.copytree(SAMPLES, legacy)
    for package in sorted(EXAMPLES.glob("*/*/")):
        session.llamagate("import", package)
    model.say = lambda _: SAID
    return serve(legacy=legacy if SAMPLES.is_dir() else None)


def test_every_example_and_sample_is_served_without_a_fault(everything: Host) -> None:
    folders = [path.name for path in EXAMPLES.glob("extensions/*/")]
    if SAMPLES.is_dir():
        folders += [path.parent.name for path in SAMPLES.rglob("*.yaml")]
    assert set(everything.names) == set(folders)
    assert everything.told[-1].endswith("0 failed")
    assert set(folders) <= {*OUTPUTS, *HOOKED, "extension-doc-generator"}


def test_every_workflow_runs_and_gives_its_outputs(everything: Host) -> None:
    ran = {}
    for name in everything.names:
        document = everything.get(f"/v1/extensions/{name}").json()
        if name in OUTPUTS:
            ran[name] = sorted(everything.run(name, given_for(document)))
    assert ran == {name: OUTPUTS[name] for name in ran}


@needs_samples
def test_the_doc_generator_says_why_it_cannot_run(everything: Host) -> None:
    given = GIVEN["extension-doc-generator"]
    assert everything.run("extension-doc-generator", given, 500) == (
        "Extension execution failed: step 1 (read_manifest: file.read): "
        "the path '../../cost-analyst/manifest.yaml': the path leaves the package ('..')"
    )


@needs_samples
def test_the_webhook_sample_is_called_as_github_calls_it(everything: Host, session: Session) -> None:
    body = (SAMPLES / "github-webhook-receiver" / "test_input.json").read_bytes()
    answer = everything.post("/v1/extensions/github-webhook-receiver/webhooks/github", body)
    assert answer.status_code == 200
    written = session.project / "extensions" / "github-webhook-receiver" / answer.json()["data"]["output_file"]
    assert written.parent.name == "repo"
    assert written.name.endswith("-opened.json")
    assert json.loads(written.read_text()) == json.loads(body)


@needs_samples
def test_the_template_sample_is_rendered(everything: Host, model: ModelServer) -> None:
    everything.run("prompt-template-executor", GIVEN["prompt-template-executor"])
    assert model.prompts[-1] == (
        "You are a helpful assistant. Please generate a note based on the following information:\n\n\n"
        "- document_type: note\n\n- format: markdown\n\n\nPlease format the output as markdown.\n"
    )


@pytest.mark.parametrize("case", sorted(EXAMPLES.rglob("tests/*.input.json")), ids=lambda path: path.stem)
def test_the_cases_that_a_module_brings(everything: Host, model: ModelServer, case: Path) -> None:
    expected = json.loads(case.with_name(case.name.replace("input", "expected")).read_text())
    model.say = lambda _: json.dumps({"topic": expected["topic"], "urgency": expected["urgency"], "reply": "dear"})
    record = everything.run_module(case.parents[1].name, json.loads(case.read_text()))
    assert {key: record["final_output"][key] for key in expected} == expected


def test_the_pipeline_example(everything: Host) -> None:
    record = everything.run_module("triage-pipeline", {"ticket": "all is down", "customer_tier": "team"})
    assert set(record["final_output"]) == {"summary", "route", "priority", "respond_within_hours", "notify"}
    assert record["final_output"]["notify"] == "pager"


@pytest.mark.parametrize("name", HOOKED)
def test_every_hook_writes_its_file(everything: Host, session: Session, name: str) -> None:
    if name not in everything.names:
        pytest.skip("the published samples are not beside the project")
    everything.run("ticket-triage-api", {"ticket": "x", "customer_tier": "team"})
    everything.hooks_done()
    folders = (session.installed(name), session.project / "extensions" / name)
    written = [path for folder in folders for part in ("var", "output") for path in (folder / part).rglob("*.json*")]
    assert len(written) == 1


def given_for(document: dict[str, Any]) -> dict[str, Any]:
    """Values for all that an extension requires; a sample input of its own, where it has one."""
    name = document["name"]
    sample = EXAMPLES / "extensions" / name / "sample_input.json"
    if sample.is_file():
        given: dict[str, Any] = json.loads(sample.read_text())
        return given
    inputs = document["inputs"] if isinstance(document["inputs"], list) else []
    return GIVEN.get(name) or {one["id"]: VALUES[one["type"]] for one in inputs if one.get("required")}


@pytest.mark.parametrize(
    ("name", "answer", "found"),
    [
        ("greeter", "Hello, Ada", {"llm_response": "Hello, Ada"}),
        ("greeter-task", '{"greeting": "Hi"}', {"greeting": "Hi"}),
    ],
)
def test_the_greeters_of_the_documentation_give_what_they_declare(
    session: Session, serve: Serve, model: ModelServer, name: str, answer: str, found: dict[str, str]
) -> None:
    for path, text in re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", page("manifests.md"), re.MULTILINE | re.DOTALL):
        session.write(path, text)
    session.llamagate("import", name)
    model.say = lambda _: answer
    assert serve().run(name, {"person": "Ada"}) == found
