"""Packages from web servers, through the command line: credentials, mirrors, digests, interruption."""

from __future__ import annotations

import base64
import signal
import threading
import time
from collections.abc import Iterator

import pytest
import yaml

from tests.cli.shell import Session, finished, snapshot
from tests.sources.http_server import Behaviour, Exchange, HttpServer, body, hang, head, redirect
from tests.sources.routes import sha256
from tests.support.packages import pack

HIDDEN = "s3cret-t0ken"


@pytest.fixture
def server(session: Session) -> Iterator[HttpServer]:
    with HttpServer(folder=session.base / "served") as serving:
        yield serving


@pytest.fixture
def other(session: Session) -> Iterator[HttpServer]:
    with HttpServer(folder=session.base / "served") as serving:
        yield serving


def served(session: Session, item: str = "foo") -> bytes:
    """Publish ``packages/ITEM``, and give what the server sends."""
    if not (session.project / "packages" / item).exists():
        session.package(item)
    place = session.base / "served" / f"{item}.zip"
    place.parent.mkdir(exist_ok=True)
    pack(session.project / "packages" / item, place)
    return place.read_bytes()


def desire(session: Session, source: str, item: str = "foo") -> None:
    session.desired(f"extensions:\n  {item}: {{source: {source}}}\n")


def lock_entries(session: Session) -> dict[str, dict[str, object]]:
    document = yaml.safe_load((session.project / "llamagate.lock.yaml").read_text())
    return {entry["id"]: entry for entry in document["items"]}


def only_for(value: str, header: str = "authorization") -> Behaviour:
    """The file, for requests that show the credentials."""

    def behave(exchange: Exchange) -> None:
        if exchange.request.headers.get(header) == value:
            return body(FILES[exchange.request.path])(exchange)
        return body(b"who are you?", status=401)(exchange)

    return behave


FILES: dict[str, bytes] = {}

BASIC = "Basic " + base64.b64encode(f"me:{HIDDEN}".encode()).decode()


@pytest.mark.parametrize(
    ("auth", "variables", "header", "value"),
    [
        ("{header_env: TOKEN}", {"TOKEN": f"Bearer {HIDDEN}"}, "authorization", f"Bearer {HIDDEN}"),
        ("{header_env: TOKEN}", {"TOKEN": f"X-Api-Token: {HIDDEN}"}, "x-api-token", HIDDEN),
        ("{basic_env: LOGIN}", {"LOGIN": f"me:{HIDDEN}"}, "authorization", BASIC),
        ("{netrc: true}", {}, "authorization", BASIC),
    ],
    ids=["value of Authorization", "a header of its own", "user and password", "netrc"],
)
def test_credentials_reach_the_source_and_nothing_else(
    session: Session, server: HttpServer, auth: str, variables: dict[str, str], header: str, value: str
) -> None:
    netrc = session.base / "user" / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {HIDDEN}\n")
    netrc.chmod(0o600)
    session.variables |= variables
    FILES["/foo.zip"] = served(session)
    server.routes["/foo.zip"] = only_for(value, header)
    desire(session, f"{{http: '{server.url('/foo.zip')}', auth: {auth}}}")
    said = [session.llamagate(*command) for command in (["plan"], ["plan", "--json"], ["apply", "--json", "-v"])]
    said.append(session.llamagate("status", "--json"))
    assert session.installed("foo").is_dir()
    traces = [result.out + result.err for result in said]
    traces += [str(content) for _, content in (snapshot(session.home) | snapshot(session.project)).values()]
    for secret in (HIDDEN, base64.b64encode(f"me:{HIDDEN}".encode()).decode()):
        assert [trace for trace in traces if secret in trace] == []


def test_without_credentials_the_answer_says_what_to_do(session: Session, server: HttpServer) -> None:
    FILES["/foo.zip"] = served(session)
    server.routes["/foo.zip"] = only_for("Bearer x")
    desire(session, server.url("/foo.zip"))
    failed = session.llamagate("apply", exits=1)
    assert "extensions.foo: " in failed.err
    assert "401" in failed.err


def test_a_missing_variable_is_named(session: Session, server: HttpServer) -> None:
    served(session)
    desire(session, f"{{http: '{server.url('/foo.zip')}', auth: {{header_env: TOKEN}}}}")
    failed = session.llamagate("apply", exits=1)
    assert "extensions.foo: TOKEN is not set; it should hold the credentials for 127.0.0.1" in failed.err
    assert server.requests == []


def test_credentials_do_not_follow_a_redirect_to_another_server(
    session: Session, server: HttpServer, other: HttpServer
) -> None:
    served(session)
    session.variables["TOKEN"] = f"Bearer {HIDDEN}"
    server.routes["/old.zip"] = redirect(other.url("/foo.zip"))
    desire(session, f"{{http: '{server.url('/old.zip')}', auth: {{header_env: TOKEN}}}}")
    session.run("apply")
    assert [request.headers.get("authorization") for request in server.requests] == [f"Bearer {HIDDEN}"]
    assert [request for request in other.requests if "authorization" in request.headers] == []


def test_mirrors_are_asked_in_order_where_the_first_fails(
    session: Session, server: HttpServer, other: HttpServer
) -> None:
    served(session)
    server.routes |= {"/foo.zip": 503, "/second.zip": 404}
    mirrors = f"['{server.url('/second.zip')}', '{other.url('/foo.zip')}', '{server.url('/never.zip')}']"
    desire(session, f"{{http: '{server.url('/foo.zip')}', mirrors: {mirrors}}}")
    session.llamagate("apply")
    assert [request.path for request in server.requests] == ["/foo.zip", "/second.zip"]
    entry = lock_entries(session)["foo"]
    assert entry["pin"] == {"url": server.url("/foo.zip")}, "the lock says where it belongs, not who helped out"
    assert "mirrors" not in str(entry)


def test_where_every_mirror_fails_each_is_named(session: Session, server: HttpServer) -> None:
    server.routes |= {"/a.zip": 503, "/b.zip": 404}
    desire(session, f"{{http: '{server.url('/a.zip')}', mirrors: ['{server.url('/b.zip')}']}}")
    failed = session.llamagate("apply", "--json", exits=1)
    assert failed.error["code"] == "unreachable"
    assert "/a.zip" in failed.err
    assert "/b.zip" in failed.err


def test_the_digest_in_the_file_must_be_that_of_the_archive(session: Session, server: HttpServer) -> None:
    served(session)
    right = sha256(session.base / "served" / "foo.zip")
    desire(session, f"{{http: '{server.url('/foo.zip')}', sha256: '{'0' * 64}'}}")
    failed = session.llamagate("apply", exits=5)
    assert f"the archive has the digest sha256:{right}, but the file says sha256:{'0' * 64}" in failed.err
    assert "find out who changed it; if it is right as it is, change its sha256 there" in failed.err
    desire(session, f"{{http: '{server.url('/foo.zip')}', sha256: '{right.upper()}'}}")
    session.llamagate("apply")
    assert lock_entries(session)["foo"]["archive"] == f"sha256:{right}"


def test_a_new_digest_in_the_file_moves_the_pin(session: Session, server: HttpServer) -> None:
    served(session)
    desire(session, server.url("/foo.zip"))
    session.llamagate("apply")
    session.package("foo", version="1.1.0")
    served(session)
    assert session.actions() == []
    desire(session, f"{{http: '{server.url('/foo.zip')}', sha256: '{sha256(session.base / 'served' / 'foo.zip')}'}}")
    session.llamagate("plan", "--locked", exits=4)
    assert session.actions() == ["update foo"]


def test_what_is_no_archive_is_said_so(session: Session, server: HttpServer) -> None:
    server.routes["/foo.zip"] = body(b"<!doctype html><title>Log in</title>" * 9, Content_Type="text/html")
    desire(session, server.url("/foo.zip"))
    failed = session.llamagate("apply", exits=1)
    assert f"extensions.foo: {server.url('/foo.zip')}: the download is neither a zip nor a tar archive\n" in failed.err
    assert "name the archive itself; a repository is written {git: URL}" in failed.err
    assert not session.home.joinpath("extensions").exists()


def test_one_failing_source_is_named_and_nothing_is_changed(session: Session, server: HttpServer) -> None:
    items = [f"item{number}" for number in range(12)]
    for item in items:
        served(session, item)
    server.routes |= {"/item3.zip": 500, "/item7.zip": 404}
    lines = "".join(f"  {item}: '{server.url(f'/{item}.zip')}'\n" for item in items)
    session.desired(f"extensions:\n{lines}")
    failed = session.llamagate("apply", "--json", exits=1)
    assert failed.error["message"].startswith("llamagate.yaml: 2 items cannot be used")
    assert [fault["path"] for fault in failed.error["faults"]] == ["extensions.item3", "extensions.item7"]
    assert not session.home.joinpath("extensions").exists()
    assert not session.project.joinpath("llamagate.lock.yaml").exists()


def test_what_is_wrong_here_is_said_before_anyone_is_asked(session: Session, server: HttpServer) -> None:
    served(session)
    session.desired(f"extensions:\n  foo: '{server.url('/foo.zip')}'\n  gone: ./packages/gone\n")
    assert "extensions.gone: " in session.llamagate("apply", exits=1).err
    assert server.requests == []


def test_that_trying_again_may_help_is_only_said_where_nothing_else_is_wrong(
    session: Session, server: HttpServer
) -> None:
    server.routes |= {"/a.zip": 503, "/b.zip": 404}
    session.desired(f"extensions:\n  a: '{server.url('/a.zip')}'\n  b: '{server.url('/b.zip')}'\n")
    assert session.llamagate("apply", "--json", exits=1).error["code"] == "malformed"


@pytest.mark.parametrize("command", [["apply"], ["plan", "--json"], ["lock", "--offline"], ["outdated"]], ids=" ".join)
def test_the_query_of_an_address_is_not_shown(session: Session, server: HttpServer, command: list[str]) -> None:
    served(session)
    server.routes["/foo.zip"] = redirect(f"/gone.zip?key={HIDDEN}")
    desire(session, f"'{server.url(f'/foo.zip?signature={HIDDEN}')}'")
    ran = session.run(*command)
    assert HIDDEN not in ran.out + ran.err
    session.package("bar")
    server.routes["/foo.zip"] = served(session, "bar")
    ran = session.run(*command)
    assert HIDDEN not in ran.out + ran.err


def test_downloads_run_side_by_side(session: Session, server: HttpServer) -> None:
    """The server answers none of the four before all of them were asked for."""
    everyone = threading.Barrier(4, timeout=30)

    def behave(exchange: Exchange) -> None:
        everyone.wait()
        body(FILES[exchange.request.path])(exchange)

    lines = ""
    for number in range(4):
        FILES[f"/item{number}.zip"] = served(session, f"item{number}")
        server.routes[f"/item{number}.zip"] = behave
        lines += f"  item{number}: '{server.url(f'/item{number}.zip')}'\n"
    session.desired(f"extensions:\n{lines}")
    session.llamagate("apply")
    assert sorted(session.registered()) == ["item0", "item1", "item2", "item3"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_an_interrupted_download_leaves_the_cache_clean(
    session: Session, server: HttpServer, how: signal.Signals
) -> None:
    data = served(session)
    server.routes["/foo.zip"] = hang(head(Content_Length=len(data)) + data[:-9])
    desire(session, server.url("/foo.zip"))
    with session.process("apply") as running:
        while not server.count("/foo.zip"):
            time.sleep(0.01)
        time.sleep(0.2)
        running.send_signal(how)
        ended = finished(running)
    assert ended.code == (-signal.SIGKILL if how is signal.SIGKILL else 130)
    assert [*(session.ours / "cache").rglob("*")] == []
    server.routes["/foo.zip"] = data
    session.llamagate("apply")
    assert session.installed("foo").is_dir()


def test_a_transfer_that_takes_too_long_is_given_up(session: Session, server: HttpServer) -> None:
    data = served(session)
    server.routes["/foo.zip"] = hang(head(Content_Length=len(data)) + data[:-9])
    session.desired(f"extensions:\n  foo: '{server.url('/foo.zip')}'\npolicy: {{sources: {{seconds: 1}}}}\n")
    failed = session.llamagate("apply", "--json", exits=1)
    assert failed.error["code"] == "unreachable"
    assert "it did not end within 1 s" in failed.error["message"]


def test_a_url_with_a_password_is_not_repeated(session: Session) -> None:
    desire(session, f"'https://me:{HIDDEN}@example.org/foo.zip'")
    for command in (["apply"], ["plan", "--json"], ["validate"], ["lock", "--json"], ["outdated"]):
        failed = session.llamagate(*command, exits=1)
        assert HIDDEN not in failed.out + failed.err


def test_too_large_an_archive_is_refused_before_it_is_all_there(session: Session, server: HttpServer) -> None:
    data = served(session)
    desired = f"extensions:\n  foo: '{server.url('/foo.zip')}'\npolicy: {{limits: {{archive: {len(data) - 1}}}}}\n"
    session.desired(desired)
    assert "extensions.foo: " in session.llamagate("apply", exits=1).err
    session.edit("llamagate.yaml", str(len(data) - 1), str(len(data)))
    session.llamagate("apply")


def test_a_home_that_cannot_keep_it_says_so(session: Session, server: HttpServer) -> None:
    served(session)
    desire(session, server.url("/foo.zip"))
    session.home.mkdir()
    session.ours.write_text("no folder")
    failed = session.llamagate("plan", exits=1)
    assert str(session.ours) in failed.err


def test_several_commands_fetch_the_same_at_once(session: Session, server: HttpServer) -> None:
    lines = ""
    for number in range(6):
        served(session, f"item{number}")
        lines += f"  item{number}: '{server.url(f'/item{number}.zip')}'\n"
    session.desired(f"extensions:\n{lines}")
    running = [session.process("plan", "--json") for _ in range(6)]
    for one in running:
        with one:
            assert finished(one).code == 0
    assert len([*(session.ours / "cache").glob("*.zip")]) == 6
    session.llamagate("apply", "--offline", exits=1)  # nothing is locked yet
    session.llamagate("lock")
    session.llamagate("apply", "--offline")


def test_status_answers_where_a_source_does_not(session: Session, server: HttpServer) -> None:
    served(session)
    desire(session, server.url("/foo.zip"))
    session.llamagate("apply")
    server.routes["/bar.zip"] = 503
    session.desired(f"extensions:\n  foo: '{server.url('/foo.zip')}'\n  bar: '{server.url('/bar.zip')}'\n")
    status = session.llamagate("status", "--json").json
    assert (status["in_sync"], [item["id"] for item in status["items"]]) == (False, ["foo"])
    assert "/bar.zip was not downloaded: " in status["unreachable"]
    said = session.llamagate("status").out
    assert said.startswith("Not in sync (generation 1).\n  pending changes are unknown: llamagate.yaml:4:3: ")
