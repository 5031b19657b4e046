"""``/livez``, ``/readyz`` and ``/metrics``, of the host and of ``watch --listen``."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from reconciler.fs import file_lock
from reconciler.model.home import Home
from tests.cli.shell import Session
from tests.host.conftest import Serve


def get(url: str, **headers: str) -> tuple[int, str]:
    """Status and text of the answer."""
    answer = httpx2.get(url, headers=headers, timeout=60)
    return answer.status_code, answer.text


def until(url: str, status: int) -> Any:
    """The document of the answer, once it has the ``status``."""
    for _ in range(600):
        found, text = get(url)
        if found == status:
            return json.loads(text)
        time.sleep(0.1)
    raise AssertionError((found, text))


@contextmanager
def watching(session: Session, *flags: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A watcher that answers; its URL."""
    with session.process("watch", "--listen", "127.0.0.1:0", "--poll", "1", *flags) as process:
        assert process.stderr is not None
        yield next(match[1] for line in process.stderr if (match := re.search(r"(http://\S+)", line))), process
        process.terminate()
        process.stderr.read()
        assert process.wait(60) == 0


@pytest.fixture
def one(session: Session) -> Session:
    """One extension, which is listed and not yet installed."""
    session.package("foo")
    session.extensions("foo")
    return session


def test_a_watcher_is_ready_after_its_first_attempt(one: Session) -> None:
    with watching(one) as (url, _):
        assert get(f"{url}/livez")[0] == 200
        assert until(f"{url}/readyz", 200)["reason"] == "InSync"
        assert one.installed("foo", "manifest.yaml").exists()


def test_it_says_why_it_is_not_ready(one: Session) -> None:
    with watching(one) as (url, _):
        until(f"{url}/readyz", 200)
        one.desired("extensions: {foo: ./packages/nowhere}\n")
        document = until(f"{url}/readyz", 503)
        assert "nowhere" in document["message"]


def test_the_metrics_of_a_watcher(one: Session) -> None:
    with watching(one) as (url, _):
        until(f"{url}/readyz", 200)
        time.sleep(1)  # figures may be a second old
        text = get(f"{url}/metrics")[1]
    home = f'home="{one.home}"'
    assert f'llamagate_items{{{home},kind="extension"}} 1\n' in text
    assert f"llamagate_in_sync{{{home}}} 1\n" in text
    assert f'llamagate_condition{{{home},type="Ready"}} 1\n' in text


def test_a_broken_file_does_not_hide_the_figures(one: Session) -> None:
    with watching(one) as (url, _):
        until(f"{url}/readyz", 200)
        one.desired("extensions: [\n")
        until(f"{url}/readyz", 503)
        time.sleep(1)  # figures may be a second old
        status, text = get(f"{url}/metrics")
    assert status == 200, text
    home = f'home="{one.home}"'
    assert f'llamagate_items{{{home},kind="extension"}} 1\n' in text
    assert f"llamagate_in_sync{{{home}}} 0\n" in text
    assert f'llamagate_condition{{{home},type="Stalled"}} 1\n' in text


def test_no_address_is_too_long_for_a_plain_answer(one: Session) -> None:
    one.llamagate("apply")
    with watching(one) as (url, _):
        assert get(f"{url}/ui/{'a' * 300}.css")[0] == 404
        for generation in ("9" * 5000, "\u0661"):
            status, text = get(f"{url}/ui/data/compare?from={generation}")
            assert status == 400
            assert "is not a generation" in text


def test_a_fault_is_told_once(one: Session) -> None:
    for name in ("foo", "bar"):
        one.write(f"packages/{name}/manifest.yaml", f"name: {name}\nversion: 1.0.0\ntype: nonsense\n")
    one.extensions("foo", "bar")
    with watching(one) as (url, _):
        assert until(f"{url}/readyz", 503)
        for _ in range(100):
            if "nonsense" in (message := get(f"{url}/readyz")[1]):
                break
            time.sleep(0.1)
        assert message.count("nonsense") == 2, message
        assert get(f"{url}/ui/data/plan")[1].count("nonsense") == 2


def test_figures_need_the_key_and_probes_do_not(one: Session) -> None:
    one.variables["API_KEY"] = "k3y"
    with watching(one) as (url, _):
        assert until(f"{url}/readyz", 200)["ready"]
        assert get(f"{url}/metrics")[0] == 401
        assert get(f"{url}/metrics", **{"X-API-Key": "k3y"})[0] == 200
        assert get(f"{url}/nothing")[0] == 404


def test_a_page_of_another_site_may_not_ask(one: Session) -> None:
    with watching(one) as (url, _):
        assert get(f"{url}/metrics", Origin="http://evil.example")[0] == 403
        assert get(f"{url}/livez", Host="evil.example")[0] == 403


@pytest.mark.parametrize("address", ["9100", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999"])
def test_a_wrong_address(one: Session, address: str) -> None:
    assert "is not an address and a port" in one.llamagate("watch", "--listen", address, exits=64).err


def test_the_host_answers_too(one: Session, serve: Serve) -> None:
    one.llamagate("apply")
    host, known = serve(api_key="k3y"), {"X-API-Key": "k3y"}
    assert host.get("/livez").status_code == 200
    assert host.get("/readyz").json()["reason"] == "NotWatched"
    assert host.get("/metrics").status_code == 401
    assert "llamagate_generation{" in host.get("/metrics", headers=known).text


def test_a_host_beside_a_watcher_is_ready_with_it(one: Session, serve: Serve) -> None:
    host = serve()
    with watching(one) as (url, _):
        until(f"{url}/readyz", 200)
        assert host.get("/readyz").json()["reason"] == "InSync"


def test_what_a_newer_watcher_wrote_is_no_error(one: Session, serve: Serve) -> None:
    one.llamagate("apply")
    home, host = Home(one.home), serve()
    with file_lock.exclusive(home.watch_lock, command="llamagate watch", wait=0, notice=lambda _: None):
        home.status.write_text('{"schema": 99}')
        answer = host.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
