"""Law: a pass that looks at no settled item decides what one decides that looks at all of them."""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Final

import pytest
from msgspec.structs import replace

from reconciler.commands.apply import apply
from reconciler.model.ids import ItemKey
from reconciler.planning import planner
from reconciler.planning import warnings as warning
from reconciler.reconcile import holds, propose, settled
from tests.settled.changes import CHANGES
from tests.settled.upstream import PINNED, Upstream
from tests.settled.world import PACKAGES, World

STEPS: Final = 12
"""How many times a home is looked at before a new one is made."""
SMALL, LONG = 6, 400
MUTANT_HOMES: Final = 12


def walk(
    root: Path, upstream: Upstream, seed: int, kinds: Sequence[str] = (*CHANGES,)
) -> tuple[list[str], set[ItemKey]]:
    """What happened to one home until two passes differed; and which items were settled on the way."""
    random, world = Random(seed), World(root, upstream)  # noqa: S311 - the same changes in every run
    happened = []
    for _ in range(STEPS):
        for _ in range(random.choice([0, 1, 1, 1, 2, 4])):
            happened.append(random.choice(kinds))
            CHANGES[happened[-1]](world, random)
        if world.differs():
            return happened, world.settled
        if random.random() < 0.6:
            happened.append("apply")
            world.apply()
    return [], world.settled


@pytest.mark.parametrize("homes", [SMALL, pytest.param(LONG, marks=pytest.mark.long)], ids=["some", "many"])
def test_a_pass_without_the_settled_decides_the_same(tmp_path: Path, upstream: Upstream, homes: int) -> None:
    found = [walk(tmp_path / f"{seed}", upstream, seed) for seed in range(homes)]
    assert [happened for happened, _ in found if happened] == []
    assert {key.id for _, settled in found for key in settled} >= {"a", "c", "d", *PINNED}


def test_an_unreadable_registry_is_said_after_a_package_that_cannot_be_used(tmp_path: Path, upstream: Upstream) -> None:
    world = World(tmp_path, upstream)
    world.home.registry.write_text("{}", "utf-8")
    (world.project / "packages/a/manifest.yaml").unlink()
    assert not world.differs()


def test_an_item_that_is_switched_while_packages_are_read_stays_so(tmp_path: Path, upstream: Upstream) -> None:
    """That takes minutes where they are fetched, and the gateway goes on meanwhile."""
    world = World(tmp_path, upstream)
    world.package("a", "2.0.0", PACKAGES["a"])

    def switch(*_: object) -> None:
        entries = json.loads(world.home.registry.read_text("utf-8"))
        switched = [{**entry, "enabled": False} if entry["id"] == "a" else entry for entry in entries]
        world.home.registry.write_text(json.dumps(switched), "utf-8")

    apply(world.environment(), world.options, replace(world.listener, progress=switch))
    entries = {entry["id"]: entry for entry in json.loads(world.home.registry.read_text("utf-8"))}
    assert (entries["a"]["version"], entries["a"]["enabled"]) == ("2.0.0", False)


def test_what_the_lock_pins_is_asked_for_by_nobody_while_others_change(tmp_path: Path, upstream: Upstream) -> None:
    """Neither its source nor the cache: an item that is as it should be needs no package."""
    world, asked = World(tmp_path, upstream), len(upstream.server.requests)
    for name in ("repo.git", "catalog"):
        shutil.rmtree(world.project / name)
    for package in world.home.cache.glob("*.zip"):
        package.unlink()
    world.is_offline, world.entries["d"]["config"] = False, {"interval": 8}
    world.save()
    assert not world.differs()
    assert world.apply()
    assert {key.id for key in world.settled} >= {*PINNED}
    assert len(upstream.server.requests) == asked


# The law notices each question that is not asked. What each is about is changed more often then.

ASKED: Final[Mapping[str, tuple[str, ...]]] = {
    "_is_wanted(item": ("file: config", "file: owner"),
    "self._is_registered(": ("registry: enabled", "registry: version"),
    "self._is_locked(": ("record: tree",),
    "self._is_where_it_was(": ("package", "file: source"),
    "self._is_untouched(": ("installed: a byte", "installed: gone"),
    "options.only or ": ("options", "file: few"),
    "options.upgrade != frozenset() or ": ("pin: upgrade",),
    " or state.record.suspensions": ("file: circle", "record: pauses"),
    "item.enabled in": ("file: enabled",),
    "(entry.name, entry.version) ==": ("registry: version", "registry: name"),
    "entry.source_path ==": ("registry: path",),
    'entry.get("kind") ==': ("record: lock",),
    'entry.get("tree") ==': ("record: tree",),
    'entry.get("version") ==': ("record: lock",),
    'entry.get("source") ==': ("record: lock", "file: source"),
    'entry.get("exec") ==': ("record: bits",),
    "entry.keys() <=": ("record: signature", "record: lock"),
    " if is_pinned else _LOCKED": ("record: lock",),
    "(not is_pinned or": ("record: pin", "pin: archive"),
    "pin.says_where(item.source) and ": ("record: pin",),
    ' and archive in (None, entry.get("archive"))': ("pin: archive",),
    "known.location ==": ("record: source",),
    "known.kind is": ("file: source", "record: source"),
    "known.path ==": ("record: source",),
    "known.ref ==": ("record: ref",),
    '(recorded.source_stamp == "")': ("record: stamp", "package: gone"),
    "(is_pinned or": ("package",),
    "recorded.owner == owner": ("file: owner", "record: owner"),
    "recorded.signed_by is": ("record: signed",),
    "not item.depends_on": ("file: depends_on", "file: listed"),
    "not recorded.depends_on": ("record: depends_on",),
    "not manifest.requires": ("record: manifest", "package"),
    "(manifest.kind, manifest.id) == item.key": ("record: manifest", "file: config"),
    "manifest.loadable": ("record: manifest", "file: other key"),
    "not manifest.builtin": ("file: policy", "record: manifest"),
    "(item.version is None": ("file: version",),
    "same(recorded.config": ("file: config", "record: config"),
    "not (item.config and": ("file: reference", "variable"),
}
"""A question, and what it is about."""
RARE: Final = (
    "not manifest.requires",
    " if is_pinned else _LOCKED",
    "known.location ==",
    'entry.get("kind") ==',
    "known.kind is",
)
"""Questions that most homes need not ask: many are made until one shows it."""
TAKEN: Final[Mapping[str, tuple[ModuleType, str, tuple[str, ...]]]] = {
    "are not pruned": (planner, "intent.settled | ", ("file: config", "package")),
    "have no drift": (planner, " - intent.settled", ("file: config", "package")),
    "have names": (planner, "for key in intent.settled}", ("file: circle", "file: config")),
    "are listed": (warning, "*intent.settled, ", ("file: policy", "file: listed")),
}
"""Where the planner takes the settled items from the record, and what shows whether it does."""


def mutant(module: ModuleType, old: str, new: str) -> ModuleType:
    """``module`` with another piece of source."""
    source = inspect.getsource(module)
    assert source.count(old) == 1
    found = ModuleType(module.__name__)
    exec(compile(source.replace(old, new), str(module.__file__), "exec"), vars(found))  # noqa: S102 - our own source
    return found


def operand(module: ModuleType, question: str) -> str:
    """The line of the source that asks it, where it has one of its own among what is joined by ``and``."""
    lines = [line.strip().removeprefix("and ") for line in inspect.getsource(module).splitlines()]
    return next((f"{line}\n" for line in lines if line.startswith(question)), question)


@pytest.mark.parametrize(("module", "old", "kinds"), TAKEN.values(), ids=TAKEN)
def test_a_place_that_forgets_them_is_noticed(
    tmp_path: Path,
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    old: str,
    kinds: Sequence[str],
) -> None:
    forgetful = mutant(module, old, "for key in ()}" if old.startswith("for") else "")
    if module is warning:
        monkeypatch.setattr(planner, "warnings", forgetful.warnings)
    else:
        monkeypatch.setattr(propose, "make_plan", forgetful.make_plan)
        monkeypatch.setattr(holds, "make_plan", forgetful.make_plan)
    assert noticed(tmp_path, upstream, kinds)


def noticed(root: Path, upstream: Upstream, kinds: Sequence[str]) -> bool:
    return any(walk(root / f"{seed}", upstream, seed, kinds)[0] for seed in range(MUTANT_HOMES))


@pytest.mark.parametrize(
    ("question", "kinds"),
    [pytest.param(*row, marks=pytest.mark.long if row[0] in RARE else (), id=row[0]) for row in ASKED.items()],
)
def test_a_question_that_is_not_asked_is_noticed(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, question: str, kinds: Sequence[str]
) -> None:
    old = operand(settled, question)
    unasked = mutant(settled, old, "True\n" if old.endswith("\n") else "")
    monkeypatch.setattr(propose, "settled_items", unasked.settled_items)
    assert noticed(tmp_path, upstream, kinds)


def test_every_question_is_taken_away_once() -> None:
    lines = [line.strip() for line in inspect.getsource(settled).splitlines()]
    questions = [line.removeprefix("and ") for line in lines if line.startswith("and ")]
    assert [line for line in questions if not line.startswith((*ASKED, "entry is not None"))] == []
