"""A gateway keeps the endpoints that it registered first until it is restarted, and that is said for as long."""

from __future__ import annotations

import subprocess
import sys

import pytest

from reconciler.fs.processes import listening_process
from reconciler.gateway import routes
from reconciler.gateway.routes import RouteChange, outdated_routes, routes_after
from reconciler.model.record import Route, Routes
from tests.cli.shell import Session
from tests.gateway.simulator import Gateway
from tests.gateway.test_served import ENDPOINTS, desire, manifest

OLD, NEW = Route("1.0.0", "a"), Route("1.1.0", "b")
UPDATED = {"foo": RouteChange(before=OLD, had=True, has=True)}


@pytest.fixture
def updated(session: Session, gateway: Gateway) -> Session:
    """An extension with endpoints that was updated while the gateway ran."""
    manifest(session, "foo", ENDPOINTS)
    desire(session, gateway.url)
    session.llamagate("apply")
    manifest(session, "foo", ENDPOINTS, version="1.1.0")
    return session


OUTDATED = "foo: its endpoints run 1.0.0 until the gateway is restarted"


def test_an_update_says_that_the_endpoints_are_outdated(updated: Session, gateway: Gateway) -> None:
    said = updated.llamagate("apply")
    assert OUTDATED in said.err
    assert "(routes)" not in said.err
    assert updated.record()["told_generation"] == 2


def test_it_counts_as_not_served_where_a_reload_is_required(updated: Session, gateway: Gateway) -> None:
    desire(updated, gateway.url, more=", reload: required")
    assert OUTDATED in updated.llamagate("apply", exits=10).err


def test_status_and_doctor_say_it_until_a_restart_is_told(updated: Session, gateway: Gateway) -> None:
    updated.llamagate("apply")
    status = updated.llamagate("status", "--json").json
    assert status["gateway"] == {"url": gateway.url, "reachable": True, "state": "RestartNeeded", "notes": [OUTDATED]}
    findings = updated.llamagate("doctor", "--json", exits=1).json["findings"]
    assert [OUTDATED in one["message"] for one in findings if one["code"] == "not-served"] == [True]
    updated.llamagate("sync", "--gateway-restarted")
    assert updated.llamagate("status", "--json").json["gateway"]["state"] == "Served"


def test_a_preview_of_sync_forgets_nothing(updated: Session, gateway: Gateway) -> None:
    updated.llamagate("apply")
    updated.llamagate("sync", "--gateway-restarted", "--dry-run")
    assert updated.llamagate("status", "--json").json["gateway"]["state"] == "RestartNeeded"


def test_a_restart_that_is_seen_ends_it(updated: Session, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    updated.llamagate("apply")
    monkeypatch.setattr(routes, "listening_process", lambda port: "another")
    assert updated.llamagate("status", "--json").json["gateway"]["state"] == "Served"


def test_the_version_that_runs_is_current_again_after_going_back(updated: Session, gateway: Gateway) -> None:
    updated.llamagate("apply")
    assert "endpoints" not in updated.llamagate("rollback").err


def test_other_items_with_endpoints_are_not_mentioned(updated: Session, gateway: Gateway) -> None:
    desire(updated, gateway.url, "foo", "bar")
    updated.llamagate("apply")
    updated.package("bar", version="2.0.0")
    assert "bar" not in updated.llamagate("apply").err.partition(gateway.url)[2]


def test_a_gateway_that_was_down_reads_the_new_endpoints_when_it_starts(updated: Session, gateway: Gateway) -> None:
    desire(updated, "http://127.0.0.1:1")
    updated.llamagate("apply")
    gateway.restart()
    desire(updated, gateway.url)
    updated.llamagate("apply")
    assert updated.llamagate("status", "--json").json["gateway"]["notes"] == []


# The rule, without a gateway


@pytest.mark.parametrize(
    ("change", "unregistered", "kept"),
    [
        (RouteChange(before=OLD, had=True, has=True), {"foo"}, OLD),
        (RouteChange(before=OLD, had=True, has=True), set(), None),
        (RouteChange(before=None, had=False, has=True), {"foo"}, Route("", "")),
        (RouteChange(before=OLD, had=True, has=False), {"other"}, OLD),
        (RouteChange(before=OLD, had=True, has=False), set(), None),
        (RouteChange(before=OLD, had=False, has=False), {"other"}, None),
    ],
    ids=["refused", "replaced", "revived", "dropped-and-kept", "dropped", "none"],
)
def test_what_the_router_keeps(change: RouteChange, unregistered: set[str], kept: Route | None) -> None:
    assert routes_after(Routes(), "p", {"foo": change}, unregistered).items.get("foo") == kept


def test_the_first_registration_stays_through_further_updates() -> None:
    once = routes_after(Routes(), "p", UPDATED, {"foo"})
    twice = routes_after(once, "p", {"foo": RouteChange(before=NEW, had=True, has=True)}, {"foo"})
    assert twice.items == {"foo": OLD}


@pytest.mark.parametrize(("then", "now", "said"), [("p", "q", 0), ("p", "p", 1), ("", "q", 1), ("p", "", 1)])
def test_only_a_restart_that_is_seen_counts(then: str, now: str, said: int) -> None:
    known = Routes(process=then, items={"foo": OLD})
    assert len(outdated_routes(known, now, {"foo": NEW})) == said


# The process that listens


LISTEN = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print(flush=True); input()"


def _listen(port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", LISTEN, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux's /proc")
def test_a_restart_of_the_process_that_listens_is_seen(free_port: int) -> None:
    assert listening_process(free_port) == ""
    names = []
    for _ in range(2):
        with _listen(free_port) as process:
            names += [listening_process(free_port), listening_process(free_port)]
            process.communicate(b"\n")
    assert names[0] == names[1] != names[2] == names[3]
    assert "" not in names
