"""What stands beside the digest of a package in lock and catalog: the rules, and which files may be run."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.cli.failures import failure
from tests.cli.shell import Session
from tests.cli.test_modes import as_root
from tests.support.packages import MANIFEST, pack


@pytest.fixture
def foo(session: Session) -> Session:
    session.package("foo", files={"run.sh": "#!/bin/sh\n", "a.txt": "a"})
    (session.project / "packages/foo/run.sh").chmod(0o755)
    session.extensions("foo")
    return session


def lock(session: Session) -> Path:
    return session.project / "llamagate.lock.yaml"


def bits(session: Session) -> list[str]:
    return sorted(path.name for path in session.installed("foo").iterdir() if path.stat().st_mode & 0o100)


def as_before(session: Session) -> bytes:
    """The lock as a version wrote it that knew neither."""
    lines = lock(session).read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if "exec:" not in line and not line.startswith("rules:"))
    lock(session).write_text(text)
    return text.encode()


def test_a_lock_says_which_files_may_be_run_and_by_which_rules_it_was_made(foo: Session) -> None:
    foo.llamagate("lock")
    text = lock(foo).read_text()
    assert "\nrules: 2\n" in text
    assert '    exec: ["run.sh"]\n' in text
    foo.llamagate("apply", "--locked")
    assert lock(foo).read_text() == text


@pytest.mark.parametrize("command", ["lock", "apply", "apply --locked", "plan"])
def test_a_lock_of_an_older_version_stays_as_it_is(foo: Session, command: str) -> None:
    foo.llamagate("lock")
    before = as_before(foo)
    foo.llamagate(*command.split())
    assert lock(foo).read_bytes() == before
    assert foo.plan()["lock"]["stale"] == []


def test_it_names_its_rules_once_no_entry_is_by_older_ones(foo: Session) -> None:
    foo.llamagate("lock")
    as_before(foo)
    foo.package("bar")
    foo.extensions("foo", "bar")
    foo.llamagate("lock")
    assert "rules:" not in lock(foo).read_text()
    for item in ("foo", "bar"):
        foo.package(item, version="2.0.0")
    foo.llamagate("lock")
    assert "rules: 2\n" in lock(foo).read_text()


def test_newer_rules_are_those_of_a_newer_version(foo: Session) -> None:
    catalog(foo)
    foo.llamagate("lock")
    foo.edit("llamagate.lock.yaml", "rules: 2", "rules: 3")
    failed = failure(foo, "plan")
    assert (failed.code, failed.places) == ("newer-document", ["llamagate.lock.yaml:3:1"])
    lock(foo).unlink()
    foo.edit("shop/index.json", '"rules": 2', '"rules": 3')
    assert "rules 3, this version knows 2" in failure(foo, "plan").message


def test_a_changed_bit_makes_the_lock_stale(foo: Session) -> None:
    foo.llamagate("apply")
    (foo.project / "packages/foo/a.txt").chmod(0o755)
    assert foo.plan()["lock"]["stale"] != []
    foo.llamagate("apply", "--locked", exits=4)
    foo.llamagate("apply")
    assert '    exec: ["a.txt", "run.sh"]\n' in lock(foo).read_text()
    assert bits(foo) == ["a.txt", "run.sh"]


def catalog(session: Session) -> None:
    pack(session.project / "packages/foo", session.project / "shop-foo.zip")
    (session.project / "shop").mkdir()
    shutil.move(session.project / "shop-foo.zip", session.project / "shop/foo-1.0.0.zip")
    session.llamagate("catalog", "build", "shop")
    session.desired("extensions:\n  foo: {source: {catalog: ./shop}}\n")


def test_a_catalog_says_both(foo: Session) -> None:
    catalog(foo)
    index = json.loads((foo.project / "shop/index.json").read_text())
    assert index["rules"] == 2
    assert index["items"]["foo"]["versions"]["1.0.0"]["exec"] == ["run.sh"]


def test_a_catalog_of_an_older_version_is_read(foo: Session) -> None:
    catalog(foo)
    place = foo.project / "shop/index.json"
    index = json.loads(place.read_text())
    del index["rules"], index["items"]["foo"]["versions"]["1.0.0"]["exec"]
    place.write_text(json.dumps(index))
    foo.llamagate("apply")
    assert bits(foo) == ["run.sh"]
    assert '    exec: ["run.sh"]\n' in lock(foo).read_text()


def test_the_bits_are_those_of_the_lock_where_the_cache_has_the_bytes(foo: Session) -> None:
    catalog(foo)
    foo.llamagate("apply")
    foo.edit("llamagate.lock.yaml", 'exec: ["run.sh"]', 'exec: ["a.txt"]')
    foo.llamagate("apply", "--locked")
    assert bits(foo) == ["a.txt"]
    foo.llamagate("remove", "foo")
    foo.llamagate("apply", "--locked")
    assert bits(foo) == ["a.txt"]


def without_modes(session: Session, version: str) -> None:
    """A zip as Windows makes it."""
    with zipfile.ZipFile(session.project / "foo.zip", "w") as archive:
        for name, data in {
            "manifest.yaml": MANIFEST.format(id="foo", version=version),
            "run.sh": "#!/bin/sh\n",
            "a.txt": f"{version}\n",
        }.items():
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 0, 0x20
            archive.writestr(entry, data)


def test_a_way_that_carries_no_modes_leaves_the_bits_as_they_are(foo: Session) -> None:
    foo.llamagate("apply")
    without_modes(foo, "2.0.0")
    foo.desired("extensions: {foo: ./foo.zip}\n")
    foo.llamagate("apply")
    assert bits(foo) == ["run.sh"]
    assert "exec:" not in lock(foo).read_text()
    assert foo.actions() == []
    foo.llamagate("verify")
    foo.installed("foo", "run.sh").chmod(0o644)
    assert [(row["path"], row["change"]) for row in foo.plan()["drift"]] == [("run.sh", "edited")]


def test_the_lock_keeps_the_bits_of_one_package_on_a_way_that_carries_none(foo: Session) -> None:
    without_modes(foo, "1.0.0")
    foo.desired("extensions: {foo: ./foo.zip}\n")
    foo.llamagate("lock")
    text = lock(foo).read_text() + '    exec: ["run.sh"]\n'
    lock(foo).write_text(text)
    foo.llamagate("apply", "--locked")
    assert lock(foo).read_text() == text
    assert bits(foo) == ["run.sh"]


def test_what_only_its_owner_may_read_stays_so_in_a_zip_that_is_so(foo: Session) -> None:
    pack(foo.project / "packages/foo", foo.project / "foo.zip").chmod(0o600)
    foo.desired("extensions: {foo: ./foo.zip}\n")
    foo.llamagate("apply")
    modes = {path.name: path.stat().st_mode & 0o777 for path in foo.installed("foo").iterdir()}
    assert modes == {"manifest.yaml": 0o600, "run.sh": 0o700, "a.txt": 0o600}
    assert {path.stat().st_mode & 0o777 for path in (foo.ours / "cache").glob("*.zip")} == {0o600}


@as_root
@pytest.mark.parametrize("command", ["lock", "apply"])
def test_a_lock_that_root_writes_belongs_to_the_owner_of_the_project(foo: Session, command: str) -> None:
    os.chown(foo.project, 4321, 4321)
    foo.llamagate(command)
    assert (lock(foo).stat().st_uid, lock(foo).stat().st_gid) == (4321, 4321)
