"""The variables that gateways are set up with, in the environment and in ``.env``: what ``serve`` makes of them."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from reconciler.cli.gateway_variables import gateway_variables, in_dotenv
from reconciler.errors import UsageError
from reconciler.host.model_client import completed_url
from tests.cli.shell import Session
from tests.host.model_server import ModelServer
from tests.host.raw import host
from tests.host.served import extension, put_on_disk

CHAT = "steps: [{uses: llm.chat, with: {prompt: p}}]\n"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("PORT=1", "1"),
        ("  export PORT = 1  # ours", "1"),
        ("PORT: 1", "1"),
        ("PORT='a # b'  # c", "a # b"),
        ('PORT="a b"', "a b"),
        ("PORT=#", ""),
        ("PORT=a#b", "a#b"),
        ("\ufeffPORT=1", "1"),
        ("PORT=1\nPORT=2", "2"),
    ],
)
def test_a_line_of_dotenv(line: str, value: str) -> None:
    assert in_dotenv(line) == {"PORT": value}


@pytest.mark.parametrize("line", ["# PORT=1", "PATH=/x", "PORT", "LD_PRELOAD=x", "1=2", ""])
def test_what_dotenv_cannot_say(line: str) -> None:
    assert in_dotenv(line) == {}


def test_a_variable_wins_over_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\nAPI_KEY=a\n")
    found = gateway_variables({"PORT": "2"}, tmp_path)
    assert (dict(found.values), found.from_file) == ({"PORT": "2", "API_KEY": "a"}, ("API_KEY",))


def test_a_dotenv_that_is_no_file_or_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        gateway_variables({}, tmp_path)
    (tmp_path / ".env").rmdir()
    (tmp_path / ".env").write_bytes(b"#" * 100_000)
    with pytest.raises(UsageError, match="more than"):
        gateway_variables({}, tmp_path)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("10.0.0.1", "http://10.0.0.1:11434"),
        ("0.0.0.0:9", "http://127.0.0.1:9"),
        (":9", "http://127.0.0.1:9"),
        ("https://models.example/x/", "https://models.example/x"),
        ("[::1]", "http://[::1]:11434"),
        ("http://u:p@x", "http://u:p@x"),
        ("x:99999", "x:99999"),
    ],
)
def test_the_address_of_a_model_server(text: str, url: str) -> None:
    assert completed_url(text) == url


def test_they_count(session: Session, model: ModelServer) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    text = f"OLLAMA_HOST={model.url.partition('//')[2]}\nRATE_LIMIT_RPS=2.5\nEXTENSIONS_UPSERT_ENABLED=false\n"
    session.write(".env", text)
    with host(session) as process, httpx2.Client(trust_env=False, base_url=process.url) as client:
        answers = [client.put("/v1/extensions/foo", content="name: foo")]
        answers += [client.post("/v1/extensions/foo/execute", json={}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [501, 200, 200, 429, 429]
    assert any(
        "taken from .env: EXTENSIONS_UPSERT_ENABLED, OLLAMA_HOST, RATE_LIMIT_RPS" in line for line in process.said
    )


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"RATE_LIMIT_RPS": "many"}, "the variable RATE_LIMIT_RPS is 'many', which is not a number, 0 or more"),
        ({"EXTENSIONS_UPSERT_ENABLED": "perhaps"}, "the variable EXTENSIONS_UPSERT_ENABLED is 'perhaps', which is not"),
        ({"TLS_ENABLED": "true"}, "TLS_ENABLED is set, and TLS_CERT_FILE is not"),
        ({"OLLAMA_HOST": "ftp://x"}, "--llm-url (or OLLAMA_HOST) must be an http or https address"),
    ],
    ids=["rate", "upsert", "tls", "model"],
)
def test_what_is_no_value_keeps_it_from_starting(session: Session, variables: dict[str, str], message: str) -> None:
    session.variables |= variables
    said = session.run("serve", "--port", "0")
    assert said.err.startswith(f"llamagate: {message}")
