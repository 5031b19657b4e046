"""What is said of a home to Prometheus: by ``--metrics-file``, and in the same words by ``/metrics``."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler import __version__
from reconciler.model.trust import LockedCatalog
from reconciler.model.watched import Counts, Newer, Result, Watched
from reconciler.queries.metrics import Facts, metrics_text
from reconciler.queries.status import Status
from tests.cli.shell import Session
from tests.conftest import PROJECT
from tests.gateway.simulator import Gateway

MOMENT = "2026-01-02T03:04:05.000000000Z"
TYPE = re.compile(r"^# TYPE (\S+) (counter|gauge)$", re.MULTILINE)


@pytest.fixture
def foo(session: Session) -> Session:
    session.extensions("foo")
    return session


def once(session: Session, file: Path | None = None, *, exits: int = 0) -> str:
    """What the file holds after one attempt."""
    place = file or session.base / "llamagate.prom"
    session.llamagate("watch", "--once", "--metrics-file", place, exits=exits)
    return place.read_text()


def value(text: str, name: str, **labels: str) -> float | None:
    """Of the one sample with these labels, beside others; ``None`` where there is none."""
    found = []
    for line in text.splitlines():
        if match := re.fullmatch(rf"llamagate_{name}\{{(.*)\}} (\S+)", line):
            given = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[1]))
            if labels.items() <= given.items():
                found.append(float(match[2]))
    assert len(found) <= 1, found
    return found[0] if found else None


def label(text: str, name: str, key: str) -> str:
    (found,) = re.findall(rf'^llamagate_{name}\{{.*\b{key}="([^"]*)"', text, re.MULTILINE)
    return str(found)


def test_every_line_names_its_home(foo: Session) -> None:
    file = foo.base / "llamagate.prom"
    text = once(foo, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644  # node exporters run as somebody else
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(f'home="{foo.home}"' in line for line in samples)
    names = {name for name, _ in TYPE.findall(text)}
    assert {re.split(r"[{ ]", line)[0] for line in samples} == names
    assert text.count("# HELP ") == len(names)


def test_prometheus_can_read_it(foo: Session) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    ran = subprocess.run([program, "check", "metrics"], input=once(foo), capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_two_homes_never_say_the_same_series(session: Session) -> None:
    """In one folder of a node exporter one line that is there twice takes all of them away."""
    session.extensions("foo")
    texts = []
    for name in ("one", "two"):
        session.variables["LLAMAGATE_HOME"] = str(session.base / name)
        texts.append(once(session, session.base / f"{name}.prom"))
    series = [[line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"] for text in texts]
    assert len({*series[0], *series[1]}) == len(series[0]) + len(series[1])
    helps = [{line for line in text.splitlines() if line[0] == "#"} for text in texts]
    assert helps[0] == helps[1], "an exporter wants one text for a metric"


def test_what_is_said_of_a_home(foo: Session) -> None:
    text = once(foo)
    assert label(text, "info", "version") == __version__
    assert label(text, "info", "owner") == "default"
    assert label(text, "info", "input") == label(text, "applied_info", "input") != ""
    assert value(text, "items", kind="extension") == 1
    expected = {"generation": 1, "in_sync": 1, "pending": 0, "refused": 0, "drift": 0, "hold": 0, "lock_stale": 0}
    assert {name: value(text, name) for name in expected} == expected
    lock = foo.project / "llamagate.lock.yaml"
    assert value(text, "lock_timestamp_seconds") == pytest.approx(lock.stat().st_mtime)
    assert value(text, "condition", type="Ready") == 1
    for absent in ("gateway_up", "outdated", "watch_next_attempt_timestamp_seconds"):
        assert value(text, absent) is None
    assert value(text, "watched") == 0, "a watcher that runs once is gone when this is read"


def test_counters_go_on_over_single_attempts(foo: Session) -> None:
    once(foo)
    once(foo)
    foo.desired("extensions: [\n")
    text = once(foo, exits=1)
    attempts = {one: value(text, "watch_attempts_total", result=one) for one in ("applied", "unchanged", "failed")}
    assert attempts == {"applied": 1, "unchanged": 1, "failed": 1}
    assert (value(text, "watch_attempt_seconds_total") or 0) > 0
    last, success = (value(text, f"watch_{name}_timestamp_seconds") for name in ("last_attempt", "last_success"))
    assert last is not None
    assert success is not None
    assert last > success


def test_a_failing_home_says_what_is_wanted_and_what_runs(foo: Session) -> None:
    before = label(once(foo), "info", "input")
    foo.desired("owner: team-a\nextensions: {foo: ./packages/nowhere}\n")
    text = once(foo, exits=1)
    assert label(text, "applied_info", "input") == before != label(text, "info", "input")
    assert value(text, "in_sync") == 0
    assert value(text, "condition", type="Stalled") == 1
    assert value(text, "items", kind="extension") == 1
    assert value(text, "pending") is None, "it is not known"


def test_drift_and_a_hold(foo: Session) -> None:
    once(foo)
    foo.installed("foo", "manifest.yaml").write_text("name: foo\nversion: 1.0.0\ntype: workflow\n")
    assert value(once(foo), "drift") == 1
    foo.llamagate("apply", "--overwrite")
    foo.package("foo", version="2.0.0")
    foo.llamagate("apply", "--overwrite")
    foo.llamagate("rollback")
    text = once(foo)
    assert (value(text, "hold"), value(text, "condition", type="Suspended")) == (1, 1)
    assert (value(text, "pending") or 0) >= 1


def test_the_gateway(foo: Session, gateway: Gateway) -> None:
    foo.desired(f"gateway: {{url: '{gateway.url}'}}\nextensions: {{foo: ./packages/foo}}\n")
    text = once(foo)
    assert (value(text, "gateway_up"), value(text, "gateway_current")) == (1, 1)
    assert value(text, "condition", type="GatewayReloaded") == 1
    foo.desired("gateway: {url: 'http://127.0.0.1:9'}\nextensions: {foo: ./packages/foo}\n")
    text = once(foo)
    assert (value(text, "gateway_up"), value(text, "gateway_current")) == (0, 0)


def test_figures_are_made_without_asking_anyone(foo: Session) -> None:
    """A source that does not answer keeps no scrape waiting."""
    once(foo)
    foo.desired("extensions: {foo: ./packages/foo, bar: 'http://127.0.0.1:9/bar.zip'}\n")
    text = once(foo, exits=1)
    assert (value(text, "in_sync"), value(text, "pending")) == (0, None)


def test_a_package_that_was_changed_in_the_cache_hides_no_figures(foo: Session) -> None:
    """What a pass would fetch again is refused where nothing may be fetched."""
    foo.llamagate("catalog", "build", foo.project / "packages")
    foo.desired("extensions: {foo: {source: {catalog: packages}}}\n")
    foo.llamagate("plan")
    foo.llamagate("lock")
    (cached,) = (foo.ours / "cache").glob("*.zip")
    cached.write_bytes(b"changed")
    shutil.rmtree(foo.project / "packages")
    assert value(once(foo, exits=1), "in_sync") == 0


def test_newer_versions_are_counted_where_that_is_wanted(foo: Session) -> None:
    build = ("catalog", "build", foo.project / "packages")
    foo.llamagate(*build)
    foo.desired("extensions: {foo: {source: {catalog: packages}}}\n")
    place = foo.base / "llamagate.prom"
    assert value(once(foo), "outdated") is None
    foo.package("foo", version="1.1.0")
    foo.llamagate(*build)
    foo.llamagate("watch", "--once", "--metrics-file", place, "--outdated", "3600")
    assert value(place.read_text(), "outdated") == 1
    shutil.rmtree(foo.project / "packages")
    asked = value(place.read_text(), "outdated_timestamp_seconds")
    foo.llamagate("watch", "--once", "--metrics-file", place, "--outdated", "1")
    text = place.read_text()
    assert (value(text, "outdated"), value(text, "outdated_timestamp_seconds")) == (1, asked), "what is known stays"
    assert value(once(foo), "outdated") is None


def test_an_older_status_has_no_counts(foo: Session) -> None:
    """``status.json`` as the version before wrote it."""
    once(foo)
    path = foo.ours / "status.json"
    document = json.loads(path.read_text())
    del document["counts"], document["ref"], document["newer"]
    path.write_text(json.dumps(document))
    assert value(once(foo), "watch_attempts_total", result="unchanged") == 1


def test_labels_are_escaped() -> None:
    odd = 'a"b\\c\nd'
    catalogs = (LockedCatalog(source=odd, catalog="tools", serial=1, expires="1970-01-01T00:00:02Z"),)
    status = Status(in_sync=True, has_file=True, generation=1, drift=(), hold=None, items=(), catalogs=catalogs)
    text = metrics_text(status, Facts(home=odd))
    assert text.count('home="a\\"b\\\\c\\nd"') == len([line for line in text.splitlines() if line[0] != "#"])
    assert 'llamagate_catalog_expires_timestamp_seconds{home="a\\"b\\\\c\\nd",catalog="a\\"b\\\\c\\nd"} 2\n' in text


def test_every_metric_is_on_the_page_and_every_one_of_the_page_is_said(foo: Session, gateway: Gateway) -> None:
    foo.desired(f"gateway: {{url: '{gateway.url}'}}\nextensions: {{foo: ./packages/foo}}\n")
    once(foo)
    watcher = Watched(pid=1, started_at="", file="", triggers="", next_at=MOMENT, newer=Newer(at=MOMENT, items=0))
    status = Status(in_sync=True, has_file=True, generation=1, drift=(), hold=None, items=(), watcher=watcher)
    status = replace(status, catalogs=(LockedCatalog(source="c", catalog="c", serial=1, expires=MOMENT),))
    said = once(foo) + metrics_text(status, Facts(home="x"))
    page = (PROJECT / "docs" / "watch.md").read_text().partition("| metric | means |")[2].partition("\n\n")[0]
    named = re.findall(r"`(llamagate_\w+)", page)
    assert {name for name, _ in TYPE.findall(said)} == set(named)


def test_counts_as_a_document() -> None:
    counts = Counts().after(Result.FAILED, 0.25).after(Result.APPLIED, 1).after(Result.FAILED, 0.5)
    assert Counts.from_document(counts.to_document()) == counts
