"""The executable bit: changed, lost, adopted, brought back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.observe import home as observe_home
from tests.cli.shell import Session


@pytest.fixture
def foo(session: Session) -> Session:
    session.package("foo", files={"run.sh": "#!/bin/sh\n"})
    session.desired("extensions: {foo: ./packages/foo}\n")
    session.llamagate("apply")
    return session


def source(session: Session) -> Path:
    return session.project / "packages/foo/run.sh"


def is_executable(session: Session) -> bool:
    return bool(session.installed("foo", "run.sh").stat().st_mode & 0o100)


def test_a_changed_bit_is_an_update(foo: Session) -> None:
    foo.write("../home/extensions/installed/foo/notes.txt", "local")
    source(foo).chmod(0o755)
    [action] = foo.plan()["actions"]
    assert action["action"] == "update"
    assert "executable bit" in action["reasons"][0]
    foo.llamagate("apply")
    assert is_executable(foo)
    assert foo.installed("foo", "notes.txt").read_text() == "local"
    assert foo.actions() == []
    source(foo).chmod(0o644)
    foo.llamagate("apply")
    assert not is_executable(foo)
    foo.llamagate("rollback")
    assert is_executable(foo)
    foo.llamagate("rollback", "--to", "1")
    assert not is_executable(foo)


def test_a_lost_bit_is_drift(foo: Session) -> None:
    source(foo).chmod(0o755)
    foo.llamagate("apply")
    foo.installed("foo", "run.sh").chmod(0o644)
    plan = foo.plan()
    assert [(row["path"], row["change"]) for row in plan["drift"]] == [("run.sh", "edited")]
    assert plan["actions"] == []
    foo.desired("extensions: {foo: ./packages/foo}\npolicy: {drift: {edited: heal}}\n")
    foo.llamagate("apply")
    assert is_executable(foo)
    assert foo.plan()["drift"] == []


def test_a_bit_that_somebody_adds_stays(foo: Session) -> None:
    foo.installed("foo", "run.sh").chmod(0o755)
    plan = foo.plan()
    assert (plan["actions"], plan["drift"]) == ([], [])


def test_a_file_system_that_keeps_no_bit_is_no_drift(foo: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    source(foo).chmod(0o755)
    foo.llamagate("apply")
    foo.installed("foo", "run.sh").chmod(0o644)
    monkeypatch.setattr(observe_home, "keeps_executable_bit", lambda _: False)
    plan = foo.plan()
    assert (plan["actions"], plan["drift"]) == ([], [])


def test_an_adopted_item_without_the_bit_is_no_drift(session: Session) -> None:
    session.package("foo", files={"run.sh": "#!/bin/sh\n"})
    source(session).chmod(0o755)
    for name in ("manifest.yaml", "run.sh"):
        data = (session.project / "packages/foo" / name).read_text()
        session.write(f"{session.home}/extensions/installed/foo/{name}", data)
    session.desired("extensions: {foo: ./packages/foo}\n")
    assert session.actions() == ["adopt foo"]
    session.llamagate("apply")
    plan = session.plan()
    assert (plan["actions"], plan["drift"]) == ([], [])


def test_packages_of_one_tree_and_other_bits_keep_their_own(session: Session) -> None:
    session.package("foo", files={"run.sh": "#!/bin/sh\n"})
    session.llamagate("import", "packages/foo")
    source(session).chmod(0o755)
    session.llamagate("import", "packages/foo")
    assert is_executable(session)


def test_a_record_of_an_older_version_knows_no_bits(foo: Session) -> None:
    document = foo.record()
    for item in document["items"]:
        item["may_run"] = None
    foo.write_record(document)
    source(foo).chmod(0o755)
    assert foo.plan()["drift"] == []
    foo.package("foo", version="1.1.0", files={"run.sh": "#!/bin/sh\n"})
    foo.llamagate("apply")
    assert is_executable(foo)


# What only its owner may read


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_row_133_a_private_source_file_stays_private(foo: Session) -> None:
    key = foo.project / "packages/foo/key.pem"
    for number, version in enumerate(("1.1.0", "1.2.0"), 1):
        foo.package("foo", version=version, files={"key.pem": f"secret-{number}"})
        key.chmod(0o600)
        foo.llamagate("apply")
    foo.llamagate("rollback")
    holding = {path: data for path, (_, data) in foo.everything().items() if isinstance(data, bytes)}
    found = [path for path, data in holding.items() if b"secret-" in data and path != str(key)]
    assert len(found) == 4  # installed, its backup, and the package of both versions in the cache
    assert {path: oct(mode(Path(path))) for path in found} == dict.fromkeys(found, "0o600")
    assert mode(foo.installed("foo", "manifest.yaml")) == 0o644


def test_a_private_manifest_that_was_adopted_stays_private(session: Session) -> None:
    session.package("foo")
    for name in ("manifest.yaml",):
        data = (session.project / "packages/foo" / name).read_text() + "# s3cret\n"
        session.write(f"{session.home}/extensions/installed/foo/{name}", data).chmod(0o600)
    session.llamagate("sync")
    holding = [
        path for path, (_, data) in session.everything().items() if isinstance(data, bytes) and b"s3cret" in data
    ]
    assert {oct(mode(Path(path))) for path in holding} == {"0o600"}
    assert len(holding) == 2


# Owners and groups

as_root = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root may give files away")


def test_a_new_tree_has_the_modes_of_what_it_replaces(foo: Session) -> None:
    foo.installed("foo").chmod(0o2775)
    foo.installed("foo", "run.sh").chmod(0o664)
    foo.package("foo", version="1.1.0", files={"run.sh": "#!/bin/sh\necho\n", "new.md": "x", "sub/a": "y"})
    source(foo).chmod(0o755)
    foo.llamagate("apply")
    found = {path: oct(mode(foo.installed("foo", path))) for path in ("", "run.sh", "new.md", "sub", "sub/a")}
    assert found == {"": "0o2775", "run.sh": "0o775", "new.md": "0o664", "sub": "0o2775", "sub/a": "0o664"}


@pytest.mark.parametrize(("folder", "file"), [(0o755, 0o644), (0o2775, 0o664), (0o700, 0o644)], ids=oct)
def test_a_first_tree_has_those_of_its_parent(session: Session, folder: int, file: int) -> None:
    (session.home / "extensions/installed").mkdir(parents=True)
    (session.home / "extensions/installed").chmod(folder)
    session.package("foo")
    session.llamagate("import", "packages/foo")
    assert (mode(session.installed("foo")), mode(session.installed("foo", "manifest.yaml"))) == (folder, file)


@as_root
def test_the_group_stays(foo: Session) -> None:
    os.chown(foo.installed("foo"), -1, 4321)
    foo.installed("foo").chmod(0o2775)
    foo.package("foo", version="1.1.0", files={"run.sh": "y", "sub/a": "y"})
    foo.llamagate("apply")
    assert {foo.installed("foo", path).stat().st_gid for path in ("", "run.sh", "sub", "sub/a")} == {4321}


@as_root
@pytest.mark.parametrize("is_there", [True, False], ids=["a home", "no home yet"])
def test_row_134_root_leaves_nothing_of_its_own_in_the_home_of_a_user(session: Session, is_there: bool) -> None:
    place = session.home if is_there else session.home.parent
    place.mkdir(exist_ok=True)
    os.chown(place, 4321, 4321)
    for version in ("1.0.0", "1.1.0"):
        session.package("foo", version=version, files={"run.sh": "#!/bin/sh\n"})
        session.llamagate("import", "packages/foo")
        session.write(f"{session.home}/extensions/installed/foo/var/mine.txt", "x")
    session.llamagate("remove", "foo")
    below = [session.home, *session.home.rglob("*")]
    given = [path for path in below if path.name not in ("var", "mine.txt")]
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in given} == {(4321, 4321)}
    assert (session.ours / "record.json").exists()


@as_root
def test_root_gives_no_file_away_that_has_another_name(session: Session, tmp_path: Path) -> None:
    session.home.mkdir()
    os.chown(session.home, 4321, 4321)
    (tmp_path / "secret").write_text("root's")
    (session.home / "link").hardlink_to(tmp_path / "secret")
    (session.home / "soft").symlink_to(tmp_path / "secret")
    session.package("foo")
    session.llamagate("import", "packages/foo")
    assert (tmp_path / "secret").stat().st_uid == 0
