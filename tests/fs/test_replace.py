"""Replacing a file that other programs write too: what they wrote is never lost, whenever they wrote it."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.fs import durable, replace, swap
from reconciler.fs.replace import remove_if, replace_if
from tests.fs.hostile import names, python, traced

REPLACE = "from reconciler.fs.replace import replace_if; print(replace_if(Path(sys.argv[1]), b'new', expected=b'old'))"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "project" / "llamagate.lock.yaml"
    path.parent.mkdir()
    path.write_bytes(b"old")
    return path


@pytest.fixture(params=["exchange", "no exchange"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no exchange":
        monkeypatch.setattr(swap, "_exchanger", lambda: None)


def by_others(monkeypatch: pytest.MonkeyPatch, file: Path, *steps: Callable[[Path], object]) -> list[str]:
    """Before the first exchange the first of ``steps`` is done to ``file``, and so on; what was done in what order."""
    real, left, done = swap.exchange, list(steps), list[str]()

    def exchange(first: Path, second: Path) -> bool:
        if left:
            left.pop(0)(file)
        done.append(second.name)
        return real(first, second)

    monkeypatch.setattr(swap, "exchange", exchange)
    return done


def saved(text: bytes) -> Callable[[Path], object]:
    """As an editor, or git, saves: another file takes the name."""

    def save(path: Path) -> None:
        path.with_name("new").write_bytes(text)
        path.with_name("new").replace(path)

    return save


def written(text: bytes) -> Callable[[Path], object]:
    """As a shell writes: the same file, other content."""
    return lambda path: path.write_bytes(text)


def untouched(_: Path) -> None:
    pass


@pytest.mark.usefixtures("either")
def test_what_is_as_expected_is_replaced(file: Path) -> None:
    file.chmod(0o664)
    assert replace_if(file, b"new", expected=b"old")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o664)
    assert names(file.parent) == [file.name]


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("found", [b"", b"ol", b"older", None], ids=["empty", "shorter", "longer", "gone"])
def test_what_is_not_as_expected_stays(file: Path, found: bytes | None) -> None:
    file.unlink() if found is None else file.write_bytes(found)
    assert not replace_if(file, b"new", expected=b"old")
    assert not file.exists() if found is None else file.read_bytes() == found
    assert names(file.parent) == ([] if found is None else [file.name])


@pytest.mark.usefixtures("either")
def test_a_new_file(file: Path) -> None:
    file.unlink()
    assert replace_if(file, b"new", expected=None)
    assert (file.read_bytes(), file.stat().st_nlink) == (b"new", 1)
    assert not replace_if(file, b"newer", expected=None)
    assert file.read_bytes() == b"new"
    assert names(file.parent) == [file.name]


@pytest.mark.parametrize("refused", [False, True], ids=["links", "no links"])
def test_a_file_that_appears_in_the_last_moment(file: Path, monkeypatch: pytest.MonkeyPatch, refused: bool) -> None:
    file.unlink()
    real = os.link

    def link(source: Path, target: Path) -> None:
        file.write_bytes(b"theirs")
        if refused:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM), os.fspath(source))
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    assert not replace_if(file, b"new", expected=None)
    assert file.read_bytes() == b"theirs"
    assert names(file.parent) == [file.name]


def test_a_new_file_where_there_are_no_hard_links(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.unlink()

    def link(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), os.fspath(source))

    monkeypatch.setattr(os, "link", link)
    assert replace_if(file, b"new", expected=None)
    assert file.read_bytes() == b"new"
    assert names(file.parent) == [file.name]


@pytest.mark.parametrize("write", [saved, written], ids=["another file", "in place"])
def test_a_version_that_comes_just_before_the_exchange_is_given_back(
    file: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[bytes], Callable[[Path], object]]
) -> None:
    done = by_others(monkeypatch, file, write(b"theirs"))
    assert not replace_if(file, b"new", expected=b"old")
    assert file.read_bytes() == b"theirs"
    assert names(file.parent) == [file.name]
    assert len(done) == 2


@pytest.mark.parametrize("write", [saved, written], ids=["another file", "in place"])
def test_a_newer_version_that_comes_before_it_is_given_back_wins(
    file: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[bytes], Callable[[Path], object]]
) -> None:
    """As if this program had never been there: each replaces the one before."""
    by_others(monkeypatch, file, saved(b"first"), write(b"second"), write(b"third"))
    assert not replace_if(file, b"new", expected=b"old")
    assert file.read_bytes() == b"third"
    assert names(file.parent) == [file.name]


@pytest.mark.parametrize("moment", [0, 1], ids=["before the exchange", "before it is given back"])
def test_a_file_that_is_removed_meanwhile_stays_removed(
    file: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    by_others(monkeypatch, file, *[saved(b"theirs")] * moment, Path.unlink)
    assert not replace_if(file, b"new", expected=b"old")
    assert names(file.parent) == []


def test_giving_back_where_the_second_exchange_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    by_others(monkeypatch, file, saved(b"theirs"), refuse)
    assert not replace_if(file, b"new", expected=b"old")
    assert file.read_bytes() == b"theirs"
    assert names(file.parent) == [file.name]


def test_a_link_stays_one(file: Path, tmp_path: Path) -> None:
    (tmp_path / "linked.yaml").symlink_to("project/llamagate.lock.yaml")
    assert replace_if(tmp_path / "linked.yaml", b"new", expected=b"old")
    assert (tmp_path / "linked.yaml").is_symlink()
    assert file.read_bytes() == b"new"
    assert remove_if(tmp_path / "linked.yaml", expected=b"new")
    assert names(tmp_path) == ["linked.yaml", "project"]
    assert replace_if(tmp_path / "linked.yaml", b"newer", expected=None)
    assert file.read_bytes() == b"newer"


@pytest.mark.parametrize("failing", ["renameat2", "fsync"])
def test_what_is_refused_changes_nothing(file: Path, tmp_path: Path, failing: str) -> None:
    code = f"try:\n    {REPLACE}\nexcept OSError as error: print(error.errno)"
    said = traced(tmp_path / "trace", code, file, calls=failing, inject=f"{failing}:error=EIO:when=1")
    assert said == f"{errno.EIO}"
    assert file.read_bytes() == b"old"
    assert names(file.parent) == [file.name]


@pytest.mark.parametrize("step", ["write_new", "_take_place", "_tidy"])
@pytest.mark.parametrize("found", [b"old", None], ids=["file", "no-file"])
def test_ctrl_c_leaves_no_temporary(
    file: Path, monkeypatch: pytest.MonkeyPatch, step: str, found: bytes | None
) -> None:
    real = getattr(replace, step)

    def interrupted(*arguments: object, **options: object) -> None:
        if step == "write_new":
            real(*arguments, **options)
        raise KeyboardInterrupt

    if found is None:
        file.unlink()
    monkeypatch.setattr(replace, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_if(file, b"new", expected=found)
    assert not {*names(file.parent)} - {file.name}


def test_where_no_file_can_be_made_the_error_names_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))

    monkeypatch.setattr(replace, "write_new", refused)
    with pytest.raises(PermissionError) as error:
        replace_if(file, b"new", expected=b"old")
    assert error.value.filename == os.fspath(file)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root may give files away")
def test_root_leaves_a_file_to_its_owner(file: Path) -> None:
    os.chown(file, 1234, 2345)
    file.chmod(0o600)
    assert replace_if(file, b"new", expected=b"old")
    status = file.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1234, 2345, 0o600)


def test_it_is_synced_before_it_has_the_name_and_the_folder_afterwards(file: Path, tmp_path: Path) -> None:
    assert traced(tmp_path / "trace", REPLACE, file, calls="fsync,renameat2,unlink") == "True"
    calls = re.findall(r"(fsync)\(\d+<(.*?)>|(renameat2|unlink)", (tmp_path / "trace").read_text())
    made = [synced or other for _, synced, other in calls]
    assert made[-4:] == [str(durable.temporary_path(file)), "renameat2", "unlink", str(file.parent)]


@pytest.mark.usefixtures("either")
def test_removing(file: Path) -> None:
    assert not remove_if(file, expected=b"other")
    assert file.read_bytes() == b"old"
    assert remove_if(file, expected=b"old")
    assert names(file.parent) == []
    assert not remove_if(file, expected=b"old")


def test_removing_what_is_written_in_the_last_moment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.rename

    def rename(source: Path, target: Path) -> None:
        file.write_bytes(b"theirs")
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    assert not remove_if(file, expected=b"old")
    assert file.read_bytes() == b"theirs"
    assert names(file.parent) == [file.name]


def test_commands_take_turns(file: Path) -> None:
    """A second process waits while one holds the folder, and then finds what the first has written."""
    with durable.one_writer(file.parent):
        second = subprocess.Popen(python(REPLACE, file), stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        assert second.poll() is None
        file.write_bytes(b"first")
    assert second.communicate(timeout=30)[0] == "False\n"
    assert file.read_bytes() == b"first"


def test_many_processes_at_once_lose_nothing(file: Path) -> None:
    """Each adds a line to what it has read, and reads again where that is no longer there."""
    file.write_bytes(b"")
    code = """\
from reconciler.fs.replace import replace_if
path = Path(sys.argv[1])
for number in range(20):
    while True:
        before = path.read_bytes()
        if replace_if(path, before + f"{sys.argv[2]} {number}\\n".encode(), expected=before):
            break
"""
    running = [subprocess.Popen(python(code, file, name)) for name in "abc"]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    lines = file.read_text().splitlines()
    assert sorted(lines) == sorted(f"{name} {number}" for name in "abc" for number in range(20))
