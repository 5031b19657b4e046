"""The README is run as it stands: a newcomer types what it says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.docs.pages import command_in, run_blocks, shell_blocks


def test_every_command_block_is_named_so_that_it_is_run() -> None:
    text = (PROJECT / "README.md").read_text("utf-8")
    assert len(shell_blocks(text)) == text.count("```sh")
    assert {name for name, _ in shell_blocks(text)} == {"main job", "tests", "tour"}


def test_the_set_up_commands_are_those_that_ci_runs() -> None:
    script = (PROJECT / ".ci" / "run").read_text("utf-8")
    assert "readme_block 'main job'" in script
    assert "readme_block tests" in script


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that the tour touches, and a ``.venv/bin/llamagate`` as the first command leaves it."""
    for name in ("llamagate.yaml", "llamagate.lock.yaml"):
        shutil.copy(PROJECT / name, tmp_path / name)
    shutil.copytree(PROJECT / "examples", tmp_path / "examples")
    command_in(tmp_path)
    return tmp_path


def test_the_tour_does_what_it_says(checkout: Path) -> None:
    tour = [code for name, code in shell_blocks((PROJECT / "README.md").read_text("utf-8")) if name == "tour"]
    said = run_blocks(tour, checkout)
    assert "Applied as generation 1: 9 installed." in said[0]
    assert re.search(r"^extension +meeting-notes +1\.2\.0 +yes +examples +installed", said[0], re.MULTILINE)
    assert "~ config.sample_rate: 0.25 → 0.5" in said[1]
    assert "Plan: 1 to reconfigure." in said[1]
    assert "Applied as generation 2: 1 reconfigured." in said[2]
    assert "In sync (generation 2)." in said[2]
    assert "~ config.sample_rate: 0.25 → 0.5" in said[3]
    assert "llamagate.yaml:" in said[3]
    assert "default   50%" in said[3]
    assert "drift: priority-rules: manifest.yaml was changed by hand" in said[4]
    assert "drift: token-budget: its folder is missing" in said[4]
    assert re.search(r"^ *\+ .*# my own note", said[4], re.MULTILINE)
    assert "Applied as generation 3: 1 repaired." in said[4]
    assert "priority-rules: manifest.yaml was changed by hand" in said[4]
    assert "~ request-audit: configured" in said[5]
    assert "Applied as generation 4: 1 reconfigured." in said[5]
    assert "'llamagate apply' ends the pause of the watcher (rolled back to generation 1)" in said[5]
    assert "No changes: what was changed by hand was kept (generation 4)." in said[5]
    assert "# my own note" in (checkout / "demo-home/extensions/installed/priority-rules/manifest.yaml").read_text()
    assert (checkout / "demo-home/reconciler/backups/extension/request-audit/4").is_dir()
    assert "Paused the watcher for priority-rules until 'llamagate resume': trying something." in said[6]
    assert "Resumed: priority-rules (trying something)." in said[6]
    assert "Wrote meeting-notes.zip: extension meeting-notes 1.2.0." in said[7]
    assert "Dry run: 1 to remove. Run it without --dry-run to do it." in said[7]
    assert "Applied as generation 5: 1 removed." in said[7]
    assert "put back from the backup of generation 5" in said[7]
    assert "Applied as generation 6: 1 installed." in said[7]
    assert "→ llamagate resume" in said[7]
