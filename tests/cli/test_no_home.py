"""A home that is not there is not an empty one: only what installs creates it, so that a mistaken --home is noticed."""

from __future__ import annotations

import pytest

from tests.cli.shell import Session

NEEDS_A_HOME = [
    "list",
    "status",
    "verify",
    "history",
    "export foo --out foo.zip",
    "export --all --out packages",
    "init --from-installed",
    "sync",
    "sync --gateway-restarted",
    "remove foo",
    "remove foo --if-present",
    "enable foo",
    "disable foo",
    "rollback",
    "restore foo",
    "restore foo --list",
    "suspend --reason maintenance",
    "resume",
    "recover",
    "recover --abandon",
    "cache gc",
]
CHANGES_ITEMS = ["sync", "remove foo", "remove foo --if-present", "enable foo", "rollback", "restore foo"]


@pytest.mark.parametrize("command", [*NEEDS_A_HOME, *(f"{one} --dry-run" for one in CHANGES_ITEMS)])
def test_a_home_that_is_not_there(session: Session, command: str) -> None:
    failed = session.llamagate(*command.split(), "--json", exits=1)
    assert (failed.error["code"], failed.error["faults"][0]["file"]) == ("not-found", str(session.home))
    assert not session.home.exists()
    assert [*session.project.iterdir()] == []


@pytest.mark.parametrize("command", ["apply", "watch --once", "import packages/foo", "migrate old"])
def test_what_installs_creates_it(session: Session, command: str) -> None:
    session.package("foo")
    session.extensions("foo")
    (session.project / "old").mkdir()
    session.llamagate(*command.split())
    assert session.home.is_dir()


@pytest.mark.parametrize("command", ["import packages/foo --dry-run", "migrate old --dry-run", "plan", "doctor"])
def test_what_only_shows_does_not(session: Session, command: str) -> None:
    session.package("foo")
    session.extensions("foo")
    (session.project / "old").mkdir()
    session.llamagate(*command.split())
    assert not session.home.exists()


@pytest.mark.parametrize("command", ["apply", "import packages/gone", "import packages/damaged", "watch --once"])
def test_a_command_that_failed_made_no_home(session: Session, command: str) -> None:
    """A mistaken --home is noticed by the next command too."""
    session.desired("extensions: {gone: ./packages/gone}\n")
    (session.project / "packages" / "damaged").mkdir(parents=True)
    session.llamagate(*command.split(), exits=1)
    assert session.llamagate("list", "--json", exits=1).error["code"] == "not-found"
    assert session.llamagate("doctor", "--json").json["findings"][0]["code"] == "no-home"


def test_the_home_of_a_gateway_need_not_have_our_folder(session: Session) -> None:
    session.home.mkdir()
    assert session.llamagate("sync").code == 0
