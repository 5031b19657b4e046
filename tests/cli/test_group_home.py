"""A home that a group may write to: each of its members can do everything, one after the other."""

from __future__ import annotations

import email.parser  # noqa: F401 - see the fixture
import os
import pkgutil  # noqa: F401 - see the fixture
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Session
from tests.fs.hostile import NOBODY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for several users")

FIRST, SECOND, GROUP = NOBODY - 2, NOBODY - 3, NOBODY - 4


@pytest.fixture
def shared() -> Iterator[Session]:
    """In a folder that everyone may pass through. All modules are loaded first: others may not read the interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        session = Session(Path(folder))
        session.extensions("foo", "bar")
        for verb in (["apply"], ["remove", "foo"], ["rollback"], ["resume"], ["doctor"], ["apply", "--overwrite"]):
            session.run(*verb)
        session.llamagate("apply", "--home", session.base / "other", exits=0)
        for path in (session.project, *session.project.rglob("*")):
            os.chown(path, FIRST, GROUP)
            path.chmod(0o2775 if path.is_dir() else 0o664)
        session.home.rename(session.base / "loaded")
        session.home.mkdir()
        os.chown(session.home, FIRST, GROUP)
        session.home.chmod(0o2775)
        yield session


def run_by(user: int, session: Session, *arguments: str, exits: int = 0) -> None:
    child = os.fork()
    if not child:
        code = 99
        try:
            os.setgroups([GROUP])
            os.setgid(user)
            os.setuid(user)
            os.umask(0o022)
            result = session.run(*arguments)
            if result.code != exits:
                os.write(2, f"{arguments}: {result.code}\n{result.out}{result.err}".encode())
            code = result.code
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == exits


def test_two_members_take_turns(shared: Session) -> None:
    run_by(FIRST, shared, "apply")
    run_by(SECOND, shared, "status")
    shared.package("foo", version="2.0.0")
    run_by(SECOND, shared, "apply")
    run_by(FIRST, shared, "remove", "bar")
    run_by(SECOND, shared, "rollback")
    (shared.installed("foo") / "manifest.yaml").unlink()
    run_by(SECOND, shared, "apply", "--overwrite")
    run_by(FIRST, shared, "verify")
    run_by(SECOND, shared, "disable", "foo")
    run_by(FIRST, shared, "restore", "foo")
    run_by(SECOND, shared, "cache", "gc")
    run_by(FIRST, shared, "doctor")


def test_no_other_may_read_what_is_ours(shared: Session) -> None:
    run_by(FIRST, shared, "apply")
    assert stat.S_IMODE(shared.ours.stat().st_mode) == 0o2770
    assert not [path for path in shared.home.rglob("*") if path.stat().st_mode & stat.S_IWOTH]
