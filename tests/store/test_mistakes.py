"""Mistakes in a desired state that YAML and schema cannot know, and spellings that mean the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.model.source import Source, SourceKind
from reconciler.store.desired_file import decode_desired, read_desired
from reconciler.store.lock_file import read_lock

RANGES = {
    "latest": "leave 'version' out",
    "Stable": "leave 'version' out",
    "~=1.0": 'write "^1.0"',
    "~=1.2.3": 'write "~1.2.3"',
    "==1.0.0": 'write "1.0.0"',
    ">=1.0,<2": 'write ">=1.0 <2"',
    ">= 1.0 and < 2": 'write ">=1.0 <2"',
    "=>1.0": 'write ">=1.0"',
    "!=1.2": "as npm does",
    "1.0.0.0": "as npm does",
}


def desired(item: str) -> bytes:
    return f"apiVersion: llamagate/v1\nextensions:\n  a: {item}\n".encode()


@pytest.mark.parametrize(("text", "advice"), RANGES.items())
def test_a_range_as_others_write_it(text: str, advice: str) -> None:
    with pytest.raises(InputError) as caught:
        decode_desired(desired(f"{{source: ./a, version: '{text}'}}"), Path("f"))
    assert advice in caught.value.message
    assert (caught.value.faults[0].line, caught.value.faults[0].path) == (3, "extensions.a.version")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("HTTPS://Example.org/X.zip", Source(SourceKind.HTTP, "https://Example.org/X.zip")),
        ("{http: 'HTTP://example.org/x'}", Source(SourceKind.HTTP, "http://example.org/x")),
        ("Https://example.org/x.git", Source(SourceKind.GIT, "https://example.org/x.git")),
        ("SSH://git@example.org/x", Source(SourceKind.GIT, "ssh://git@example.org/x")),
        ("{git: 'https://h/x.git', path: ./foo/}", Source(SourceKind.GIT, "https://h/x.git", "", "foo")),
        ("{git: 'https://h/x.git', path: foo/bar/}", Source(SourceKind.GIT, "https://h/x.git", "", "foo/bar")),
        ("{git: 'https://h/x.git', path: .}", Source(SourceKind.GIT, "https://h/x.git")),
        ("{git: 'https://h/x.git', path: .hidden}", Source(SourceKind.GIT, "https://h/x.git", "", ".hidden")),
    ],
)
def test_spellings_that_mean_the_same(written: str, meant: Source) -> None:
    assert decode_desired(desired(f"{{source: {written}}}"), Path("f")).desired.items[0].source == meant


@pytest.mark.parametrize(
    "written", ["HTTPS://u:p@h/x", "{git: 'HTTPS://u:p@h/x'}", "SSH://u:p@h/x", "{git: 'SSH://u:p@h/x'}"]
)
def test_a_password_is_refused_whatever_the_case_of_the_scheme(written: str) -> None:
    with pytest.raises(InputError):
        decode_desired(desired(f"{{source: {written}}}"), Path("f"))


@pytest.mark.parametrize(
    ("item", "paths"),
    [
        ("{dir: ./a}", ["extensions.a.dir"]),
        ("{git: 'https://h/x.git', ref: v1}", ["extensions.a.git"]),
        ("{source: 'https://h/x.git', ref: v1}", ["extensions.a.ref"]),
    ],
)
def test_what_belongs_to_the_source_is_said_once(item: str, paths: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        decode_desired(desired(item), Path("f"))
    assert [fault.path for fault in caught.value.faults] == paths
    assert all("source: {" in fault.message for fault in caught.value.faults)


def test_a_manifest_in_place_of_a_desired_state_is_one_fault() -> None:
    with pytest.raises(InputError) as caught:
        decode_desired(b"name: x\nversion: 1.0.0\ntype: workflow\nsteps: []\n", Path("x/manifest.yaml"))
    assert len(caught.value.faults) == 1
    assert "llamagate validate x" in caught.value.advice


@pytest.mark.parametrize(
    ("there", "named", "message"),
    [
        ("llamagate.yml", "llamagate.yaml", "there is a llamagate.yml; rename it to llamagate.yaml"),
        ("x.yaml", "x.yml", "did you mean x.yaml"),
    ],
)
def test_the_file_has_the_other_ending(tmp_path: Path, there: str, named: str, message: str) -> None:
    (tmp_path / there).write_bytes(desired("./a"))
    with pytest.raises(InputError, match=message):
        read_desired(tmp_path / named)


def test_a_folder_in_the_place_of_the_lock(tmp_path: Path) -> None:
    (tmp_path / "llamagate.lock.yaml").mkdir()
    with pytest.raises(InputError, match="this is a folder, not a file"):
        read_lock(tmp_path / "llamagate.lock.yaml")


@pytest.mark.parametrize("text", ["", " \n\n"])
def test_an_empty_file_says_how_it_begins(tmp_path: Path, text: str) -> None:
    file = tmp_path / "llamagate.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_desired(file)
    assert caught.value.message.endswith("llamagate.yaml:1:1: the file is empty")
    assert "apiVersion: llamagate/v1" in caught.value.advice
