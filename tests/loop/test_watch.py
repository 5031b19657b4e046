"""The watcher as people meet it: a process, real files, real events."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.shell import Session, held_apply, interrupt
from tests.loop.watcher import Watcher, condition, eventually, state, watching


def version(session: Session, item: str = "foo") -> str:
    """The version in the registry; empty where there is no entry."""
    if not session.registry.exists():
        return ""
    return str(session.registered().get(item, {}).get("version", ""))


# Saves


def by_rename(session: Session, path: Path, text: str) -> None:
    new = path.with_name("new")
    new.write_text(text)
    new.replace(path)


def by_truncating(session: Session, path: Path, text: str) -> None:
    with path.open("w") as stream:
        for part in (text[:10], text[10:]):
            stream.write(part)
            stream.flush()


def as_vim_does(session: Session, path: Path, text: str) -> None:
    """With ``backupcopy=no``: the old file becomes the backup, the new one gets the name, the backup goes."""
    swap, backup = path.with_name(f".{path.name}.swp"), path.with_name(f"{path.name}~")
    swap.write_text("b0VIM")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()
    swap.unlink()


def by_removing_first(session: Session, path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


SAVES = [by_rename, by_truncating, as_vim_does, by_removing_first]


@pytest.mark.parametrize("save", SAVES, ids=[save.__name__ for save in SAVES])
def test_a_saved_file_is_applied(foo: Session, save: Callable[[Session, Path, str], None]) -> None:
    foo.package("bar")
    file = foo.project / "llamagate.yaml"
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
        save(foo, file, f"{file.read_text()}  bar: ./packages/bar\n")
        watcher.said("Applied", "install bar")
        assert watcher.end() == 0


def test_a_package_that_changes_is_applied(foo: Session) -> None:
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
        foo.package("foo", version="2.0.0")
        watcher.said("Applied", "update foo")
        shutil.rmtree(foo.project / "packages" / "foo")
        watcher.said("Failed", "packages/foo")
        assert version(foo) == "2.0.0"
        foo.package("foo", version="3.0.0")
        watcher.said("Applied", "update foo", times=2)
    assert version(foo) == "3.0.0"


def test_an_archive_that_is_replaced_is_applied(foo: Session) -> None:
    foo.llamagate("apply")
    foo.llamagate("export", "foo", "--out", "foo.zip")
    foo.package("foo", version="2.0.0")
    foo.llamagate("apply")
    foo.llamagate("export", "foo", "--out", "foo-2.zip")
    foo.desired("extensions:\n  foo: ./foo.zip\n")
    with watching(foo) as watcher:
        watcher.said("Applied", "downgrade foo")
        (foo.project / "foo-2.zip").replace(foo.project / "foo.zip")
        watcher.said("Applied", "update foo")


def test_a_mounted_config_map_is_swapped_and_applied(foo: Session) -> None:
    """The file is a link through ``..data``, and only that link is replaced."""
    mount = foo.base / "config"
    text = (foo.project / "llamagate.yaml").read_text().replace("./packages", str(foo.project / "packages"))
    foo.package("bar")
    for name, content in (("..one", text), ("..two", f"{text}  bar: {foo.project}/packages/bar\n")):
        (mount / name).mkdir(parents=True)
        (mount / name / "llamagate.yaml").write_text(content)
    (mount / "..data").symlink_to("..one")
    (mount / "llamagate.yaml").symlink_to("..data/llamagate.yaml")
    with watching(foo, "-f", mount / "llamagate.yaml") as watcher:
        watcher.said("Applied", "install foo")
        (mount / "..data_tmp").symlink_to("..two")
        (mount / "..data_tmp").replace(mount / "..data")
        watcher.said("Applied", "install bar")


def test_a_linked_file_is_followed(foo: Session) -> None:
    real = foo.project / "elsewhere" / "state.yaml"
    real.parent.mkdir()
    file = foo.project / "llamagate.yaml"
    file.rename(real)
    file.symlink_to("elsewhere/state.yaml")
    foo.package("bar")
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
        by_rename(foo, real, f"{real.read_text()}  bar: ./packages/bar\n")
        watcher.said("Applied", "install bar")


def test_polling_does_without_events(foo: Session) -> None:
    foo.package("bar")
    with watching(foo, "--poll", "1") as watcher:
        watcher.said("Polling", "looking every 1 s; polling, as requested")
        watcher.said("Applied", "install foo")
        foo.extensions("foo", "bar")
        watcher.said("Applied", "install bar")
        assert state(foo)["triggers"] == "polling, as requested"


def can_make_namespaces() -> bool:
    return subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("limit", ["max_inotify_watches", "max_inotify_instances"])
def test_where_the_system_watches_no_more_it_polls_and_says_so(foo: Session, limit: str) -> None:
    if not (shutil.which("unshare") and can_make_namespaces()):
        pytest.skip("user namespaces are not permitted here")
    foo.package("bar")
    script = f'echo 2 > /proc/sys/user/{limit}; exec "$0" "$@"'
    if limit == "max_inotify_instances":
        script = script.replace("echo 2", "echo 0")
    start = "import os, sys; os.execvp('unshare', ['unshare', '-Ur', 'sh', '-c', *sys.argv[1:]])"
    command = [sys.executable, "-B", "-m", "reconciler", "watch", "--json", "-q"]
    with foo.python(start, script, *command) as process:
        watcher = Watcher(process)
        try:
            watcher.said("Polling", "looking every 2 s; polling: the system ")
            watcher.said("Applied", "install foo")
            foo.extensions("foo", "bar")
            watcher.said("Applied", "install bar")
        finally:
            process.kill()
            process.wait()


# What others do to the home


def test_what_is_deleted_is_put_back(foo: Session) -> None:
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
        shutil.rmtree(foo.installed("foo"))
        watcher.said("Applied", "repair foo")
        shutil.rmtree(foo.home / "extensions")
        watcher.said("Applied", "repair foo", times=2)
        foo.registry.write_text("[]")
        watcher.said("Applied", "repair foo", times=3)
        assert foo.installed("foo", "manifest.yaml").exists()


def test_what_a_crashed_command_left_is_settled(foo: Session) -> None:
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
        interrupt(foo, "disable", "foo")
        watcher.said("Notice", "an interrupted change was finished first")
        eventually(lambda: not foo.journal.exists(), "no journal")


# Faults


BAD = {
    "malformed": ("extensions: [\n", "Malformed"),
    "empty": ("", "Malformed"),
    "unknown-key": ("apiVersion: llamagate/v1\nextension: {}\n", "Malformed"),
    "missing-package": ("apiVersion: llamagate/v1\nextensions:\n  foo: ./nowhere\n", "NotFound"),
    "endless-name": (f"apiVersion: llamagate/v1\nextensions:\n  foo: ./{'x' * 300}\n", "Malformed"),
}


@pytest.mark.parametrize(("bad", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_removes_nothing_and_is_told_once(foo: Session, bad: str, reason: str) -> None:
    file = foo.project / "llamagate.yaml"
    good = file.read_text()
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
        file.write_text(bad)
        watcher.said("Failed")
        foo.write("unrelated.txt", "x")
        assert condition(foo, "Ready") == ("False", reason)
        assert condition(foo, "Stalled") == ("True", reason)
        assert version(foo) == "1.0.0"
        file.write_text(good)
        watcher.said("Recovered", "matches the file again")
        assert condition(foo, "Ready") == ("True", "InSync")
        assert watcher.count("Failed") == 1


@pytest.mark.parametrize(
    ("make", "message"), [(os.mkfifo, "it cannot be read: "), (os.mkdir, "this is a folder")], ids=["pipe", "folder"]
)
def test_what_is_no_file_is_not_waited_for(foo: Session, make: Callable[[Path], None], message: str) -> None:
    file = foo.project / "llamagate.yaml"
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
        aside = file.rename(foo.base / "aside")
        make(file)
        watcher.said("Failed", message)
        file.rmdir() if file.is_dir() else file.unlink()
        aside.rename(file)
        watcher.said("Recovered")


def test_a_file_that_is_gone_removes_nothing(foo: Session) -> None:
    file = foo.project / "llamagate.yaml"
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
        aside = file.rename(foo.base / "aside")
        watcher.said("Failed", "no such file; name one with -f")
        aside.rename(file)
        watcher.said("Recovered")
    assert version(foo) == "1.0.0"


def test_a_refused_plan_waits_for_a_new_input(foo: Session) -> None:
    foo.write(str(foo.installed("foo", "manifest.yaml")), "name: foo\n")
    with watching(foo) as watcher:
        watcher.said("Refused", "foo: it is already installed, not by llamagate")
        assert condition(foo, "Stalled") == ("True", "Refused")
        shutil.rmtree(foo.installed("foo"))
        watcher.said("Applied", "install foo")
        assert condition(foo, "Stalled") == ("False", "InSync")


def test_the_gateways_file_is_an_input_before_its_first_server_is_ours(session: Session) -> None:
    """Who mends the file that a plan was refused for is not made to wait for the next full check."""
    session.desired("mcp_servers:\n  files: {command: run}\n")
    session.home.mkdir()
    gateways = session.home / "llamagate.yaml"
    gateways.write_text("mcp: {enabled: true}\n")
    with watching(session) as watcher:
        watcher.said("Refused", "cannot be edited in place")
        gateways.write_text("mcp:\n  enabled: true\n")
        watcher.said("Applied")
    assert "command: run" in gateways.read_text()


def test_an_edit_of_the_gateways_file_is_seen(session: Session) -> None:
    session.desired("policy: {drift: {edited: heal}}\nmcp_servers:\n  files: {command: run}\n")
    gateways = session.home / "llamagate.yaml"
    with watching(session) as watcher:
        watcher.said("Applied")
        healthy = gateways.read_text()
        gateways.write_text(healthy.replace("command: run", "command: other"))
        watcher.said("Applied", times=2)
        eventually(lambda: gateways.read_text() == healthy, "healed")
        gateways.unlink()
        watcher.said("Applied", times=3)
        eventually(gateways.exists, "put back")


def test_a_busy_home_is_tried_again(foo: Session) -> None:
    with held_apply(foo) as other, watching(foo) as watcher:
        watcher.said("Failed", "is changing this home")
        assert condition(foo, "Reconciling") == ("True", "Busy")
        assert other.stdin is not None
        other.stdin.write("\n")
        other.stdin.flush()
        other.wait()
        watcher.said("Recovered")


# Holds and suspensions


def test_a_rollback_is_left_alone_until_the_input_changes(foo: Session) -> None:
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
        foo.package("foo", version="2.0.0")
        watcher.said("Applied", "update foo")
        foo.llamagate("rollback")
        watcher.said("LeftAlone", "paused: rolled back to generation 1")
        assert condition(foo, "Suspended") == ("True", "OnHold")
        (foo.project / "llamagate.yaml").touch()
        assert version(foo) == "1.0.0"
        foo.package("foo", version="3.0.0")
        watcher.said("Applied", "update foo", times=2)
    assert version(foo) == "3.0.0"
    assert foo.record()["hold"] is None


def test_a_rollback_with_another_file_holds_too(foo: Session) -> None:
    foo.desired("owner: other\n", name="other.yaml")
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
        foo.package("foo", version="2.0.0")
        watcher.said("Applied", "update foo")
        foo.llamagate("rollback", "-f", "other.yaml")
        watcher.said("LeftAlone", "paused")
        assert version(foo) == "1.0.0"


def test_resume_ends_it(foo: Session) -> None:
    foo.llamagate("apply")
    foo.llamagate("disable", "foo")
    foo.llamagate("rollback")
    with watching(foo) as watcher:
        watcher.said("LeftAlone")
        foo.llamagate("resume")
        eventually(lambda: condition(foo, "Ready") == ("True", "InSync"), "in sync")


def test_one_suspended_item_is_left_alone_and_the_others_are_not(session: Session) -> None:
    session.extensions("foo", "bar", "gone")
    session.llamagate("apply")
    session.llamagate("suspend", "foo", "--reason", "a demo")
    session.llamagate("suspend", "gone", "--reason", "a demo")
    with watching(session) as watcher:
        watcher.said("Started")
        session.package("foo", version="2.0.0")
        session.package("bar", version="2.0.0")
        session.extensions("foo", "bar")
        watcher.said("Applied", "update bar")
        assert (version(session), version(session, "gone")) == ("1.0.0", "1.0.0")
        assert condition(session, "Suspended") == ("True", "ItemsSuspended")
        session.llamagate("resume")
        watcher.said("Applied", "update foo, remove gone")


def test_everything_suspended(foo: Session) -> None:
    foo.home.mkdir()
    foo.llamagate("suspend", "--reason", "release freeze")
    with watching(foo) as watcher:
        watcher.said("LeftAlone", "paused: release freeze")
        foo.llamagate("resume")
        watcher.said("Applied", "install foo")


def test_a_fight_is_given_up_and_who_fights_is_told(foo: Session) -> None:
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
        for number in range(1, 6):
            foo.installed("foo", "manifest.yaml").unlink()
            watcher.said("Applied", "repair foo", times=number)
        path = foo.installed("foo", "manifest.yaml")
        watcher.said(
            "Fighting", f"repaired 5 times in a row and changed back each time; {path} is gone; foo was changed at "
        )
        path.unlink()
        foo.extensions("foo", "bar")
        watcher.said("Applied", "install bar")
        assert not path.exists()
        foo.llamagate("resume", "foo")
        watcher.said("Applied", "repair foo", times=6)


# Ending


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_ends_when_it_is_asked_to(foo: Session, number: int, code: int) -> None:
    with watching(foo) as watcher:
        watcher.said("Applied")
        assert watcher.end(number) == code
        assert watcher.told[-1] == "Stopped: stopped watching"
    assert state(foo)["next_at"] == ""


SLOW = """\
import select, sys
from reconciler.apply import transaction
from reconciler.cli.app import main
real = transaction.roll_forward
def slow(home, journal):
    print('{"event": "Held", "message": ""}', flush=True)
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        pass  # a signal that comes just before a read would be heeded after it only
    real(home, journal)
transaction.roll_forward = slow
main()
"""


def slow_watcher(session: Session) -> subprocess.Popen[str]:
    """A watcher that waits behind its commit point for a line on its standard input."""
    return session.python(SLOW, "watch", "--json", "-q", stdin=subprocess.PIPE)


def test_a_change_under_way_is_finished_first(foo: Session) -> None:
    with slow_watcher(foo) as process:
        watcher = Watcher(process)
        watcher.said("Held")
        process.send_signal(signal.SIGTERM)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(60) == 0
    assert version(foo) == "1.0.0"
    assert not foo.journal.exists()


def test_the_second_signal_ends_it_at_once_and_the_next_command_settles_it(foo: Session) -> None:
    with slow_watcher(foo) as process:
        watcher = Watcher(process)
        watcher.said("Held")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)  # another one: two of a kind that arrive at once are one
        assert process.wait(60) in (-signal.SIGTERM, -signal.SIGINT)
    assert foo.journal.exists()
    assert foo.llamagate("recover", "--json").json == {"recovered": "finished"}
    assert version(foo) == "1.0.0"


def test_a_reader_of_its_events_that_goes_away_ends_nothing(foo: Session) -> None:
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
    read, write = os.pipe()
    os.close(read)
    with foo.process("watch", "--json", "-q", stdout=write) as process:
        os.close(write)
        foo.package("foo", version="2.0.0")
        eventually(lambda: version(foo) == "2.0.0", "the update")
        process.terminate()
        assert process.wait(60) == 0


# One at a time, and once


def test_one_watcher_a_home(foo: Session) -> None:
    with watching(foo) as watcher:
        watcher.said("Applied")
        for arguments in ([], ["--once"]):
            said = foo.in_process("watch", *arguments, exits=8)
            assert "llamagate watch (pid " in said.err


def test_once(foo: Session) -> None:
    said = foo.llamagate("watch", "--once")
    assert len(said.err.splitlines()) == 2
    assert (foo.record()["generation"], [*foo.registered()]) == (1, ["foo"])
    assert foo.llamagate("watch", "--once").err == "llamagate: nothing to do (generation 1)\n"
    foo.write("llamagate.yaml", "[")
    foo.llamagate("watch", "--once", exits=1)
    foo.extensions("foo")
    assert "matches the file again" in foo.llamagate("watch", "--once").err


def test_once_heeds_a_hold(foo: Session) -> None:
    foo.llamagate("apply")
    foo.package("foo", version="2.0.0")
    foo.llamagate("apply")
    foo.llamagate("rollback")
    said = foo.llamagate("watch", "--once")
    assert len(said.err.splitlines()) == 1
    assert "rolled back to generation 1" in said.err
    assert version(foo) == "1.0.0"


def test_a_hold_that_does_not_know_the_file_is_heeded(foo: Session) -> None:
    """It was not set against that file, so nobody can say that its input is another one."""
    foo.llamagate("apply")
    foo.package("foo", version="2.0.0")
    foo.llamagate("apply")
    foo.llamagate("rollback")
    shutil.copy(foo.project / "llamagate.yaml", foo.project / "copy.yaml")
    assert "paused" in foo.llamagate("watch", "--once", "-f", "copy.yaml").err
    assert version(foo) == "1.0.0"


def test_once_locked(foo: Session) -> None:
    foo.llamagate("watch", "--once", "--locked", exits=4)
    foo.llamagate("lock")
    foo.llamagate("watch", "--once", "--locked")


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e12", "soon"])
def test_an_interval_that_is_none(foo: Session, seconds: str) -> None:
    foo.llamagate("watch", "--interval", seconds, exits=64)
