"""Two commands at once: writers wait for each other, readers never see half of a change."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Session, finished, held_apply, interrupt_apply, snapshot


@pytest.fixture
def ready(session: Session) -> Session:
    """Version 1 of two extensions, applied, and version 2 in the packages."""
    session.extensions("a", "b")
    session.llamagate("apply")
    for item in ("a", "b"):
        session.package(item, version="2.0.0", files={"new.txt": "new\n"})
    return session


def let_go(running: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Let a held apply go on to its end."""
    out, err = running.communicate("\n", timeout=60)
    return running.returncode, out, err


# Writers


def test_the_second_waits_and_says_for_whom(ready: Session) -> None:
    ready.desired("owner: other\nextensions: {c: ./packages/c}\n", name="other.yaml")
    ready.package("c")
    with held_apply(ready) as first, ready.process("apply", "-f", "other.yaml") as second:
        assert second.stderr is not None
        line = second.stderr.readline()
        assert re.fullmatch(
            rf"llamagate: waiting for llamagate apply \(pid {first.pid}, since \d\d:\d\d:\d\d\)\n", line
        )
        assert second.poll() is None
        assert let_go(first)[0] == 0
        said = finished(second)
    assert said.code == 0
    assert said.out.endswith("Applied as generation 3: 1 installed.\n")


def test_both_end_as_one_after_the_other_would(ready: Session, tmp_path_factory: pytest.TempPathFactory) -> None:
    ready.package("c")
    ready.desired("owner: other\nextensions: {c: ./packages/c}\n", name="other.yaml")
    with ready.process("apply") as first, ready.process("apply", "-f", "other.yaml") as second:
        assert [finished(first).code, finished(second).code] == [0, 0]

    alone = Session(tmp_path_factory.mktemp("alone"))
    alone.extensions("a", "b")
    alone.llamagate("apply")
    for item in ("a", "b"):
        alone.package(item, version="2.0.0", files={"new.txt": "new\n"})
    alone.package("c")
    alone.desired("owner: other\nextensions: {c: ./packages/c}\n", name="other.yaml")
    alone.llamagate("apply")
    alone.llamagate("apply", "-f", "other.yaml")
    assert portrait(ready) == portrait(alone)


def portrait(session: Session) -> Any:
    """What of a home does not depend on when and where it was made."""
    times = ("installed_at", "last_updated_at", "source_path")
    entries = {
        item: {key: value for key, value in entry.items() if key not in times}
        for item, entry in session.registered().items()
    }
    installed = session.home / "extensions"
    files = {str(Path(path).relative_to(installed)): found for path, found in snapshot(installed).items()}
    record = session.record()
    items = {item["id"]: (item["tree"], item["owner"], item["enabled"]) for item in record["items"]}
    return entries, files, items, record["generation"]


def test_the_same_apply_twice_at_once_changes_things_once(ready: Session) -> None:
    with ready.process("apply", "--json") as first, ready.process("apply", "--json") as second:
        said = [finished(first), finished(second)]
    assert [result.code for result in said] == [0, 0]
    assert sorted(result.json["changes"] for result in said) == [False, True]
    assert ready.record()["generation"] == 2


def test_four_applies_of_four_owners_lose_nothing(session: Session) -> None:
    for owner in "abcd":
        session.package(owner)
        session.desired(f"owner: {owner}\nextensions: {{{owner}: ./packages/{owner}}}\n", name=f"{owner}.yaml")
    running = [session.process("apply", "-f", f"{owner}.yaml") for owner in "abcd"]
    assert [finished(process).code for process in running] == [0, 0, 0, 0]
    assert set(session.registered()) == set("abcd")
    assert session.record()["generation"] == 4


def test_a_short_wait_ends_busy(ready: Session) -> None:
    with held_apply(ready) as first:
        before = ready.everything()
        start = time.monotonic()
        said = ready.llamagate("apply", "--wait", "0.5", "--json", exits=8)
        assert 0.5 <= time.monotonic() - start < 15  # without the flag it would wait for longer
        assert ready.everything() == before
        assert let_go(first)[0] == 0
    assert said.error["code"] == "busy"
    assert re.fullmatch(
        rf"llamagate apply \(pid {first.pid}, since \d\d:\d\d:\d\d\) is changing this home; gave up after \S+ s; "
        "wait for it to end, or give --wait more seconds",
        said.error["message"],
    )


def test_no_wait_at_all(ready: Session) -> None:
    with held_apply(ready):
        said = ready.llamagate("apply", "--wait", "0", exits=8)
    assert "waiting for" not in said.err


def test_a_killed_writer_frees_the_lock(ready: Session) -> None:
    interrupt_apply(ready)
    said = ready.llamagate("apply", "--wait", "0")
    assert said.err.startswith("llamagate: an interrupted change was finished first\n")
    assert ready.registered()["a"]["version"] == "2.0.0"


def test_a_terminated_writer_leaves_what_the_next_command_finishes(ready: Session) -> None:
    with held_apply(ready) as first:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=30)
    ready.llamagate("recover")
    assert {entry["version"] for entry in ready.registered().values()} == {"2.0.0"}


def test_a_recover_waits_too(ready: Session) -> None:
    with held_apply(ready) as first:
        assert ready.llamagate("recover", "--wait", "0.2", "--json", exits=8).error["code"] == "busy"
        let_go(first)


# Readers


@pytest.mark.parametrize("verb", ["plan", "lock"])
def test_a_reader_that_meets_a_writer_says_busy(ready: Session, verb: str) -> None:
    with held_apply(ready) as first:
        if verb == "lock":
            ready.llamagate("lock")  # the lock belongs to the project; an apply has written it already
        else:
            said = ready.llamagate("plan", exits=8)
            assert re.match(
                rf"llamagate: {ready.home} is being changed by llamagate apply \(pid {first.pid}, ", said.err
            )


def test_status_and_list_answer_while_a_writer_is_at_work(ready: Session) -> None:
    with held_apply(ready):
        status = ready.llamagate("status", "--json").json
        assert (status["transaction"], status["in_sync"]) == ("running", False)
        assert {item["version"] for item in ready.llamagate("list", "--json").json["items"]} == {"1.0.0"}
        assert ready.llamagate("status").out.startswith("A change is running.\n")


def test_status_knows_an_interrupted_change(ready: Session) -> None:
    interrupt_apply(ready)
    before = ready.everything()
    status = ready.llamagate("status", "--json").json
    assert (status["transaction"], status["in_sync"]) == ("interrupted", False)
    assert ready.llamagate("status").out.startswith("A change was interrupted: run 'llamagate recover'.\n")
    assert len(ready.llamagate("list", "--json").json["items"]) == 2
    said = ready.llamagate("plan", exits=7)
    assert said.err == (
        f"llamagate: a change of {ready.home} was interrupted\n"
        "  → run 'llamagate recover': it finishes the change or undoes it\n"
    )
    assert ready.everything() == before


def test_no_transaction(ready: Session) -> None:
    assert ready.llamagate("status", "--json").json["transaction"] == "none"


def test_readers_need_no_lock_and_leave_none(ready: Session) -> None:
    (ready.ours / "lock").unlink()
    before = snapshot(ready.home)
    for arguments in (["plan"], ["status"], ["list"], ["status", "--diff", "a"]):
        ready.llamagate(*arguments)
    assert snapshot(ready.home) == before


@pytest.fixture
def polled(ready: Session) -> Iterator[Callable[[], list[Any]]]:
    """Reads all files of both items, again and again, while the test goes on; gives what was seen, without repeats."""
    seen: list[Any] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            found: Any
            try:
                versions = [
                    re.findall(r"version: (\S+)", ready.installed(item, "manifest.yaml").read_text())[0]
                    for item in ("a", "b")
                ]
                found = (*versions, [entry["version"] for entry in json.loads(ready.registry.read_bytes())])
            except (OSError, ValueError, IndexError) as error:
                found = error
            if not seen or seen[-1] != found:
                seen.append(found)

    reader = threading.Thread(target=look)
    reader.start()

    def end() -> list[Any]:
        stop.set()
        reader.join()
        return seen

    yield end
    end()


def test_a_polling_reader_never_meets_a_missing_or_broken_item(ready: Session, polled: Callable[[], list[Any]]) -> None:
    for version in ("3.0.0", "4.0.0", "5.0.0"):
        for item in ("a", "b"):
            ready.package(item, version=version)
        ready.in_process("apply")
    seen = polled()
    assert not [found for found in seen if isinstance(found, Exception)]
    assert seen[-1] == ("5.0.0", "5.0.0", ["5.0.0", "5.0.0"])


def test_plans_that_are_made_meanwhile_are_of_one_state(ready: Session) -> None:
    """Each plan is that of before or of after: never an update of one item alone, since both change in one go."""
    with held_apply(ready) as first:
        plans = [ready.process("plan", "--json") for _ in range(3)]
        time.sleep(0.15)
        let_go(first)
        said = [finished(process) for process in plans]
    for result in said:
        assert result.code in (0, 8), result.err
        if result.code == 0:
            assert len(result.json["actions"]) in (0, 2)
