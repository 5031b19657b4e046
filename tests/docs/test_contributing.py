"""The worked example of CONTRIBUTING is a verb that works, and what the page names is there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.cli.shell import Session, finished
from tests.conftest import PROJECT

TEXT: Final = (PROJECT / "CONTRIBUTING.md").read_text("utf-8")
BLOCKS: Final = dict(re.findall(r"^<!-- (\S+\.py) -->\n```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
NEW: Final = {"bucket", "repair"}
"""The examples, whose files do not exist."""


@pytest.fixture
def with_the_example(tmp_path: Path) -> Path:
    """A copy of the program that has the new verb."""
    folder = tmp_path / "copy"
    for name in ("reconciler", "schemas"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, code in BLOCKS.items():
        path = folder / name
        before = path.read_text("utf-8") if path.exists() else ""
        verbs = '    "One item": {\n'
        added = before.replace(verbs, verbs + code) if verbs in before else f"{before}\n\n{code}".lstrip()
        path.write_text(added, "utf-8")
    return folder


def test_the_verb_of_the_example_works(tmp_path: Path, with_the_example: Path) -> None:
    session = Session(tmp_path)
    session.extensions("foo", "bar")
    session.llamagate("apply")
    for item in ("foo", "bar"):
        session.write(str(session.installed(item, "manifest.yaml")), "edited\n")
    start = f"import sys; sys.path.insert(0, {str(with_the_example)!r}); from reconciler.cli.app import main; main()"
    with session.python(start, "repair", "foo", fresh=True) as running:
        done = finished(running)
    assert done.code == 0, done.err
    assert "1 repaired" in done.out
    assert session.installed("foo", "manifest.yaml").read_text().startswith("name: foo")
    assert session.installed("bar", "manifest.yaml").read_text() == "edited\n"
    assert (session.ours / "backups" / "extension" / "foo" / "2" / "manifest.yaml").read_text() == "edited\n"


def test_every_file_that_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", TEXT)) - {"build/site"}
    missing = {name for name in named if not (PROJECT / name).exists() and not (PROJECT / "reconciler" / name).exists()}
    assert {name for name in missing if not any(word in name for word in NEW)} == set()


def test_its_commands_are_those_of_the_noxfile() -> None:
    jobs = re.findall(r"^@nox\.session\ndef (\w+)\(", (PROJECT / "noxfile.py").read_text("utf-8"), re.MULTILINE)
    table = re.findall(r"^\| [^|]+ \| `nox -s (\w+)", TEXT, re.MULTILINE)
    assert table == jobs
