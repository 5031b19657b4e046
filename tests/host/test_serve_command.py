"""``llamagate serve`` as a process: flags, variables, signals, and what it says where it cannot start."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.cli.shell import TIMEOUT_SECONDS, Session
from tests.host.model_server import ModelServer
from tests.host.served import extension, put_on_disk

NO_QUERY = "--llm-url (or OLLAMA_HOST) must hold no key and no query; a key is given in LLAMAGATE_LLM_API_KEY"
SECONDS = "--llm-timeout must be more than 0 and at most 86400 seconds"
CHAT = "steps: [{uses: llm.chat, with: {prompt: p}}]\n"


@contextmanager
def serving(session: Session, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address, once it serves."""
    with session.process("serve", "--port", "0", *arguments) as running:
        try:
            assert running.stderr is not None
            lines = []
            for line in running.stderr:
                lines.append(line)
                if "serving at " in line:
                    break
            else:
                pytest.fail("".join(lines))
            yield running, line.split()[-1]
        finally:
            running.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["TERM", "INT"])
def test_it_serves_until_a_signal(session: Session, number: signal.Signals, code: int) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    with serving(session) as (running, url):
        with httpx2.Client(trust_env=False) as client:
            assert client.get(f"{url}/v1/extensions").json()["count"] == 1
        running.send_signal(number)
        assert running.wait(TIMEOUT_SECONDS) == code
        assert running.stderr is not None
        assert running.stderr.read() == ""


def test_its_document_is_the_address(session: Session) -> None:
    with serving(session, "--json") as (running, url):
        running.send_signal(signal.SIGTERM)
        assert running.communicate(timeout=TIMEOUT_SECONDS)[0] == f'{{"url": "{url}"}}\n'


def test_a_request_under_way_is_finished(session: Session, model: ModelServer) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    model.pause = threading.Event()
    asked = threading.Event()
    model.say = lambda _: "finished"
    answers = []
    with serving(session, "--llm-url", model.url) as (running, url):

        def call() -> None:
            with httpx2.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
                asked.set()
                answers.append(client.post(f"{url}/v1/extensions/foo/execute", json={}).json())

        thread = threading.Thread(target=call)
        thread.start()
        while not model.asked:
            asked.wait(0.01)
        running.send_signal(signal.SIGTERM)
        model.pause.set()
        thread.join(TIMEOUT_SECONDS)
        assert running.wait(TIMEOUT_SECONDS) == 0
    assert answers == [{"data": {"llm_response": "finished"}, "success": True}]


def test_keys_come_from_the_environment(session: Session, model: ModelServer) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(CHAT))
    session.variables |= {"API_KEY": "k3y", "LLAMAGATE_LLM_API_KEY": "m0del"}
    with (
        serving(session, "--llm-url", model.url, "--model", "small") as (_, url),
        httpx2.Client(trust_env=False) as client,
    ):
        assert client.get(f"{url}/v1/extensions").status_code == 401
        answer = client.post(f"{url}/v1/extensions/foo/execute", json={}, headers={"X-API-Key": "k3y"})
        assert answer.status_code == 200
    assert (model.seen_headers[0]["authorization"], model.asked[0]["model"]) == ("Bearer m0del", "small")


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "message"),
    [
        (["--llm-url", "ftp://x"], {}, 1, "llamagate: --llm-url (or OLLAMA_HOST) must be an http or https address\n"),
        (
            ["--llm-url", "http://u:secret@x"],
            {},
            1,
            f"llamagate: {NO_QUERY}\n",
        ),
        (["--llm-url", "http://x/?key=secret"], {}, 1, f"llamagate: {NO_QUERY}\n"),
        (["--llm-url", "http://["], {}, 1, "llamagate: --llm-url (or OLLAMA_HOST) must be an http or https address\n"),
        (
            ["--llm-url", "http://x:99999"],
            {},
            1,
            "llamagate: --llm-url (or OLLAMA_HOST) must be an http or https address\n",
        ),
        (["--llm-timeout", "0"], {}, 1, f"llamagate: {SECONDS}\n"),
        (["--llm-timeout", "nan"], {}, 1, f"llamagate: {SECONDS}\n"),
        (
            [],
            {"LLAMAGATE_LLM_API_KEY": "sécret"},
            64,
            "llamagate: the variable LLAMAGATE_LLM_API_KEY is not a valid key: use printable ASCII",
        ),
        ([], {"API_KEY": "a\nb"}, 64, "llamagate: the variable API_KEY is not a valid key: use printable ASCII"),
        ([], {"API_KEY": " \n"}, 64, "llamagate: the variable API_KEY is not a valid key: use printable ASCII"),
        (["--legacy", "nope"], {}, 64, "llamagate: Invalid value for '--legacy': Directory 'nope' does not exist.\n"),
        (["--migrate"], {}, 64, "llamagate: --migrate needs --legacy DIR\n"),
        (["--locked"], {}, 64, "llamagate: --locked works only with --watch\n"),
        ([], {"PORT": "many"}, 64, "llamagate: the variable PORT is 'many', which is not a port\n"),
        (["-f", "nope.yaml"], {}, 1, "llamagate: nope.yaml"),
    ],
    ids=[
        "scheme",
        "key in the address",
        "query in the address",
        "broken address",
        "port of the address",
        "no time",
        "time that is no number",
        "key of no header",
        "key of two lines",
        "blank key",
        "no legacy folder",
        "migrate alone",
        "locked alone",
        "PORT",
        "no file",
    ],
)
def test_what_keeps_it_from_starting(
    session: Session, arguments: list[str], variables: dict[str, str], code: int, message: str
) -> None:
    session.variables |= variables
    said = session.llamagate("serve", *arguments, exits=code)
    assert said.err.startswith(message)
    assert not session.home.exists()


def test_a_port_that_is_taken(session: Session, model: ModelServer) -> None:
    port = model.url.rpartition(":")[2]
    said = session.llamagate("serve", "--port", port, exits=1)
    assert said.err.startswith(f"llamagate: another server listens at 127.0.0.1 port {port}\n")
    assert "choose another --port" in said.err


def test_without_the_extra_it_says_how_to_install_it(session: Session) -> None:
    hidden = "import sys; sys.modules['uvicorn'] = None; from reconciler.cli.app import main; main()"
    with session.python(hidden, "serve", fresh=True) as running:
        out, err = running.communicate(timeout=TIMEOUT_SECONDS)
    assert (running.returncode, out) == (1, "")
    assert err == (
        "llamagate: serve needs the package uvicorn, which is not installed\n  → pip install 'llamagate[host]'\n"
    )


def test_no_other_command_loads_any_of_it(session: Session) -> None:
    code = (
        "import sys\nfrom reconciler.cli.app import main\n"
        "try:\n    main()\nfinally:\n"
        "    print(sorted({'starlette', 'uvicorn', 'httpx2', 'simpleeval', 'jsonschema_rs', 'jsonpath', "
        "'asyncio'} & set(sys.modules)))\n"
    )
    session.extensions("foo")
    with session.python(code, "apply", "-q", fresh=True) as running:
        out, _ = running.communicate(timeout=TIMEOUT_SECONDS)
    assert out == "[]\n"
