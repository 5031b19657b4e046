"""``serve --upstream`` as a process, before a gateway of today: what it says, what it refuses, and a real client."""

from __future__ import annotations

import json
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.shell import Session
from tests.host.raw import host, until
from tests.host.raw_upstream import RawUpstream, answering
from tests.host.served import extension, put_on_disk
from tests.support.today import Today, today

CHAT = "steps: [{uses: llm.chat, with: {prompt: one two}}]\n"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Today]:
    with today(tmp_path) as running:
        yield running


def test_one_address_serves_chat_and_extensions(session: Session, gateway: Today) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    with host(session, "--upstream", gateway.url) as process, httpx2.Client(trust_env=False) as client:
        assert client.get(f"{process.url}/v1/models").json()["data"][0]["id"] == "mistral"
        assert client.get(f"{process.url}/v1/extensions").json()["count"] == 1
        found = client.get(f"{process.url}/health").json()
        assert (found["upstream"], found["upstream_host"]) == ("connected", gateway.url)
        assert (found["ollama"], found["ollama_host"]) == ("connected", gateway.url)
        ran = client.post(f"{process.url}/v1/extensions/foo/execute", json={})
        assert ran.json()["data"]["llm_response"] == "one two"


def test_a_real_client_of_openai(session: Session, gateway: Today) -> None:
    import openai  # it takes a second: only the worker that needs it waits

    session.variables |= {"API_KEY": "ours", "LLAMAGATE_UPSTREAM_API_KEY": "theirs"}
    gateway.api_key = "theirs"
    with (
        host(session, "--upstream", gateway.url) as process,
        openai.OpenAI(
            base_url=f"{process.url}/v1",
            api_key="ours",
            max_retries=0,
            http_client=openai.DefaultHttpxClient(trust_env=False),
        ) as client,
    ):
        asked: list[Any] = [{"role": "user", "content": "some words to say"}]
        whole = client.chat.completions.create(model="mistral", messages=asked)
        assert whole.choices[0].message.content == "some words to say"
        parts = [
            *client.chat.completions.create(
                model="mistral", messages=asked, stream=True, stream_options={"include_usage": True}
            )
        ]
        assert "".join(one.choices[0].delta.content or "" for one in parts if one.choices) == "some words to say"
        assert parts[-1].usage.total_tokens == 8
        assert [model.id for model in client.models.list()] == ["mistral"]
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("none")
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="wrong").models.list()
    assert all("ours" not in json.dumps(headers) for _, _, headers in gateway.seen)


def test_the_start_says_what_is_there(session: Session) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with RawUpstream(answering(answer, []), is_ready=True) as upstream:
        expected = f"the upstream {upstream.url} has extensions too; this host answers /v1/extensions with its own"
        with host(session, "--upstream", upstream.url) as process:
            said = [line for line in process.said if "upstream" in line]
    assert [line.strip() for line in said] == [f"llamagate: {expected}"]


@pytest.mark.parametrize(("key", "line"), [("k", "asks for a key; set LLAMAGATE_UPSTREAM_API_KEY"), (None, "")])
def test_the_start_says_that_a_key_is_wanted(session: Session, gateway: Today, key: str | None, line: str) -> None:
    gateway.api_key = key
    with host(session, "--upstream", gateway.url) as process:
        assert (line in "".join(process.said)) or not line
        assert ("upstream" in "".join(process.said)) == bool(line)


def test_an_upstream_that_does_not_answer_yet(session: Session, gateway: Today) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with host(session, "--upstream", url) as process, httpx2.Client(trust_env=False) as client:
        assert any(f"the upstream {url} does not answer yet" in line for line in process.said)
        assert client.get(f"{process.url}/health").json()["upstream"] == "disconnected"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - it is refused
def test_it_is_not_its_own_upstream(session: Session, name: str, address: str) -> None:
    url = f"http://{name}:45871/v1"
    ran = session.llamagate("serve", "--host", address, "--port", 45871, "--upstream", url, exits=64)
    assert f"--upstream {url} is the address where this host listens" in ran.err


def test_two_on_one_port(session: Session, gateway: Today) -> None:
    port = gateway.url.rpartition(":")[2]
    ran = session.llamagate("serve", "--port", port, exits=1)
    assert ran.err == (
        f"llamagate: another server listens at 127.0.0.1 port {port}\n"
        "  → stop it, or choose another --port; to serve beside a gateway, name it with --upstream\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--upstream", "localhost:11435"], "--upstream must be an http or https address"),
        (["--upstream", "http://a:b@c"], "--upstream must hold no key and no query"),
        (["--upstream", "http://c", "--upstream-timeout", "0"], "--upstream-timeout must be more than 0"),
    ],
)
def test_what_is_no_upstream(session: Session, arguments: list[str], message: str) -> None:
    assert message in session.llamagate("serve", "--port", "0", *arguments, exits=1).err


def test_a_stream_under_way_is_finished_when_the_host_is_told_to_end(session: Session, gateway: Today) -> None:
    gateway.pause = 0.1
    asked = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "a b c d e f"}]}
    with host(session, "--upstream", gateway.url) as process, httpx2.Client(trust_env=False, timeout=30) as client:
        with client.stream("POST", f"{process.url}/v1/chat/completions", json=asked) as answer:
            parts = answer.iter_raw()
            next(parts)
            process.running.send_signal(signal.SIGTERM)
            rest = b"".join(parts)
        assert process.running.wait(30) == 0
    assert rest.endswith(b"data: [DONE]\n\n")


def test_the_access_log(session: Session, gateway: Today, tmp_path: Path) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    log = tmp_path / "access.log"
    with (
        host(session, "--upstream", gateway.url, "--access-log", log) as process,
        httpx2.Client(trust_env=False) as client,
    ):
        client.get(f"{process.url}/v1/models?secret=1", headers={"X-Request-ID": "id-1"})
        assert until(lambda: log.read_text() != "")  # it is written when the exchange has ended on both sides
        log.rename(tmp_path / "rotated")
        client.get(f"{process.url}/v1/extensions")
        figures = client.get(f"{process.url}/metrics").text
    first, second = (json.loads(file.read_text().splitlines()[0]) for file in (tmp_path / "rotated", log))
    assert (first["to"], first["end"], first["path"], first["status"]) == ("upstream", "whole", "/v1/models", 200)
    assert (first["request_id"], first["ip"], first["method"]) == ("id-1", "127.0.0.1", "GET")
    assert (second["to"], second["end"], second["path"]) == ("host", None, "/v1/extensions")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    label = f'home="{session.home}"'
    assert f'llamagate_requests_total{{{label},to="upstream",status="2xx"}} 1' in figures
    assert f'llamagate_exchanges_total{{{label},end="whole"}} 1' in figures
    assert f"llamagate_requests_open{{{label}}} 1" in figures


def test_an_access_log_that_cannot_be_opened_keeps_it_from_starting(session: Session, tmp_path: Path) -> None:
    missing = tmp_path / "none" / "access.log"
    ran = session.llamagate("serve", "--port", "0", "--access-log", missing, exits=1)
    assert f"the access log {missing} cannot be opened" in ran.err


def test_status_names_what_hooks_cannot_read(session: Session, gateway: Today) -> None:
    hook = "hooks: [{on: llm.response, action: usage.track}]\n"
    put_on_disk(session, "usage", manifest__yaml=extension(hook, name="usage", kind="observer"))
    with host(session, "--upstream", gateway.url) as process:
        found = session.llamagate("status", "--gateway", process.url, "--json").json["gateway"]["unread"]
        text = session.llamagate("status", "--gateway", process.url).out
    (line,) = found
    assert line.startswith("usage: its hook llm.response reads the answers of /v1/chat/completions")
    assert line in text


def test_a_full_access_log_harms_nothing(session: Session, gateway: Today) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    with host(session, "--upstream", gateway.url, "--access-log", "/dev/full") as process:
        assert [process.status("/v1/models") for _ in range(3)] == [200] * 3
        said = [line for line in process.said if "access log" in line]
    assert len(said) == 1
