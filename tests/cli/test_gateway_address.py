"""Which gateway is asked: ``--gateway``, ``LLAMAGATE_URL``, the file, the default. ``PORT`` and ``.env`` only hint."""

from __future__ import annotations

from typing import Final

import pytest

from tests.cli.shell import Session
from tests.gateway.simulator import LIST, REFRESH, WRONG_KEY, Gateway

NOBODY: Final = "http://127.0.0.1:9"


def desire(session: Session, url: str = NOBODY) -> None:
    session.extensions("foo", text=f'gateway: {{url: "{url}"}}\n')


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_the_flag_wins_over_the_variable_and_the_file(session: Session, gateway: Gateway, before: bool) -> None:
    desire(session)
    session.variables["LLAMAGATE_URL"] = NOBODY
    flag = ["--gateway", gateway.url]
    session.llamagate(*(flag if before else []), "apply", *([] if before else flag))
    assert gateway.lines == [REFRESH, LIST]


def test_the_variable_wins_over_the_file(session: Session, gateway: Gateway) -> None:
    desire(session)
    session.variables["LLAMAGATE_URL"] = gateway.url
    assert session.llamagate("status", "--json").json["gateway"]["url"] == gateway.url
    session.llamagate("apply")
    assert gateway.lines[-2:] == [REFRESH, LIST]


def test_an_empty_variable_counts_as_not_set(session: Session, gateway: Gateway) -> None:
    desire(session, gateway.url)
    session.variables["LLAMAGATE_URL"] = ""
    session.llamagate("apply")
    assert gateway.lines == [REFRESH, LIST]


def test_the_history_names_the_verb_behind_the_address(session: Session) -> None:
    desire(session)
    session.llamagate("-q", "--gateway", NOBODY, "apply")
    assert session.llamagate("history", "--json").json["generations"][0]["command"] == "llamagate apply"


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("localhost:8080", "write http://localhost:8080"),
        ("", "it is empty"),
        ("ftp://host", "is not an address"),
        ("http://u:p4ss@host", "an address has no user and no password"),
        ("http://host/?a=1", "is not an address"),
        ("http://host:abc", "is not an address"),
        ("http://:8080", "is not an address"),
        ("http://[::1", "is not an address"),
    ],
)
def test_a_wrong_address_is_a_mistake_of_the_command_line(session: Session, url: str, advice: str) -> None:
    desire(session)
    said = session.llamagate("status", "--gateway", url, exits=64)
    assert said.err.startswith("llamagate: --gateway: ")
    assert advice in said.err
    assert "p4ss" not in said.err
    if url:
        session.variables["LLAMAGATE_URL"] = url
        assert session.llamagate("status", exits=64).err.startswith("llamagate: LLAMAGATE_URL: ")


@pytest.mark.parametrize("verb", ["status", "apply", "doctor"])
def test_a_port_of_the_gateways_own_settings_is_a_hint(session: Session, gateway: Gateway, verb: str) -> None:
    port = gateway.url.rpartition(":")[2]
    desire(session)
    session.write(".env", f"export PORT={port}\n")
    hint = f"llamagate: PORT is {port} in .env: if the gateway listens there, add --gateway {gateway.url}\n"
    assert hint in session.llamagate(verb).err
    session.variables["PORT"] = port
    assert hint.replace(" in .env", "") in session.run(verb).err or verb == "apply"
    assert gateway.lines == []


@pytest.mark.parametrize("port", ["9", "x", "123456789"])
def test_no_hint_where_the_port_says_nothing_new(session: Session, port: str) -> None:
    desire(session)
    session.variables["PORT"] = port
    assert session.llamagate("status").err == ""


def test_no_hint_where_the_gateway_is_named(session: Session) -> None:
    desire(session)
    session.variables["PORT"] = "8080"
    assert session.llamagate("status", "--gateway", NOBODY).err == ""


def test_tls_of_the_gateways_own_settings_is_in_the_hint(session: Session) -> None:
    desire(session)
    session.write(".env", "PORT=8443\nTLS_ENABLED=true\n")
    assert "--gateway https://127.0.0.1:8443\n" in session.llamagate("status").err


def test_the_key_of_the_gateways_own_settings_is_a_hint_and_never_sent(session: Session, gateway: Gateway) -> None:
    desire(session, gateway.url)
    gateway.answer = WRONG_KEY
    session.write(".env", "API_KEY=s3cret\n")
    said = session.llamagate("apply").err
    assert "set LLAMAGATE_API_KEY to the gateway's API_KEY" in said
    assert "API_KEY is set in .env, but llamagate sends only the key in LLAMAGATE_API_KEY" in said
    assert "s3cret" not in said
    assert all("x-api-key" not in request.headers for request in gateway.requests)
