"""The model server: what reaches it, and what becomes of every way in which it can fail."""

from __future__ import annotations

import asyncio
import gzip
import threading

import pytest

from reconciler.host.model_client import ModelClient
from reconciler.host.model_client import ModelServer as ModelAddress
from reconciler.host.workers import Workers
from tests.cli.shell import Session
from tests.host.conftest import Serve
from tests.host.model_server import ModelServer
from tests.host.raw import until
from tests.host.served import SECONDS, Stage, extension, hosting, put_on_disk, settings_for

CHAT = "steps: [{uses: llm.chat, with: {prompt: p}}]\n"


@pytest.fixture(autouse=True)
def foo(session: Session) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))


def test_the_key_goes_to_the_model_server(serve: Serve, model: ModelServer) -> None:
    serve(model_key="m0del").run("foo", {})
    assert model.seen_headers[0]["authorization"] == "Bearer m0del"


def test_row_116_no_proxy_ever_sees_it(serve: Serve, model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = ModelServer()
    try:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        serve(model_key="m0del").run("foo", {})
        assert (len(model.asked), proxy.asked) == (1, [])
    finally:
        proxy.close()


def test_row_117_a_redirect_is_not_followed(serve: Serve, model: ModelServer) -> None:
    other = ModelServer()
    try:
        model.status, model.headers = 307, {"Location": f"{other.url}/v1/chat/completions"}
        assert "it answered 307" in serve(model_key="m0del").run("foo", {}, 502)
        assert other.asked == []
    finally:
        other.close()


def test_row_118_netrc_is_ignored(serve: Serve, model: ModelServer, pinned_home: object) -> None:
    from pathlib import Path

    netrc = Path(str(pinned_home)) / ".netrc"
    netrc.write_text("machine 127.0.0.1 login u password p\n")
    netrc.chmod(0o600)
    try:
        serve().run("foo", {})
        assert "authorization" not in model.seen_headers[0]
    finally:
        netrc.unlink()


def test_row_119_an_endless_answer_is_cut(serve: Serve, model: ModelServer) -> None:
    model.raw = b"x" * (4 * 2**20 + 1)
    assert "its answer has more than 4194304 bytes" in serve().run("foo", {}, 502)


def test_those_who_ask_after_the_model_server_at_once_share_one_look(model: ModelServer) -> None:
    async def ask() -> list[bool]:
        client = ModelClient(ModelAddress(url=model.url, api_key=None, seconds=SECONDS), Workers(seconds=1))
        try:
            return [await client.is_reachable(), *await asyncio.gather(*[client.is_reachable() for _ in range(9)])]
        finally:
            await client.close()

    assert asyncio.run(ask()) == [True] * 10
    assert model.visits == 2


def test_row_85_an_answer_that_drips_is_ended_at_the_deadline(serve: Serve, model: ModelServer) -> None:
    model.drips = True
    assert "did not answer within 0.5 seconds" in serve(model_seconds=0.5).run("foo", {}, 504)
    assert model.left.wait(10)


def test_row_86_a_packed_answer_is_not_unpacked(serve: Serve, model: ModelServer) -> None:
    model.raw = gzip.compress(b" " * 2**24)
    model.headers = {"Content-Encoding": "gzip"}
    assert "its answer is not a JSON object" in serve().run("foo", {}, 502)
    assert model.seen_headers[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("status", "raw", "reason"),
    [
        (404, b'{"error": {"message": "model \'mistral\'\\nnot found"}}', "it answered 404: model 'mistral' not found"),
        (500, b'{"error": "out of memory"}', "it answered 500: out of memory"),
        (503, b"<html>", "it answered 503"),
        (200, b"<html>", "its answer is not a JSON object"),
        (200, b"[]", "its answer is not a JSON object"),
        (200, b"{}", "its answer holds no message"),
        (200, b'{"choices": []}', "its answer holds no message"),
        (200, b'{"choices": [{"message": null}]}', "its answer holds no message"),
        (200, b'{"choices": 5}', "its answer holds no message"),
    ],
    ids=["error", "error as text", "html error", "html", "list", "empty", "no choice", "no message", "number"],
)
def test_a_bad_answer_is_502_with_the_reason(
    serve: Serve, model: ModelServer, status: int, raw: bytes, reason: str
) -> None:
    model.status, model.raw = status, raw
    host = serve()
    assert host.run("foo", {}, 502) == (
        f"Extension execution failed: step 1 (llm.chat): the model server at {model.url} gave no answer: {reason}"
    )
    assert host.post("/v1/extensions/foo/execute", {}).json()["error"]["type"] == "server_error"


def test_nobody_there_is_502(serve: Serve, model: ModelServer) -> None:
    host = serve()
    model.close()
    assert "it cannot be reached" in host.run("foo", {}, 502)


def test_a_model_that_takes_too_long_is_504(serve: Serve, model: ModelServer) -> None:
    model.pause = threading.Event()
    message = serve(model_seconds=0.2).run("foo", {}, 504)
    assert message.endswith(f"the model server at {model.url} did not answer within 0.2 seconds")


def test_a_run_that_takes_too_long_is_504_and_the_model_is_let_go(serve: Serve, model: ModelServer) -> None:
    from reconciler.host.engine.run import RunLimits

    model.pause = threading.Event()
    message = serve(limits=RunLimits(seconds=0.2)).run("foo", {}, 504)
    assert message == "Extension execution failed: the extension 'foo' took longer than 0.2 seconds"
    assert model.left.wait(10)


def test_a_caller_who_leaves_cancels_the_run(serve: Serve, model: ModelServer) -> None:
    model.pause = threading.Event()
    host = serve()
    with host.unanswered("/v1/extensions/foo/execute", {}):
        assert until(lambda: bool(model.asked))
    assert model.left.wait(10)
    assert host.get("/v1/extensions").status_code == 200
    assert len(host.told) == 2  # what it said at its start, and no word of this


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
def test_the_address_may_name_the_version(session: Session, stage: Stage, model: ModelServer, ending: str) -> None:
    with hosting(stage, settings_for(session, model.url + ending)) as host:
        assert host.run("foo", {}) == {"llm_response": "hello"}


def test_no_prompt_and_no_key_is_ever_told(session: Session, serve: Serve, model: ModelServer) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension('steps: [{uses: llm.chat, with: {prompt: "{{p}}"}}]\n'))
    model.status = 500
    host = serve(model_key="m0del", api_key="k3y")
    host.post("/v1/extensions/foo/execute", {"p": "private"}, headers={"X-API-Key": "k3y"})
    assert not any(word in line for line in host.told for word in ("m0del", "k3y", "private"))
