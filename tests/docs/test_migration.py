"""The migration guide is run as it stands, in a folder and a home as the gateway and its own tool leave them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.cli.shell import Snapshot, snapshot
from tests.conftest import PROJECT
from tests.docs.pages import command_in, page, run_blocks, shell_blocks

EXAMPLES = PROJECT / "examples" / "extensions"
INSTALLED = {"request-audit": ("1.0.1", True), "token-budget": ("1.0.0", False)}
LEGACY = {"priority-rules": "priority-rules", "meeting-notes": "team/notes", "ticket-triage-api": "builtin/triage"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder from which a gateway was started, with a home below it that its own tool has filled."""
    command_in(tmp_path)
    home = tmp_path / "home"
    entries = []
    for name, (version, enabled) in INSTALLED.items():
        place = home / "extensions" / "installed" / name
        shutil.copytree(EXAMPLES / name, place)
        entries.append(
            {
                "id": name,
                "type": "extension",
                "name": name,
                "version": version,
                "enabled": enabled,
                "installed_at": "2026-01-15T10:00:00.000000001Z",
                "last_updated_at": "2026-01-15T10:00:00.000000001Z",
                "source_path": str(place),
            }
        )
    (home / "registry").mkdir()
    (home / "registry" / "installed.json").write_text(json.dumps(entries, indent=2))
    for name, place_name in LEGACY.items():
        shutil.copytree(EXAMPLES / name, tmp_path / "extensions" / place_name)
    return tmp_path


def _run(folder: Path, *names: str) -> list[str]:
    blocks = dict(shell_blocks(page("migration.md")))
    path = f"{folder}/.venv/bin{os.pathsep}{os.environ['PATH']}"
    variables = {"LLAMAGATE_HOME": str(folder / "home"), "PATH": path}
    return run_blocks([blocks[name] for name in names], folder, variables)


def _installed(folder: Path) -> Snapshot:
    return snapshot(folder / "home" / "extensions" / "installed")


def test_every_block_is_run_by_a_test() -> None:
    text = page("migration.md")
    assert [name for name, _ in shell_blocks(text)] == ["look", "adopt", "sync", "take over", "migrate", "move"]
    assert text.count("```sh") == len(shell_blocks(text))


def test_looking_finds_what_is_unmanaged_and_what_is_legacy(folder: Path) -> None:
    (said,) = _run(folder, "look")
    assert said.count(" unmanaged ") == len(INSTALLED)
    assert said.count("was not installed by llamagate (the same for 1 other: ") == 1
    assert said.count("  → llamagate sync, to let llamagate manage it") == 1
    assert (
        said.count("is not installed, but a gateway that is started in this folder loads it (the same for 1 other: ")
        == 1
    )
    assert not (folder / "home" / "reconciler").exists()


def test_what_is_installed_is_adopted_by_a_file(folder: Path) -> None:
    before = _installed(folder)
    (said,) = _run(folder, "adopt")
    assert "Plan: 2 to adopt." in said
    assert "Applied as generation 1: 2 adopted." in said
    assert said.endswith(
        "In sync (generation 1).\n  2 items installed; no gateway known for this home; name one with --gateway URL\n"
    )
    assert _installed(folder) == before
    assert {path.name for path in (folder / "packages").iterdir()} == set(INSTALLED)
    registry = json.loads((folder / "home" / "registry" / "installed.json").read_text())
    assert {entry["id"]: (entry["version"], entry["enabled"]) for entry in registry} == INSTALLED


def test_what_is_installed_is_taken_into_the_record_without_a_file(folder: Path) -> None:
    before = _installed(folder)
    (said,) = _run(folder, "sync")
    assert "Applied as generation 1: 2 adopted." in said
    assert " unmanaged " not in said
    assert _installed(folder) == before


def test_what_differs_is_taken_over_by_name_and_can_be_put_back(folder: Path) -> None:
    package = folder / "mine"
    shutil.copytree(EXAMPLES / "token-budget", package)
    manifest = package / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("version: 1.0.0", "version: 1.0.1"))
    (folder / "llamagate.yaml").write_text("apiVersion: llamagate/v1\nextensions:\n  token-budget: ./mine\n")
    (said,) = _run(folder, "take over")
    assert "Applied as generation 1: 1 replaced (1.0.0 → 1.0.1)." in said
    assert said.endswith(f"{folder}/home/reconciler/backups/extension/token-budget/1\n")


def test_the_legacy_folder_is_migrated_and_then_emptied(folder: Path) -> None:
    _run(folder, "adopt")
    migrated, moved = _run(folder, "migrate", "move")
    assert "Dry run: 2 to install. Run it without --dry-run to do it." in migrated
    assert "Applied as generation 2: 2 installed." in migrated
    assert "extensions/team/notes has the id 'meeting-notes', and is installed under that id" in migrated
    assert "ticket-triage-api" not in migrated
    assert (folder / "home" / ".migration_complete").read_text() == "migration completed"
    assert "No changes: everything is as the file says (generation 2)." in moved
    assert moved.endswith("No problems found.\n")
    assert "./packages/priority-rules" in (folder / "llamagate.lock.yaml").read_text()
