"""Archives whose names or file types were made to deceive. Row numbers are those of the catalogue of bad inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.packages.content import executables_of, read
from tests.hostile.archives import message_for, opened
from tests.hostile.bad_names import GOOD, NAMES
from tests.hostile.zip_builder import Entry, build, deflated


@pytest.mark.parametrize(("data", "message"), NAMES.values(), ids=NAMES)
def test_a_bad_name_or_type_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    assert message_for(tmp_path, data) == message


@pytest.mark.parametrize(("system", "executable"), [(3, True), (19, True), (0, False)], ids=["unix", "darwin", "dos"])
def test_row_10_only_the_executable_bit_of_a_mode_is_taken(tmp_path: Path, system: int, executable: bool) -> None:
    content = opened(tmp_path, build([GOOD, Entry(name="run", mode=0o106755, system=system)]))
    assert [entry.executable for entry in content.files] == [False, executable]
    assert executables_of(content) == (frozenset(["run"]) if executable else frozenset())


def test_row_31_a_nested_archive_is_an_opaque_file(tmp_path: Path) -> None:
    inner = build([GOOD])
    content = opened(tmp_path, build([GOOD, Entry(name="inner.zip", data=inner)]))
    assert read(content, "inner.zip") == inner


def test_row_54_what_desktops_leave_behind_is_ignored_and_said(tmp_path: Path) -> None:
    left = ["__MACOSX/._manifest.yaml", "__MACOSX/._b", ".DS_Store", "docs/.DS_Store"]
    content = opened(tmp_path, build([GOOD, *(Entry(name=name) for name in left)]))
    assert [entry.path for entry in content.files] == ["manifest.yaml"]
    [note] = content.notes
    assert note.startswith("left out 4 names of editors and systems: '__MACOSX/._manifest.yaml'")


def test_a_folder_entry_with_an_empty_deflate_stream_is_fine(tmp_path: Path) -> None:
    folder = Entry(name="d/", mode=0o040755, data=b"", deflate=True, packed=deflated(b""))
    assert [entry.path for entry in opened(tmp_path, build([folder, GOOD])).files] == ["manifest.yaml"]
