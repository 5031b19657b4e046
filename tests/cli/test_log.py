"""``-vv`` and ``--log-file``: what a command does, and how long each phase takes."""

from __future__ import annotations

import os
import re
from typing import Final

import pytest

from tests.cli.shell import Session

PHASES: Final = [
    "start",
    "wait for other commands",
    "look for an interrupted change",
    "read the file and the home",
    "find the packages",
    "make the plan",
    "stage the packages",
    "change the home",
]
PHASE: Final = re.compile(r"\d+\.\d{3} s  (.*)")
LINE: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00 \d+ (\w+): (.*)")


@pytest.fixture
def project(session: Session) -> Session:
    session.extensions("foo")
    return session


def logged(session: Session) -> list[str]:
    """What the lines of the log say, behind the time, the process and the verb."""
    lines = (session.project / "x.log").read_text().splitlines()
    return [match[2] for line in lines if (match := LINE.fullmatch(line))]


@pytest.mark.parametrize("flags", [["-vv", "apply"], ["apply", "-v", "-v"]], ids=["before", "after"])
def test_phases_are_said_with_their_time(project: Session, flags: list[str]) -> None:
    said = project.llamagate(*flags).err
    assert PHASE.findall(said) == PHASES


def test_once_v_has_no_times(project: Session) -> None:
    assert PHASE.findall(project.llamagate("apply", "-v").err) == []


def test_the_log_has_phases_and_what_is_said(project: Session) -> None:
    project.llamagate("--log-file", "x.log", "apply")
    lines = logged(project)
    assert [match[1] for line in lines if (match := PHASE.fullmatch(line))] == PHASES
    assert "wrote llamagate.lock.yaml: 1 entry changed" in lines
    assert (project.project / "x.log").stat().st_mode & 0o777 == 0o600
    assert project.llamagate("history", "--json").json["generations"][0]["command"] == "llamagate apply"


def test_the_log_is_appended_to_and_has_errors_without_lines_of_files(project: Session) -> None:
    project.llamagate("plan", "--log-file", "x.log", "-q")
    before = logged(project)
    project.desired("extensions: {foo: hunter2\n")
    project.llamagate("plan", "--log-file", "x.log", exits=1)
    lines = logged(project)
    assert lines[: len(before)] == before
    assert [line for line in lines if line.startswith("error malformed: llamagate.yaml:")]
    assert "hunter2" not in "".join(lines)


def test_a_log_that_cannot_be_written(project: Session) -> None:
    said = project.llamagate("apply", "--log-file", "nowhere/x.log", exits=1)
    assert "nowhere/x.log: the log cannot be written" in said.err
    assert not project.home.exists()


@pytest.mark.parametrize("name", ["llamagate.yaml", "llamagate.lock.yaml", "link", "../home/reconciler/record.json"])
def test_only_a_log_is_appended_to(session: Session, name: str) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    (session.project / "link").symlink_to("llamagate.yaml")
    before = (session.project / name).read_bytes()
    said = session.llamagate("list", "--log-file", name, exits=1).err
    assert f"{name} is not a log of llamagate, so it is not changed" in said
    assert (session.project / name).read_bytes() == before


def test_a_pipe_that_nobody_reads_is_not_waited_for(session: Session) -> None:
    os.mkfifo(session.project / "pipe")
    assert "pipe: the log cannot be written" in session.llamagate("list", "--log-file", "pipe", exits=1).err
