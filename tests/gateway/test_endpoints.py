"""A gateway keeps the endpoints that it registered first until it is restarted, and that is said for as long."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from reconciler.fs.processes import listening_process
from reconciler.gateway import routes
from reconciler.gateway.routes import RouteChange, is_restarted, routes_after
from reconciler.model.record import Route, Routes
from tests.cli.shell import Session, interrupt_apply
from tests.gateway.simulator import Gateway
from tests.gateway.test_served import ENDPOINTS, cold, desire, manifest

OLD, NEW = Route("1.0.0", "a"), Route("1.1.0", "b")


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
    assert status["gateway"] == {
        "url": gateway.url,
        "reachable": True,
        "state": "RestartNeeded",
        "notes": [OUTDATED],
        "unread": [],
    }
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


def test_a_restart_is_enough_where_a_reload_is_required(
    updated: Session, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    desire(updated, gateway.url, more=", reload: required")
    updated.llamagate("apply", exits=10)
    updated.llamagate("apply", exits=10)
    gateway.restart()
    monkeypatch.setattr(routes, "listening_process", lambda port: "another")
    updated.llamagate("apply")
    assert updated.record()["told_generation"] == 2


def test_old_endpoints_are_not_served_where_that_is_required_from_now_on(
    updated: Session, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    updated.llamagate("apply")
    desire(updated, gateway.url, more=", reload: required")
    for command in ("apply", "apply", "watch --once"):
        assert OUTDATED in updated.llamagate(*command.split(), exits=10).err
    gateway.restart()
    monkeypatch.setattr(routes, "listening_process", lambda port: "another")
    updated.llamagate("apply")
    gateway.requests.clear()
    updated.llamagate("apply")
    assert gateway.requests == []


def test_so_is_one_that_is_told(updated: Session, gateway: Gateway) -> None:
    desire(updated, gateway.url, more=", reload: required")
    updated.llamagate("apply", exits=10)
    gateway.restart()
    updated.llamagate("sync", "--gateway-restarted")
    updated.llamagate("apply")
    assert updated.record()["told_generation"] == 2


def test_a_change_before_the_restart_is_served_and_one_after_it_is_not(
    updated: Session, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    updated.llamagate("apply")
    gateway.restart()
    monkeypatch.setattr(routes, "listening_process", lambda port: "another")
    manifest(updated, "foo", ENDPOINTS, version="1.2.0")
    assert "foo: its endpoints run 1.1.0 until the gateway is restarted" in updated.llamagate("apply").err


def test_what_is_adopted_runs_as_it_is(session: Session, gateway: Gateway) -> None:
    manifest(session, "foo", ENDPOINTS)
    shutil.copytree(session.project / "packages" / "foo", session.installed("foo"))
    gateway.restart()
    desire(session, gateway.url, more=", reload: required")
    assert "endpoints" not in session.llamagate("apply").err


def test_what_was_removed_comes_back_with_its_old_endpoints(session: Session, gateway: Gateway) -> None:
    manifest(session, "foo", ENDPOINTS)
    desire(session, gateway.url)
    session.llamagate("apply")
    session.llamagate("remove", "foo")
    assert session.llamagate("status", "--json").json["gateway"]["state"] == "Served"
    manifest(session, "foo", ENDPOINTS, version="1.1.0")
    assert "foo: its endpoints run " in session.llamagate("apply").err


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_what_comes_back_as_it_was_has_its_endpoints(session: Session, gateway: Gateway, version: str) -> None:
    manifest(session, "foo", ENDPOINTS)
    desire(session, gateway.url)
    session.llamagate("apply")
    gateway.restart()
    session.llamagate("remove", "foo")
    manifest(session, "foo", ENDPOINTS, version=version)
    assert (OUTDATED in session.llamagate("apply").err) == (version != "1.0.0")
    state = "Served" if version == "1.0.0" else "RestartNeeded"
    assert session.llamagate("status", "--json").json["gateway"]["state"] == state


def test_that_an_item_went_does_not_mean_that_a_gateway_keeps_endpoints(session: Session, gateway: Gateway) -> None:
    manifest(session, "foo", ENDPOINTS)
    manifest(session, "bar", ENDPOINTS)
    desire(session, gateway.url, "foo", "bar")
    session.llamagate("apply")
    gateway.routes.clear()
    session.llamagate("remove", "foo")
    gateway.routes.clear()
    manifest(session, "bar", "", version="1.1.0")
    assert "endpoints" not in session.llamagate("apply", "--only", "bar").err


def test_a_package_that_is_not_to_be_reloaded_has_old_endpoints_too(session: Session, gateway: Gateway) -> None:
    manifest(session, "foo", ENDPOINTS)
    desire(session, gateway.url, "foo", "bar")
    session.llamagate("apply")
    cold(session, "foo", version="1.1.0")
    manifest(session, "foo", ENDPOINTS, version="1.1.0")
    session.llamagate("apply")  # asks for no reload
    session.package("bar", version="2.0.0")
    assert OUTDATED in session.llamagate("apply").err


def test_an_interrupted_change_is_settled_before_a_restart_is_noted(updated: Session, gateway: Gateway) -> None:
    updated.llamagate("apply")
    manifest(updated, "foo", ENDPOINTS, version="1.2.0")
    interrupt_apply(updated)
    updated.llamagate("sync", "--gateway-restarted")
    assert updated.llamagate("status", "--json").json["transaction"] == "none"
    assert updated.record()["routes"].get("items") is None


# The rule, without a gateway

CHANGED, INSTALLED = RouteChange(before=OLD, had=True), RouteChange(before=None, had=False)


@pytest.mark.parametrize(
    ("change", "kept", "registered", "left"),
    [
        (CHANGED, {"foo"}, set(), OLD),
        (CHANGED, set(), {"foo"}, None),
        (INSTALLED, {"foo"}, set(), Route("", "")),
        (INSTALLED, {"other"}, {"foo"}, None),
        (CHANGED, {"other"}, set(), OLD),
        (CHANGED, set(), set(), None),
        (RouteChange(before=OLD, had=False), {"other"}, set(), None),
    ],
    ids=["refused", "replaced", "revived", "new", "dropped-and-kept", "dropped", "none"],
)
def test_what_the_router_has(change: RouteChange, kept: set[str], registered: set[str], left: Route | None) -> None:
    assert routes_after({}, {"foo": change}, kept=kept, registered=registered).get("foo") == left


def test_the_first_registration_stays_through_further_updates() -> None:
    once = routes_after({}, {"foo": CHANGED}, kept={"foo"}, registered=())
    assert routes_after(once, {"foo": RouteChange(before=NEW, had=True)}, kept={"foo"}, registered=()) == {"foo": OLD}


def test_endpoints_that_are_registered_again_are_current() -> None:
    assert routes_after({"foo": OLD}, {}, kept=(), registered={"foo"}) == {}


@pytest.mark.parametrize(
    ("then", "now", "restarted"), [("p", "q", True), ("p", "p", False), ("", "q", False), ("p", "", False)]
)
def test_only_a_restart_that_is_seen_counts(then: str, now: str, restarted: bool) -> None:
    assert is_restarted(Routes(process=then), now) == restarted


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
