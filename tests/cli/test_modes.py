"""The executable bit: changed, lost, adopted, brought back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.documents.sealed import seal
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
    path = foo.ours / "record.json"
    document = json.loads(path.read_bytes())["body"]
    for item in document["items"]:
        del item["exec"]
    path.write_bytes(seal(document))
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
