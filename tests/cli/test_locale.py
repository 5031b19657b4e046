"""A locale that is not UTF-8: names of files are the bytes that they are, and nothing crashes."""

from __future__ import annotations

import json
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


@pytest.fixture(scope="module", params=["ascii", "latin-1"])
def variables(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return ASCII if request.param == "ascii" else latin_1(tmp_path_factory.mktemp("locale"))


@pytest.fixture
def foo(session: Session, variables: dict[str, str]) -> Session:
    session.package("foo", files={NAME: "content\n", f"földer/{NAME}": "content\n"})
    session.write("söme.yaml", "apiVersion: llamagate/v1\nextensions:\n  foo: ./packages/foo\n")
    session.variables |= variables | {"LLAMAGATE_HOME": str(session.base / "hömé")}
    return session


EACH: Final = """\
import json, os, sys
from reconciler import __main__ as start
from reconciler.cli import app
start.boot.use_utf_8()
commands = json.loads(sys.argv[1])
for words in commands:
    app.application().get_command(None, words[0])  # loads what it needs, for all of them
for words in commands:
    sys.stdout.flush()
    child = os.fork()
    if not child:
        sys.argv[1:] = words
        start.main()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        sys.exit(f"{words}: {code}")
"""
"""Commands one after the other, each as ``llamagate`` starts it where it has found the locale and started again."""


def run_each(foo: Session, *commands: str) -> Result:
    """All must end well, and say nothing on standard error."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", EACH, json.dumps([one.split() for one in commands])],
        cwd=foo.project,
        env={**foo.environment, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return Result(code=0, out=done.stdout.decode("latin-1"), err="")


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
    installed = foo.base / "hömé" / "extensions" / "installed" / "foo"
    looks = ("plan -f söme.yaml", "status -f söme.yaml", "doctor", "verify", "list", "history")
    run_each(foo, "apply --quiet -f söme.yaml", *looks, "export foo --out pläce.zip")
    assert {os.fsencode(path.relative_to(installed)) for path in installed.rglob("*.txt")} == {
        NAME.encode(),
        f"földer/{NAME}".encode(),
    }
    assert (foo.project / "pläce.zip").exists()
    run_each(foo, "remove foo", "import pläce.zip")
    foo.variables = {"LLAMAGATE_HOME": str(foo.base / "hömé")}
    foo.llamagate("apply", "-f", "söme.yaml", "--take-over", "foo")
    assert foo.llamagate("plan", "-f", "söme.yaml").out.startswith("No changes")


def test_what_is_shown_is_in_the_locale_or_escaped(foo: Session, variables: dict[str, str]) -> None:
    shown = "d\\xe4" if variables is ASCII else "dä"
    said = run(foo, "plan", "-f", "dä-日.yaml", exits=1).err
    assert shown in said
    assert "\\u65e5" in said
    assert shown in run(foo, "plan", "--json", "-f", "dä-日.yaml", exits=1).out
