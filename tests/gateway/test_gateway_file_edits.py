"""The gateway's file is edited with a change, and undone with it, while others may write it too."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from reconciler.apply import gateway_file
from reconciler.apply.gateway_file import edit_gateway_file, restore_gateway_file
from reconciler.errors import StorageError
from reconciler.fs.bounded import read_if_there
from reconciler.model.servers import ServerChange, ServerEdit

TEXT = "# ours\nmcp:\n  enabled: true\n  servers:\n  - name: old\n    command: a  # as ever\n"
NEW = {"old": ServerEdit(entry={"name": "old", "command": "b"}), "new": ServerEdit(entry={"name": "new"})}
BEFORE = {"old": ServerEdit(entry={"name": "old", "command": "a"}), "new": ServerEdit(entry=None)}


def change(text: str | None = TEXT, *, is_private: bool = True) -> ServerChange:
    return ServerChange(edits=NEW, before=BEFORE, text=text, mode=0o640, is_private=is_private)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "llamagate.yaml"
    path.write_text(TEXT)
    path.chmod(0o640)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_undoing_brings_every_byte_and_the_mode_back(file: Path) -> None:
    edit_gateway_file(file, change())
    assert "command: b  # as ever" in file.read_text()
    assert mode(file) == 0o600
    edit_gateway_file(file, change())  # once more, as after a crash
    restore_gateway_file(file, change())
    assert (file.read_text(), mode(file)) == (TEXT, 0o640)
    restore_gateway_file(file, change())
    assert file.read_text() == TEXT


def test_a_file_that_came_with_the_change_goes_with_it(file: Path) -> None:
    file.unlink()
    edit_gateway_file(file, change(None))
    restore_gateway_file(file, change(None))
    assert not file.exists()


def test_what_another_wrote_since_stays(file: Path) -> None:
    edit_gateway_file(file, change())
    file.write_text(file.read_text().replace("# ours", "# of another"))
    restore_gateway_file(file, change())
    assert file.read_text() == TEXT.replace("# ours", "# of another")


def test_edits_are_laid_over_what_another_writes_meanwhile(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def writes_once(path: Path) -> bytes | None:
        found = read_if_there(path)
        if found is not None and b"# ours" in found:
            path.write_text(TEXT.replace("# ours", "# of another"))
        return found

    monkeypatch.setattr(gateway_file, "read_if_there", writes_once)
    edit_gateway_file(file, change(is_private=False))
    assert file.read_text().startswith("# of another\n")
    assert "command: b" in file.read_text()
    assert mode(file) == 0o640


def test_what_cannot_be_edited_any_more_is_left_alone(file: Path) -> None:
    file.write_text("mcp: {servers: [{name: old}]}\n")
    with pytest.raises(StorageError, match="braces"):
        edit_gateway_file(file, change())
    assert file.read_text() == "mcp: {servers: [{name: old}]}\n"
