"""Packages in folders: rows 55 to 60 of the catalogue of bad inputs, and what a good folder gives."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import InputError
from reconciler.model.desired import Limits
from reconciler.model.ignore_file import NO_PATTERNS
from reconciler.model.package import FileEntry
from reconciler.packages import folder as folder_module
from reconciler.packages.content import executables_of, read
from reconciler.packages.folder import FolderContent, open_folder
from reconciler.packages.stamps import folder_stamp
from tests.fs.hostile import as_ordinary_user

HELLO = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
BESIDE = "rename one of the two"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    root = tmp_path / "package"
    (root / "sub").mkdir(parents=True)
    (root / "manifest.yaml").write_bytes(b"hello\n")
    (root / "sub" / "run").write_bytes(b"#!")
    (root / "sub" / "run").chmod(0o750)
    return root


def opened(root: Path, limits: Limits | None = None) -> FolderContent:
    return open_folder(root, limits=limits or Limits(), name="pkg")


def refused(root: Path, limits: Limits | None = None) -> str:
    with pytest.raises(InputError) as caught:
        opened(root, limits)
    assert caught.value.message.isprintable()
    assert caught.value.faults[0].file == "pkg"
    return caught.value.message.removeprefix("pkg: ")


def test_files_are_sorted_and_hashed(package: Path) -> None:
    content = opened(package)
    assert content.files[0] == FileEntry(path="manifest.yaml", sha256=HELLO, size=6)
    assert [entry.path for entry in content.files] == ["manifest.yaml", "sub/run"]
    assert executables_of(content) == frozenset(["sub/run"])
    assert read(content, "sub/run") == b"#!"
    assert content.notes == ()


def test_a_large_file_comes_in_pieces(package: Path) -> None:
    (package / "large").write_bytes(bytes(200_000))
    sizes = [len(chunk) for chunk in opened(package).chunks("large")]
    assert (sum(sizes), max(sizes)) == (200_000, 65_536)


def test_the_root_may_be_a_link_of_the_users_own(package: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("package")
    content = opened(tmp_path / "link")
    assert read(content, "manifest.yaml") == b"hello\n"
    assert folder_stamp(tmp_path / "link", NO_PATTERNS) != ""


def test_what_desktops_and_git_leave_behind_is_ignored(package: Path) -> None:
    for name in (".git/objects/x", "__MACOSX/._a", "sub/.DS_Store", "sub/.git/config"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes(b"?")
    content = opened(package)
    assert [entry.path for entry in content.files] == ["manifest.yaml", "sub/run"]
    assert content.notes == ("left out 2 names of editors and systems: '__MACOSX', 'sub/.DS_Store'",)


def test_row_55_a_link_out_of_the_package(package: Path) -> None:
    (package / "sub" / "hosts").symlink_to("/etc/hosts")
    message = refused(package)
    assert message == "entry 'sub/hosts': is a symbolic link to '/etc/hosts'; copy the file instead"


def test_row_55_a_link_inside_the_package_and_to_a_folder(package: Path) -> None:
    (package / "other").symlink_to("sub")
    assert refused(package) == "entry 'other': is a symbolic link to 'sub'; copy the file instead"


@pytest.mark.parametrize("target", ["loop", "."])
def test_row_56_a_link_loop(package: Path, target: str) -> None:
    (package / "loop").symlink_to(target)
    assert refused(package) == f"entry 'loop': is a symbolic link to '{target}'; copy the file instead"


def a_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize("make", [os.mkfifo, a_socket], ids=["fifo", "socket"])
def test_row_57_what_is_no_file_is_refused_and_never_opened(package: Path, make: Callable[[Path], None]) -> None:
    make(package / "special")
    assert refused(package) == "entry 'special': is not a regular file or folder; remove it"


def test_row_58_a_hard_link_is_a_file(package: Path) -> None:
    (package / "again").hardlink_to(package / "manifest.yaml")
    assert [entry.sha256 for entry in opened(package).files[:2]] == [HELLO, HELLO]


def becomes(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def change(file: Path) -> None:
        file.unlink()
        make(file)

    return change


CHANGES: dict[str, Callable[[Path], object]] = {
    "row-59-grows": lambda file: file.write_bytes(b"hello\nand more"),
    "row-59-shrinks": lambda file: file.write_bytes(b"h"),
    "row-59-same-size": lambda file: file.write_bytes(b"HELLO\n"),
    "row-59-vanishes": lambda file: file.unlink(),
    "row-59-becomes-a-link": becomes(lambda file: file.symlink_to("/etc/hosts")),
    "row-59-becomes-a-pipe": becomes(os.mkfifo),
    "row-59-becomes-a-folder": becomes(Path.mkdir),
}
CHANGED = "entry 'manifest.yaml': changed while it was read; run the command again"


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_file_that_changes_before_it_is_copied_is_noticed(package: Path, change: Callable[[Path], object]) -> None:
    content = opened(package)
    change(package / "manifest.yaml")
    with pytest.raises(InputError) as caught:
        read(content, "manifest.yaml")
    assert caught.value.message == f"pkg: {CHANGED}"


@pytest.mark.parametrize("data", [b"HELLO\n", b"hello\nand more"], ids=["row-59-same-size", "row-59-grows"])
def test_a_file_that_changes_while_it_is_hashed_is_noticed(
    package: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    real = folder_module._contents

    def writing(descriptor: int, name: str, path: str, size: int) -> Iterator[bytes]:
        for chunk in real(descriptor, name, path, size):
            yield chunk
            (package / "manifest.yaml").write_bytes(data)

    monkeypatch.setattr(folder_module, "_contents", writing)
    assert refused(package) == CHANGED


READ_UNREADABLE = """
from reconciler.errors import InputError
from reconciler.model.desired import Limits
from reconciler.model.ignore_file import NO_PATTERNS
from reconciler.packages.folder import open_folder
from reconciler.packages.stamps import folder_stamp

try:
    open_folder(Path("package"), limits=Limits(), name="pkg")
except InputError as error:
    print(error.message)
print(bool(folder_stamp(Path("package"), NO_PATTERNS)))
"""
CLOSED = {
    "row-60-file": ("manifest.yaml", "pkg: entry 'manifest.yaml': cannot be read: Permission denied", True),
    "row-60-folder": ("sub", "pkg: entry 'sub': cannot be read: Permission denied", False),
    "row-60-root": (".", "pkg: cannot be opened: Permission denied", False),
}


@pytest.mark.parametrize(("closed", "message", "stamped"), CLOSED.values(), ids=CLOSED)
def test_what_cannot_be_read_is_refused(package: Path, closed: str, message: str, stamped: bool) -> None:
    (package / closed).chmod(0)
    printed = as_ordinary_user(package.parent, READ_UNREADABLE).splitlines()
    (package / closed).chmod(0o755)
    assert printed == [f"{message}; check its permissions", str(stamped)]


def test_a_folder_that_is_not_there_is_refused(package: Path) -> None:
    assert refused(package / "none") == "cannot be opened: No such file or directory; check the path"
    assert refused(package / "manifest.yaml") == "cannot be opened: Not a directory; check the path"


BAD_NAMES = {
    "device": (["aux.txt"], "entry 'aux.txt': the name is a device on Windows; rename it"),
    "escape": (["a\x1bb"], "entry 'a\\x1bb': the name holds a control or invisible character; rename it"),
    "git": ([".GIT"], "entry '.GIT': the path is in a .git folder; rename it"),
    "case": (
        ["Sub/x"],
        "entry 'sub/': is the same as 'Sub/' where case or Unicode form do not count; rename one of the two",
    ),
    "not-utf-8": ([os.fsdecode(b"caf\xe9")], "entry 'caf\\udce9': the name is not UTF-8; rename it"),
    "deep": (["/".join("d" * 17)], f"entry '{'/'.join('d' * 17)}': the path is deeper than 16 folders; rename it"),
}


@pytest.mark.parametrize(("names", "message"), BAD_NAMES.values(), ids=BAD_NAMES)
def test_a_bad_name_is_refused(package: Path, names: list[str], message: str) -> None:
    for name in names:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes(b"")
    assert refused(package) == message


LIMITED = {
    "entries": (Limits(entries=2), "has more than 2 entries; make the package smaller"),
    "file": (Limits(file=5), "entry 'manifest.yaml': has 6 bytes; a file has at most 5; make the package smaller"),
    "unpacked": (
        Limits(unpacked=7),
        "has more than 7 bytes; make the package smaller, or raise policy.limits.unpacked",
    ),
}


@pytest.mark.parametrize(("limits", "message"), LIMITED.values(), ids=LIMITED)
def test_what_passes_a_limit_is_refused(package: Path, limits: Limits, message: str) -> None:
    assert refused(package, limits) == message


def test_a_stamp_stays_while_the_files_do(package: Path) -> None:
    stamp = folder_stamp(package, NO_PATTERNS)
    (package / ".git").mkdir()
    (package / ".git" / "index").write_bytes(b"?")
    assert folder_stamp(package, NO_PATTERNS) == stamp
    assert folder_stamp(package / "none", NO_PATTERNS) == ""


EDITS: dict[str, Callable[[Path], object]] = {
    "content": lambda root: (root / "manifest.yaml").write_bytes(b"HELLO\n"),
    "mode": lambda root: (root / "manifest.yaml").chmod(0o755),
    "new-file": lambda root: (root / "sub" / "new").write_bytes(b""),
    "removed": lambda root: (root / "sub" / "run").unlink(),
    "renamed": lambda root: (root / "sub").rename(root / "bus"),
    "link": lambda root: (root / "link").symlink_to("manifest.yaml"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_stamp_tells_of_a_change(package: Path, edit: Callable[[Path], object]) -> None:
    for file in (package / "manifest.yaml", package / "sub" / "run"):
        os.utime(file, ns=(0, 0))
    stamp = folder_stamp(package, NO_PATTERNS)
    edit(package)
    assert folder_stamp(package, NO_PATTERNS) not in ("", stamp)
