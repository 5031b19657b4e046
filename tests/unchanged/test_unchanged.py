"""When it is kept that nothing changed, and when not."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.fs.durable import temporary_path
from reconciler.model.home import Home
from reconciler.model.record import Suspension
from reconciler.queries.plan import read_plan
from reconciler.queries.status import Status, read_status
from reconciler.reconcile import propose as proposing
from reconciler.reconcile import unchanged as module
from reconciler.reconcile.commit import commit
from reconciler.reconcile.covered import covered_by
from reconciler.reconcile.holds import leaving_out
from reconciler.reconcile.propose import propose
from tests.support.packages import MANIFEST, write_files
from tests.unchanged.world import World

NOW = timedelta()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def quietly(_what: str, _done: int, _total: int) -> None:
    """No progress."""


def test_it_is_kept_by_a_pass_that_found_nothing_to_do(world: World) -> None:
    world.home.unchanged.unlink()
    world.apply()
    assert world.answer() == world.full()


def test_what_is_kept_already_is_not_written_again(world: World) -> None:
    before = world.home.unchanged.stat()
    world.apply()
    assert world.home.unchanged.stat() == before


def test_a_reader_keeps_nothing(world: World) -> None:
    world.full()
    assert not world.home.unchanged.exists()


def test_what_was_touched_just_before_the_pass_is_not_trusted(world: World) -> None:
    os.utime(world.installed("folder/run.sh"))
    world.home.unchanged.unlink()
    world.apply(NOW)
    world.apply(NOW)
    assert not world.home.unchanged.exists()


@pytest.mark.parametrize("path", ["extensions/installed/folder/run.sh", "registry/installed.json"])
def test_what_changes_during_the_pass_is_not_kept(world: World, path: str) -> None:
    world.home.unchanged.unlink()
    proposal = propose(world.environment(), world.options, keeps=True)
    place = world.home.root / path
    place.write_bytes(place.read_bytes() + b" ")
    commit(proposal, quietly)
    assert not world.home.unchanged.exists()


@pytest.mark.parametrize("name", ["llamagate.yaml", "llamagate.lock.yaml"])
def test_a_file_that_changes_once_it_was_read_is_not_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole = covered_by

    def meanwhile(*arguments: Any) -> Any:
        path = world.project / name
        path.write_bytes(path.read_bytes() + b"# another program\n")
        return whole(*arguments)

    monkeypatch.setattr(proposing, "covered_by", meanwhile)
    world.home.unchanged.unlink()
    proposal = propose(world.environment(), world.options, keeps=True)
    assert proposal.looked is not None
    module.keep(world.environment(), world.options.file, *proposal.looked, proposal.plan)
    assert not world.home.unchanged.exists()


def test_drift_that_stays_is_not_kept(world: World) -> None:
    world.installed("folder/run.sh").write_text("#!/bin/true")
    world.apply()
    world.apply()
    assert world.answer() is None
    assert world.full().drift


def test_a_pass_without_some_items_keeps_nothing(world: World) -> None:
    proposal = propose(world.environment(), world.options, keeps=True)
    assert proposal.looked is not None
    assert leaving_out(proposal, ()).looked is not None
    assert leaving_out(proposal, [Suspension(item="folder", reason="", since="")]).looked is None


def test_another_version_does_not_believe_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "__version__", "9.9.9")
    assert world.answer() is None


def test_warnings_are_said_again(world: World) -> None:
    world.package("flow/agenticmodule.yaml").write_text(
        world.package("flow/agenticmodule.yaml").read_text().replace("extension: folder", "extension: nowhere")
    )
    world.settle()
    said = world.answer()
    assert said is not None
    assert [note.code for note in said.warnings] == ["missing-extension"]
    assert said == world.full()


def test_where_it_cannot_be_written_the_pass_goes_on(world: World) -> None:
    world.home.unchanged.unlink()
    world.home.unchanged.mkdir()
    world.apply()
    assert world.answer() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}', "\ud800"], ids=repr)
def test_what_is_no_such_document_is_passed_over(world: World, text: str) -> None:
    world.home.unchanged.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert world.answer() is None


def test_what_a_killed_pass_leaves_half_written_is_removed(world: World) -> None:
    temporary = temporary_path(world.home.unchanged)
    temporary.write_text("half")
    world.home.unchanged.unlink()
    world.apply(NOW)
    assert not temporary.exists()


def test_a_home_that_was_moved_is_looked_at_and_not_what_is_in_its_place(world: World) -> None:
    world.options.file.write_text("apiVersion: llamagate/v1\nextensions: {zipped: ./packages/zipped.zip}\n")
    world.settle()
    old, moved = world.home, Home(world.home.root.with_name("moved"))
    old.root.rename(moved.root)
    shutil.copytree(moved.root, old.root)
    world.home = moved
    registry = moved.registry.read_text()
    moved.registry.write_text(registry.replace('"enabled": true', '"enabled": false'))
    assert world.answer() is None


def test_another_home_of_the_user_is_another_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(world.project))
    world.variables = {"HOME": str(world.project)}
    world.options.file.write_text("apiVersion: llamagate/v1\nextensions: {zipped: ~/packages/zipped.zip}\n")
    world.settle()
    world.variables = {"HOME": "/srv/other"}
    assert world.answer() is None


def test_a_file_that_has_grown_without_end_is_not_read(world: World) -> None:
    with (world.project / "secret.txt").open("ab") as file:
        file.truncate(2**40)
    assert world.answer() is None


# Status


def whole_status(world: World) -> Status:
    """Without what was kept."""
    kept = world.home.unchanged.read_bytes()
    world.home.unchanged.unlink()
    try:
        return read_status(world.environment(), world.options.file)
    finally:
        world.home.unchanged.write_bytes(kept)


@pytest.mark.parametrize("rule", ["report", "ignore"])
def test_status_says_the_same(world: World, rule: str) -> None:
    text = world.options.file.read_text()
    world.options.file.write_text(f"{text}policy: {{drift: {{edited: {rule}, missing: {rule}}}}}\n")
    world.settle()
    write_files(world.installed("stranger"), {"manifest.yaml": MANIFEST.format(id="stranger", version="1.0.0")})
    world.settle()
    assert read_status(world.environment(), world.options.file) == whole_status(world)


def test_status_of_what_is_in_order_makes_no_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(proposing, "propose")
    status = read_status(world.environment(), world.options.file)
    assert (status.in_sync, len(status.items)) == (True, 3)


# What a full pass opens is covered


class _Watch:
    """What is opened and listed while ``opened`` is a set; a hook cannot be removed."""

    opened: set[str] | None = None

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        is_path = event in ("open", "os.scandir", "os.listdir") and isinstance(arguments[0], str | os.PathLike)
        if self.opened is not None and is_path:
            self.opened.add(os.fspath(arguments[0]))


_watch = _Watch()
sys.addaudithook(_watch)


def test_all_that_a_full_pass_opens_is_covered(world: World) -> None:
    env, root = world.environment(), str(world.project.parent)
    proposal = propose(env, world.options, keeps=True)
    assert proposal.looked is not None
    covered = proposal.looked[0]
    places = [f"{world.home.root}/{path}" for path in (*covered.places, *covered.inside, *covered.files)]
    known = {*covered.contents, *covered.archives, *covered.folders, *places}
    world.home.unchanged.unlink()
    _watch.opened = set()
    read_plan(env, world.options)
    opened, _watch.opened = {path for path in _watch.opened if path.startswith(root)}, None
    assert len(opened) > len(covered.contents)
    assert [path for path in opened - known if not path.startswith(covered.folders)] == [str(world.home.unchanged)]
