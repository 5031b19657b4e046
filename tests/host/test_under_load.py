"""An update while requests arrive at a steady rate: none is lost, and none sees half of it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.cli.shell import Session
from tests.host.conftest import Serve
from tests.host.served import Host, extension

RATE: Final = 100
UPDATES: Final = 12
TEXT: Final = """\
endpoints: [{path: /v%(n)d, method: GET}, {path: /any, method: GET}]
outputs: [{id: manifest, type: number}, {id: prompt, type: number}]
steps:
  - {uses: rules.evaluate, with: {rules: [{if: "true", then: {manifest: %(n)d}}]}}
  - {uses: template.load, with: {template_id: t}}
  - {uses: template.render}
"""


class Callers:
    """Calls of three kinds, ``RATE`` a second in all, until told to end. ``seen`` counts what was answered."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.seen: Counter[tuple[int, str]] = Counter()
        self.ended = threading.Event()
        self.calls = 0

    def run(self) -> None:
        start = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            while not self.ended.is_set():
                pool.submit(self.call, self.calls % 3)
                self.calls += 1
                self.ended.wait(max(0.0, start + self.calls / RATE - time.monotonic()))

    def call(self, kind: int) -> None:
        if kind == 0:
            answer = self.host.post("/v1/extensions/foo/execute", {})
        else:
            answer = self.host.get("/v1/extensions/foo/any" if kind == 1 else "/v1/extensions/foo")
        text = answer.text if kind != 2 else str(answer.json()["version"])
        self.seen[answer.status_code, text] += 1


def put(session: Session, number: int) -> None:
    files = {
        "manifest.yaml": extension(TEXT % {"n": number}, version=f"{number}.0.0"),
        "templates/t.txt": str(number),
    }
    session.package("foo", files=files)


def test_an_update_under_load(session: Session, serve: Serve) -> None:
    put(session, 0)
    session.extensions("foo")
    session.llamagate("apply")
    host = serve()
    callers = Callers(host)
    thread = threading.Thread(target=callers.run)
    thread.start()
    for number in range(1, UPDATES):
        put(session, number)
        session.llamagate("apply")
        host.refresh()
        assert host.get(f"/v1/extensions/foo/v{number}").status_code == 200
        assert host.get(f"/v1/extensions/foo/v{number - 1}").status_code == 404
    callers.ended.set()
    thread.join()
    whole = {(200, f'{{"data":{{"manifest":{number},"prompt":{number}}},"success":true}}') for number in range(UPDATES)}
    versions = {(200, f"{number}.0.0") for number in range(UPDATES)}
    assert set(callers.seen) <= whole | versions
    assert callers.seen.total() == callers.calls
    assert len({text for _, text in callers.seen} & {text for _, text in whole}) > 1
