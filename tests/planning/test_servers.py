"""The verdict on a tool server: the recorded, the wanted and the found entry, every combination of them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.desired import Policy
from reconciler.model.observed import Observed
from reconciler.model.record import Record
from reconciler.model.registry import Registry
from reconciler.model.servers import (
    FoundServer,
    GatewayFile,
    RecordedServer,
    entry_of,
    found_server,
    server_key,
    settings_digest,
)
from reconciler.planning.intent import Allowances, Intent, Rules, ServerTarget, Speaker
from reconciler.planning.next_state import next_record, server_change
from reconciler.planning.planner import make_plan

KEY = server_key("files")


def settings(command: str) -> dict[str, Any]:
    return {"transport": "stdio", "command": command}


def target(command: str, *, owner: str = "team", enabled: bool | None = None) -> ServerTarget:
    filled = settings(command)
    return ServerTarget(
        key=KEY, owner=owner, settings=filled, filled=filled, entry=settings_digest(filled), enabled=enabled
    )


def recorded(command: str, *, owner: str | None = "team", enabled: bool = True) -> RecordedServer:
    digest = settings_digest(settings(command))
    return RecordedServer(key=KEY, owner=owner, settings=settings(command), enabled=enabled, entry=digest)


def found(command: str, *, enabled: bool = True) -> FoundServer:
    return found_server(entry_of("files", settings(command), enabled=enabled))


def intent(wanted: ServerTarget | None, **more: Any) -> Intent:
    rules = Rules(policy=more.pop("policy", Policy()), allowances=Allowances(**more))
    servers = {KEY: wanted} if wanted else {}
    return Intent(speaker=Speaker(owner="team", file="/f"), home="/home", rules=rules, servers=servers)


def world(before: RecordedServer | None, there: FoundServer | None) -> tuple[Record, Observed]:
    record = Record(servers={KEY: before} if before else {})
    file = GatewayFile(path="/home/llamagate.yaml", data=b"", servers={"files": there} if there else {})
    return record, Observed(registry=Registry(), items={}, gateway_file=file)


def verdict(before: str | None, wanted: str | None, there: str | None, **more: Any) -> str:
    """In short: what happens, what of the entry is written, and what drifts or is refused."""
    record, observed = world(recorded(before) if before else None, found(there) if there else None)
    plan = make_plan(intent(target(wanted) if wanted else None, **more), record, observed)
    parts = [f"{action.action} {action.edits}".strip() for action in plan.actions]
    parts += [str(row.change) for row in plan.drift] + [str(refusal.code) for refusal in plan.refusals]
    return ", ".join(parts)


HEAL = Policy(drift_edited="heal")
LEAVE = Policy(drift_edited="ignore", drift_missing="ignore")
REPORT = Policy(drift_missing="report")


@pytest.mark.parametrize(
    ("before", "wanted", "there", "more", "said"),
    [
        (None, "a", None, {}, "install entry"),
        (None, "a", "a", {}, "adopt"),
        (None, "a", "b", {}, "unowned"),
        (None, "a", "b", {"take_over": None}, "update entry"),
        ("a", "a", "a", {}, ""),
        ("a", "b", "a", {}, "update entry"),
        ("a", "b", "b", {}, "update"),
        ("a", "a", "b", {}, "edited"),
        ("a", "a", "b", {"policy": HEAL}, "repair entry, edited"),
        ("a", "a", "b", {"overwrite": True}, "repair entry, edited"),
        ("a", "a", "b", {"policy": LEAVE}, ""),
        ("a", "b", "c", {}, "edited, conflict"),
        ("a", "b", "c", {"policy": LEAVE}, "conflict"),
        ("a", "b", "c", {"overwrite": True}, "update entry, edited"),
        ("a", "b", "c", {"policy": HEAL}, "update entry, edited"),
        ("a", "a", None, {}, "repair entry, missing"),
        ("a", "a", None, {"policy": REPORT}, "missing"),
        ("a", "a", None, {"policy": LEAVE}, ""),
        ("a", "b", None, {"policy": REPORT}, "update entry, missing"),
        ("a", None, "a", {}, "remove entry"),
        ("a", None, "b", {}, "remove entry"),
        ("a", None, None, {}, "remove"),
        (None, None, "a", {}, ""),
    ],
)
def test_three_way(before: str | None, wanted: str | None, there: str | None, more: dict[str, Any], said: str) -> None:
    assert verdict(before, wanted, there, **more) == said


@pytest.mark.parametrize("overwrite", [False, True])
def test_law_what_was_done_needs_not_be_done_again(overwrite: bool) -> None:
    """For every combination: after the plan, record and file agree with it, and a second plan does nothing."""
    names, switches = (None, "a", "b", "c"), (None, True, False)
    for before, there, on in itertools.product(names, names, switches):
        record, observed = world(recorded(before) if before else None, found(there, enabled=False) if there else None)
        wish = intent(target("a", enabled=on), overwrite=overwrite, take_over=None)
        plan = make_plan(wish, record, observed)
        if plan.refusals:
            continue
        after = next_record(record, plan, wish, {})
        change = server_change(plan, wish, record, observed, None)
        entry = observed.gateway_file.servers["files"].entry if there and observed.gateway_file else None
        for edit in change.edits.values() if change else ():
            entry = edit.entry if edit.is_whole or entry is None or edit.entry is None else {**entry, **edit.entry}
        file = GatewayFile(path="/f", data=b"", servers={"files": found_server(entry)} if entry else {})
        again = make_plan(wish, after, replace(observed, gateway_file=file))
        assert again.actions == (), (before, there, on)
        assert entry is not None
        assert on is None or entry["enabled"] is on


@pytest.mark.parametrize(
    ("owner", "wanted", "there", "said"),
    [
        ("other", "a", "a", "unowned"),
        ("other", "a", None, "unowned"),
        (None, "a", "a", "adopt"),
        (None, "a", "b", "unowned"),
    ],
)
def test_what_is_of_another_owner(owner: str | None, wanted: str, there: str | None, said: str) -> None:
    record, observed = world(recorded(there or "a", owner=owner), found(there) if there else None)
    plan = make_plan(intent(target(wanted)), record, observed)
    parts = [str(action.action) for action in plan.actions if not plan.refusals]
    assert [*parts, *(str(refusal.code) for refusal in plan.refusals)] == [said]


def test_no_value_is_in_what_is_shown() -> None:
    wish, (record, observed) = intent(target("a")), world(None, found("hunter2"))
    shown = repr((wish, observed, server_change(make_plan(wish, record, observed), wish, record, observed, None)))
    assert "hunter2" not in shown
    assert "'command': 'a'" not in shown
