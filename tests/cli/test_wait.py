"""``wait``: until the home is as the file says, or a gateway serves it too."""

from __future__ import annotations

from tests.cli.shell import Session
from tests.gateway.simulator import running, says


def test_it_answers_at_once_where_all_is_well(session: Session) -> None:
    session.package("foo")
    session.extensions("foo")
    session.llamagate("apply")
    assert session.llamagate("wait", "--timeout", "0", "--json").json["in_sync"]


def test_it_waits_for_another_command(session: Session) -> None:
    session.package("foo")
    session.extensions("foo")
    with session.process("wait", "--timeout", "120") as waiting:
        assert waiting.stderr is not None
        assert "waiting: the home is not as the file says" in waiting.stderr.readline()
        session.llamagate("apply")
        waiting.stderr.read()
        assert waiting.wait(60) == 0


def test_it_says_what_is_missing(session: Session) -> None:
    session.package("foo")
    session.extensions("foo")
    session.llamagate("apply")
    session.package("foo", version="1.1.0")
    failed = session.llamagate("wait", "--timeout", "0", "--json", exits=1)
    assert failed.error["code"] == "not-ready"
    assert "not as the file says" in failed.error["message"]


def test_an_edit_by_hand_is_not_ready(session: Session) -> None:
    session.package("foo")
    session.extensions("foo")
    session.llamagate("apply")
    session.edit(session.installed("foo", "manifest.yaml"), "1.0.0", "1.0.1")
    assert session.llamagate("wait", "--timeout", "0", "--json", exits=1).error["code"] == "not-ready"


def test_for_served_it_asks_the_gateway(session: Session) -> None:
    with running(session.home) as gateway:
        session.package("foo")
        session.extensions("foo", text=f'gateway: {{url: "{gateway.url}", reload: auto}}\n')
        session.llamagate("apply")
        session.llamagate("wait", "--for", "served", "--timeout", "0")
        gateway.lists = says("200 OK", {"count": 0, "extensions": []})
        session.llamagate("wait", "--timeout", "0")
        failed = session.llamagate("wait", "--for", "served", "--timeout", "0", exits=1)
        assert f"the gateway at {gateway.url} does not serve what is installed: " in failed.err
