"""What people name in place of a package, or put into one: the error says what it is, and what to write."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.model.desired import Limits
from reconciler.model.ignore_file import NO_PATTERNS
from reconciler.model.source import SourceKind
from reconciler.packages.manifest import read_package
from reconciler.sources.local import LOCAL


def folder(at: Path) -> None:
    at.mkdir()


def archive(at: Path) -> None:
    with zipfile.ZipFile(at, "w") as out:
        out.writestr("manifest.yaml", "name: x\n")


def text(at: Path) -> None:
    at.write_text("name: x\n")


Make = Callable[[Path], None]

NAMED = [
    pytest.param(SourceKind.DIR, "foo.zip", archive, "foo.zip", "{zip: …}", id="a zip as a folder"),
    pytest.param(SourceKind.ZIP, "foo", folder, "foo", "{dir: foo}", id="a folder as a zip"),
    pytest.param(SourceKind.DIR, "notes.txt", text, "notes.txt", "a folder or a zip", id="a file"),
    pytest.param(SourceKind.ZIP, "manifest.yaml", text, "manifest.yaml", "name the folder", id="a manifest as a zip"),
    pytest.param(SourceKind.DIR, "manifest.yaml", text, "manifest.yaml", "name the folder", id="a manifest"),
    pytest.param(SourceKind.ZIP, "my.yaml", text, "my.yaml", "apply -f my.yaml", id="a desired state"),
    pytest.param(SourceKind.DIR, "foo", folder, ".\\foo", "written with '/': ./foo", id="a backslash"),
    pytest.param(SourceKind.DIR, "foo", folder, "C:\\foo", "not with a backslash", id="a path of Windows"),
    pytest.param(SourceKind.DIR, "foo", folder, "~other/foo", "only '~/' is replaced", id="a tilde"),
    pytest.param(SourceKind.ZIP, "foo", folder, "$HOME/x.zip", "only '~/' is replaced", id="a variable"),
    pytest.param(SourceKind.ZIP, "foo", folder, "x.zip", "check the path", id="nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "there", "make", "name", "words"), NAMED)
def test_what_is_named_in_place_of_a_package(
    tmp_path: Path, kind: SourceKind, there: str, make: Make, name: str, words: str
) -> None:
    make(tmp_path / there)
    with pytest.raises(InputError) as caught:
        LOCAL[kind].open(tmp_path / name, limits=Limits(), name=name, path="", ignore=NO_PATTERNS)
    assert words in str(caught.value.faults[0]) + caught.value.advice
    assert caught.value.faults[0].file == name


@pytest.mark.parametrize("right", ["manifest.yaml", "extension.yaml", "agenticmodule.yaml"])
def test_a_manifest_that_ends_with_yml(tmp_path: Path, right: str) -> None:
    (tmp_path / right.replace(".yaml", ".yml")).write_text("name: x\n")
    content = LOCAL[SourceKind.DIR].open(tmp_path, limits=Limits(), name="p", path="", ignore=NO_PATTERNS)
    with pytest.raises(InputError, match=f"rename it to {right}"):
        read_package(content, name="p")


def test_a_desired_state_in_place_of_a_manifest_is_one_fault(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text("apiVersion: llamagate/v1\nextensions: {}\n")
    content = LOCAL[SourceKind.DIR].open(tmp_path, limits=Limits(), name="p", path="", ignore=NO_PATTERNS)
    with pytest.raises(InputError) as caught:
        read_package(content, name="p")
    assert len(caught.value.faults) == 1
    assert "a desired state" in caught.value.faults[0].message
