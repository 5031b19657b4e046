"""Mistakes of beginners: what they are told to do next."""

from __future__ import annotations

import os

import pytest

from tests.cli.failures import failure, warned
from tests.cli.shell import Session


def test_an_empty_file_is_said(session: Session) -> None:
    session.desired("extensions:\n")
    for verb in ("plan", "apply"):
        assert warned(session.llamagate(verb, "--json").json) == ["nothing-listed"]
    session.extensions("foo")
    session.llamagate("apply")
    session.desired("extensions:\n")
    assert warned(session.llamagate("apply", "--json").json) == []


@pytest.mark.parametrize("verb", ["plan", "status", "watch", "lock"])
def test_a_file_as_an_argument(session: Session, verb: str) -> None:
    assert "-f" in failure(session, verb, "good.yaml", exits=64).message or verb == "lock"


def test_keys_that_belong_into_source_are_said_together(session: Session) -> None:
    session.desired("extensions:\n  foo: {git: https://example.org/x.git, ref: v1, typo: 1}\n")
    failed = failure(session, "plan")
    assert failed.places == ["llamagate.yaml:3:9 extensions.foo.git", "llamagate.yaml:3:50 extensions.foo.typo"]


def test_all_backups_are_listed(session: Session) -> None:
    session.home.mkdir()
    assert session.llamagate("restore", "--list").out == "There are no backups.\n"
    for version in ("1.0.0", "1.1.0"):
        for item in ("foo", "bar"):
            session.package(item, version=version)
            session.llamagate("import", f"packages/{item}")
    backups = session.llamagate("restore", "--list", "--json").json["backups"]
    assert [(one["id"], one["generation"]) for one in backups] == [("bar", 4), ("foo", 3)]
    assert "--list" in failure(session, "restore", exits=64).message


def test_an_example_where_a_file_is(session: Session) -> None:
    session.desired("")
    assert "init --example -f example.yaml" in failure(session, "init", "--example").message


def test_what_is_required_has_no_braces_in_the_usage(session: Session) -> None:
    assert "catalog build [OPTIONS] DIR\n" in session.llamagate("catalog", "build", "--help").out


def test_who_may_not_look_is_told_what_to_do(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.home.mkdir()
    real = os.open

    def refused(path: object, *rest: object, **named: object) -> int:
        if str(path).startswith(str(session.home)):
            raise PermissionError(13, os.strerror(13), str(path))
        return real(path, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refused)
    assert "chown, chmod" in failure(session, "list").message


@pytest.mark.parametrize(
    ("command", "exits"), [(["explain"], 1), (["watch", "--listen"], 64), (["diff"], 64)], ids=lambda one: str(one)[:9]
)
def test_a_number_of_thousands_of_digits(session: Session, command: list[str], exits: int) -> None:
    session.extensions("foo")
    session.llamagate("apply")
    for digits in ("9" * 5000, "\u0663"):
        start = {"watch": "127.0.0.1:", "diff": "@"}.get(command[0], "")
        session.llamagate(*command, start + digits, exits=exits)


def test_a_port_of_thousands_of_digits(session: Session) -> None:
    session.variables["PORT"] = "9" * 5000
    assert "which is not a port" in failure(session, "serve", exits=64).message
