"""``apply --confirm``: it stays only if somebody confirms it; ended before, in any way, it is undone."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.shell import Result, Session, finished

LONG = "10m"


def version(session: Session) -> str:
    found: str = session.registered()["a"]["version"]
    return found


@pytest.fixture
def two(session: Session) -> Session:
    """Version 1.0.0 is applied, 2.0.0 is at the source."""
    session.extensions("a")
    session.llamagate("apply")
    session.package("a", version="2.0.0")
    return session


@contextmanager
def waiting(session: Session, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """An apply that has made its change and waits for somebody to confirm it."""
    with session.process("apply", *arguments) as running:
        deadline = time.monotonic() + 60
        while not (session.ours / "record.json").exists() or "confirm_by" not in json.dumps(session.record()):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield running


def test_a_change_that_is_confirmed_stays(two: Session) -> None:
    with waiting(two, "--confirm", LONG) as running:
        assert version(two) == "2.0.0"
        assert two.llamagate("confirm", "--json").json == {"confirmed": True, "generation": 2}
        done = finished(running)
    assert (done.code, version(two)) == (0, "2.0.0")
    assert "Confirmed." in done.out
    assert two.record()["generation"] == 2
    assert two.llamagate("confirm", "--json").json == {"confirmed": False, "generation": None}


def test_when_the_time_is_over_it_is_undone(two: Session) -> None:
    with waiting(two, "--confirm", "1s", "--json") as running:
        done = finished(running)
    assert (done.code, version(two)) == (6, "1.0.0")
    assert done.json["error"]["code"] == "rolled-back"
    assert done.json["outcome"] == "rolled-back"
    assert "confirm_by" not in two.record()
    assert two.record()["hold"]["reason"].startswith("nobody confirmed generation 2")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1])
def test_ended_by_a_signal_it_is_undone(two: Session, number: signal.Signals) -> None:
    with waiting(two, "--confirm", LONG) as running:
        time.sleep(0.1)
        running.send_signal(number)
        done = finished(running)
    assert (done.code, version(two)) == (6, "1.0.0")
    assert number.name in done.err


@pytest.mark.parametrize("error", [RuntimeError("boom"), OSError(5, "boom")], ids=["bug", "system"])
def test_ended_by_an_error_it_is_undone(two: Session, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """One that comes after the change was made, and before the command waits."""

    def fails(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise error

    monkeypatch.setattr("reconciler.reconcile.change.reload_gateway", fails)
    failed = two.llamagate("apply", "--confirm", LONG, exits=70 if isinstance(error, RuntimeError) else 1)
    assert "nobody confirmed generation 2" in failed.err
    assert "the command failed" in failed.err
    assert version(two) == "1.0.0"
    assert "confirm_by" not in two.record()


def test_an_output_that_is_full_does_not_end_the_wait(two: Session) -> None:
    two.variables["PYTHONUNBUFFERED"] = "1"
    with Path("/dev/full").open("w") as full, two.process("apply", "--confirm", "3s", stdout=full) as running:
        said = running.communicate(timeout=60)[1]
    assert (running.returncode, version(two)) == (6, "1.0.0"), said
    assert "confirm_by" not in two.record()


def test_killed_the_next_writer_undoes_it_first(two: Session) -> None:
    with waiting(two, "--confirm", LONG) as running:
        running.kill()
        running.communicate()
    assert version(two) == "2.0.0"
    two.package("b")
    said = two.llamagate("import", "packages/b")
    assert "nobody confirmed generation 2" in said.err
    assert version(two) == "1.0.0"
    assert "b" in two.registered()


def test_killed_a_watcher_undoes_it_and_leaves_it_so(two: Session) -> None:
    with waiting(two, "--confirm", LONG) as running:
        running.kill()
        running.communicate()
    two.llamagate("watch", "--once")
    assert version(two) == "1.0.0"
    two.run("watch", "--once")
    assert version(two) == "1.0.0"


def test_killed_it_is_too_late_to_confirm(two: Session) -> None:
    with waiting(two, "--confirm", LONG) as running:
        running.kill()
        running.communicate()
    assert two.llamagate("confirm", "--json", exits=6).json["error"]["code"] == "rolled-back"
    assert version(two) == "1.0.0"


def test_meanwhile_readers_read_and_writers_are_told_to_wait(two: Session) -> None:
    with waiting(two, "--confirm", LONG) as running:
        for verb in (("list",), ("plan",), ("status",), ("history",), ("show", "a")):
            two.llamagate(*verb)
        shown = two.llamagate("status", "--json").json["confirm_by"]
        assert shown["generation"] == 2
        two.package("b")
        assert two.llamagate("import", "packages/b", "--json", exits=8).error["code"] == "busy"
        assert version(two) == "2.0.0"
        two.llamagate("confirm")
        assert finished(running).code == 0
    assert two.llamagate("status", "--json").json["confirm_by"] is None


def test_the_first_apply_of_all_is_undone_to_nothing(session: Session) -> None:
    session.extensions("a")
    with waiting(session, "--confirm", "1s") as running:
        assert finished(running).code == 6
    assert session.registered() == {}
    session.llamagate("history")
    session.llamagate("resume")
    session.llamagate("apply")
    assert version(session) == "1.0.0"


def test_what_was_edited_by_hand_meanwhile_goes_into_a_backup(two: Session) -> None:
    with waiting(two, "--confirm", "2s") as running:
        two.installed("a", "manifest.yaml").write_text("name: broken\n")
        assert finished(running).code == 6
    assert version(two) == "1.0.0"
    assert "broken" not in two.installed("a", "manifest.yaml").read_text()
    assert any("broken" in path.read_text() for path in (two.ours / "backups").rglob("manifest.yaml"))


def test_nothing_to_change_needs_no_confirmation(two: Session) -> None:
    two.llamagate("apply")
    assert two.llamagate("apply", "--confirm", LONG).code == 0


@pytest.mark.parametrize("text", ["0", "x", "5d", "25h", "-1", ""])
def test_a_time_that_is_none_is_a_usage_error(two: Session, text: str) -> None:
    two.llamagate("apply", "--confirm", text, exits=64)
    assert version(two) == "1.0.0"


def test_it_needs_a_generation_to_go_back_to(two: Session) -> None:
    two.desired("policy: {generations: 1}\nextensions: {a: ./packages/a}\n")
    said: Result = two.llamagate("apply", "--confirm", LONG, exits=1)
    assert "policy.generations" in said.err
    assert version(two) == "1.0.0"
