"""A locale that is not UTF-8: names of files are the bytes that they are, and nothing crashes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.cli.shell import Result, Session
from tests.conftest import PROJECT

NAME: Final = "grüße-日本.txt"
ASCII: Final = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def latin_1(folder: Path) -> dict[str, str]:
    """A locale of its own, as no system must have it."""
    if shutil.which("localedef") is None:
        pytest.skip("localedef is not installed")
    made = ["localedef", "-c", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / "de_DE.ISO-8859-1")]
    if subprocess.run(made, capture_output=True, check=False).returncode > 1:
        pytest.skip("the system cannot make a locale")
    return {"LC_ALL": "de_DE.ISO-8859-1", "LOCPATH": str(folder)}


@pytest.fixture(params=["ascii", "latin-1"])
def variables(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return ASCII if request.param == "ascii" else latin_1(tmp_path_factory.mktemp("locale"))


@pytest.fixture
def foo(session: Session, variables: dict[str, str]) -> Session:
    session.package("foo", files={NAME: "content\n", f"földer/{NAME}": "content\n"})
    session.write("söme.yaml", "apiVersion: llamagate/v1\nextensions:\n  foo: ./packages/foo\n")
    session.variables |= variables | {"LLAMAGATE_HOME": str(session.base / "hömé")}
    return session


def run(foo: Session, *arguments: str, exits: int = 0) -> Result:
    done = subprocess.run(
        [sys.executable, "-B", "-m", "reconciler", *arguments],
        cwd=foo.project,
        env={**foo.environment, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        check=False,
    )
    result = Result(code=done.returncode, out=done.stdout.decode("latin-1"), err=done.stderr.decode("latin-1"))
    assert result.code == exits, f"exit code {result.code}\n{result.out}{result.err}"
    return result


def test_names_are_bytes_in_every_locale(foo: Session) -> None:
    run(foo, "apply", "-f", "söme.yaml")
    installed = foo.base / "hömé" / "extensions" / "installed" / "foo"
    assert {os.fsencode(path.relative_to(installed)) for path in installed.rglob("*.txt")} == {
        NAME.encode(),
        f"földer/{NAME}".encode(),
    }
    for verb in ("plan", "status", "doctor", "verify", "list", "history"):
        assert run(foo, verb, *(["-f", "söme.yaml"] if verb in ("plan", "status") else [])).err == ""
    run(foo, "export", "foo", "--out", "pläce.zip")
    assert (foo.project / "pläce.zip").exists()
    run(foo, "remove", "foo")
    run(foo, "import", "pläce.zip")
    run(foo, "watch", "--once", "-f", "söme.yaml")
    foo.variables = {"LLAMAGATE_HOME": str(foo.base / "hömé")}
    run(foo, "apply", "-f", "söme.yaml", "--take-over", "foo")
    assert run(foo, "plan", "-f", "söme.yaml").out.startswith("No changes")


def test_what_is_shown_is_in_the_locale_or_escaped(foo: Session, variables: dict[str, str]) -> None:
    shown = "d\\xe4" if variables is ASCII else "dä"
    assert shown in run(foo, "plan", "-f", "dä-日.yaml", exits=1).err
    assert "\\u65e5" in run(foo, "plan", "-f", "dä-日.yaml", exits=1).err
    assert shown in run(foo, "plan", "--json", "-f", "dä-日.yaml", exits=1).out
