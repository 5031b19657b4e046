"""Where the watcher's reports go: status.json, the event log, metrics, the service manager, and ``status``."""

from __future__ import annotations

import json
import math
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from reconciler.loop.news import Event
from reconciler.loop.reporter import MAX_LOG_BYTES, Reporter
from reconciler.loop.systemd import ServiceManager, service_manager
from reconciler.model.home import Home
from reconciler.model.watched import Attempt, Result, Watched, last_outcomes
from tests.cli.shell import Session, interrupt, interrupt_apply
from tests.gateway.simulator import Gateway
from tests.loop.watcher import condition, eventually, state, watching

VALUE: Final = "t0p-of-the-secrets"


# status.json and status


def test_the_state_tells_the_last_attempt_and_the_last_success(foo: Session) -> None:
    foo.llamagate("watch", "--once")
    foo.write("llamagate.yaml", "[")
    foo.llamagate("watch", "--once", exits=1)
    found = state(foo)
    assert (found["attempted"]["result"], found["attempted"]["reason"]) == ("failed", "Malformed")
    assert (found["applied"]["result"], found["applied"]["generation"]) == ("applied", 1)
    assert found["attempted"]["input"] != found["applied"]["input"]
    assert [one["result"] for one in found["outcomes"]] == ["failed", "applied"]
    assert found["next_at"] == ""  # nothing comes by itself


def test_a_condition_tells_since_when(foo: Session) -> None:
    foo.llamagate("watch", "--once")
    before = {one["type"]: one["since"] for one in state(foo)["conditions"]}
    foo.llamagate("watch", "--once")
    assert {one["type"]: one["since"] for one in state(foo)["conditions"]} == before
    foo.write("llamagate.yaml", "[")
    foo.llamagate("watch", "--once", exits=1)
    after = {one["type"]: one["since"] for one in state(foo)["conditions"]}
    assert [name for name in after if after[name] != before[name]] == ["Ready", "Stalled"]


def attempt(number: int, result: Result = Result.APPLIED) -> Attempt:
    return Attempt(at="", result=result, reason="", message=str(number), generation=number, input="")


def test_ten_outcomes_are_kept_and_looks_that_found_nothing_count_once() -> None:
    kept: tuple[Attempt, ...] = ()
    for number in range(20):
        kept = last_outcomes(kept, attempt(number))
        kept = last_outcomes(last_outcomes(kept, attempt(number, Result.UNCHANGED)), attempt(99, Result.UNCHANGED))
    assert [one.message for one in kept] == ["99", "19", "99", "18", "99", "17", "99", "16", "99", "15"]


def test_status_shows_the_watcher(foo: Session) -> None:
    assert foo.llamagate("status", "--json").json["watcher"] is None
    with watching(foo) as watcher:
        watcher.said("Applied")
        document = foo.llamagate("status", "--json").json["watcher"]
        assert (document["running"], document["triggers"]) == (True, "events")
        file = foo.project / "llamagate.yaml"
        assert f"  a watcher follows {file} (events)\n" in foo.llamagate("status").out
        foo.write("llamagate.yaml", "apiVersion: llamagate/v1\nextension: {}\n")
        watcher.said("Failed")
        watcher.end()
    foo.extensions("foo")
    said = foo.llamagate("status").out
    assert f"  a watcher followed {file} (events), but is not running now\n    last attempt 2" in said
    assert re.search(r"^    Ready is false \(Malformed\): .*did you mean 'extensions'", said, re.MULTILINE)
    assert re.search(r"^    Stalled is true \(Malformed\): ", said, re.MULTILINE)


@pytest.mark.parametrize("text", ["", "[", "[]", "{}", '{"schema": 1}'])
def test_a_state_that_cannot_be_read_is_none(foo: Session, text: str) -> None:
    foo.llamagate("apply")
    (foo.ours / "status.json").write_text(text)
    assert foo.llamagate("status", "--json").json["watcher"] is None
    foo.llamagate("watch", "--once")
    assert foo.llamagate("status", "--json").json["watcher"]["running"] is False


def test_status_tells_what_is_suspended(foo: Session) -> None:
    foo.llamagate("apply")
    foo.llamagate("suspend", "foo", "--reason", "a demo")
    foo.llamagate("suspend", "--reason", "freeze")
    assert (
        "  the watcher is paused for everything: freeze\n  the watcher is paused for foo: a demo\n"
        in foo.llamagate("status").out
    )
    assert [one["id"] for one in foo.llamagate("status", "--json").json["suspensions"]] == ["", "foo"]


# Events and metrics


def test_events_are_lines_of_json_that_grow(foo: Session) -> None:
    log = foo.base / "events.jsonl"
    foo.llamagate("watch", "--once", "--event-log", log)
    foo.package("foo", version="2.0.0")
    foo.llamagate("watch", "--once", "--event-log", log)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(one["event"], one["reason"], one["message"], one["generation"]) for one in events] == [
        ("Notice", "Notice", "wrote llamagate.lock.yaml: 1 entry changed", None),
        ("Applied", "Applied", "generation 1: install foo", 1),
        ("Notice", "Notice", "wrote llamagate.lock.yaml: 1 entry changed", None),
        ("Applied", "Applied", "generation 2: update foo", 2),
    ]


@pytest.mark.parametrize("linked", [False, True], ids=["a file", "a link"])
def test_a_full_event_log_is_set_aside_and_the_one_before_goes(foo: Session, linked: bool) -> None:
    real = foo.base / "real.jsonl"
    log = foo.base / "link.jsonl" if linked else real
    if linked:
        log.symlink_to(real)
    for content in ("first\n", "second\n", "third\n"):
        with real.open("w") as stream:
            stream.write(content)
            stream.truncate(MAX_LOG_BYTES)
        foo.llamagate("watch", "--once", "--event-log", log)
    kept = foo.base / "real.jsonl.1"
    assert kept.read_bytes()[:6] == b"third\n"
    assert [json.loads(line)["event"] for line in real.read_text().splitlines()] == ["InSync"]
    assert log.is_symlink() == linked
    assert sorted(path.name for path in foo.base.glob("*.jsonl*")) == sorted({log.name, real.name, kept.name})


def test_an_event_log_that_is_no_file_is_never_full(foo: Session) -> None:
    foo.llamagate("watch", "--once", "--event-log", "/dev/null")
    assert Path("/dev/null").is_char_device()


def test_once_says_that_there_was_nothing_to_do_and_status_does_not_call_it_dead(foo: Session) -> None:
    foo.llamagate("watch", "--once")
    assert foo.llamagate("watch", "--once").err == "llamagate: nothing to do (generation 1)\n"
    assert foo.llamagate("watch", "--once", "-q").err == ""
    assert json.loads(foo.llamagate("watch", "--once", "--json").out)["event"] == "InSync"
    shown = foo.llamagate("status").out
    assert "not running" not in shown
    assert f"'watch --once' follows {foo.project / 'llamagate.yaml'}\n" in shown
    with watching(foo) as watcher:
        watcher.said("Started")
        eventually(lambda: state(foo)["triggers"] == "events", "its first attempt")
        watcher.end()
    assert "but is not running now" in foo.llamagate("status").out


def test_a_report_that_cannot_be_written_is_told_once_and_stops_nothing(foo: Session) -> None:
    told: list[str] = []
    home = Home(foo.home)
    home.ours.mkdir(parents=True)
    reporter = Reporter(home, speak=told.append, emit=lambda _: None, event_log=foo.base / "no" / "log")
    for _ in range(3):
        reporter.event("now", Event("Applied", "done"))
    log = foo.base / "no" / "log"
    assert told == ["done", f"{log}: No such file or directory", "done", "done"]


def test_secrets_of_the_configuration_are_in_no_report(foo: Session) -> None:
    foo.desired("extensions:\n  foo:\n    source: ./packages/foo\n    config: {token: {env: REPORT_TOKEN}}\n")
    foo.variables["REPORT_TOKEN"] = VALUE
    log, metrics = foo.base / "log", foo.base / "metrics"
    said = foo.llamagate("watch", "--once", "--json", "--event-log", log, "--metrics-file", metrics)
    files = [log, metrics, foo.ours / "status.json"]
    assert VALUE not in said.out + said.err + "".join(path.read_text() for path in files)


# The service manager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(30)
        yield listener


def test_the_service_manager_is_told(foo: Session, manager: socket.socket) -> None:
    foo.variables |= {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "300000"}
    with watching(foo) as watcher:
        assert manager.recv(4096) == b"READY=1"
        seen: set[bytes] = set()
        while not {b"STATUS=applied: install foo", b"WATCHDOG=1"} <= seen:
            seen.add(manager.recv(4096))
        assert watcher.end() == 0
        while b"STOPPING=1" not in seen:
            seen.add(manager.recv(4096))


def test_an_abstract_address(tmp_path: Path) -> None:
    name = f"llamagate-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(30)
        ServiceManager(address=f"@{name}").tell("READY=1", "STATUS=x")
        assert listener.recv(4096) == b"READY=1\nSTATUS=x"


@pytest.mark.parametrize(
    ("variables", "keepalive"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "2000000"}, 2.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "9" * 400}, math.inf),
    ],
    ids=["none", "wanted", "of-another", "nonsense", "nothing", "endless"],
)
def test_whether_a_sign_of_life_is_wanted(variables: dict[str, str], keepalive: float | None) -> None:
    assert service_manager(variables).keepalive == keepalive


def test_a_manager_that_does_not_listen_is_no_failure(tmp_path: Path) -> None:
    ServiceManager(address=str(tmp_path / "nobody")).tell("READY=1")


# The gateway


def test_the_gateway_is_told_after_a_change_and_only_then(foo: Session, gateway: Gateway) -> None:
    foo.extensions("foo", text=f'gateway: {{url: "{gateway.url}"}}\n')
    foo.llamagate("watch", "--once")
    assert len(gateway.requests) == 2
    assert condition(foo, "GatewayReloaded") == ("True", "Reloaded")
    foo.llamagate("watch", "--once")
    assert len(gateway.requests) == 2
    gateway.broken = frozenset(["foo"])
    foo.package("foo", version="2.0.0")
    foo.llamagate("watch", "--once")
    assert condition(foo, "GatewayReloaded") == ("False", "NotServed")
    assert condition(foo, "Ready") == ("True", "InSync")


def test_a_change_that_is_not_served_is_taken_back_and_held(foo: Session, gateway: Gateway) -> None:
    foo.extensions("foo", text=f'gateway: {{url: "{gateway.url}", reload: required, on_unhealthy: rollback}}\n')
    with watching(foo) as watcher:
        watcher.said("Applied", "install foo")
        gateway.broken = frozenset(["foo"])
        foo.package("foo", version="2.0.0")
        watcher.said("Applied", "generation 2: update foo")
        watcher.said("Failed", "the items of generation 1 are back as generation 3")
        watcher.said("LeftAlone", "paused: the gateway did not serve generation 2")
        assert condition(foo, "Ready") == ("False", "RolledBack")
        assert foo.registered()["foo"]["version"] == "1.0.0"
        gateway.broken = frozenset()
        foo.package("foo", version="2.0.1")
        watcher.said("Applied", "generation 4: update foo")
        eventually(lambda: condition(foo, "Ready") == ("True", "InSync"), "in sync")
    assert gateway.loaded["foo"].version == "2.0.1"


@pytest.mark.parametrize("order", [["rollback"], ["suspend", "--reason", "freeze"]], ids=["hold", "suspension"])
def test_a_home_that_is_left_alone_is_served_as_it_is(foo: Session, gateway: Gateway, order: list[str]) -> None:
    """Here a rollback was interrupted, or an update was while nothing is to be changed: nobody told the gateway."""
    foo.extensions("foo", text=f'gateway: {{url: "{gateway.url}"}}\n')
    foo.llamagate("apply")
    foo.package("foo", version="2.0.0")
    if order[0] == "rollback":
        foo.llamagate("apply")
        interrupt(foo, *order)
    else:
        foo.llamagate(*order)
        interrupt_apply(foo)
    foo.llamagate("watch", "--once")
    assert gateway.loaded["foo"].version == foo.registered()["foo"]["version"]
    assert condition(foo, "Suspended")[0] == "True"
    assert condition(foo, "GatewayReloaded") == ("True", "Reloaded")
    calls = len(gateway.requests)
    foo.llamagate("watch", "--once")
    assert len(gateway.requests) == calls


def test_a_required_gateway_that_is_down_is_told_again(foo: Session, free_port: int) -> None:
    foo.extensions("foo", text=f'gateway: {{url: "http://127.0.0.1:{free_port}", reload: required}}\n')
    foo.llamagate("watch", "--once", exits=10)
    assert condition(foo, "Reconciling") == ("True", "NotReloaded")
    assert condition(foo, "GatewayReloaded") == ("False", "GatewayUnreachable")


def test_the_state_is_a_value_that_survives_its_document(foo: Session) -> None:
    foo.llamagate("watch", "--once")
    document = state(foo)
    assert Watched.from_document(document).to_document() == document
