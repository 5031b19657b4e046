"""The README is run as it stands: a newcomer types what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^<!-- (?P<name>[a-z ]+) -->\n```sh\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(text: str) -> list[tuple[str, str]]:
    return [(match["name"], match["code"]) for match in _BLOCK.finditer(text)]


def test_every_command_block_is_named_so_that_it_is_run() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(_blocks(text)) == text.count("```sh")
    assert {name for name, _ in _blocks(text)} == {"main job", "tests", "tour"}


def test_the_set_up_commands_are_those_that_ci_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "readme_block 'main job'" in script
    assert "readme_block tests" in script


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that the tour touches, and a ``.venv/bin/llamagate`` as the first command leaves it."""
    for name in ("llamagate.yaml", "llamagate.lock.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    command = tmp_path / ".venv" / "bin" / "llamagate"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reconciler "$@"\n')
    command.chmod(0o755)
    return tmp_path


def test_the_tour_does_what_it_says(checkout: Path) -> None:
    tour = [code for name, code in _blocks((ROOT / "README.md").read_text("utf-8")) if name == "tour"]
    steps = "\n".join(f"echo '== {number}'\n{code}" for number, code in enumerate(tour))
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", steps],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said = re.split(r"== \d\n", done.stdout)[1:]
    assert "Applied as generation 1: 9 install." in said[0]
    assert re.search(r"^extension +meeting-notes +1\.2\.0 +yes +examples +installed", said[0], re.MULTILINE)
    assert "~ config.sample_rate: 0.25 → 0.5" in said[1]
    assert "Plan: 1 configure." in said[1]
    assert "Applied as generation 2: 1 configure." in said[2]
    assert "In sync (generation 2)." in said[2]
    assert "drift: priority-rules: manifest.yaml was changed by hand" in said[3]
    assert "drift: token-budget: its folder is missing" in said[3]
    assert "+# my own note" in said[3]
    assert "Applied as generation 3: 1 repair." in said[3]
    assert "priority-rules: manifest.yaml was changed by hand" in said[3]
    assert "Applied as generation 4: 1 configure." in said[4]
    assert "# my own note" in (checkout / "demo-home/extensions/installed/priority-rules/manifest.yaml").read_text()
    assert (checkout / "demo-home/reconciler/backups/extension/request-audit/4").is_dir()
