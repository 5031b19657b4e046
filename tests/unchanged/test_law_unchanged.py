"""Law: after any single change of what decides a pass, a full pass is made. A wrong "no changes" is the worst fault."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reconciler.model.plan import Plan
from reconciler.model.record import Record, RecordItem
from reconciler.model.unchanged import Covered
from reconciler.reconcile import covered as covering
from reconciler.reconcile import propose, readers
from reconciler.reconcile import unchanged as module
from reconciler.reconcile.unchanged import _Stamps as Stamps
from tests.unchanged.changes import CHANGES, wrong
from tests.unchanged.recorded import ITEM, RECORD
from tests.unchanged.world import World

SMALL, LONG = 1, 130
"""How often each of the sixty-five kinds of change is made."""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(readers, "READER_PAUSE_SECONDS", 0)
    return World(tmp_path)


@pytest.fixture
def random() -> Random:
    return Random(1)  # noqa: S311 - the same changes in every run


@pytest.mark.parametrize("times", [SMALL, pytest.param(LONG, marks=pytest.mark.long)], ids=["once", "often"])
def test_a_single_change_demands_the_full_pass(world: World, random: Random, times: int) -> None:
    assert wrong(world, dict.fromkeys(CHANGES, times), random) == []


def test_every_field_of_the_record_is_changed() -> None:
    assert {*RECORD} == {*Record.__struct_fields__}
    assert {*ITEM} == {*RecordItem.__struct_fields__}


def test_it_says_what_the_full_pass_says(world: World) -> None:
    said = world.answer()
    assert said == world.full()
    assert said == Plan(generation=world.record.generation)


# The law notices each input that is left out.


def without(**fields: Any) -> Any:
    """What is covered, with these fields cut down."""
    whole = covering.covered_by

    def cut(*arguments: Any) -> Covered:
        found = whole(*arguments)
        kept = {name: tuple(one for one in getattr(found, name) if keep(one)) for name, keep in fields.items()}
        return Covered(**{name: kept.get(name, getattr(found, name)) for name in Covered.__struct_fields__})

    return cut


def lacking(end: str) -> Any:
    return lambda path: not path.endswith(end)


NO_HEAD = {"contents": lacking("record.json")}
NO_RECORD = NO_HEAD | {"folders": lacking("/reconciler/record")}
IN_PIECES = ("documents", "items")

COVERED = {
    "desired": ({"contents": lacking("llamagate.yaml")}, "desired: a byte"),
    "lock": ({"contents": lacking("lock.yaml")}, "lock: a byte"),
    **{
        f"record: {name}": ({"contents": lacking("record.json")}, f"record: {name}")
        for name in RECORD
        if name not in IN_PIECES
    },
    **{f"record: {name}": (NO_RECORD if name in IN_PIECES else NO_HEAD, f"record: {name}") for name in RECORD},
    **{f"item: {name}": (NO_RECORD, f"item: {name}") for name in ITEM},
    "pieces": ({"folders": lacking("/reconciler/record")}, "piece: a byte"),
    "registry": ({"contents": lacking("installed.json")}, "registry: a byte"),
    "secret": ({"contents": lacking("secret.txt")}, "secret: a byte"),
    "variables": ({"variables": lambda _: False}, "variable"),
    "folders": ({"folders": lambda _: False}, "source: a byte"),
    "ignored": ({"folders": lambda _: False}, "source: ignored name"),
    "archives": ({"archives": lacking("zipped.zip")}, "archive: a byte"),
    "cache": ({"archives": lambda path: "/cache/" not in path}, "cache: gone"),
    "places": ({"places": lambda _: False}, "installed: new item"),
    "inside": ({"inside": lambda _: False}, "installed: folder a link"),
    "files": ({"files": lambda _: False}, "installed: a byte"),
    "modes": ({"files": lambda _: False}, "installed: mode"),
}


@pytest.mark.parametrize(("cut", "kind"), COVERED.values(), ids=COVERED)
def test_an_input_that_is_left_out_is_noticed(
    world: World, random: Random, monkeypatch: pytest.MonkeyPatch, cut: dict[str, Any], kind: str
) -> None:
    monkeypatch.setattr(propose, "covered_by", without(**cut))
    world.home.unchanged.unlink()
    world.settle()
    assert kind in wrong(world, {kind: 3}, random)


ASKED = {
    "options": ("covers", lambda _: True, "options"),
    "lock": ("_name", lambda *_: "a file", "lock: elsewhere"),
    "file": ("_name", lambda *_: "a file", "desired: other file"),
}


@pytest.mark.parametrize(("name", "mutant", "kind"), ASKED.values(), ids=ASKED)
def test_a_question_that_is_not_asked_is_noticed(
    world: World, random: Random, monkeypatch: pytest.MonkeyPatch, name: str, mutant: Any, kind: str
) -> None:
    monkeypatch.setattr(module, name, mutant)
    world.home.unchanged.unlink()
    world.settle()
    assert kind in wrong(world, {kind: 3}, random)


def test_a_journal_that_is_not_looked_for_is_noticed(
    world: World, random: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "interrupted", lambda _: False)
    assert "journal" in wrong(world, {"journal": 1}, random)


def test_a_time_that_is_left_out_is_noticed(world: World, random: Random, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind(Stamps):
        def files(self, found: Iterable[tuple[str, os.stat_result | None]]) -> None:
            super().files((path, status and Ageless(status)) for path, status in found)  # type: ignore[misc]

    class Ageless:
        def __init__(self, status: os.stat_result) -> None:
            self.status, self.st_ctime_ns = status, 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self.status, name)

    monkeypatch.setattr(module, "_Stamps", Blind)
    world.home.unchanged.unlink()
    world.settle()
    assert "installed: a byte" in wrong(world, {"installed: a byte": 3}, random)
