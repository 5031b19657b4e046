"""Telling a running gateway: one call after a change, the key to nobody else, and no harm from any answer.

Tests named ``row_NNN`` belong to that row of the list of hostile inputs.
"""

from __future__ import annotations

import re
import shutil
import socket
from typing import Final

import pytest

from tests.cli.shell import TIMEOUT_SECONDS, Session, ending_in, interrupt_apply
from tests.conftest import PROJECT
from tests.gateway.simulator import HEALTH, LIST, NOT_FOUND, REFRESH, WRONG_KEY, Answer, Gateway, running, says

KEY: Final = "k3y-of-the-gateway"


@pytest.fixture
def told(session: Session, gateway: Gateway) -> Session:
    """One extension that is not applied yet, and a gateway to be told."""
    desire(session, gateway.url)
    return session


def desire(session: Session, url: str, reload: str = "auto", version: str = "1.0.0") -> None:
    session.package("foo", version=version)
    session.extensions("foo", text=f'gateway: {{url: "{url}", reload: {reload}}}\n')


# One call, when something changed


def test_a_change_is_one_refresh_call(told: Session, gateway: Gateway) -> None:
    said = told.llamagate("apply")
    assert gateway.lines == [REFRESH, LIST]
    assert f"llamagate: the gateway at {gateway.url} was reloaded\n" in said.err
    assert "x-api-key" not in gateway.requests[0].headers
    assert told.record()["told_generation"] == 1


def test_an_apply_with_nothing_to_do_makes_no_call(told: Session, gateway: Gateway) -> None:
    told.llamagate("apply")
    said = told.llamagate("apply")
    assert gateway.lines == [REFRESH, LIST]
    assert said.err == ""


@pytest.mark.parametrize("verb", ["plan", "lock", "outdated", "validate"])
def test_a_reader_makes_no_call(told: Session, gateway: Gateway, verb: str) -> None:
    told.llamagate(verb)
    assert gateway.requests == []


def test_a_refused_plan_makes_no_call(told: Session, gateway: Gateway) -> None:
    told.write(str(told.installed("foo", "manifest.yaml")), "name: foo\n")
    told.llamagate("apply", exits=5)
    assert gateway.requests == []


def test_reload_off_makes_no_call(session: Session, gateway: Gateway) -> None:
    desire(session, gateway.url, reload="off")
    said = session.llamagate("apply")
    assert gateway.requests == []
    assert "gateway" not in said.err


def test_a_path_in_the_address_is_kept(session: Session, gateway: Gateway) -> None:
    desire(session, f"{gateway.url}/behind/")
    session.llamagate("apply")
    assert gateway.lines == ["POST /behind/v1/extensions/refresh HTTP/1.1", "GET /behind/v1/extensions HTTP/1.1"]


def test_the_default_address_is_for_the_users_own_home_only(
    session: Session, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.gateway.refresh.DEFAULT_URL", gateway.url)
    session.extensions("foo")
    session.llamagate("apply")
    assert gateway.requests == []
    session.llamagate("apply", "--home", session.base / "user" / ".llamagate")
    assert gateway.lines == [REFRESH, LIST]


def test_a_recovery_tells_the_gateway(told: Session, gateway: Gateway) -> None:
    interrupt_apply(told)
    said = told.llamagate("recover")
    assert gateway.lines == [REFRESH, LIST]
    assert said.err == f"llamagate: the gateway at {gateway.url} was reloaded\n"
    assert told.record()["told_generation"] == 1


# Commands tell it too


COMMANDS: Final = ("import packages/bar", "import packages/foo", "remove foo", "disable foo", "rollback", "sync")


def ready_for(session: Session, command: str) -> None:
    """Two generations, and something for ``command`` to do."""
    session.llamagate("apply")
    session.llamagate("disable", "foo")
    session.llamagate("enable", "foo")
    session.package("bar")
    session.package("foo", version="1.1.0")
    if command == "sync":
        shutil.rmtree(session.installed("foo"))
    if command == "rollback":
        session.llamagate("disable", "foo")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_that_changes_something_is_one_refresh_call(told: Session, gateway: Gateway, command: str) -> None:
    ready_for(told, command)
    gateway.requests.clear()
    said = told.llamagate(*command.split())
    assert gateway.lines == [REFRESH, LIST]
    assert f"llamagate: the gateway at {gateway.url} was reloaded\n" in said.err
    record = told.record()
    assert record["told_generation"] == record["generation"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_dry_run_of_a_command_makes_no_call(told: Session, gateway: Gateway, command: str) -> None:
    ready_for(told, command)
    gateway.requests.clear()
    told.llamagate(*command.split(), "--dry-run")
    assert gateway.requests == []


@pytest.mark.parametrize(
    "command", ["import packages/foo", "remove nothing --if-present", "enable foo", "export foo --out o.zip"]
)
def test_a_command_with_nothing_to_do_makes_no_call(told: Session, gateway: Gateway, command: str) -> None:
    told.llamagate("apply")
    gateway.requests.clear()
    told.llamagate(*command.split())
    assert gateway.requests == []


@pytest.mark.parametrize("command", ["import packages/foo", "remove foo"])
def test_a_refused_command_makes_no_call(told: Session, gateway: Gateway, command: str) -> None:
    told.module("flow", "foo")
    told.llamagate("apply")
    told.llamagate("import", "packages/flow")
    told.package("foo", version="0.1.0")
    gateway.requests.clear()
    told.llamagate(*command.split(), exits=5)
    assert gateway.requests == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_with_a_required_gateway_that_is_down_is_done_and_ends_with_10(
    session: Session, free_port: int, command: str
) -> None:
    desire(session, f"http://127.0.0.1:{free_port}")
    ready_for(session, command)
    generation = session.record()["generation"]
    session.edit("llamagate.yaml", "reload: auto", "reload: required")
    said = session.llamagate(*command.split(), "--json", exits=10)
    assert session.record()["generation"] == generation + 1
    assert said.json["changes"] is True
    assert "everything is applied, but the gateway was not reloaded" in said.err


# The key


def test_the_key_is_in_one_header_and_nowhere_else(told: Session, gateway: Gateway) -> None:
    told.variables["LLAMAGATE_API_KEY"] = KEY
    said = told.llamagate("apply", "-v")
    request, _ = gateway.requests
    assert [name for name, value in request.headers.items() if KEY in value] == ["x-api-key"]
    assert request.headers["x-api-key"] == KEY
    assert KEY not in request.line + said.out + said.err
    assert not [
        path for path, (_, data) in told.everything().items() if isinstance(data, bytes) and KEY.encode() in data
    ]


def test_the_variable_of_the_key_can_be_named(session: Session, gateway: Gateway) -> None:
    session.extensions("foo", text=f'gateway: {{url: "{gateway.url}", api_key_env: MY_KEY}}\n')
    session.variables |= {"LLAMAGATE_API_KEY": "other", "MY_KEY": KEY}
    session.llamagate("apply")
    assert gateway.requests[0].headers["x-api-key"] == KEY


@pytest.mark.parametrize(
    "key", [f"{KEY}\n", f"{KEY}\r\nX-Evil: 1", "schlüssel-☃"], ids=["newline", "header", "accents"]
)
def test_a_key_that_no_header_can_hold_is_not_shown(told: Session, gateway: Gateway, key: str) -> None:
    told.variables["LLAMAGATE_API_KEY"] = key
    said = told.llamagate("apply")
    assert gateway.requests == []
    assert said.err.endswith(
        f"llamagate: the gateway at {gateway.url} was not reloaded: the key in LLAMAGATE_API_KEY contains a line break "
        "or a character that is not allowed in an HTTP header; the next apply tries again\n"
    )
    assert KEY not in said.err


def test_an_empty_key_is_none(told: Session, gateway: Gateway) -> None:
    told.variables["LLAMAGATE_API_KEY"] = ""
    told.llamagate("apply")
    assert "x-api-key" not in gateway.requests[0].headers


def test_row_116_the_key_never_goes_to_a_proxy(told: Session, gateway: Gateway) -> None:
    with running() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            told.variables |= {name: proxy.url, name.upper(): proxy.url}
        told.variables["LLAMAGATE_API_KEY"] = KEY
        told.llamagate("apply")
        assert proxy.requests == []
    assert gateway.requests[0].headers["x-api-key"] == KEY


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_row_117_a_redirect_is_not_followed(told: Session, gateway: Gateway, status: str) -> None:
    told.variables["LLAMAGATE_API_KEY"] = KEY
    with running() as elsewhere:
        gateway.answer = says(status, b"", f"Location: {elsewhere.url}/v1/extensions/refresh")
        said = told.llamagate("apply")
        assert elsewhere.requests == []
    assert said.err.endswith(
        f"llamagate: the gateway at {gateway.url} was not reloaded: it answered {status[:3]} with a redirect, which is "
        "not followed; put the final address into gateway.url; the next apply tries again\n"
    )


def test_row_118_netrc_is_ignored(told: Session, gateway: Gateway) -> None:
    netrc = told.base / "user" / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\ndefault login me password secret\n")
    netrc.chmod(0o600)
    told.variables["NETRC"] = str(netrc)
    told.llamagate("apply")
    assert "authorization" not in gateway.requests[0].headers


# What a gateway may answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            says("206 Partial Content", {"status": "partial", "errors": ["x", "y"]}),
            "was reloaded in part: x; y",
        ),
        (says("206 Partial Content", b"{"), "was reloaded in part: it did not say what failed"),
        (says("206 Partial Content", {"errors": None}), "was reloaded in part: it did not say what failed"),
        (says("206 Partial Content", b"[" * 100_000), "was reloaded in part: it did not say what failed"),
    ],
    ids=["errors", "malformed", "null", "deep"],
)
def test_a_partial_reload_is_told_with_its_errors(
    told: Session, gateway: Gateway, answer: Answer, message: str
) -> None:
    gateway.answer = answer
    said = told.llamagate("apply")
    assert said.err.endswith(
        f"llamagate: the gateway at {gateway.url} {message}\n"
        "llamagate: foo: version 1.0.0 should be served, but is not\n"
    )
    assert told.record()["told_generation"] == 1


def test_errors_of_the_gateway_do_not_steer_the_terminal(told: Session, gateway: Gateway) -> None:
    gateway.answer = says("206 Partial Content", {"errors": ["\x1b[2Jgone", "x" * 10_000]})
    said = told.llamagate("apply")
    assert "\\x1b[2Jgone" in said.err
    assert len(said.err) < 3000


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (NOT_FOUND, "this gateway has no extension support"),
        (says("500 Oops"), "it answered 500; the next apply tries again"),
        (says("501 Off"), "it answered 501; the next apply tries again"),
        (says("204 No Content"), "it answered 204; the next apply tries again"),
        (lambda caller: None, "it closed the connection without an answer; the next apply tries again"),
        (
            lambda caller: caller.sendall(b"SSH-2.0-x\r\n"),
            "the answer is not HTTP; the next apply tries again",
        ),
        (
            lambda caller: caller.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nx"),
            "its answer was cut off; the next apply tries again",
        ),
    ],
    ids=["404", "500", "501", "204", "hangs-up", "no-http", "cut-off"],
)
def test_a_gateway_that_does_not_reload_is_told_and_no_failure(
    told: Session, gateway: Gateway, answer: Answer, reason: str
) -> None:
    gateway.answer = answer
    said = told.llamagate("apply")
    assert said.err.endswith(f"llamagate: the gateway at {gateway.url} was not reloaded: {reason}\n")
    assert told.record()["told_generation"] == 0
    assert told.installed("foo").exists()


def test_a_wrong_key_is_told_and_the_next_apply_tells_the_gateway(told: Session, gateway: Gateway) -> None:
    gateway.answer = WRONG_KEY
    advice = "set LLAMAGATE_API_KEY to the gateway's API_KEY; the next apply tries again"
    assert f"was not reloaded: it requires a key; {advice}\n" in told.llamagate("apply").err
    told.variables["LLAMAGATE_API_KEY"] = "wrong"
    said = told.llamagate("apply")
    assert f"was not reloaded: it does not accept the key in LLAMAGATE_API_KEY; {advice}\n" in said.err
    assert told.record()["generation"] == 1

    told.variables["LLAMAGATE_API_KEY"] = KEY
    gateway.answer = None
    assert told.llamagate("apply").err == f"llamagate: the gateway at {gateway.url} was reloaded\n"
    assert told.llamagate("apply").err == ""
    assert gateway.lines == [REFRESH, REFRESH, REFRESH, LIST]


def test_a_gateway_without_extensions_is_not_mentioned_each_time(told: Session, gateway: Gateway) -> None:
    gateway.answer = NOT_FOUND
    told.llamagate("apply")
    assert told.llamagate("apply").err == ""


def test_row_119_an_endless_answer_is_cut(told: Session, gateway: Gateway) -> None:
    def endless(caller: socket.socket) -> None:
        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2147483648\r\n\r\n")
        gateway.stream(caller, b"x" * 65536)

    gateway.answer = endless
    said = told.llamagate("apply")
    assert f"the gateway at {gateway.url} was reloaded\n" in said.err
    assert gateway.sent < 32 * 2**20  # what the system buffers on both sides comes on top of 1 MiB


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"],
    ids=["row-119-silence", "row-119-headers", "row-119-body"],
)
def test_an_answer_that_drips_has_one_deadline(
    told: Session, gateway: Gateway, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.gateway.call.DEADLINE_SECONDS", 0.5)

    def drip(caller: socket.socket) -> None:
        caller.sendall(head)
        gateway.stream(caller, b"x" if head else b"", pause=0.05)

    gateway.answer = drip
    with ending_in(TIMEOUT_SECONDS):
        said = told.llamagate("apply")
    assert re.search(
        r"was not reloaded: (the answer did not end in time|timed out); the next apply tries again", said.err
    )


def test_row_120_a_gateway_that_is_down_is_told_and_no_failure(session: Session, free_port: int) -> None:
    desire(session, f"http://127.0.0.1:{free_port}")
    said = session.llamagate("apply")
    assert f"http://127.0.0.1:{free_port} was not reloaded" in said.err
    assert session.record()["generation"] == 1
    assert session.llamagate("apply").err == ""


def test_row_120_a_required_gateway_that_is_down_is_exit_code_10(session: Session, free_port: int) -> None:
    desire(session, f"http://127.0.0.1:{free_port}", reload="required")
    said = session.llamagate("apply", exits=10)
    assert session.record()["generation"] == 1
    assert "'reload: required'" in said.err.splitlines()[-1]
    assert session.installed("foo").exists()
    session.llamagate("apply", exits=10)


def test_row_120_exit_code_10_prints_one_document(session: Session, free_port: int) -> None:
    desire(session, f"http://127.0.0.1:{free_port}", reload="required")
    said = session.llamagate("apply", "--json", exits=10)
    assert said.json["generation"] == 1
    assert [action["action"] for action in said.json["actions"]] == ["install"]


def test_exit_code_10_has_its_error_in_the_document(session: Session, free_port: int) -> None:
    desire(session, f"http://127.0.0.1:{free_port}", reload="required")
    said = session.llamagate("apply", "--json", exits=10)
    assert (said.json["generation"], said.json["error"]["code"]) == (1, "not-reloaded")


def test_a_required_gateway_is_told_once_it_is_up(session: Session, gateway: Gateway, free_port: int) -> None:
    desire(session, f"http://127.0.0.1:{free_port}", reload="required")
    session.llamagate("apply", exits=10)
    desire(session, gateway.url, reload="required")
    session.llamagate("apply")
    session.llamagate("apply")
    assert gateway.lines == [REFRESH, LIST]


def test_what_the_gateway_cannot_load_is_refused_where_it_is_required(session: Session, gateway: Gateway) -> None:
    shutil.copytree(PROJECT / "examples/extensions/sentiment-task", session.project / "packages/sentiment-task")
    session.extensions("sentiment-task", text=f'gateway: {{url: "{gateway.url}", reload: required}}\n')
    said = session.llamagate("apply", exits=5)
    assert (
        "sentiment-task: a gateway cannot load a package in the task dialect, and gateway.reload is 'required'"
        in said.out
    )
    assert gateway.requests == []


# What it was told last


def test_told_generation_follows_the_calls_that_arrived(told: Session, gateway: Gateway) -> None:
    told.llamagate("apply")
    gateway.answer = says("500 Oops")
    desire(told, gateway.url, version="2.0.0")
    told.llamagate("apply")
    record = told.record()
    assert (record["generation"], record["told_generation"]) == (2, 1)
    gateway.answer = None
    desire(told, gateway.url, version="3.0.0")
    told.llamagate("apply")
    assert told.record()["told_generation"] == 3


def test_a_note_that_cannot_be_written_is_no_failure(
    told: Session, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.errors import StorageError

    def full(*_: object) -> None:
        raise StorageError("no space left")

    monkeypatch.setattr("reconciler.reconcile.gateway.write_record", full)
    told.llamagate("apply")
    assert told.record()["told_generation"] == 0
    monkeypatch.undo()
    told.llamagate("apply")
    assert told.record()["told_generation"] == 1


# Status


SERVED: Final = {"reachable": True, "state": "Served", "notes": [], "unread": []}


def test_status_asks_for_health_without_the_key_and_then_what_is_served(told: Session, gateway: Gateway) -> None:
    told.variables["LLAMAGATE_API_KEY"] = KEY
    assert told.llamagate("status", "--json").json["gateway"] == {"url": gateway.url, **SERVED}
    assert f"the gateway at {gateway.url} serves what is installed\n" in told.llamagate("status").out
    assert gateway.lines == [HEALTH, LIST] * 2
    assert ["x-api-key" in request.headers for request in gateway.requests] == [False, True] * 2


def test_status_and_doctor_say_that_the_key_is_refused(told: Session, gateway: Gateway) -> None:
    gateway.key = KEY
    document = told.llamagate("status", "--json").json["gateway"]
    assert (document["reachable"], document["state"]) == (True, "KeyRefused")
    codes = [one["code"] for one in told.llamagate("doctor", "--json", exits=1).json["findings"]]
    assert "gateway-key" in codes


def test_status_and_doctor_see_a_version_that_is_not_served(told: Session, gateway: Gateway) -> None:
    told.llamagate("apply")
    gateway.stuck = True
    desire(told, gateway.url, version="2.0.0")
    told.llamagate("apply")
    assert told.llamagate("status", "--json").json["gateway"]["state"] == "NotServed"
    codes = [one["code"] for one in told.llamagate("doctor", "--json", exits=1).json["findings"]]
    assert "not-served" in codes


def test_doctor_says_that_a_newer_gateway_has_no_extensions(told: Session, gateway: Gateway) -> None:
    gateway.lists = NOT_FOUND
    codes = [one["code"] for one in told.llamagate("doctor", "--json").json["findings"]]
    assert "gateway-without-extensions" in codes


@pytest.mark.parametrize("answer", [says("500 Oops"), says("302 Found", b"", "Location: /"), lambda caller: None])
def test_status_of_a_gateway_that_is_not_well(told: Session, gateway: Gateway, answer: Answer) -> None:
    gateway.answer = answer
    assert told.llamagate("status", "--json").json["gateway"]["reachable"] is False


def test_status_where_there_is_no_gateway_to_ask(session: Session, free_port: int) -> None:
    session.extensions("foo")
    assert session.llamagate("status", "--json").json["gateway"]["reachable"] is False
    assert session.llamagate("status").out.endswith("; name one with --gateway URL\n")
    desire(session, f"http://127.0.0.1:{free_port}")
    assert session.llamagate("status").out.endswith(f"the gateway at http://127.0.0.1:{free_port} does not answer\n")


def test_addresses_that_are_none_are_refused(session: Session) -> None:
    without_query = ("localhost:11435", "ftp://127.0.0.1", "http://user:pw@127.0.0.1", "http://h/?a=1", "http://h/#a")
    for url in (*without_query, "http://127.0.0.1:port", "http://[::1", "http://:80"):
        desire(session, url)
        said = session.llamagate("plan", exits=1)
        assert "expected http://HOST:PORT or https://HOST:PORT, without user, query or fragment" in said.err


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://[::f::]"])
def test_an_address_that_cannot_be_called_is_told(session: Session, url: str) -> None:
    desire(session, url)
    said = session.llamagate("apply")
    assert f"the gateway at {url} was not reloaded: " in said.err
