"""PUT: a manifest becomes an item, through the one transaction, and is served at once."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.fs.file_lock import exclusive
from reconciler.model.home import Home
from tests.cli.shell import Session
from tests.gateway.simulator import running
from tests.host.conftest import Serve
from tests.host.served import extension, put_on_disk, write

RULE = 'steps: [{uses: rules.evaluate, with: {rules: [{if: "true", then: {version: %s}}]}}]\n'


def test_a_new_extension_is_installed_registered_and_served(session: Session, serve: Serve) -> None:
    host = serve()
    answer = host.put("/v1/extensions/foo", extension(RULE % 1))
    path = session.installed("foo", "manifest.yaml")
    assert answer.text == f'{{"name":"foo","path":"{path}","status":"ok"}}'
    assert host.run("foo", {}) == {"version": 1}
    assert session.registered()["foo"]["version"] == "1.0.0"
    recorded = session.record()["items"][0]
    assert (recorded["key"], recorded["owner"]) == (["extension", "foo"], None)
    assert (recorded["source"]["kind"], recorded["source"]["location"]) == ("dir", str(path.parent))
    assert session.llamagate("verify").code == 0


def test_json_is_a_manifest_too(session: Session, serve: Serve) -> None:
    rules = [{"if": "true", "then": {"version": 1}}]
    manifest = {
        "name": "foo",
        "version": "1.0.0",
        "description": "d",
        "type": "workflow",
        "steps": [{"uses": "rules.evaluate", "with": {"rules": rules}}],
    }
    host = serve()
    assert host.put("/v1/extensions/foo", json.dumps(manifest)).status_code == 200
    assert host.run("foo", {}) == {"version": 1}


@pytest.mark.parametrize("head", ["name: other\n", ""], ids=["another name", "no name"])
def test_the_name_in_the_path_is_the_manifests(session: Session, serve: Serve, head: str) -> None:
    text = extension(RULE % 1).replace("name: foo\n", head)
    host = serve()
    assert host.put("/v1/extensions/foo", text).status_code == 200
    assert host.names == ["foo"]
    assert "name: foo" in session.installed("foo", "manifest.yaml").read_text()


def test_an_update_keeps_what_else_there_is(session: Session, serve: Serve) -> None:
    session.package("foo", files={"manifest.yaml": extension(RULE % 1), "templates/a.txt": "a"})
    session.llamagate("import", "packages/foo")
    session.write(str(session.installed("foo", "var/log")), "log")
    session.write(str(session.installed("foo", "notes.txt")), "mine")
    session.llamagate("disable", "foo")
    host = serve()
    text = "# kept\n" + extension(RULE % 2, version="0.9.0")
    assert host.put("/v1/extensions/foo", text).status_code == 200
    assert session.installed("foo", "manifest.yaml").read_text() == text
    for path, content in (("templates/a.txt", "a"), ("var/log", "log"), ("notes.txt", "mine")):
        assert session.installed("foo", path).read_text() == content
    assert session.registered()["foo"]["enabled"] is False
    assert "notes.txt" not in session.record()["items"][0]["files"]
    assert session.llamagate("rollback").code == 0
    host.refresh()
    assert host.get("/v1/extensions/foo").json()["version"] == "1.0.0"


def test_an_extension_that_nobody_recorded(session: Session, serve: Serve) -> None:
    host = serve()
    put_on_disk(session, "foo", manifest__yaml=extension(RULE % 1), templates___a__txt="a")
    assert host.put("/v1/extensions/foo", extension(RULE % 2)).status_code == 200
    assert host.run("foo", {}) == {"version": 2}
    assert session.installed("foo", "templates/a.txt").read_text() == "a"


def test_an_item_of_a_file_stays_the_files_and_a_hold_is_set(session: Session, serve: Serve) -> None:
    session.package("foo", files={"manifest.yaml": extension(RULE % 1)})
    session.extensions("foo")
    session.llamagate("apply")
    host = serve()
    assert host.put("/v1/extensions/foo", extension(RULE % 2)).status_code == 200
    assert session.record()["items"][0]["owner"] == "default"
    assert session.llamagate("status", "--json").json["hold"] is not None
    session.llamagate("apply")
    host.refresh()
    assert host.run("foo", {}) == {"version": 1}


def test_many_at_once_are_all_there(session: Session, serve: Serve) -> None:
    host = serve()
    names = [f"foo{number}" for number in range(12)]

    def put(name: str) -> int:
        return host.put(f"/v1/extensions/{name}", extension(RULE % 1, name=name)).status_code

    with ThreadPoolExecutor(len(names)) as pool:
        assert set(pool.map(put, names)) == {200}
    assert sorted(session.registered()) == sorted(names) == sorted(host.names)


def test_no_other_gateway_is_told(session: Session, serve: Serve) -> None:
    with running(session.home) as gateway:
        session.desired(f'gateway: {{url: "{gateway.url}"}}\n')
        put_on_disk(session, "bar", manifest__yaml=extension(RULE % 1, name="bar"))
        host = serve()
        assert host.put("/v1/extensions/foo", extension(RULE % 1)).status_code == 200
        host.runtime.sync()
        assert gateway.requests == []


def test_a_builtin_extension_cannot_be_replaced(session: Session, serve: Serve) -> None:
    legacy = session.project / "old"
    write(legacy, {"builtin___foo___manifest__yaml": extension(RULE % 1)})
    host = serve(legacy=legacy)
    before = session.everything()
    answer = host.put("/v1/extensions/foo", extension(RULE % 2))
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        409,
        "the extension 'foo' was not taken: it is builtin, and would go before an installed one",
    )
    assert session.everything() == before


def test_files_that_changed_while_it_waited_are_kept(session: Session, serve: Serve) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(RULE % 1), templates___a__txt="old")
    host = serve()
    home = Home(session.home)
    template = session.installed("foo", "templates/a.txt")
    with ThreadPoolExecutor() as pool:
        with exclusive(home.lock, command="another", wait=0, notice=lambda _: None):
            answer = pool.submit(host.put, "/v1/extensions/foo", extension(RULE % 2))
            while not any("another" in line for line in host.told):
                time.sleep(0.01)
            template.write_text("new")
        assert answer.result().status_code == 200
    assert (template.read_text(), host.run("foo", {})) == ("new", {"version": 2})


@pytest.mark.parametrize(
    ("name", "body", "status", "message"),
    [
        ("foo", "", 400, "Request body is required (YAML or JSON manifest)"),
        ("foo", "name: foo\n", 400, "is missing"),
        ("foo", "- a\n", 400, "mapping"),
        ("foo", "a: [", 400, "manifest.yaml"),
        ("foo", "a: &x 1\nb: *x\n", 400, "manifest.yaml"),
        ("a%2F..%2Fb", "name: x\n", 404, "Endpoint not found"),
        ("f.o", "name: x\n", 400, "an id has only letters"),
        ("backups", "name: x\n", 400, "the gateway uses this name for itself"),
        ("foo", extension("builtin: true\n" + RULE % 1), 409, "the gateway always runs it and cannot unload it"),
        ("mod", extension(RULE % 1), 409, "the agentic-module mod already has this id"),
    ],
    ids=["empty", "incomplete", "list", "malformed", "alias", "slash", "dot", "reserved", "builtin", "a module"],
)
def test_what_is_refused_changes_nothing(
    session: Session, serve: Serve, name: str, body: str, status: int, message: str
) -> None:
    session.module("mod", "bar")
    session.llamagate("import", "packages/mod")
    host = serve()
    before = session.everything()
    answer = host.put(f"/v1/extensions/{name}", body)
    said = answer.json()["error"]["message"]
    assert (answer.status_code, message in said) == (status, True), said
    assert not any(word in said for word in ("--", "llamagate ", "policy.")), said  # a caller has no shell there
    assert session.everything() == before


def test_it_can_be_switched_off(session: Session, serve: Serve) -> None:
    answer = serve(takes_manifests=False).put("/v1/extensions/foo", extension(RULE % 1))
    assert (answer.status_code, answer.json()) == (
        501,
        {"code": "UPSERT_NOT_CONFIGURED", "error": "Workflow upsert is not enabled"},
    )
    assert not session.installed("foo").exists()


def test_a_home_that_another_command_is_changing_is_busy(session: Session, serve: Serve) -> None:
    from tests.cli.shell import held_apply

    host = serve(wait=0.2)
    session.extensions("bar")
    with held_apply(session):
        answer = host.put("/v1/extensions/foo", extension(RULE % 1))
        assert (answer.status_code, answer.json()["error"]["type"]) == (503, "service_unavailable")


def test_what_is_required_of_local_packages_holds_for_what_is_sent(session: Session, serve: Serve) -> None:
    session.desired("extensions: {}\ntrust: {signers: ./allowed_signers, sources: {local: {require: signed}}}\n")
    (session.project / "allowed_signers").write_text("")
    host = serve()
    answer = host.put("/v1/extensions/foo", extension(RULE % 1))
    assert (answer.status_code, host.names) == (409, [])
    assert "not signed" in answer.text
    (session.project / "allowed_signers").unlink()
    answer = host.put("/v1/extensions/foo", extension(RULE % 1))
    assert answer.status_code >= 400
    assert host.names == []
