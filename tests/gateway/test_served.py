"""After one reload the gateway's own list is compared with what should be served, item by item."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from reconciler.gateway.served import Expected, ServedExtension, departures
from tests.cli.parcels import formed
from tests.cli.shell import Session, interrupt_apply
from tests.gateway.simulator import LIST, NOT_FOUND, REFRESH, Extension, Gateway, says

ENDPOINTS = "endpoints:\n  - path: /x\n    method: GET\n"


def desire(session: Session, url: str, *items: str, more: str = "") -> None:
    """Desire ``items`` and a gateway at ``url``; ``more`` goes into its settings."""
    session.extensions(*(items or ("foo",)), text=f'gateway: {{url: "{url}"{more}}}\n')


def manifest(session: Session, item: str, more: str, *, version: str = "1.0.0") -> None:
    """A package whose manifest says ``more``."""
    session.package(item, version=version)
    path = session.project / "packages" / item / "manifest.yaml"
    path.write_text(path.read_text() + more)


def notes(err: str, gateway: Gateway) -> list[str]:
    """What is said below the line about the reload."""
    return err.partition(f"the gateway at {gateway.url} was ")[2].splitlines()[1:]


def test_what_is_served_as_it_should_be_is_not_mentioned(session: Session, gateway: Gateway) -> None:
    desire(session, gateway.url, "foo", "bar", more=", reload: required")
    said = session.llamagate("apply")
    assert notes(said.err, gateway) == []
    session.llamagate("disable", "bar")
    session.llamagate("remove", "foo")
    assert {name: one.enabled for name, one in gateway.loaded.items()} == {"bar": False}


@pytest.mark.parametrize("reload", ["auto", "required"])
def test_an_item_that_the_gateway_cannot_load(session: Session, gateway: Gateway, reload: str) -> None:
    gateway.broken = frozenset(["bar"])
    desire(session, gateway.url, "foo", "bar", more=f", reload: {reload}")
    said = session.llamagate("apply", exits=10 if reload == "required" else 0)
    assert f"the gateway at {gateway.url} was reloaded in part: bar: it cannot be loaded\n" in said.err
    assert "llamagate: bar: version 1.0.0 should be served, but is not\n" in said.err
    assert session.record()["told_generation"] == (0 if reload == "required" else 1)
    if reload == "required":
        assert said.err.endswith(
            "llamagate: everything is applied, but the gateway does not serve it, and 'reload: required' is set\n"
        )
        gateway.broken = frozenset()
        session.llamagate("apply")
        assert session.record()["told_generation"] == 1


def test_an_update_that_does_not_arrive(session: Session, gateway: Gateway) -> None:
    desire(session, gateway.url)
    session.llamagate("apply")
    gateway.stuck = True
    session.package("foo", version="2.0.0")
    said = session.llamagate("apply")
    assert notes(said.err, gateway) == ["llamagate: foo: version 1.0.0 is served instead of 2.0.0"]


def test_a_copy_in_the_gateways_folder_that_comes_back_to_life_is_named(session: Session, gateway: Gateway) -> None:
    gateway.legacy = {"foo": Extension(version="0.1.0"), "own": Extension(version="1.0.0")}
    desire(session, gateway.url)
    assert notes(session.llamagate("apply").err, gateway) == []
    assert notes(session.llamagate("remove", "foo").err, gateway) == [
        "llamagate: foo: it was removed, but the gateway still serves it: "
        "a copy may be in the folder 'extensions' from which the gateway was started"
    ]


def test_a_builtin_that_is_disabled_and_runs_all_the_same_is_named(session: Session, gateway: Gateway) -> None:
    manifest(session, "foo", "builtin: true\n")
    session.extensions("foo", text=f'policy: {{allow_builtin: [foo]}}\ngateway: {{url: "{gateway.url}"}}\n')
    session.llamagate("apply")
    said = session.llamagate("disable", "foo")
    assert notes(said.err, gateway)[0] == (
        "llamagate: foo: it is disabled, but served: a copy may be in the folder 'extensions' from which the gateway "
        "was started, or it says 'builtin: true'"
    )


@pytest.mark.parametrize(
    ("lists", "reason"),
    [
        (says("200 OK", b"[" * 100_000), "its list of extensions cannot be read"),
        (says("200 OK", {"extensions": [{"name": "foo"}]}), "its list of extensions cannot be read"),
        (says("200 OK", {"extensions": ["foo"]}), "its list of extensions cannot be read"),
        (says("200 OK", b'{"extensions": ['), "its list of extensions cannot be read"),
        (says("500 Oops"), "it answered 500"),
        (NOT_FOUND, "this gateway has no extension support"),
    ],
    ids=["deep", "incomplete", "no-objects", "cut-off", "500", "404"],
)
def test_a_list_that_cannot_be_had(session: Session, gateway: Gateway, lists: object, reason: str) -> None:
    gateway.lists = lists  # type: ignore[assignment]
    desire(session, gateway.url)
    said = session.llamagate("apply")
    assert said.err.endswith(f" was reloaded, but its list of items could not be read: {reason}\n")
    assert session.record()["told_generation"] == 1
    session.package("foo", version="2.0.0")
    desire(session, gateway.url, more=", reload: required")
    said = session.llamagate("apply", exits=10)
    assert said.err.endswith("everything is applied, but the gateway may not serve it, and 'reload: required' is set\n")


def test_after_a_recovery_what_is_gone_since_it_was_told_is_looked_for(session: Session, gateway: Gateway) -> None:
    gateway.legacy = {"bar": Extension(version="0.1.0")}
    desire(session, gateway.url, "foo", "bar")
    session.llamagate("apply")
    desire(session, gateway.url, "foo")
    interrupt_apply(session)
    said = session.llamagate("apply")
    assert "llamagate: bar: it was removed, but the gateway still serves it: " in said.err


# Asked too often


@pytest.mark.parametrize(
    ("retry_after", "pauses"),
    [
        ("", [0.5, 1.0]),
        ("3", [3.0, 3.0]),
        ("1", [1.0, 1.0, 2.0]),
        ("soon", [0.5, 1.0]),
        ("Fri, 31 Dec 1999 23:59:59 GMT", [0.5, 1.0]),
    ],
    ids=["none", "seconds", "fewer-seconds-than-it-takes", "words", "date"],
)
def test_a_gateway_that_is_asked_too_often_is_given_time(
    session: Session, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, retry_after: str, pauses: list[float]
) -> None:
    slept = pauses_of(monkeypatch)
    gateway.busy, gateway.retry_after = len(pauses), retry_after
    desire(session, gateway.url)
    said = session.llamagate("apply")
    assert said.err.endswith(f"the gateway at {gateway.url} was reloaded\n")
    assert gateway.lines == [REFRESH] * len(pauses) + [REFRESH, LIST]
    assert slept == pauses


@pytest.mark.parametrize(("retry_after", "calls"), [("", 5), ("60", 1), ("9" * 400, 1)])
def test_its_time_is_bounded(
    session: Session, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, retry_after: str, calls: int
) -> None:
    pauses_of(monkeypatch)
    gateway.busy, gateway.retry_after = 100, retry_after
    desire(session, gateway.url)
    said = session.llamagate("apply")
    assert said.err.endswith("was not reloaded: it gets too many requests; the next apply tries again\n")
    assert gateway.lines == [REFRESH] * calls


def pauses_of(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


# Packages that are not to be reloaded


def cold(session: Session, item: str, *, version: str = "1.0.0") -> None:
    """A package that is not to be loaded while the gateway runs."""
    session.package(item, version=version, files={"extension.yaml": f"id: {item}\nhot_reload: false\n"})


def test_packages_that_are_not_to_be_reloaded_are_not(session: Session, gateway: Gateway) -> None:
    cold(session, "foo")
    desire(session, gateway.url)
    said = session.llamagate("apply")
    assert gateway.lines == [LIST]
    assert said.err.endswith(
        f"llamagate: the gateway at {gateway.url} was not asked to reload, "
        "because the packages say 'hot_reload: false'\n"
        "llamagate: restart the gateway to load foo 1.0.0: its package says 'hot_reload: false'\n"
    )
    assert session.record()["told_generation"] == 1


@pytest.mark.parametrize("changes", [(cold, Session.package), (Session.package, cold)], ids=["old", "new"])
def test_the_old_package_and_the_new_one_must_both_permit_it(
    session: Session, gateway: Gateway, changes: tuple[Callable[..., object], Callable[..., object]]
) -> None:
    for number, package in enumerate(changes, 1):
        shutil.rmtree(session.project / "packages", ignore_errors=True)
        package(session, "foo", version=f"{number}.0.0")
        desire(session, gateway.url)
        gateway.requests.clear()
        session.llamagate("apply")
    assert gateway.lines == [LIST]


def test_an_update_of_one_to_one_that_may_be_reloaded_waits_for_a_restart_and_does_not_go_back(
    session: Session, gateway: Gateway
) -> None:
    required = ", reload: required, on_unhealthy: rollback"
    cold(session, "foo")
    desire(session, gateway.url)
    session.llamagate("apply")
    gateway.restart()
    shutil.rmtree(session.project / "packages")
    session.package("foo", version="2.0.0")
    desire(session, gateway.url, more=required)
    said = session.llamagate("apply", exits=10)
    assert "llamagate: restart the gateway to load foo 2.0.0: " in said.err
    gateway.restart()
    session.llamagate("apply")


def test_one_that_is_disabled_waits_for_a_restart_to_be_unloaded(session: Session, gateway: Gateway) -> None:
    cold(session, "foo")
    desire(session, gateway.url)
    session.llamagate("apply")
    gateway.restart()
    said = session.llamagate("disable", "foo")
    assert "llamagate: restart the gateway to unload foo: " in said.err


def test_beside_one_that_is_the_gateway_is_reloaded(session: Session, gateway: Gateway) -> None:
    cold(session, "foo")
    gateway.broken = frozenset(["foo"])
    desire(session, gateway.url, "foo", "bar")
    said = session.llamagate("apply")
    assert gateway.lines == [REFRESH, LIST]
    assert notes(said.err, gateway) == [
        "llamagate: restart the gateway to load foo 1.0.0: its package says 'hot_reload: false'"
    ]


def test_where_the_gateway_is_required_that_is_said_until_it_was_restarted(session: Session, gateway: Gateway) -> None:
    cold(session, "foo")
    desire(session, gateway.url, more=", reload: required, on_unhealthy: rollback")
    for _ in range(2):
        said = session.llamagate("apply", exits=10)
        assert said.err.endswith(
            "everything is applied, but the gateway must be restarted to serve it, and 'reload: required' is set\n"
        )
    gateway.restart()
    session.llamagate("apply")
    session.llamagate("remove", "foo", exits=10)


# Going back


def test_a_change_that_is_not_served_is_taken_back(session: Session, gateway: Gateway) -> None:
    desire(session, gateway.url, more=", reload: required, on_unhealthy: rollback")
    session.llamagate("apply")
    before = session.installed("foo", "manifest.yaml").read_bytes()
    gateway.broken = frozenset(["foo"])
    gateway.requests.clear()
    session.package("foo", version="2.0.0")
    said = session.llamagate("apply", "--json", exits=6)
    assert session.installed("foo", "manifest.yaml").read_bytes() == before
    assert gateway.lines == [REFRESH, LIST, REFRESH, LIST]
    assert said.json["generation"] == session.record()["generation"] == 3
    assert (said.json["outcome"], said.json["error"]["code"]) == ("rolled-back", "rolled-back")
    assert (said.json["gateway"]["state"], said.json["hold"]["generation"]) == ("Reloaded", 3)
    assert session.record()["hold"]["reason"] == (
        "the gateway did not serve generation 2; generation 1 was brought back"
    )


def test_that_it_was_taken_back_is_the_last_word(session: Session, gateway: Gateway) -> None:
    desire(session, gateway.url, more=", reload: required, on_unhealthy: rollback")
    session.llamagate("apply")
    gateway.broken = frozenset(["foo"])
    session.package("foo", version="2.0.0")
    said = session.llamagate("apply", exits=6)
    assert said.out.endswith("Undone: the items of generation 1 are back as generation 3.\n")


def test_the_first_change_stays_since_there_is_nothing_before_it(session: Session, gateway: Gateway) -> None:
    gateway.stuck = True
    desire(session, gateway.url, more=", reload: required, on_unhealthy: rollback")
    said = session.llamagate("apply", exits=10)
    assert session.record()["generation"] == 1
    assert said.err.endswith(
        "everything is applied, but the gateway does not serve it, and 'reload: required' is set\n"
    )


def test_a_change_of_an_earlier_command_stays(session: Session, gateway: Gateway) -> None:
    desire(session, gateway.url, more=", reload: required")
    session.llamagate("apply")
    gateway.stuck = True
    session.package("foo", version="2.0.0")
    session.llamagate("apply", exits=10)
    desire(session, gateway.url, more=", reload: required, on_unhealthy: rollback")
    session.llamagate("apply", exits=10)
    assert session.record()["generation"] == 2


# The comparison, as data


LISTED = {"on": ServedExtension(version="1.0.0", enabled=True), "off": ServedExtension(version="1.0.0", enabled=False)}


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (Expected(name="on", version="1.0.0", enabled=True), ""),
        (Expected(name="on", version="2.0.0", enabled=True), "on: version 1.0.0 is served instead of 2.0.0"),
        (Expected(name="off", version="1.0.0", enabled=True), "off: it is enabled, but served as disabled"),
        (Expected(name="none", version="1.0.0", enabled=True), "none: version 1.0.0 should be served, but is not"),
        (Expected(name="off", version="1.0.0", enabled=False), ""),
        (Expected(name="off", version="2.0.0", enabled=False), ""),
        (Expected(name="none", version="1.0.0", enabled=False), ""),
        (Expected(name="none", version="1.0.0", enabled=True, loadable=False), ""),
    ],
    ids=[
        *("as-it-should-be", "another-version", "switched-off", "not-there", "disabled"),
        *("disabled-in-another-version", "disabled-and-not-there", "not-loadable"),
    ],
)
def test_what_departs(expected: Expected, message: str) -> None:
    assert [one.message for one in departures([expected], [], LISTED)] == ([message] if message else [])


def test_what_is_gone_and_still_served_departs_unless_another_has_its_name() -> None:
    desired = Expected(name="off", version="1.0.0", enabled=False)
    assert [one.name for one in departures([desired], ["on", "off", "none"], LISTED)] == ["on"]


def test_what_this_gateway_cannot_load_is_not_missed(session: Session, gateway: Gateway) -> None:
    formed(session, "task")
    desire(session, gateway.url)
    assert notes(session.llamagate("apply").err, gateway) == []
    assert gateway.loaded == {}


def test_what_someone_else_put_in_the_place_of_a_removed_item_is_no_departure(
    session: Session, gateway: Gateway, free_port: int
) -> None:
    desire(session, gateway.url, "foo", "bar")
    session.llamagate("apply")
    desire(session, f"http://127.0.0.1:{free_port}", "foo")
    session.llamagate("apply")
    shutil.copytree(session.installed("foo"), session.installed("bar"))
    session.edit(session.installed("bar", "manifest.yaml"), "name: foo", "name: bar")
    desire(session, gateway.url, "foo")
    said = session.llamagate("apply")
    assert said.err.endswith(f"the gateway at {gateway.url} was reloaded\n")
    assert list(gateway.loaded) == ["bar", "foo"]
