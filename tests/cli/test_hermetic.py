"""The guard of ``tests/conftest.py`` does what the other tests rely on."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import pytest

from tests.conftest import NotHermeticError

REAL_HOME = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".llamagate-of-no-test"


@pytest.mark.skipif(REAL_HOME.parent == Path("/"), reason="this user has no home of its own")
@pytest.mark.parametrize(
    "write",
    [
        lambda: REAL_HOME.write_text("x"),
        lambda: REAL_HOME.mkdir(),
        lambda: REAL_HOME.symlink_to("x"),
        lambda: REAL_HOME.unlink(),
        lambda: os.rename("/dev/null", REAL_HOME),  # noqa: PTH104 - the call itself is what is guarded
    ],
    ids=["open", "mkdir", "symlink", "unlink", "rename"],
)
def test_writing_into_the_real_home_is_an_error_that_names_it(write: object) -> None:
    assert callable(write)
    with pytest.raises(NotHermeticError, match="in the real home; tests write below tmp_path"):
        write()


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("127.0.0.1", 11435), ("::ffff:192.0.2.1", 80)])
def test_leaving_the_machine_is_an_error(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as caller, pytest.raises(NotHermeticError, match="a test talks to"):
        caller.connect(address)


def test_no_name_is_looked_up() -> None:
    with pytest.raises(NotHermeticError, match=r"a test talks to example\.org; tests talk to loopback only"):
        socket.getaddrinfo("example.org", 80)


def test_the_environment_is_the_same_for_everyone(tmp_path: Path) -> None:
    assert Path.home() != Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert not [name for name in os.environ if name.startswith("LLAMAGATE_") or "proxy" in name.lower()]
    assert os.umask(0o022) == 0o022
