"""Alerts, dashboard and runbook: against Debian's Prometheus, with real watchers that meet real faults."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from reconciler.cli.app import application
from tests.cli.shell import Session
from tests.conftest import PROJECT
from tests.docs.pages import chapter
from tests.fleet.prometheus import Prometheus, free_port, get, node_exporter, prometheus, until
from tests.fleet.tools import needs
from tests.gateway.simulator import running
from tests.loop.watcher import Watcher, watching
from tests.support.packages import MANIFEST
from tests.trust.team import Team

MONITORING: Final = PROJECT / "integrations" / "monitoring"
RULES: Final = (MONITORING / "rules.yml").read_text()
ALERTS: Final[dict[str, Any]] = {
    rule["alert"]: rule for group in yaml.safe_load(RULES)["groups"] for rule in group["rules"]
}
DASHBOARD: Final = json.loads((MONITORING / "dashboard.json").read_text())
EXPRESSIONS: Final = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
RUNBOOK: Final = (MONITORING / "runbook.md").read_text()
NAME: Final = re.compile(r"\bllamagate_[a-z_]+")

NOT_HERE: Final = {"llamagate_catalog_expires_timestamp_seconds"}
"""What only a home with a signed catalog has: a test of its own has one."""


def in_seconds(rules: str) -> str:
    """The rules, with waits for the patience of a test: what takes minutes takes seconds."""
    rules = re.sub(r"\bfor: \w+", "for: 2s", rules)
    return rules.replace("15 * 60", "4").replace("[1d]", "[2m]")


# Without a server


def test_the_unit_tests_of_the_rules() -> None:
    (promtool,) = needs("promtool")
    for command in ("check rules rules.yml", "test rules rules.test.yml"):
        done = subprocess.run([promtool, *command.split()], cwd=MONITORING, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_test_a_twin_and_a_page() -> None:
    tests = yaml.safe_load((MONITORING / "rules.test.yml").read_text())["tests"]
    fired = {one["alertname"] for test in tests for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert fired == set(ALERTS)
    twins = {name for name in ALERTS if name.endswith("Unknown")}
    assert {f"{name}Unknown" for name in set(ALERTS) - twins} == twins
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook_url"] == f"runbook.md#{name.lower()}"
        assert chapter(RUNBOOK, name).strip()


COMMANDS: Final = [line for line in RUNBOOK.splitlines() if line.startswith("llamagate ") and "{" not in line]


@pytest.mark.parametrize(
    "line", sorted({line for line in COMMANDS if not line.startswith("llamagate --") and "_" not in line})
)
def test_a_command_of_the_runbook_is_one(line: str) -> None:
    _, verb, *arguments = shlex.split(line)
    command = application().get_command(None, verb)
    command.make_context(verb, arguments)


# With watchers


@dataclass
class Home:
    """A home with a watcher: ``place`` is where it is scraped."""

    session: Session
    place: str
    watcher: Watcher


@contextmanager
def home(folder: Path, name: str, *flags: object) -> Iterator[Home]:
    """The extension ``notes``, kept by a watcher. The package is in ``folder``, where other homes have it too."""
    (folder / f"base-{name}").mkdir()
    session = Session(folder / f"base-{name}")
    session.variables["LLAMAGATE_HOME"] = str(folder / name)
    session.write(str(folder / "notes" / "manifest.yaml"), MANIFEST.format(id="notes", version="1.0.0"))
    session.desired(f"owner: team\nextensions: {{notes: {folder}/notes}}\n")
    session.llamagate("lock")
    place = f"127.0.0.1:{free_port()}"
    with watching(session, "--listen", place, "--interval", 1, *flags) as watcher:
        watcher.said("Applied")
        yield Home(session, place, watcher)


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\\", "a\nb", "ö {x}=1", os.fsdecode(b"a\xff"), "\u2028"], ids=ascii)
def test_a_home_may_have_any_name(tmp_path: Path, name: str) -> None:
    """By the parser that the node exporter has: one line that it cannot read, and the file is left out."""
    (promtool,) = needs("promtool")
    session = Session(tmp_path)
    session.variables["LLAMAGATE_HOME"] = str(tmp_path / name)
    session.extensions("notes")
    session.llamagate("watch", "--once", "--metrics-file", tmp_path / "x.prom", "-q")
    text = (tmp_path / "x.prom").read_bytes()
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60)
    assert b"error while linting" not in done.stderr, done.stderr
    assert text.count(b"llamagate_generation{") == 1


def names_of(scrape: bytes) -> set[str]:
    return set(NAME.findall("\n".join(line for line in scrape.decode().splitlines() if not line.startswith("#"))))


def test_every_metric_of_rules_and_dashboard_is_in_a_scrape(tmp_path: Path) -> None:
    texts = (*EXPRESSIONS, *(rule["expr"] for rule in ALERTS.values()))
    asked = {name for text in texts for name in NAME.findall(text)} - NOT_HERE
    with (
        running(tmp_path / "home") as gateway,
        home(tmp_path, "home", "--gateway", gateway.url, "--outdated", 1) as one,
    ):
        until(lambda: asked <= names_of(get(f"http://{one.place}/metrics")), f"all of {asked} in a scrape")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Home], Prometheus]]:
    """Two homes of one host that are scraped, and two that write for one node exporter."""
    needs("prometheus", "prometheus-node-exporter")
    folder = tmp_path_factory.mktemp("fleet")
    texts = folder / "texts"
    texts.mkdir()
    with ExitStack() as stack:
        homes = {}
        for name in ("first", "second"):
            homes[name] = stack.enter_context(home(folder, name, "--metrics-file", texts / f"{name}.prom"))
        exporter = stack.enter_context(node_exporter(texts, folder / "exporter.log"))
        made = stack.enter_context(prometheus(folder, in_seconds(RULES), [exporter]))
        yield homes, made


def test_two_homes_of_one_host(fleet: tuple[dict[str, Home], Prometheus]) -> None:
    homes, server = fleet
    until(lambda: len(server.query("llamagate_info")) == len(homes), "both are there")
    assert server.query("node_textfile_scrape_error")[0]["value"][1] == "0"
    server.ended("LlamagateNotReady", "first")


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_of_the_dashboard_answers(fleet: tuple[dict[str, Home], Prometheus], expression: str) -> None:
    server = fleet[1]
    found = server.query(expression.replace("$owner", ".*"))
    missing = NOT_HERE | {"llamagate_gateway_current", "llamagate_gateway_up", "llamagate_outdated"}
    if not missing & set(NAME.findall(expression)) and "unless" not in expression and "rate(" not in expression:
        assert found, expression


def test_a_broken_file_is_not_ready_stalled_and_shows_what_runs(fleet: tuple[dict[str, Home], Prometheus]) -> None:
    homes, server = fleet
    file = homes["first"].session.project / "llamagate.yaml"
    good = file.read_text()
    running_input = server.query('llamagate_applied_info{home=~".*first"}')[0]["metric"]["input"]
    file.write_text("apiVersion: llamagate/v1\nextensions: [\n")
    for alert in ("LlamagateNotReady", "LlamagateStalled"):
        server.fires(alert, "first")
    wanted = server.query('llamagate_info{home=~".*first"}')[0]["metric"]["input"]
    assert wanted != running_input
    assert server.query('llamagate_applied_info{home=~".*first"}')[0]["metric"]["input"] == running_input
    assert ("LlamagateNotReady", "second") not in server.firing()
    file.write_text(good)
    for alert in ("LlamagateNotReady", "LlamagateStalled"):
        server.ended(alert, "first")


def test_a_pause_is_remembered(fleet: tuple[dict[str, Home], Prometheus]) -> None:
    homes, server = fleet
    homes["first"].session.llamagate("suspend", "--reason", "a look")
    server.fires("LlamagateHoldForgotten", "first")
    homes["first"].session.llamagate("resume")
    server.ended("LlamagateHoldForgotten", "first")


def test_two_homes_that_run_different_inputs(fleet: tuple[dict[str, Home], Prometheus]) -> None:
    homes, server = fleet
    assert ("LlamagateRolloutSplit", "") not in server.firing()
    session = homes["second"].session
    before = (session.project / "llamagate.yaml").read_text()
    session.write("llamagate.yaml", f"{before}policy: {{backups: 2}}\n")
    server.fires("LlamagateRolloutSplit")
    session.write("llamagate.yaml", before)
    server.ended("LlamagateRolloutSplit")


def test_a_watcher_that_is_killed_is_silent(fleet: tuple[dict[str, Home], Prometheus]) -> None:
    homes, server = fleet
    assert ("LlamagateSilent", "second") not in server.firing()
    second = homes["second"]
    second.watcher.process.kill()
    server.fires("LlamagateSilent", "second")
    texts = second.session.base.parent / "texts" / "second.prom"
    with watching(second.session, "--interval", 1, "--metrics-file", texts) as again:
        server.ended("LlamagateSilent", "second")
        again.end()
    texts.unlink()
    server.fires("LlamagateSilentUnknown", "second")


def test_a_gateway_that_does_not_serve_what_is_installed(tmp_path: Path) -> None:
    needs("prometheus")
    with (
        running(tmp_path / "home") as gateway,
        home(tmp_path, "home", "--gateway", gateway.url) as one,
        prometheus(tmp_path, in_seconds(RULES), [one.place]) as server,
    ):
        gateway.stuck = True
        one.session.edit(tmp_path / "notes" / "manifest.yaml", "1.0.0", "1.1.0")
        one.session.llamagate("lock")
        server.fires("LlamagateServedStale", "home")
        gateway.restart()
        server.ended("LlamagateServedStale", "home")


def test_a_catalog_that_expires_until_it_is_signed_again(tmp_path: Path) -> None:
    needs("prometheus")
    team = Team(Session(tmp_path))
    team.publish(expires="2d")
    team.desire()
    team.session.llamagate("lock")
    place = f"127.0.0.1:{free_port()}"
    with (
        watching(team.session, "--listen", place, "--interval", 1) as watcher,
        prometheus(tmp_path, in_seconds(RULES), [place]) as server,
    ):
        watcher.said("Applied")
        server.fires("LlamagateCatalogExpires", "home")
        team.session.llamagate("catalog", "sign", team.shop, "--renew", "--key", team.key("alice"))
        team.session.llamagate("lock", "--upgrade")
        server.ended("LlamagateCatalogExpires", "home")
