"""Files in unusual places: below the user's home, named by links or from elsewhere, on a disk that is read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shell import Session
from tests.fs.hostile import mounted
from tests.sources.git_servers import Origin

ROOT_ONLY = pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root")


def test_a_source_below_the_users_home(session: Session) -> None:
    session.package("foo")
    (session.base / "user" / "pk").mkdir()
    (session.project / "packages" / "foo").rename(session.base / "user" / "pk" / "foo")
    session.desired("extensions:\n  foo: ~/pk/foo\n")
    session.llamagate("apply")
    assert session.installed("foo").is_dir()
    assert 'source: "~/pk/foo"' in (session.project / "llamagate.lock.yaml").read_text()
    assert session.actions() == []
    (session.base / "user" / "pk" / "foo" / "more.txt").write_text("x")
    assert session.actions() == ["update foo"]


@pytest.mark.parametrize("source", ["~other/pk/foo", "$HOME/pk/foo"])
def test_nothing_else_is_replaced(session: Session, source: str) -> None:
    session.desired(f"extensions:\n  foo: {source}\n")
    assert "of '~' and variables only '~/' is replaced" in session.llamagate("plan", exits=1).err


@ROOT_ONLY
@pytest.mark.parametrize("bare", [False, True])
def test_a_repository_of_another_user_is_taken_where_it_is_listed(session: Session, bare: bool) -> None:
    origin = Origin(session.base / "own")
    session.package("foo")
    origin.commit({"foo/manifest.yaml": (session.project / "packages/foo/manifest.yaml").read_text()})
    place = origin.path
    if bare:
        place = session.base / "own.git"
        origin.git("clone", "--quiet", "--bare", ".", str(place))
    for path in (place, *place.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    source = f"extensions:\n  foo: {{source: {{git: {place}, path: foo}}}}\n"
    session.desired(f"policy: {{sources: {{local_git: true}}}}\n{source}")
    said = session.llamagate("plan", exits=1).err
    assert "it belongs to another user" in said
    assert "git config" not in said
    assert "list its path: policy.sources.local_git: [PATH]" in said
    session.desired(f"policy: {{sources: {{local_git: [{place}/../other]}}}}\n{source}")
    assert "policy.sources.local_git" in session.llamagate("plan", exits=1).err
    for listed in (str(place), os.path.relpath(place, session.project)):
        session.desired(f"policy: {{sources: {{local_git: [{listed}]}}}}\n{source}")
        assert session.actions() == ["install foo"]


def linked_folder(session: Session) -> Path:
    (session.base / "link").symlink_to(session.project)
    return session.base / "link" / "llamagate.yaml"


def linked_file(session: Session) -> Path:
    (session.project / "other.yaml").symlink_to("llamagate.yaml")
    return session.project / "other.yaml"


def by_way_of_another(session: Session) -> Path:
    return session.project / ".." / "project" / "llamagate.yaml"


@pytest.mark.parametrize("named", [linked_folder, linked_file, by_way_of_another])
def test_a_file_is_the_same_by_whichever_name(session: Session, named: object) -> None:
    assert callable(named)
    session.extensions("foo", "bar")
    session.llamagate("apply")
    session.extensions("foo")
    name = named(session)
    session.llamagate("apply", "-f", name)
    assert [*session.registered()] == ["foo"]
    session.llamagate("import", session.project / "packages" / "bar", "--save", "-f", name)
    assert session.actions() == []


def test_another_file_of_no_owner_is_still_refused(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    (session.base / "copy").mkdir()
    (session.base / "copy" / "llamagate.yaml").write_text("apiVersion: llamagate/v1\nextensions: {}\n")
    said = session.llamagate("apply", "-f", session.base / "copy" / "llamagate.yaml", "--json", exits=5).json
    assert [refusal["code"] for refusal in said["refusals"]] == ["other-file"]


@ROOT_ONLY
def test_a_read_only_checkout_without_a_lock(session: Session) -> None:
    session.extensions("foo")
    written = session.project.rename(session.base / "written")
    with mounted("tmpfs", "size=1m", session.project):
        shutil.copytree(written, session.project, dirs_exist_ok=True)
        subprocess.run(["mount", "-o", "remount,ro", str(session.project)], check=True)
        said = session.llamagate("apply", exits=1).err
        assert "llamagate.lock.yaml: Read-only file system; nothing was changed" in said
        assert "keep the lock beside the file, or name another place with --lock-file" in said
        lock = session.base / "foo.lock.yaml"
        session.llamagate("apply", "--lock-file", lock)
        assert session.llamagate("status", "--lock-file", lock, "--json").json["in_sync"]
        session.llamagate("apply", "--locked", "--lock-file", lock)


def test_another_place_for_the_lock(session: Session) -> None:
    session.extensions("foo", "bar")
    lock = session.base / "elsewhere.yaml"
    session.llamagate("--lock-file", lock, "lock")
    assert not (session.project / "llamagate.lock.yaml").exists()
    session.llamagate("lock", "--check", "--lock-file", lock)
    session.llamagate("plan", "--locked", "--lock-file", lock, "--out", "plan.json")
    session.llamagate("apply", "plan.json", "--lock-file", lock)
    session.llamagate("remove", "bar", "--save", "--lock-file", lock)
    assert "bar" not in lock.read_text()
    assert session.llamagate("status", "--lock-file", lock, "--json").json["lock"]["stale"] == []
    session.llamagate("validate", "--lock-file", lock)
    session.llamagate("cache", "gc", "--lock-file", lock)
    assert not (session.project / "llamagate.lock.yaml").exists()
    session.llamagate("plan", "--out", lock, "--lock-file", lock, exits=64)
    session.package("foo", version="2.0.0")
    assert f"{lock} is out of date" in session.llamagate("lock", "--check", "--lock-file", lock, exits=4).err


@pytest.mark.parametrize("verb", ["lock", "plan", "apply", "status", "validate"])
def test_the_lock_is_not_the_desired_state(session: Session, verb: str) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    before = (session.project / "llamagate.yaml").read_bytes()
    (session.project / "link.yaml").symlink_to("llamagate.yaml")
    for name in ("llamagate.yaml", "link.yaml", session.project / "llamagate.yaml"):
        said = session.llamagate(verb, "--lock-file", name, exits=1).err
        assert "this is the desired state; the lock is a file of its own" in said
    assert (session.project / "llamagate.yaml").read_bytes() == before


def test_a_document_that_is_known_is_not_taken_for_another(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    shutil.copy(session.project / "llamagate.yaml", session.project / "copy.yaml")
    assert "in the lock" in session.llamagate("plan", "--lock-file", "copy.yaml", exits=1).err
    said = session.llamagate("plan", "-f", "llamagate.lock.yaml", exits=1).err
    assert "unknown field 'rules'" in said


def test_a_lock_that_is_a_link_to_nowhere_is_named(session: Session) -> None:
    session.extensions("foo")
    (session.project / "llamagate.lock.yaml").symlink_to("/nowhere/x.yaml")
    said = session.llamagate("lock", exits=1).err
    assert "llamagate.lock.yaml -> /nowhere: No such file or directory; it was not written" in said
