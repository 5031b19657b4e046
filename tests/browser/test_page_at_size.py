"""The page of a large home: it answers while it draws, and costs the host next to nothing while nothing changes."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.browser.chromium import Browser
from tests.cli.shell import Session
from tests.host.test_serve_command import serving

MANY, THOUSAND = 3_000, 1_000
LINES = 60
"""Of each prompt, of some 115 bytes, before and after: 20 MB in all items together."""

_OBSERVE = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration);
}).observe({ entryTypes: ["longtask"] });
"""


def fill(session: Session, word: str, items: int) -> None:
    """So many extensions, whose prompts have the word in each line."""
    lines = "".join(f"{word} line {number} {'of a prompt that goes on ' * 4}\n" for number in range(LINES))
    names = [f"x{number:04}" for number in range(items)]
    for name in names:
        session.package(name, files={"prompt.txt": lines})
    session.extensions(*names)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A home in which each of thousands of items waits for an update."""
    session = Session(tmp_path_factory.mktemp("large"))
    fill(session, "old", MANY)
    session.llamagate("apply")
    fill(session, "new", MANY)
    return session


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A home that is as its file says."""
    session = Session(tmp_path_factory.mktemp("thousand"))
    fill(session, "old", THOUSAND)
    session.llamagate("apply")
    return session


@pytest.mark.long
def test_no_task_of_the_page_is_long(browser: Browser, large: Session) -> None:
    """While 3,000 changes are shown, one is unfolded, the list is filtered and all is folded."""
    with serving(large) as (_, url):
        browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _OBSERVE})
        browser.open(f"{url}/ui/#/plan", "Plan", 600)
        browser.wait(lambda: len(browser.all("summary")) == MANY)
        for summary in browser.all("summary")[:5]:
            summary.click()
        browser.wait(lambda: len(browser.all(".file")) >= 5)
        browser.find("#filter").send_keys("x00")
        browser.find("#fold").click()
        browser.open(f"{url}/ui/#/items", "Items")
        browser.wait(lambda: len(browser.all("ul.rows > li")) == MANY)
        longest = browser.script("return window.longest")
    assert longest < 200, f"{longest:.0f} ms"


@pytest.mark.long
@pytest.mark.parametrize(("view", "title"), [("", "Overview"), ("#/items", "Items")])
def test_the_first_view_is_there_within_a_second(browser: Browser, thousand: Session, view: str, title: str) -> None:
    """Of a host that nobody asked before: it has not read the home for the page yet."""
    with serving(thousand) as (_, url):
        started = time.monotonic()
        browser.open(f"{url}/ui/{view}", title)
        took = time.monotonic() - started
    assert took < 1, f"{took:.2f} s"


@pytest.mark.long
def test_ten_listeners_cost_next_to_nothing(thousand: Session) -> None:
    with serving(thousand) as (process, url):
        command = ["curl", "-sN", f"{url}/ui/data/events"]
        listening = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(10)]
        try:
            time.sleep(10)  # the first look costs more
            before, start = _seconds(process.pid), time.monotonic()
            time.sleep(30)
            share = (_seconds(process.pid) - before) / (time.monotonic() - start)
        finally:
            for one in listening:
                one.kill()
                one.wait()
    assert share < 0.02, f"{share:.3f} of a processor"


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
