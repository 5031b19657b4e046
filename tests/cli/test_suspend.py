"""Suspending and resuming, and what a hold is set against."""

from __future__ import annotations

import pytest

from tests.cli.failures import failure, warned
from tests.cli.shell import Session


def test_suspending_one_item_and_everything(pair: Session) -> None:
    pair.llamagate("suspend", "foo", "--reason", "a demo at noon")
    pair.llamagate("suspend", "--reason", "release freeze")
    orders = pair.record()["suspensions"]
    assert [(order["item"], order["reason"]) for order in orders] == [("", "release freeze"), ("foo", "a demo at noon")]


def test_a_second_order_takes_the_place_of_the_first(pair: Session) -> None:
    pair.llamagate("suspend", "foo", "--reason", "one")
    pair.llamagate("suspend", "foo", "--reason", "two")
    assert [order["reason"] for order in pair.record()["suspensions"]] == ["two"]


def test_a_typing_error_is_no_order(pair: Session) -> None:
    assert "'foo'?" in failure(pair, "suspend", "fooo", "--reason", "x").message
    assert not pair.record().get("suspensions")


def test_resuming_one_item_leaves_the_others_suspended(pair: Session) -> None:
    pair.llamagate("suspend", "foo", "--reason", "one")
    pair.llamagate("suspend", "bar", "--reason", "two")
    assert pair.llamagate("resume", "foo", "--json").json == {"resumed": True, "reason": "one"}
    assert pair.llamagate("resume", "foo", "--json").json == {"resumed": False, "reason": None}
    assert pair.llamagate("resume", "--json").json == {"resumed": True, "reason": "two"}
    assert pair.llamagate("resume", "--json").json == {"resumed": False, "reason": None}


def test_resuming_one_item_ends_no_hold(pair: Session) -> None:
    pair.llamagate("suspend", "foo", "--reason", "one")
    pair.llamagate("disable", "bar")
    pair.llamagate("rollback")
    assert pair.llamagate("resume", "foo", "--json").json == {"resumed": True, "reason": "one"}
    assert pair.record()["hold"] is not None


def test_an_apply_by_hand_does_not_heed_it_and_says_so(pair: Session) -> None:
    pair.llamagate("suspend", "foo", "--reason", "a demo at noon")
    pair.package("foo", version="2.0.0")
    said = pair.llamagate("apply", "--json").json
    assert [action["action"] for action in said["actions"]] == ["update"]
    assert warned(said) == ["suspended"]
    assert len(pair.record()["suspensions"]) == 1


def test_doctor_names_what_is_suspended(pair: Session) -> None:
    pair.llamagate("suspend", "foo", "--reason", "a demo")
    pair.llamagate("suspend", "--reason", "freeze")
    findings = pair.llamagate("doctor", "--json").json["findings"]
    assert [(one["message"], one["fix"]) for one in findings if one["code"] == "suspended"] == [
        ("the watcher is paused for everything: freeze", "llamagate resume"),
        ("the watcher is paused for foo: a demo", "llamagate resume foo"),
    ]


def test_a_hold_names_the_input_that_it_is_set_against(pair: Session) -> None:
    pair.llamagate("disable", "bar")
    pair.llamagate("rollback")
    hold = pair.record()["hold"]
    assert list(hold["inputs"]) == [str(pair.project / "llamagate.yaml")]


@pytest.mark.parametrize("change", ["file", "package", "lock", "executable", "nothing", "touch", "ignored"])
def test_what_counts_as_another_input(pair: Session, change: str) -> None:
    """By content: a file that is only touched is the same."""
    before = input_of_a_hold(pair)
    manifest = pair.project / "packages" / "foo" / "manifest.yaml"
    match change:
        case "file":
            pair.edit("llamagate.yaml", "extensions:", "extensions:  # a remark")
        case "package":
            pair.edit(manifest, "A package", "The package")
        case "lock":
            pair.edit("llamagate.lock.yaml", "items:", "items:  # a remark")
        case "executable":
            manifest.chmod(0o755)
        case "touch":
            manifest.write_bytes(manifest.read_bytes())
        case "ignored":
            manifest.with_name(".DS_Store").write_text("x")
    assert (input_of_a_hold(pair) == before) == (change in ("nothing", "touch", "ignored"))


def input_of_a_hold(session: Session) -> object:
    """What a hold that is set now is set against."""
    session.llamagate("disable", "bar")
    session.llamagate("rollback", "--to", "1")
    return session.record()["hold"]["inputs"]


@pytest.mark.parametrize("reason", ["", " \t"])
def test_a_reason_must_say_something(pair: Session, reason: str) -> None:
    before = pair.everything()
    assert failure(pair, "suspend", "foo", "--reason", reason, exits=64).code == "usage"
    assert pair.everything() == before
