"""``reconciler.api`` over a real home."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from reconciler import api
from reconciler.api import (
    ActionKind,
    BusyError,
    Change,
    InputError,
    Installation,
    ItemKey,
    Kind,
    Listener,
    LockStaleError,
    NotReloadedError,
    PassOptions,
    PlanStaleError,
    Recovered,
    RefusedError,
    open_home,
)
from tests.cli.shell import Session, held_apply, interrupt_apply
from tests.conftest import PROJECT

A: Final = ItemKey(Kind.EXTENSION, "a")
IMPATIENT: Final = Listener(wait=0, notice=lambda _: None)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session = Session(tmp_path)
    session.extensions("a", "b")
    return session


@pytest.fixture
def file(session: Session) -> Path:
    return session.project / "llamagate.yaml"


@pytest.fixture
def home(session: Session) -> Installation:
    return open_home(session.home)


# A home


@pytest.mark.parametrize(
    ("path", "variables", "expected"),
    [
        ("/p", {"LLAMAGATE_HOME": "/l", "HOME": "/u"}, "/p"),
        (None, {"LLAMAGATE_HOME": "/l", "HOME": "/u"}, "/l"),
        (None, {"HOME": "/u"}, "/u/.llamagate"),
    ],
    ids=["path", "variable", "default"],
)
def test_the_home_is_the_path_then_the_variable_then_the_default(
    path: str | None, variables: Mapping[str, str], expected: str
) -> None:
    home = open_home(path, variables=variables)
    assert home.home == Path(expected)
    assert home.environment.is_own_home is (expected == "/u/.llamagate")


def test_the_process_is_not_asked_for_its_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMAGATE_HOME", "/l")
    with pytest.raises(InputError, match="no home is given"):
        open_home()


def test_each_pass_takes_the_time_of_the_clock(session: Session, file: Path) -> None:
    at = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    open_home(session.home, clock=lambda: at).apply(file)
    assert session.registered()["a"]["installed_at"].startswith("2030-01-02T03:04:05")


def test_values_come_from_the_variables_that_were_given(session: Session, file: Path) -> None:
    session.desired("extensions: {a: {source: ./packages/a, config: {token: {env: A_TOKEN}}}}\n")
    with pytest.raises(InputError, match="A_TOKEN"):
        open_home(session.home).plan(file)
    open_home(session.home, variables={"A_TOKEN": "s3cret"}).apply(file)
    assert "s3cret" in session.installed("a", "manifest.yaml").read_text()


# Plan


def test_a_plan_says_what_would_change_and_changes_nothing(session: Session, home: Installation, file: Path) -> None:
    before = session.everything()
    plan = home.plan(file)
    assert [(action.action, action.key.id, action.to_version) for action in plan.actions] == [
        (ActionKind.INSTALL, "a", "1.0.0"),
        (ActionKind.INSTALL, "b", "1.0.0"),
    ]
    assert session.everything() == before


def test_a_plan_may_be_narrowed(home: Installation, file: Path) -> None:
    assert [action.key for action in home.plan(file, PassOptions(only=["a"])).actions] == [A]


def test_a_file_that_is_not_there_is_malformed_input(home: Installation) -> None:
    for call in (home.plan, home.apply, home.status):
        with pytest.raises(InputError, match=r"none\.yaml: no such file"):
            call("none.yaml")


def test_faults_have_their_place(session: Session, home: Installation, file: Path) -> None:
    session.desired("extensions:\n  a: {source: 3}\n")
    with pytest.raises(InputError) as raised:
        home.plan(file)
    (fault,) = raised.value.faults
    assert (fault.file, fault.line, fault.path) == (str(file), 3, "extensions.a.source")


def test_a_lock_that_must_not_change_is_stale(home: Installation, file: Path) -> None:
    with pytest.raises(LockStaleError):
        home.plan(file, PassOptions(locked=True))


# Apply


def test_an_apply_makes_the_home_as_the_file_says(session: Session, home: Installation, file: Path) -> None:
    outcome = home.apply(file)
    assert (outcome.generation, outcome.recovered, outcome.warnings, outcome.error) == (1, Recovered.NONE, (), None)
    assert session.installed("a", "manifest.yaml").exists()
    again = home.apply(file)
    assert (again.plan.changes, again.generation) == (False, 1)


def test_it_says_nothing_by_itself(home: Installation, file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    home.apply(file)
    home.status(file)
    assert capfd.readouterr() == ("", "")


def test_a_plan_with_refusals_is_refused_as_a_whole(session: Session, home: Installation, file: Path) -> None:
    home.apply(file)
    session.installed("a", "manifest.yaml").write_text("mine\n")
    session.package("a", version="2.0.0")
    before = session.everything()
    with pytest.raises(RefusedError) as raised:
        home.apply(file)
    assert [fault.path for fault in raised.value.faults] == ["extension a"]
    assert session.everything() == before
    assert home.apply(file, PassOptions(overwrite=True)).generation == 2


def test_the_plan_that_was_shown_is_done_or_none(session: Session, home: Installation, file: Path) -> None:
    shown = home.plan(file)
    session.package("a", version="2.0.0")
    with pytest.raises(PlanStaleError):
        home.apply(file, expected=shown)
    home.apply(file, expected=home.plan(file))


def test_another_writer_is_named(session: Session, home: Installation, file: Path) -> None:
    with held_apply(session), pytest.raises(BusyError, match="llamagate apply"):
        home.apply(file, listener=IMPATIENT)


def test_what_a_crash_left_is_settled_first(session: Session, home: Installation, file: Path) -> None:
    interrupt_apply(session)
    assert home.status(file).transaction == "interrupted"
    assert home.apply(file).recovered is Recovered.FINISHED


def test_a_gateway_that_must_serve_and_does_not_is_in_the_outcome(
    session: Session, home: Installation, file: Path, free_port: int
) -> None:
    session.extensions("a", text=f"gateway: {{url: 'http://127.0.0.1:{free_port}', reload: required}}\n")
    outcome = home.apply(file)
    assert isinstance(outcome.error, NotReloadedError)
    assert outcome.generation == 1
    assert outcome.gateway


# Status and list


def test_status_compares_with_the_file_or_with_what_was_installed(
    session: Session, home: Installation, file: Path
) -> None:
    home.apply(file)
    session.package("b", version="2.0.0")
    assert (home.status().in_sync, home.status(file).in_sync, home.status(file).pending) == (True, False, 1)
    session.installed("a", "manifest.yaml").write_text("mine\n")
    (drift,) = home.status().drift
    assert (drift.key, drift.path, drift.change) == (A, "manifest.yaml", Change.EDITED)


def test_a_file_is_not_taken_for_a_missing_home(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(InputError, match="this is a file; a home is a folder"):
        open_home(tmp_path / "home").list()


def test_list_has_every_item(home: Installation, file: Path) -> None:
    with pytest.raises(InputError, match="this home does not exist yet"):
        home.list()
    home.apply(file)
    assert [(item.key.id, item.version, item.enabled, item.loadable) for item in home.list()] == [
        ("a", "1.0.0", True, True),
        ("b", "1.0.0", True, True),
    ]


# The module


def test_every_public_name_is_there() -> None:
    assert sorted(set(api.__all__)) == api.__all__
    assert all(hasattr(api, name) for name in api.__all__)


def test_neither_the_command_line_nor_the_host_is_loaded() -> None:
    code = "import sys, reconciler.api; print({'typer', 'rich', 'starlette', 'reconciler.host'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")
