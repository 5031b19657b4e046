"""A host under mixed load, updates and callers who leave, for long: memory and descriptors stay as they were."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from tests.cli.shell import Session
from tests.host.raw import Process, host
from tests.host.served import extension, put_on_disk

FOO: Final = (
    "endpoints: [{path: /x, method: POST}]\nsteps: [{uses: rules.evaluate, with: {rules: [{then: {n: %d}}]}}]\n"
)
SLOW: Final = "guardrails: [{type: max_execution_time, value: 500ms}]\nsteps: [{uses: template.render}]\n"
AUDIT: Final = "config: {redact: [{path: $..secret}]}\nhooks: [{on: http.request, action: audit.log}]\n"
TEMPLATE: Final = {"template_content": "{{inputs.a.b.c.d.e}}" * 40_000, "a": {"b": {"c": {"d": {"e": 1}}}}}
CALLERS: Final = 4
SHORT, LONG = 60, 3_600
"""Seconds."""


def calls() -> list[tuple[str, Any]]:
    return [
        ("/v1/extensions/foo/execute", {}),
        ("/v1/extensions/foo/x", {"secret": "x", "l": [1] * 1_000}),
        ("/v1/extensions/slow/execute", {"template_content": "{{a}}", "a": 1}),
        ("/v1/extensions/slow/execute", TEMPLATE),
        ("/v1/extensions/foo/x", {"big": ["y" * 1_000] * 600}),
    ]


class Load:
    """What callers do until told to end, and what they are answered."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.ended = threading.Event()
        self.seen: Counter[int] = Counter()

    def run(self, number: int) -> None:
        with httpx2.Client(base_url=self.process.url, trust_env=False, timeout=30) as client:
            rows = calls()
            while not self.ended.is_set():
                number += 1
                path, body = rows[number % len(rows)]
                self.seen[client.post(path, json=body).status_code] += 1
                if number % 10 == 0:
                    self._leave(path, json.dumps(body).encode())

    def _leave(self, path: str, body: bytes) -> None:
        with suppress(OSError), self.process.connect() as caller:
            caller.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            caller.sendall(body)


def measured(process: Process) -> tuple[int, int]:
    """Memory in kilobytes, and descriptors, of the host itself."""
    folder = Path("/proc") / str(process.running.pid)
    memory = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(memory.split()[1]), len([*(folder / "fd").iterdir()])


@pytest.mark.long
@pytest.mark.parametrize("seconds", [SHORT, LONG], ids=["a minute", "an hour"])
def test_nothing_grows(session: Session, seconds: int, capsys: pytest.CaptureFixture[str]) -> None:
    put_on_disk(session, "foo", manifest__yaml=extension(FOO % 0))
    put_on_disk(session, "slow", manifest__yaml=extension(SLOW, name="slow"))
    put_on_disk(session, "audit", manifest__yaml=extension(AUDIT, name="audit", kind="middleware"))
    with host(session, "--rate-limit", "0") as process, ThreadPoolExecutor(CALLERS) as pool:
        load = Load(process)
        running = [pool.submit(load.run, number) for number in range(CALLERS)]
        found, updates, start = [], 0, time.monotonic()
        with httpx2.Client(base_url=process.url, trust_env=False, timeout=30) as client:
            while time.monotonic() < start + seconds:
                updates += 1
                answer = client.put("/v1/extensions/foo", content=extension(FOO % updates))
                assert answer.status_code == 200, answer.text
                found.append(measured(process))
                time.sleep(1)
        load.ended.set()
        for one in running:
            one.result()
    with capsys.disabled():
        sys.stdout.write(
            f"\n{load.seen.total()} requests {dict(load.seen)}, {updates} updates, {found[0]} … {found[-1]}\n"
        )
    warm, last = found[len(found) // 3 :][: len(found) // 3], found[-len(found) // 3 :]
    assert max(memory for memory, _ in last) < 1.2 * max(memory for memory, _ in warm)
    assert max(count for _, count in last) <= max(count for _, count in warm) + 5
    assert set(load.seen) <= {200, 504}
    assert not [line for line in process.said if "met a bug" in line or "Traceback" in line]
