"""What wakes the loop: which folders are watched, lost events, and where events cannot work."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.events import FileSystemEvent
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

from reconciler.fs import probe
from reconciler.loop.events import Events
from reconciler.loop.folders import WatchedFolder, folders_to_watch
from reconciler.loop.wake import Wake
from reconciler.model.home import Home


@pytest.fixture
def events(wake: Wake) -> Iterator[Events]:
    watched = Events(wake)
    yield watched
    watched.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def watched(file: Path, sources: tuple[Path, ...], home: Home) -> set[tuple[str, bool]]:
    """The folders, relative to that of the file, and whether all below them is meant too."""
    base = file.parent
    return {
        (str(place.path.relative_to(base)), place.deep) for place in folders_to_watch(file, [*map(str, sources)], home)
    }


# Places


def test_before_there_is_a_home_the_folder_is_watched_in_which_it_will_appear(tmp_path: Path, home: Home) -> None:
    assert watched(tmp_path / "llamagate.yaml", (), home) == {(".", False)}


def test_sources_and_their_folders(tmp_path: Path, home: Home) -> None:
    (tmp_path / "packages" / "foo").mkdir(parents=True)
    sources = (tmp_path / "packages" / "foo", tmp_path / "dist" / "bar.zip")
    found = watched(tmp_path / "llamagate.yaml", sources, home)
    assert found == {(".", False), ("packages", False), ("packages/foo", True)}


def test_many_packages_side_by_side_are_one_folder(tmp_path: Path, home: Home) -> None:
    sources = tuple(tmp_path / "packages" / f"p{number}" for number in range(20))
    for source in sources:
        source.mkdir(parents=True)
    found = watched(tmp_path / "llamagate.yaml", sources, home)
    assert found == {(".", False), ("packages", False), ("packages", True)}


def test_a_folder_of_many_packages_beside_another_one(tmp_path: Path, home: Home) -> None:
    for name in ("all", "other"):
        (tmp_path / "packages" / name).mkdir(parents=True)
    sources = (*[tmp_path / "packages" / "all"] * 20, tmp_path / "packages" / "other")
    found = watched(tmp_path / "llamagate.yaml", sources, home)
    assert found == {(".", False), ("packages", False), ("packages/all", True), ("packages/other", True)}


def test_of_our_own_folder_orders_and_changes_of_others_are_of_interest(tmp_path: Path, home: Home) -> None:
    home.ours.mkdir(parents=True)
    [ours] = [place for place in folders_to_watch(tmp_path / "llamagate.yaml", (), home) if place.path == home.ours]
    assert ours.only == {"record.json", "journal", "journal.undo"}


def test_links_are_followed_link_by_link(tmp_path: Path, home: Home) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "c" / "file").write_text("")
    (tmp_path / "b" / "linked").symlink_to("../c/file")
    (tmp_path / "a" / "folder").symlink_to("../b")
    (tmp_path / "llamagate.yaml").symlink_to("a/folder/linked")
    found = watched(tmp_path / "llamagate.yaml", (), home)
    assert found == {(".", False), ("a", False), ("b", False), ("c", False)}


def test_links_in_a_circle_have_an_end(tmp_path: Path, home: Home) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert watched(tmp_path / "one", (), home) == {(".", False)}


# Events


def place(path: Path, *, deep: bool = True, only: frozenset[str] = frozenset()) -> WatchedFolder:
    return WatchedFolder(path=path, deep=deep, inode=path.stat().st_ino, only=only)


def test_a_change_wakes_and_reading_does_not(
    tmp_path: Path, wake: Wake, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes first is told first: at the change, everything that reading brings has been told."""
    seen: list[tuple[str, str]] = []

    def note(_: object, event: FileSystemEvent) -> None:
        seen.append((event.event_type, Path(os.fsdecode(event.src_path)).name))
        wake.trigger()

    monkeypatch.setattr("reconciler.loop.events._EventHandler.on_any_event", note)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "read").write_text("x")
    assert events.watch([place(tmp_path)]) == ""
    (tmp_path / "deep" / "read").read_text()
    list(tmp_path.rglob("*"))
    (tmp_path / "deep" / "written").write_text("y")
    assert wake.sleep(30)
    assert seen[0] == ("created", "written")


def test_new_permissions_wake(tmp_path: Path, wake: Wake, events: Events) -> None:
    """What could not be read may be readable now."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    assert events.watch([place(tmp_path)]) == ""
    for path in (tmp_path / "file", tmp_path / "folder"):
        path.chmod(0o700 if path.is_file() else 0o755)
        path.chmod(0o711)
        assert wake.sleep(30)
        while wake.sleep(0.3):
            pass


def test_names_of_no_interest_do_not_wake(tmp_path: Path, wake: Wake, events: Events) -> None:
    events.watch([place(tmp_path, deep=False, only=frozenset(["record.json"]))])
    (tmp_path / "status.json").write_text("x")
    assert not wake.sleep(0.3)
    (tmp_path / "new").write_text("x")
    (tmp_path / "new").rename(tmp_path / "record.json")
    assert wake.sleep(30)


def test_a_folder_that_is_made_anew_is_watched_anew(tmp_path: Path, wake: Wake, events: Events) -> None:
    folder = tmp_path / "folder"
    for _ in range(3):
        folder.mkdir()
        assert events.watch([place(folder)]) == ""
        (folder / "file").write_text("x")
        assert wake.sleep(30)
        (folder / "file").unlink()
        folder.rmdir()
        while wake.sleep(0.2):
            pass  # the removal


def test_a_folder_that_is_gone_is_no_failure(tmp_path: Path, events: Events) -> None:
    assert events.watch([WatchedFolder(path=tmp_path / "gone", deep=True, inode=1)]) == ""


def test_when_the_queue_of_the_system_runs_over_triggers_are_lost(tmp_path: Path, wake: Wake, events: Events) -> None:
    events.watch([place(tmp_path)])
    overflow = InotifyEvent(WatchDescriptor(-1), Mask(InotifyConstants.IN_Q_OVERFLOW), 0, b"")
    InotifyFD.get_instance().handle_event(overflow)
    assert wake.sleep(30)
    assert wake.take_lost()
    assert not wake.take_lost()


def test_a_network_file_system_gives_no_events(tmp_path: Path, events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    folder = tmp_path / "a share"
    folder.mkdir()
    at = str(folder.resolve()).replace(" ", r"\040")
    mounts.write_text(f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n36 22 0:3 / {at} rw,relatime - nfs4 host:/x rw\n")
    monkeypatch.setattr(probe, "_MOUNTS", mounts)
    assert probe.network_filesystem(tmp_path) is None
    assert probe.network_filesystem(folder / "below") == "nfs4"
    assert events.watch([place(folder)]) == "nfs4 is a network file system, which does not report changes"


# Waking


def test_sleep_ends_by_itself_or_by_a_trigger_of_another_thread(wake: Wake) -> None:
    assert not wake.sleep(0)
    thread = threading.Thread(target=wake.trigger)
    thread.start()
    assert wake.sleep(30)
    thread.join()
    assert not wake.sleep(0)


def test_any_number_of_triggers_is_one(wake: Wake) -> None:
    for _ in range(100_000):
        wake.trigger()
    assert wake.sleep(30)
    while wake.sleep(0):
        pass


def test_a_signal_wakes_and_is_remembered(wake: Wake) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with wake.signals():
        signal.raise_signal(signal.SIGTERM)
        assert wake.sleep(30)
    assert wake.stopped_by == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
