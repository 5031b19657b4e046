"""The lock or the desired state is changed while a command runs: never undone, and the command starts again.

Real processes: one of ours stands still in the middle, while another one, or what stands for ``git pull``, writes.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.cli.parcels import versions
from tests.cli.shell import Result, Session, finished
from tests.sources.http_server import Exchange, HttpServer, body
from tests.support.packages import pack

LOCK: Final = "llamagate.lock.yaml"
STARTS_AGAIN: Final = " changed while this command ran; starting again with the new content\n"

HELD: Final = """\
import sys
from reconciler.apply import stage, transaction
from reconciler.cli.app import main
def held(real, fails):
    def step(*arguments):
        print("held", flush=True)
        sys.stdin.readline()
        if fails:
            raise OSError(5, "Input/output error", "/the/disk")
        return real(*arguments)
    return step
if sys.argv.pop(1) == "before":
    stage.Stage.seal = held(stage.Stage.seal, False)
else:
    transaction.roll_forward = held(transaction.roll_forward, True)
if sys.argv.pop(1) == "no exchange":
    from reconciler.fs import swap
    swap._exchanger = lambda: None
main()
"""
"""A command that stands still before it writes its inputs; or after that, and then fails."""


@pytest.fixture
def shop(session: Session) -> Path:
    """A catalog of foo 1.0.0, with a lock that pins it; nothing is installed yet."""
    folder = session.base / "shop"
    folder.mkdir()
    publish(session, folder, "1.0.0")
    return folder


@pytest.fixture
def server(session: Session, shop: Path) -> Iterator[HttpServer]:
    with HttpServer(folder=shop) as serving:
        session.desired(f"extensions:\n  foo: {{source: {{catalog: '{serving.url()}'}}, version: ^1}}\n")
        session.llamagate("lock")
        forget(session)
        yield serving


def forget(session: Session) -> None:
    """Packages that are kept need not be asked for again."""
    shutil.rmtree(session.ours / "cache")


def publish(session: Session, folder: Path, version: str) -> None:
    session.package("foo", version=version)
    pack(session.project / "packages" / "foo", folder / f"foo-{version}.zip")
    session.llamagate("catalog", "build", folder)


class Gate:
    """A route that keeps its first client waiting until it is opened."""

    def __init__(self, file: Path) -> None:
        self.file, self.reached, self.opened = file, threading.Event(), threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        self.reached.set()
        assert self.opened.wait(60)
        body(self.file.read_bytes())(exchange)


@contextmanager
def slow(session: Session, server: HttpServer, path: str, *command: object) -> Iterator[subprocess.Popen[str]]:
    """The command, once it waits for ``path``; it gets it at the end of the block."""
    assert server.folder is not None
    server.routes[path] = gate = Gate(server.folder / path.lstrip("/"))
    running = session.process(*command)
    try:
        assert gate.reached.wait(15), "it did not ask"
        yield running
    except BaseException:
        running.kill()
        raise
    finally:
        gate.opened.set()


@contextmanager
def held(
    session: Session, where: str, *command: object, way: str = "exchange"
) -> Iterator[tuple[subprocess.Popen[str], Callable[[], None]]]:
    """The command where it stands still, and what lets it go on to the next time that it does."""
    with session.python(HELD, where, way, *command, stdin=subprocess.PIPE) as running:

        def wait() -> None:
            assert running.stdout is not None
            assert running.stdout.readline() == "held\n", running.communicate()

        def go_on() -> None:
            assert running.stdin is not None
            running.stdin.write("\n")
            running.stdin.flush()
            wait()

        wait()
        try:
            yield running, go_on
        finally:
            running.kill()


def let_go(running: subprocess.Popen[str]) -> Result:
    out, err = running.communicate("\n\n", timeout=60)
    return Result(code=running.returncode, out=out, err=err)


def pull(session: Session, name: str, edit: Callable[[str], str]) -> None:
    """As git writes: another file takes the name."""
    place = session.project / name
    session.write(f"{name}.new", edit(place.read_text()))
    (session.project / f"{name}.new").replace(place)


def locked(session: Session) -> dict[str, str]:
    entries = yaml.safe_load((session.project / LOCK).read_text())["items"]
    return {entry["id"]: entry["version"] for entry in entries}


def with_comment(text: str) -> str:
    return text + "# a note\n"


# Another command of ours


def test_an_upgrade_during_an_apply_survives(session: Session, server: HttpServer, shop: Path) -> None:
    with slow(session, server, "/foo-1.0.0.zip", "apply") as apply:
        publish(session, shop, "1.1.0")
        session.in_process("lock", "--upgrade")
        assert locked(session) == {"foo": "1.1.0"}
    said = finished(apply)
    assert said.code == 0, said.err
    assert LOCK + STARTS_AGAIN in said.err
    assert (locked(session), versions(session)) == ({"foo": "1.1.0"}, {"foo": "1.1.0"})


def test_an_upgrade_by_another_home_during_an_upgrade(session: Session, server: HttpServer, shop: Path) -> None:
    """The command that comes last finds what the first one has written, and has nothing left to do."""
    publish(session, shop, "1.1.0")
    with slow(session, server, "/foo-1.1.0.zip", "lock", "--upgrade") as upgrade:
        server.routes.pop("/foo-1.1.0.zip")
        session.in_process("lock", "--upgrade", "--home", session.base / "other")
        before = (session.project / LOCK).stat().st_mtime_ns
    said = finished(upgrade)
    assert (said.code, said.out) == (0, f"{LOCK} is up to date.\n")
    assert LOCK + STARTS_AGAIN in said.err
    assert (session.project / LOCK).stat().st_mtime_ns == before


def test_two_applies_with_homes_of_their_own_make_one_lock(session: Session) -> None:
    session.extensions("a", "b")
    both = [session.process("apply", "--home", session.base / home) for home in ("one", "two")]
    assert [finished(running).code for running in both] == [0, 0]
    assert locked(session) == {"a": "1.0.0", "b": "1.0.0"}


# What git or an editor writes


def test_a_pulled_lock_is_taken(session: Session, server: HttpServer, shop: Path) -> None:
    old = (session.project / LOCK).read_text()
    publish(session, shop, "1.1.0")
    session.llamagate("lock", "--upgrade")
    new = (session.project / LOCK).read_text()
    forget(session)
    session.write(LOCK, old)
    session.edit("llamagate.yaml", "^1}", "'>=1'}")
    with slow(session, server, "/foo-1.0.0.zip", "apply") as apply:
        pull(session, LOCK, lambda _: new)
    said = finished(apply)
    assert said.code == 0, said.err
    assert (locked(session), versions(session)) == ({"foo": "1.1.0"}, {"foo": "1.1.0"})


@pytest.mark.parametrize("verb", ["apply", "lock"])
def test_a_pulled_desired_state_is_taken(session: Session, server: HttpServer, verb: str) -> None:
    session.package("bar")
    (session.project / LOCK).unlink()
    with slow(session, server, "/foo-1.0.0.zip", verb) as running:
        pull(session, "llamagate.yaml", lambda text: text + "  bar: ./packages/bar\n")
    said = finished(running)
    assert said.code == 0, said.err
    assert "llamagate.yaml" + STARTS_AGAIN in said.err
    assert locked(session) == {"bar": "1.0.0", "foo": "1.0.0"}
    assert verb == "lock" or versions(session) == locked(session)


def test_a_conflict_that_git_left_meanwhile_is_an_error(session: Session, server: HttpServer) -> None:
    with slow(session, server, "/foo-1.0.0.zip", "apply") as apply:
        pull(session, LOCK, lambda text: f"<<<<<<< ours\n{text}")
        conflict = (session.project / LOCK).read_bytes()
    said = finished(apply)
    assert (said.code, "conflict markers" in said.err) == (1, True)
    assert (session.project / LOCK).read_bytes() == conflict
    assert not session.installed("foo").exists()


def test_a_lock_that_appears_meanwhile_is_kept(session: Session, server: HttpServer, shop: Path) -> None:
    old = (session.project / LOCK).read_bytes()
    (session.project / LOCK).unlink()
    publish(session, shop, "1.1.0")
    with slow(session, server, "/foo-1.1.0.zip", "apply") as apply:
        session.write(LOCK, old)
    assert finished(apply).code == 0
    assert (locked(session), versions(session)) == ({"foo": "1.0.0"}, {"foo": "1.0.0"})


def test_a_saved_plan_must_still_be_the_same(session: Session, server: HttpServer, shop: Path) -> None:
    session.llamagate("plan", "--out", "plan.json")
    forget(session)
    with slow(session, server, "/foo-1.0.0.zip", "apply", "plan.json") as apply:
        publish(session, shop, "1.1.0")
        session.in_process("lock", "--upgrade")
    said = finished(apply)
    assert said.code == 9
    assert "the saved plan is not what an apply would do now" in said.err
    assert locked(session) == {"foo": "1.1.0"}
    assert not session.installed("foo").exists()


def test_a_saved_plan_that_is_still_the_same_is_applied(session: Session, server: HttpServer) -> None:
    session.llamagate("plan", "--out", "plan.json")
    forget(session)
    with slow(session, server, "/foo-1.0.0.zip", "apply", "plan.json") as apply:
        pull(session, "llamagate.yaml", with_comment)
    said = finished(apply)
    assert said.code == 0, said.err
    assert versions(session) == {"foo": "1.0.0"}


# In the last moment: all is staged


@pytest.fixture
def ready(session: Session) -> Session:
    """An applied item, with a newer version of it in the packages, and one that no file lists."""
    session.extensions("a")
    session.llamagate("apply")
    session.package("a", version="2.0.0")
    session.package("extra")
    return session


@pytest.mark.parametrize("way", ["exchange", "no exchange"])
@pytest.mark.parametrize("name", ["llamagate.yaml", LOCK])
def test_a_change_in_the_last_moment_is_found(ready: Session, name: str, way: str) -> None:
    with held(ready, "before", "apply", way=way) as (apply, go_on):
        pull(ready, name, with_comment)
        noted = (ready.project / "llamagate.yaml").read_bytes()
        go_on()
        said = let_go(apply)
    assert said.code == 0, said.err
    assert name + STARTS_AGAIN in said.err
    assert (locked(ready), versions(ready)) == ({"a": "2.0.0"}, {"a": "2.0.0"})
    assert (ready.project / "llamagate.yaml").read_bytes() == noted
    assert ready.record()["generation"] == 2


SAVES: Final = {
    "import": ("import", "packages/extra", "--save"),
    "disable": ("disable", "a", "--save"),
    "remove": ("remove", "a", "--save"),
}


@pytest.mark.parametrize("way", ["exchange", "no exchange"])
@pytest.mark.parametrize("command", SAVES.values(), ids=SAVES)
def test_an_edit_while_a_command_saves_is_kept(ready: Session, command: tuple[str, ...], way: str) -> None:
    with held(ready, "before", *command, way=way) as (saving, go_on):
        pull(ready, "llamagate.yaml", with_comment)
        go_on()
        said = let_go(saving)
    assert said.code == 0, said.err
    assert "llamagate.yaml" + STARTS_AGAIN in said.err
    written = (ready.project / "llamagate.yaml").read_text()
    assert written.endswith("# a note\n")
    assert written != with_comment("apiVersion: llamagate/v1\nextensions:\n  a: ./packages/a\n")
    ready.package("a")
    assert ready.actions() == []


def test_a_file_that_appears_while_a_command_saves_the_first_one(session: Session) -> None:
    session.package("extra")
    with held(session, "before", "import", "packages/extra", "--save") as (saving, go_on):
        session.desired("owner: team\n")
        go_on()
        said = let_go(saving)
    assert said.code == 0, said.err
    written = yaml.safe_load((session.project / "llamagate.yaml").read_text())
    assert (written["owner"], [*written["extensions"]]) == ("team", ["extra"])


# A change that fails


def failing(session: Session, meanwhile: Callable[[], Any], *command: object) -> Result:
    """``meanwhile``, once the command has written its inputs; then the disk fails, and the change is undone."""
    with held(session, "after", *command) as (running, _):
        meanwhile()
        said = let_go(running)
    assert said.code == 6, said.err
    return said


def test_what_a_failed_change_wrote_is_put_back(ready: Session) -> None:
    before = [(ready.project / name).read_bytes() for name in ("llamagate.yaml", LOCK)]
    failing(ready, lambda: None, "import", "packages/extra", "--save")
    assert [(ready.project / name).read_bytes() for name in ("llamagate.yaml", LOCK)] == before


def test_a_lock_that_a_failed_change_made_is_removed(ready: Session) -> None:
    (ready.project / LOCK).unlink()
    failing(ready, lambda: None, "apply")
    assert not (ready.project / LOCK).exists()


@pytest.mark.parametrize("name", ["llamagate.yaml", LOCK])
def test_what_others_wrote_since_is_not_put_back(ready: Session, name: str) -> None:
    other = ({"llamagate.yaml", LOCK} - {name}).pop()
    before = (ready.project / other).read_bytes()
    failing(ready, lambda: pull(ready, name, with_comment), "import", "packages/extra", "--save")
    assert "extra" in (ready.project / name).read_text()
    assert (ready.project / name).read_text().endswith("# a note\n")
    assert (ready.project / other).read_bytes() == before


def test_a_lock_that_others_wrote_since_is_not_removed(ready: Session) -> None:
    (ready.project / LOCK).unlink()
    failing(ready, lambda: pull(ready, LOCK, with_comment), "apply")
    assert (ready.project / LOCK).read_text().endswith("# a note\n")


def test_the_first_file_is_put_back_where_the_second_was_changed(ready: Session) -> None:
    """The desired state is written before the lock is found changed; the next pass starts from what was there."""
    with held(ready, "before", "import", "packages/extra", "--save") as (saving, go_on):
        pull(ready, LOCK, with_comment)
        go_on()
        assert (ready.project / "llamagate.yaml").read_text().count("extra") == 0
        said = let_go(saving)
    assert said.code == 0, said.err
    assert locked(ready) == {"a": "1.0.0", "extra": "1.0.0"}


# Without an end


def rewriting(session: Session, name: str, served: Path) -> Callable[[Exchange], None]:
    """A route at each request of which somebody else writes a file of the project."""

    def behave(exchange: Exchange) -> None:
        pull(session, name, with_comment)
        body(served.read_bytes())(exchange)

    return behave


@pytest.mark.parametrize("verb", ["apply", "lock"])
@pytest.mark.parametrize("name", ["llamagate.yaml", LOCK])
def test_a_file_that_is_changed_each_time_ends_it(
    session: Session, server: HttpServer, shop: Path, verb: str, name: str
) -> None:
    session.write(LOCK, "apiVersion: llamagate/v1\nitems: []\n")
    server.routes["/index.json"] = rewriting(session, name, shop / "index.json")
    asked = server.count("/index.json")
    said = session.in_process(verb, exits=9)
    assert said.err == 2 * f"llamagate: {name}{STARTS_AGAIN}" + (
        f"llamagate: {name} changed while this command ran, 3 times in a row; nothing was changed\n"
        "  → wait until no other program writes it, and run the command again\n"
    )
    assert server.count("/index.json") - asked == 3
    assert (session.project / name).read_text().endswith(3 * "# a note\n")
    assert not session.installed("foo").exists()
    assert session.llamagate("lock", "--json", exits=9).error["code"] == "input-changed"


def test_a_watcher_takes_what_was_pulled_meanwhile(session: Session, server: HttpServer, shop: Path) -> None:
    with slow(session, server, "/foo-1.0.0.zip", "watch", "--once") as watcher:
        publish(session, shop, "1.1.0")
        session.in_process("lock", "--upgrade")
    said = finished(watcher)
    assert said.code == 0, said.err
    assert (locked(session), versions(session)) == ({"foo": "1.1.0"}, {"foo": "1.1.0"})
