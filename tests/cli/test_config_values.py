"""Values of a ``config`` that are elsewhere: in a variable, or in a file such as a mounted secret."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.reconcile.input_digest import Inputs
from tests.cli.failures import failure
from tests.cli.shell import Session


@pytest.mark.parametrize("value", ["", " ", "\n"], ids=repr)
@pytest.mark.parametrize("kind", ["env", "file"])
def test_an_empty_value_replaces_no_real_one(session: Session, kind: str, value: str) -> None:
    _give(session, kind, "hunter2")
    session.package("foo")
    session.desired(f"extensions:\n  foo:\n    source: ./packages/foo\n    config: {{token: {{{kind}: TOKEN}}}}\n")
    session.llamagate("apply")
    before = session.installed("foo", "manifest.yaml").read_bytes()
    _give(session, kind, value)
    for verb in ("plan", "apply"):
        failed = failure(session, verb)
        assert failed.places == ["llamagate.yaml:5:14 extensions.foo.config.token"]
        assert "is empty" in failed.message
    assert session.installed("foo", "manifest.yaml").read_bytes() == before
    session.edit("llamagate.yaml", "TOKEN", "TOKEN, empty: true")
    session.llamagate("apply")
    assert "hunter2" not in session.installed("foo", "manifest.yaml").read_text()


def _give(session: Session, kind: str, value: str) -> None:
    if kind == "env":
        session.variables["TOKEN"] = value
    else:
        (session.project / "TOKEN").write_text(value)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "not UTF-8"),
        (lambda path: path.write_bytes(b"x" * (2**20 + 1)), "more than"),
        (lambda path: (path.unlink(), path.mkdir()), "directory"),
        (lambda path: (path.unlink(), _pipe(path)), "regular"),
    ],
    ids=["missing", "binary", "large", "folder", "pipe"],
)
def test_a_secret_file_that_cannot_be_read(session: Session, make: Callable[[Path], object], reason: str) -> None:
    _give(session, "file", "hunter2")
    make(session.project / "TOKEN")
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {list: [{file: TOKEN}]}}}\n")
    failed = failure(session, "apply")
    assert str(session.project / "TOKEN") in failed.message
    assert reason in failed.message


def _pipe(path: Path) -> bool:
    os.mkfifo(path)
    return True


def test_a_value_from_a_file_is_in_the_manifest_alone(session: Session) -> None:
    _give(session, "file", "hunter2\n")
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {file: TOKEN}}}}\n")
    said = [session.llamagate("plan", "--json"), session.llamagate("apply", "--json"), session.llamagate("status")]
    manifest = session.installed("foo", "manifest.yaml")
    assert "token: hunter2\n" in manifest.read_text()
    assert manifest.stat().st_mode & 0o777 == 0o600
    manifest.write_bytes(manifest.read_bytes() + b"# a note\n")
    said.append(session.llamagate("status", "--diff", "foo"))
    assert not [result for result in said if "hunter2" in result.out + result.err]
    holding = [p for p, (_, data) in session.everything().items() if isinstance(data, bytes) and b"hunter2" in data]
    assert set(holding) <= {str(manifest), str(session.project / "TOKEN")}


def test_a_changed_file_is_another_input(session: Session) -> None:
    _give(session, "file", "hunter2")
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {file: TOKEN}}}}\n")
    file, inputs = session.project / "llamagate.yaml", Inputs()
    before = inputs.digest(file)
    assert inputs.digest(file) == before
    _give(session, "file", "hunter3")
    assert inputs.digest(file) != before
