"""The workflows and settings beside the code name what there is."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

import pytest
import yaml

from tests.conftest import PROJECT

SETTINGS: Final = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
WORKFLOWS: Final = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
FORMS: Final = [*sorted((PROJECT / ".github").rglob("*.yml")), PROJECT / ".pre-commit-config.yaml"]


def workflow(name: str) -> Any:
    return yaml.safe_load((PROJECT / ".github" / "workflows" / name).read_text("utf-8"))


@pytest.mark.parametrize("path", FORMS, ids=[path.name for path in FORMS])
def test_it_is_yaml_and_names_no_address(path: Any) -> None:
    text = path.read_text("utf-8")
    assert isinstance(yaml.safe_load(text), dict)
    assert "://" not in text


def test_ci_runs_every_python_that_the_package_names_on_both_systems() -> None:
    matrix = workflow("ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    named = re.findall(r"Python :: (3\.\d+)$", "\n".join(SETTINGS["project"]["classifiers"]), re.MULTILINE)
    assert matrix == {"system": ["ubuntu-latest", "macos-latest"], "python": named}


@pytest.mark.parametrize("path", WORKFLOWS, ids=[path.name for path in WORKFLOWS])
def test_the_jobs_that_workflows_run_are_there(path: Any) -> None:
    jobs = re.findall(r"^@nox\.session\ndef (\w+)\(", (PROJECT / "noxfile.py").read_text("utf-8"), re.MULTILINE)
    called = " ".join(re.findall(r"run: nox -s (.+)$", path.read_text("utf-8"), re.MULTILINE)).split()
    assert called
    assert set(called) <= set(jobs)


def test_each_step_of_a_release_may_do_one_thing_only() -> None:
    """One asks for an identity, one writes the release; neither has the key, and the one that has it may only read."""
    release = workflow("release.yml")
    assert release["permissions"] == {"contents": "read"}
    assert {name: job["permissions"] for name, job in release["jobs"].items() if "permissions" in job} == {
        "publish": {"id-token": "write"},
        "attach": {"contents": "write"},
    }
    assert [name for name, job in release["jobs"].items() if "secrets." in str(job)] == ["sign"]
    assert "password" not in str(release)


def test_commit_hooks_are_tools_of_the_environment() -> None:
    repositories = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert [one["repo"] for one in repositories] == ["local"]
    assert all(hook["entry"].startswith(".venv/bin/") for one in repositories for hook in one["hooks"])
