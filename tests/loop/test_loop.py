"""Which looks are attempts. A real home and real files; the time is handed in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.errors import RefusedError
from reconciler.fs import file_lock
from reconciler.loop import loop, own_change
from reconciler.loop.attempt import WatchedPass
from reconciler.loop.fights import LIMIT
from reconciler.loop.fingerprint import Fingerprint
from reconciler.loop.tried import Tried
from reconciler.model.watched import Result
from reconciler.observe.home import present_items
from reconciler.packages.stamps import file_stamp
from tests.cli.shell import Session
from tests.loop.loops import INTERVAL_SECONDS, Driven, driven
from tests.loop.watcher import state


@pytest.fixture
def watcher(foo: Session) -> Iterator[Driven]:
    """A watcher that has installed it, has looked once more, and has found what it wrote itself."""
    with driven(foo) as watcher:
        watcher.loop.step()
        watcher.trigger()
        assert watcher.loop.watched.counts.attempts == {Result.APPLIED: 1}
        yield watcher


def test_a_trigger_is_no_attempt_where_all_is_as_it_was(foo: Session, watcher: Driven) -> None:
    for _ in range(5):
        foo.installed("foo", "log.txt").write_text("what a program writes")
        (foo.project / "llamagate.yaml").touch()
        foo.write("notes.txt", "beside the file")
        watcher.trigger()
    assert watcher.attempts == 1


@pytest.mark.parametrize("change", ["file", "package", "lock", "home", "registry", "order"])
def test_it_is_one_where_anything_changed_that_counts(foo: Session, watcher: Driven, change: str) -> None:
    match change:
        case "file":
            foo.edit("llamagate.yaml", "extensions:", "extensions:  # a remark")
        case "package":
            foo.package("foo", version="2.0.0")
        case "lock":
            foo.edit("llamagate.lock.yaml", "items:", "items:  # a remark")
        case "home":
            foo.installed("foo", "manifest.yaml").unlink()
        case "registry":
            foo.registry.write_text("[]")
        case "order":
            foo.llamagate("suspend", "foo", "--reason", "x")
    watcher.trigger()
    assert watcher.attempts == 2


OTHERS: dict[str, Callable[[Session], object]] = {
    "the file": lambda foo: foo.edit("llamagate.yaml", "extensions:", "extensions:  # a remark"),
    "the lock": lambda foo: foo.edit("llamagate.lock.yaml", "items:", "items:  # a remark"),
    "the package": lambda foo: foo.package("foo", version="3.0.0"),
    "an installed file": lambda foo: foo.installed("foo", "manifest.yaml").unlink(),
    "a touched file": lambda foo: foo.installed("foo", "manifest.yaml").touch(),
    "the folder": lambda foo: shutil.rmtree(foo.installed("foo", "manifest.yaml").parent),
    "another folder": lambda foo: (foo.home / "extensions/installed/other").mkdir(),
    "the registry": lambda foo: foo.registry.write_text("[]"),
    "a switch": lambda foo: foo.registry.write_text(foo.registry.read_text().replace("true", "false")),
    "a command": lambda foo: foo.llamagate("disable", "foo"),
    "an order": lambda foo: foo.llamagate("suspend", "foo", "--reason", "x"),
    "a hold": lambda foo: foo.llamagate("rollback"),
}


def is_seen(foo: Session, watcher: Driven, patch: pytest.MonkeyPatch, other: Callable[[Session], object]) -> bool:
    """Whether the watcher sees what happens just after its own change, before anyone looks again."""
    changed = own_change.after

    def after(*arguments: Any) -> Fingerprint:
        patch.setattr(loop, "after", changed)
        other(foo)
        return changed(*arguments)

    patch.setattr(loop, "after", after)
    foo.package("foo", version="2.0.0")
    watcher.trigger()
    assert watcher.attempts == 2
    watcher.trigger()
    return watcher.attempts == 3


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_what_happens_beside_its_own_change_is_seen(
    foo: Session, watcher: Driven, monkeypatch: pytest.MonkeyPatch, other: Callable[[Session], object]
) -> None:
    assert is_seen(foo, watcher, monkeypatch, other)


BLIND: dict[str, tuple[str, Callable[..., object], str]] = {
    "to commands": ("_is_as_left", lambda *_: True, "a command"),
    "to the registry": ("_registry_if_right", lambda lookout, *_: file_stamp(lookout.home.registry), "a switch"),
    "to folders": ("_present", lambda outcome: present_items(outcome.proposal.state.home), "another folder"),
}


@pytest.mark.parametrize(("name", "blind", "other"), BLIND.values(), ids=BLIND)
def test_who_is_blind_to_that_is_noticed(
    foo: Session, watcher: Driven, monkeypatch: pytest.MonkeyPatch, name: str, blind: Any, other: str
) -> None:
    monkeypatch.setattr(own_change, name, blind)
    assert not is_seen(foo, watcher, monkeypatch, OTHERS[other])


def during_an_attempt(patch: pytest.MonkeyPatch, before: Callable[[], object], behind: Callable[[], object]) -> None:
    """The next attempt begins with what ``before`` does, after the look, and ends with what ``behind`` does."""
    attempt = WatchedPass.attempt

    def changed(watched: WatchedPass) -> Tried:
        patch.setattr(WatchedPass, "attempt", attempt)
        before()
        tried = watched.attempt()
        behind()
        return tried

    patch.setattr(WatchedPass, "attempt", changed)


def test_a_package_that_changes_and_changes_back_is_seen(
    foo: Session, watcher: Driven, monkeypatch: pytest.MonkeyPatch
) -> None:
    foo.package("foo", version="2.0.0")
    during_an_attempt(
        monkeypatch, lambda: foo.package("foo", version="3.0.0"), lambda: foo.package("foo", version="2.0.0")
    )
    watcher.trigger()
    assert "3.0.0" in foo.installed("foo", "manifest.yaml").read_text()
    watcher.trigger()
    assert "2.0.0" in foo.installed("foo", "manifest.yaml").read_text()


def test_a_value_that_changes_and_changes_back_is_seen(
    foo: Session, watcher: Driven, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = foo.write("token", "first")
    foo.desired("extensions: {foo: {source: ./packages/foo, config: {token: {file: token}}}}\n")
    during_an_attempt(monkeypatch, lambda: token.write_text("second"), lambda: token.write_text("first"))
    watcher.trigger()
    assert "token: second" in foo.installed("foo", "manifest.yaml").read_text()
    watcher.trigger()
    assert "token: first" in foo.installed("foo", "manifest.yaml").read_text()


def test_a_switch_during_an_attempt_is_seen(foo: Session, watcher: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    foo.package("bar")
    foo.desired("extensions: {foo: {source: ./packages/foo, enabled: true}, bar: ./packages/bar}\n")
    watcher.trigger()
    off = [{**entry, "enabled": entry["id"] != "foo"} for entry in foo.registered().values()]
    monkeypatch.setattr(watcher.loop, "_progress", lambda *_: foo.registry.write_text(json.dumps(off)))
    foo.package("bar", version="2.0.0")
    watcher.trigger()
    monkeypatch.undo()
    watcher.trigger()
    assert foo.registered()["foo"]["enabled"]


STAYING: dict[str, Callable[[Session], object]] = {
    "an edited file of the program": lambda foo: foo.installed("foo", "var.txt").write_text("y"),
    "a hidden folder": lambda foo: (foo.home / "extensions/installed/.hidden").mkdir(),
    "a file beside the items": lambda foo: (foo.home / "extensions/installed/README").write_text("x"),
    "a link beside the items": lambda foo: (foo.home / "extensions/installed/link").symlink_to(foo.project),
}


@pytest.mark.parametrize("other", STAYING.values(), ids=STAYING)
def test_what_no_attempt_changes_is_attempted_once(
    foo: Session, watcher: Driven, other: Callable[[Session], object]
) -> None:
    foo.package("foo", version="2.0.0", files={"var.txt": "x"})
    foo.extensions("foo", text="policy: {mutable: ['var.txt']}\n")
    watcher.trigger()
    other(foo)
    watcher.trigger()
    foo.package("foo", version="3.0.0", files={"more.txt": "x"})
    watcher.trigger()
    watcher.trigger()
    attempts = watcher.attempts
    watcher.trigger()
    assert watcher.attempts == attempts


def test_a_remark_is_attempted_once(foo: Session, watcher: Driven) -> None:
    foo.edit("llamagate.yaml", "extensions:", "extensions:  # a remark")
    watcher.trigger()
    watcher.trigger()
    assert watcher.attempts == 2


def test_a_full_pass_is_one_in_any_case(watcher: Driven) -> None:
    watcher.wait(INTERVAL_SECONDS)
    watcher.wait(INTERVAL_SECONDS)
    assert watcher.attempts == 3


def test_one_attempt_an_input(foo: Session, watcher: Driven) -> None:
    foo.write("llamagate.yaml", "[")
    for _ in range(5):
        watcher.trigger()
    assert watcher.loop.watched.counts.attempts[Result.FAILED] == 1
    foo.write("llamagate.yaml", "{")
    watcher.trigger()
    assert watcher.loop.watched.counts.attempts[Result.FAILED] == 2


def test_a_home_that_cannot_be_looked_at_ends_no_watcher(foo: Session, watcher: Driven) -> None:
    aside = foo.home / "aside"
    foo.ours.rename(aside)
    foo.ours.symlink_to(foo.ours)  # for root, too
    watcher.trigger()
    assert watcher.loop.watched.counts.attempts[Result.FAILED] == 1
    foo.ours.unlink()
    aside.rename(foo.ours)
    watcher.trigger()
    assert watcher.said[-1] == "matches the file again (generation 1)"


def test_the_same_failure_is_said_once(foo: Session, watcher: Driven) -> None:
    foo.write("llamagate.yaml", "[")
    watcher.trigger()
    said = len(watcher.said)
    watcher.wait(INTERVAL_SECONDS)
    assert len(watcher.said) == said
    foo.extensions("foo")
    watcher.trigger()
    assert watcher.said[-1] == "matches the file again (generation 1)"


def test_what_may_pass_is_tried_again_by_itself(foo: Session, watcher: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.loop.loop._LOCK_WAIT_SECONDS", 0)
    foo.package("foo", version="2.0.0")
    with file_lock.exclusive(foo.ours / "lock", command="another", wait=0, notice=watcher.said.append):
        watcher.trigger()
        watcher.wait(4)
        assert watcher.loop.watched.counts.attempts[Result.FAILED] == 1
        watcher.wait(1)
        assert watcher.loop.watched.counts.attempts[Result.FAILED] == 2
    watcher.wait(10)
    assert watcher.loop.watched.counts.attempts[Result.APPLIED] == 2


def test_a_plan_that_is_refused_again_and_again_is_no_fight(foo: Session, watcher: Driven) -> None:
    foo.write(str(foo.installed("bar", "manifest.yaml")), "name: bar\n")
    foo.extensions("foo", "bar")
    watcher.trigger()
    for _ in range(10):
        watcher.wait(INTERVAL_SECONDS)
    assert watcher.loop.watched.counts.attempts[Result.REFUSED] == 11
    assert foo.record()["suspensions"] == []


def test_a_gateway_that_is_told_again_and_again_is_spoken_of_once(
    foo: Session, watcher: Driven, free_port: int
) -> None:
    foo.extensions("foo", "bar", text=f'gateway: {{url: "http://127.0.0.1:{free_port}", reload: required}}\n')
    watcher.trigger()
    for _ in range(5):
        watcher.wait(INTERVAL_SECONDS)
    assert watcher.loop.watched.counts.attempts[Result.FAILED] == 6
    assert [line for line in watcher.said if "connection refused" in line] == [
        f"the gateway at http://127.0.0.1:{free_port} was not reloaded: connection refused; a gateway loads the change "
        "when it starts"
    ]


def refuses() -> str:
    """Another fetch, whose commit may not be taken."""
    raise RefusedError("it does not descend from the one that was taken last")


def test_a_commit_that_is_not_taken_is_no_new_input_and_the_home_is_kept(foo: Session, watcher: Driven) -> None:
    watcher.loop.options = replace(watcher.loop.options, fetch=lambda: "a commit")
    watcher.wait(INTERVAL_SECONDS)
    watcher.loop.options = replace(watcher.loop.options, fetch=refuses)
    watcher.wait(INTERVAL_SECONDS)
    shutil.rmtree(foo.installed("foo"))
    watcher.trigger()
    watcher.trigger()
    assert watcher.loop.watched.counts.attempts[Result.REFUSED] == 3
    for _ in range(5):
        watcher.trigger()
    assert watcher.loop.watched.counts.attempts[Result.REFUSED] == 3
    assert foo.installed("foo", "manifest.yaml").exists()
    assert watcher.loop.watched.attempted is not None
    assert watcher.loop.watched.attempted.commit == "a commit"


def test_where_no_commit_was_taken_nothing_is_applied_and_it_is_asked_for_once(foo: Session) -> None:
    """What lies there may be of another repository."""
    with driven(foo) as watcher:
        watcher.loop.options = replace(watcher.loop.options, fetch=refuses)
        watcher.loop.step()
        for _ in range(5):
            watcher.trigger()
        assert watcher.loop.watched.counts.attempts == {Result.REFUSED: 1}
    assert not foo.installed("foo").exists()


def test_what_was_changed_although_no_newer_commit_came_is_told(foo: Session, watcher: Driven) -> None:
    watcher.loop.options = replace(watcher.loop.options, fetch=lambda: "a commit")
    watcher.wait(INTERVAL_SECONDS)
    watcher.loop.options = replace(watcher.loop.options, fetch=refuses)
    watcher.wait(INTERVAL_SECONDS)
    shutil.rmtree(foo.installed("foo"))
    watcher.trigger()
    assert watcher.said[-1] == "generation 2: repair foo"


def test_what_is_wrong_again_at_each_full_pass_is_a_fight(foo: Session, watcher: Driven) -> None:
    """Also at those that come late."""
    path = foo.installed("foo", "manifest.yaml")
    for _ in range(LIMIT):
        path.unlink()
        watcher.wait(INTERVAL_SECONDS * 1.1)
    [order] = foo.record()["suspensions"]
    assert order["item"] == "foo"
    assert order["reason"].startswith(
        f"repaired 5 times in a row and changed back each time; {path} is gone; foo was changed"
    )
    foo.llamagate("resume", "foo")
    path.unlink()
    watcher.wait(INTERVAL_SECONDS)
    assert path.exists()
    assert foo.record()["suspensions"] == []


def test_who_fights_by_another_file_is_told(foo: Session) -> None:
    foo.desired("owner: team\nextensions:\n  foo: {source: ./packages/foo, enabled: true}\n")
    foo.desired("owner: team\nextensions:\n  foo: {source: ./packages/foo, enabled: false}\n", name="other.yaml")
    with driven(foo) as watcher:
        watcher.loop.step()
        for _ in range(LIMIT):
            foo.llamagate("apply", "-f", "other.yaml")
            watcher.trigger()
    [order] = foo.record()["suspensions"]
    other = foo.project / "other.yaml"
    assert f"{other} has the owner 'team' too; 'llamagate apply" in order["reason"]
    assert "made generation 10 at" in order["reason"]


def test_what_became_of_another_file_is_nothing_to_go_on_from(foo: Session) -> None:
    foo.llamagate("watch", "--once")
    foo.llamagate("watch", "--once", "-f", "none.yaml", exits=1)
    assert state(foo)["applied"] is None
    assert len(state(foo)["outcomes"]) == 1


def test_lost_triggers_are_a_full_pass(watcher: Driven) -> None:
    watcher.loop.wake.lost()
    watcher.loop._sleep()
    watcher.wait(1)
    assert watcher.attempts == 2


def test_a_home_that_is_left_alone_is_as_ready_as_it_was(foo: Session, watcher: Driven) -> None:
    foo.llamagate("suspend", "--reason", "freeze")
    foo.package("foo", version="2.0.0")
    watcher.trigger()
    assert {str(aspect): one.status for aspect, one in watcher.loop.watched.conditions.items()} == {
        "Ready": "True",
        "Reconciling": "False",
        "Stalled": "False",
        "Suspended": "True",
    }
