"""``llamagate new``: each package is valid, is found to be good, and passes its cases at once."""

from __future__ import annotations

import json

import pytest

from reconciler.commands.skeletons import SKELETONS
from tests.cli.shell import Session


@pytest.mark.parametrize("kind", SKELETONS)
def test_a_new_package_is_good_and_passes(session: Session, kind: str) -> None:
    assert session.run("new", kind, "packages/mine").code == 0
    assert session.run("validate", "packages/mine").code == 0
    assert json.loads(session.run("check", "packages/mine", "--json").out)["findings"] == []
    if any(path.startswith("tests/") for path in SKELETONS[kind]):
        document = json.loads(session.run("test", "packages/mine", "--coverage", "--json").out)
        assert document["passed"] is True
        assert document["packages"][0]["coverage"]["missed"] == []


@pytest.mark.parametrize("kind", ["workflow", "module"])
def test_it_is_listed_and_can_be_applied(session: Session, kind: str) -> None:
    session.desired("# mine\nextensions:\n  # none yet\n  other: ./packages/other\n")
    session.package("other")
    assert session.run("new", kind, "packages/mine", "--in", "llamagate.yaml").code == 0
    assert "# none yet" in (session.project / "llamagate.yaml").read_text()
    assert sorted(session.actions()) == ["install mine", "install other"]


def test_nothing_is_overwritten_and_a_bad_id_is_refused(session: Session) -> None:
    session.write("mine/keep.txt", "x")
    assert session.run("new", "workflow", "mine").code == 1
    assert session.run("new", "workflow", "my thing").code == 1
    said = session.run("new", "workflw", "other")
    assert (said.code, "did you mean 'workflow'" in said.err) == (64, True)
    assert not (session.project / "other").exists()
