"""``serve --watch``: the file is kept to in the serving process, and every edit is served without a reload call."""

from __future__ import annotations

import signal

import httpx2
import pytest

from tests.cli.shell import TIMEOUT_SECONDS, Session
from tests.gateway.simulator import running
from tests.host.served import extension, put_on_disk
from tests.host.test_serve_command import serving
from tests.loop.watcher import eventually

RULE = 'steps: [{uses: rules.evaluate, with: {rules: [{if: "true", then: {version: %s}}]}}]\n'


def put(session: Session, number: int) -> None:
    session.package("foo", files={"manifest.yaml": extension(RULE % number, version=f"{number}.0.0")})


def answered(client: httpx2.Client, name: str = "foo") -> object:
    """What the extension gives, or the status where it gives nothing."""
    answer = client.post(f"/v1/extensions/{name}/execute", json={})
    return answer.json()["data"] if answer.status_code == 200 else answer.status_code


def test_every_edit_is_served_without_a_call(session: Session) -> None:
    put(session, 1)
    session.extensions("foo")
    with serving(session, "--watch") as (process, url), httpx2.Client(base_url=url, trust_env=False) as client:
        eventually(lambda: answered(client) == {"version": 1}, "the file is applied")
        put(session, 2)
        eventually(lambda: answered(client) == {"version": 2}, "the package's edit is served")
        session.desired("extensions:\n  foo: {source: ./packages/foo, enabled: false}\n")
        eventually(lambda: answered(client) == 503, "the file's edit is served")
        session.extensions("foo")
        session.desired("extensions:\n  foo: {source: ./packages/foo, enabled: true}\n")
        eventually(lambda: answered(client) == {"version": 2}, "it is switched on again")
        put_on_disk(session, "bar", manifest__yaml=extension(RULE % 7, name="bar"))
        eventually(lambda: answered(client, "bar") == {"version": 7}, "what others install is served")
        session.edit(session.installed("bar", "manifest.yaml"), "version: 7", "version: 8")
        eventually(lambda: answered(client, "bar") == {"version": 8}, "what others edit is served")
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_SECONDS) == 0
        assert process.stderr is not None
        said = process.stderr.read()
    assert "llamagate: served now: updated foo\n" in said
    assert said.endswith("llamagate: stopped watching\n")
    assert session.llamagate("status", "--json").json["in_sync"] is True


def test_a_bad_file_removes_nothing_and_keeps_serving(session: Session) -> None:
    put(session, 1)
    session.extensions("foo")
    with serving(session, "--watch") as (_, url), httpx2.Client(base_url=url, trust_env=False) as client:
        eventually(lambda: answered(client) == {"version": 1}, "the file is applied")
        session.desired("extensions: [\n")
        eventually(lambda: '"result": "failed"' in (session.ours / "status.json").read_text(), "the fault is found")
        assert answered(client) == {"version": 1}


def test_only_one_watches_a_home(session: Session) -> None:
    session.extensions()
    with serving(session, "--watch"):
        said = session.in_process("serve", "--watch", "--port", "0", exits=8)
        assert "llamagate watch" in said.err or "llamagate serve" in said.err
        with serving(session) as (_, url):
            assert httpx2.get(f"{url}/health", trust_env=False).status_code == 200


def test_another_gateway_that_the_file_names_is_told(session: Session) -> None:
    put(session, 1)
    with running(session.home) as gateway:
        session.extensions("foo", text=f'gateway: {{url: "{gateway.url}"}}\n')
        with serving(session, "--watch"):
            eventually(lambda: gateway.lines != [], "the gateway is told")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_it_ends_at_once_where_nothing_is_under_way(session: Session, number: signal.Signals) -> None:
    session.extensions()
    with serving(session, "--watch") as (process, _):
        process.send_signal(number)
        assert process.wait(TIMEOUT_SECONDS) == (130 if number == signal.SIGINT else 0)
