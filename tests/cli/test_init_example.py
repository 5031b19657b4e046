"""``init --example``: an example package becomes the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.shell import Session, contents
from tests.conftest import PROJECT

EXAMPLES = sorted(place for kind in ("extensions", "modules") for place in (PROJECT / "examples" / kind).iterdir())


def test_without_a_name_it_is_the_smallest_one(session: Session) -> None:
    session.llamagate("init", "--example")
    copied = session.project / "packages" / "priority-rules"
    assert contents(copied) == contents(PROJECT / "examples" / "extensions" / "priority-rules")
    assert session.actions() == ["install priority-rules"]


@pytest.mark.parametrize("example", EXAMPLES, ids=[place.name for place in EXAMPLES])
def test_each_example_can_be_applied(session: Session, example: Path) -> None:
    session.llamagate("init", "--example", example.name)
    assert session.llamagate("validate").code == 0
    assert f"install {example.name}" in session.actions()


def test_a_module_comes_with_the_extensions_that_its_steps_name(session: Session) -> None:
    session.llamagate("init", "--example", "triage-pipeline")
    listed = yaml.safe_load((session.project / "llamagate.yaml").read_text())
    assert list(listed["extensions"]) == ["priority-rules", "ticket-triage-api"]
    assert listed["modules"] == {"triage-pipeline": "./packages/triage-pipeline"}
    assert session.plan()["warnings"] == []


def test_a_name_that_is_none_lists_those_that_are(session: Session) -> None:
    said = session.llamagate("init", "--example", "prority-rules", exits=1)
    assert "there is no example 'prority-rules'" in said.err
    assert all(place.name in said.err for place in EXAMPLES)
    assert [*session.project.iterdir()] == []


def test_it_overwrites_no_package(session: Session) -> None:
    session.write("packages/priority-rules/mine", "mine\n")
    before = session.everything()
    said = session.llamagate("init", "--example", exits=1)
    assert "packages/priority-rules exists; it is not overwritten" in said.err
    assert session.everything() == before


@pytest.mark.parametrize("arguments", [["priority-rules"], ["--example", "--from-installed"]], ids=["name", "both"])
def test_what_does_not_go_together_is_a_usage_error(session: Session, arguments: list[str]) -> None:
    session.llamagate("init", *arguments, exits=64)
