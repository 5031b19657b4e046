"""Debian's Prometheus, and its node exporter, for the time of a test."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.fleet.tools import needs

SECONDS: Final = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
        return bytes(answer.read())


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.2)


@dataclass
class Prometheus:
    """What one can ask it."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression, each with its labels and value."""
        answer = json.loads(get(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"))
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def firing(self) -> set[tuple[str, str]]:
        """Each alert that fires, with the last part of the home that it is about."""
        alerts = json.loads(get(f"{self.url}/api/v1/alerts"))["data"]["alerts"]
        return {
            (one["labels"]["alertname"], Path(one["labels"].get("home", "")).name)
            for one in alerts
            if one["state"] == "firing"
        }

    def fires(self, alert: str, home: str = "") -> None:
        until(lambda: (alert, home) in self.firing(), f"{alert} {home}, of {self.firing()}")

    def ended(self, alert: str, home: str = "") -> None:
        until(lambda: (alert, home) not in self.firing(), f"the end of {alert} {home}, of {self.firing()}")


@contextmanager
def _started(command: list[str], log: Path, ready: str) -> Iterator[None]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:

        def answers() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                return bool(get(ready))
            except OSError:
                return False

        try:
            until(answers, f"an answer of {command[0]}")
            yield
        finally:
            process.kill()


@contextmanager
def node_exporter(folder: Path, log: Path) -> Iterator[str]:
    """An exporter that reads textfiles in ``folder``; where it is scraped."""
    (program,) = needs("prometheus-node-exporter")
    place = f"127.0.0.1:{free_port()}"
    command = [program, "--collector.disable-defaults", "--collector.textfile"]
    command += [f"--collector.textfile.directory={folder}", f"--web.listen-address={place}"]
    with _started(command, log, f"http://{place}/metrics"):
        yield place


@contextmanager
def prometheus(folder: Path, rules: str, targets: list[str]) -> Iterator[Prometheus]:
    """One that scrapes ``targets`` and looks at ``rules`` each second."""
    (program,) = needs("prometheus")
    (folder / "rules.yml").write_text(rules)
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "llamagate", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.json").write_text(json.dumps(settings))
    place = f"127.0.0.1:{free_port()}"
    command = [program, f"--config.file={folder}/prometheus.json", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address={place}", "--log.level=warn", "--query.lookback-delta=15s"]
    with _started(command, folder / "prometheus.log", f"http://{place}/-/ready"):
        yield Prometheus(f"http://{place}")
