"""Archives whose structure was made to deceive. Row numbers are those of the catalogue of bad inputs."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import InputError
from reconciler.model.desired import Limits
from reconciler.packages.content import read
from reconciler.packages.zip.archive import open_archive
from tests.fs.hostile import python
from tests.hostile.archives import message_for, opened
from tests.hostile.bad_structures import DEFLATED, GOOD, LATE, LIMITED, NEXT, NO_END, STRUCTURE, with_sizes
from tests.hostile.zip_builder import Entry, build, build64, deflated, extra, streamed
from tests.support.laws import examples


@pytest.mark.parametrize(("data", "message"), STRUCTURE.values(), ids=STRUCTURE)
def test_a_bad_structure_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    assert message_for(tmp_path, data) == message


@pytest.mark.parametrize("entries", [[GOOD, NEXT], [LATE, NEXT]], ids=["plain", "streamed"])
def test_row_51_an_archive_cut_anywhere_is_refused(tmp_path: Path, entries: list[Entry]) -> None:
    data = build(entries)
    for length in range(len(data)):
        assert message_for(tmp_path, data[:length]) == NO_END


@pytest.mark.parametrize(("data", "limits", "message"), LIMITED.values(), ids=LIMITED)
def test_what_passes_a_limit_is_refused(tmp_path: Path, data: bytes, limits: Limits, message: str) -> None:
    assert message_for(tmp_path, data, limits) == message


def test_a_high_ratio_is_fine_in_a_small_file(tmp_path: Path) -> None:
    assert opened(tmp_path, build([Entry(data=bytes(1 << 20), deflate=True)])).files[0].size == 1 << 20


MEASURED = """
from reconciler.errors import InputError
from reconciler.model.desired import Limits
from reconciler.packages.zip.archive import open_archive

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024

before = peak()
try:
    content = open_archive(Path(sys.argv[1]), limits=Limits(), name="bad.zip")
    sum(len(chunk) for entry in content.files for chunk in content.chunks(entry.path))
    print("opened", peak() - before)
except InputError:
    print("refused", peak() - before)
"""


def memory_for(folder: Path, data: bytes) -> tuple[str, int]:
    """How a process of its own ends that reads the archive, and by how many MiB its peak memory grew."""
    path = folder / "bad.zip"
    path.write_bytes(data)
    ended, grown = subprocess.run(python(MEASURED, path), check=True, capture_output=True, text=True).stdout.split()
    return ended, int(grown)


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
BOMB_BYTES = 60 << 20


@needs_proc
@pytest.mark.parametrize("lies", [{"packed": 0xFFFF_FFF0}, {"size": 0xFFFF_FFF0}, {"size": 1000}], ids=str)
def test_row_34_a_forged_size_costs_no_memory(tmp_path: Path, lies: dict[str, int]) -> None:
    bomb = Entry(data=b"", deflate=True, packed=deflated(bytes(BOMB_BYTES)))
    ended, grown = memory_for(tmp_path, build([with_sizes(bomb, **{"size": BOMB_BYTES, **lies})]))
    assert ended == "refused"
    assert grown < 64


@needs_proc
def test_memory_is_flat_in_the_size_of_an_archive(tmp_path: Path) -> None:
    noise = hashlib.shake_128().digest(8 << 20)
    large = [Entry(name=f"{number}", data=noise, deflate=number == 0) for number in range(2)]
    ended, grown = memory_for(tmp_path, build(large))
    assert ended == "opened"
    assert grown < 6


VALID = [
    build([DEFLATED, NEXT, Entry(name="d/e", data=b"", mode=0o100755)], comment=b"0123456789abcdef"),
    build([LATE, replace(streamed(b"x", sizes="QQ", signature=b""), name="b")]),
    build64([replace(GOOD, extra=extra(0x5455, b"\1abcd")), replace(DEFLATED, name="c")]),
]
EDITS = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 6), st.binary(max_size=6)), min_size=1, max_size=4)


@settings(examples(5), database=None)
@given(data=st.sampled_from(VALID), edits=EDITS)
def test_any_damage_is_either_harmless_or_refused(
    tmp_path: Path, data: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    damaged = bytearray(data)
    for at, removed, added in edits:
        start = at % (len(damaged) + 1)
        damaged[start : start + removed] = added
    try:
        content = opened(tmp_path, bytes(damaged))
    except InputError:
        return
    assert [len(read(content, entry.path)) for entry in content.files] == [entry.size for entry in content.files]


AROUND = [Entry(name="repo/pkg/manifest.yaml"), Entry(name="repo/link", mode=0o120777, data=b"pkg")]
WRITES_INTO = {
    "link-above": (Entry(name="repo/pkg", mode=0o120777, data=b"other"), "is not a folder"),
    "link-as-a-folder": (Entry(name="repo/pkg/", mode=0o120777, data=b"other"), "but not by both"),
    "through-a-link": (Entry(name="repo/link/manifest.yaml"), "is not a folder"),
    "twice": (Entry(name="repo/link"), "is there twice"),
    "up": (Entry(name="repo/x/../pkg/manifest.yaml"), "leaves the package"),
    "slashes": (Entry(name="repo//pkg/manifest.yaml"), "an empty or '.' part"),
}


@pytest.mark.parametrize(("more", "words"), WRITES_INTO.values(), ids=WRITES_INTO)
def test_what_is_around_a_folder_writes_nothing_into_it(tmp_path: Path, more: Entry, words: str) -> None:
    place = tmp_path / "bad.zip"
    place.write_bytes(build([*AROUND, more]))
    with pytest.raises(InputError, match=words):
        open_archive(place, limits=Limits(), name="bad.zip", path="pkg")


@pytest.mark.parametrize("more", [Entry(name=".git/manifest.yaml"), Entry(name=".git")], ids=["through", "twice"])
def test_what_is_left_to_git_writes_nothing_into_the_package(tmp_path: Path, more: Entry) -> None:
    link = Entry(name=".git", mode=0o120777, data=b".")
    assert message_for(tmp_path, build([Entry(), link, more]))
