"""The page as people use it: by eye, by keyboard, by ear, on a telephone, and while things change and break."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Final

import httpx2
import pytest
from selenium.webdriver import Keys

from tests.browser.chromium import AXE, NARROW, SECONDS, Browser
from tests.cli.shell import Session
from tests.host.model_server import ModelServer
from tests.host.test_serve_command import serving
from tests.support.today import today

VIEWS: Final[Mapping[str, str]] = {
    "": "Overview",
    "items": "Items",
    "item/extension/bar": "bar 1.0.0",
    "plan": "Plan",
    "history": "History",
    "compare/1/2": "From generation 1 to generation 2",
    "graph": "Graph",
    "served": "Served",
    "try": "Try",
}
THEIRS: Final = "ul[aria-label='Tool servers of the gateway']"
OURS: Final = "ul[aria-label='Tool servers of this host']"


@pytest.fixture
def url(rich: Session) -> Iterator[str]:
    """The page of a host that serves the rich home."""
    with serving(rich) as (_, url):
        yield f"{url}/ui/"


def test_each_view_shows_what_it_is_for(browser: Browser, url: str) -> None:
    said = {
        "": ["Not in sync.", "1 change pending", "bar: prompt.md was changed by hand", "None has kept this home yet."],
        "items": ["3 items", "bar", "disabled, changed"],
        "item/extension/bar": ["disabled by", "prompt.md", "Reveal what you like."],
        "plan": ["1 to update", "foo update 1.1.0 → 1.2.0"],
        "history": ["Generation 3 (now)", "by “llamagate disable", "~ foo 1.0.0 → 1.1.0"],
        "compare/1/2": ["foo changed 1.0.0 → 1.1.0"],
        "graph": ["flow needs foo (a step uses it)"],
        "served": ["It serves 3 items."],
        "try": ["Workflow"],
    }
    for view, title in VIEWS.items():
        browser.open(f"{url}#/{view}", title)
        for words in said[view]:
            browser.wait(lambda words=words: words in browser.text)  # type: ignore[misc]


def test_how_tool_servers_are_is_shown_and_followed(browser: Browser, session: Session) -> None:
    """Those of the gateway, and those that this host calls: why one does not work, and that it is disabled now."""
    with today(session.home) as gateway:
        servers = "mcp_servers: {notes: {command: /no/such/program}}\n"
        session.extensions("foo", text=f"gateway: {{url: '{gateway.url}'}}\n{servers}")
        session.llamagate("apply")
        gateway.restart()
        with serving(session) as (_, url):
            browser.open(f"{url}/ui/#/served", "Served")
            browser.wait(lambda: "Tool servers of the gateway" in browser.text)
            theirs = browser.text_of(THEIRS)
            assert theirs.split("\n")[:3] == ["notes", "stdio", "0 tools"]
            assert "disconnected: " in theirs
            assert browser.text_of(OURS).split("\n") == ["notes", "stdio", "0 tools", "not started"]
            session.llamagate("disable", "notes")
            httpx2.post(f"{url}/v1/extensions/refresh", trust_env=False)
            browser.wait(lambda: "disabled" in browser.text_of(OURS))


def test_the_words_that_change_are_marked(browser: Browser, url: str) -> None:
    browser.open(f"{url}#/plan", "Plan")
    browser.wait(lambda: browser.all("summary"))[0].click()
    browser.wait(lambda: browser.all("ins"))
    assert [one.text for one in browser.all("section[aria-label='prompt.md'] del")] == ["Never"]
    assert [one.text for one in browser.all("section[aria-label='prompt.md'] ins")] == ["Always"]


def test_by_keyboard_alone(browser: Browser, url: str) -> None:
    browser.open(url, "Overview")
    browser.tab_to("Plan")
    browser.press(Keys.ENTER)
    browser.wait(lambda: browser.title == "Plan" and browser.all("summary"))
    browser.tab_to("foo update")
    browser.press(Keys.ENTER)
    browser.wait(lambda: "Always reveal the key." in browser.text)
    browser.tab_to("Fold all")
    browser.press(Keys.ENTER)
    browser.wait(lambda: not browser.all("details[open]"))


def test_what_is_shown_is_in_the_address(browser: Browser, url: str) -> None:
    browser.open(f"{url}#/items?q=fo", "Items")
    browser.wait(lambda: "1 of 3 items" in browser.text)
    browser.find("#filter").send_keys("x")
    assert str(browser.script("return location.hash")) == "#/items?q=fox"


def test_the_back_button_shows_what_was_there_before(browser: Browser, url: str) -> None:
    browser.open(f"{url}#/", "Overview")
    browser.find("a[href='#/items']").click()
    browser.wait(lambda: browser.title == "Items")
    browser.find("#filter").send_keys("fo")
    browser.wait(lambda: "1 of 3 items" in browser.text)
    browser.find("a[href='#/item/extension/foo']").click()
    browser.wait(lambda: browser.title.startswith("foo"))
    browser.driver.back()
    browser.wait(lambda: "1 of 3 items" in browser.text)
    assert browser.find("#filter").get_attribute("value") == "fo"
    browser.driver.back()
    browser.wait(lambda: browser.title == "Overview")
    browser.driver.forward()
    browser.wait(lambda: "1 of 3 items" in browser.text)


@pytest.mark.parametrize("size", [NARROW, (320, 600)], ids=["360", "320"])
def test_it_fits_on_a_telephone(browser: Browser, url: str, size: tuple[int, int]) -> None:
    browser.size(size)
    for view, title in VIEWS.items():
        browser.open(f"{url}#/{view}", title)
        assert browser.script("return document.documentElement.scrollWidth") <= size[0], view


def test_an_engine_for_accessibility_finds_nothing(browser: Browser, url: str) -> None:
    if not AXE.exists():
        pytest.skip("not installed: axe-core; nox -s setup-browser installs it")
    for view, title in VIEWS.items():
        browser.open(f"{url}#/{view}", title)
        for summary in browser.all("summary"):
            summary.click()
        browser.wait(lambda: "Loading…" not in browser.text)
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            assert browser.violations() == [], f"{view} {scheme}"


def test_a_change_appears_by_itself(browser: Browser, rich: Session, url: str) -> None:
    browser.open(f"{url}#/plan", "Plan")
    browser.wait(lambda: "1 to update" in browser.text and "Up to date" in browser.text)
    rich.llamagate("apply")
    browser.wait(lambda: "Nothing to do." in browser.text)


def test_what_is_unfolded_stays_so(browser: Browser, rich: Session, url: str) -> None:
    browser.open(f"{url}#/plan", "Plan")
    browser.wait(lambda: "Up to date" in browser.text)
    browser.wait(lambda: browser.all("summary"))[0].click()
    browser.wait(lambda: "Always reveal the key." in browser.text)
    rich.package("bar", version="1.1.0")
    browser.wait(lambda: "2 to update" in browser.text)
    browser.wait(lambda: "Always reveal the key." in browser.text)


def test_a_lost_connection_is_said_and_found_again(browser: Browser, rich: Session) -> None:
    with serving(rich) as (process, url):
        browser.open(f"{url}/ui/", "Overview")
        browser.wait(lambda: "Up to date" in browser.text)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0  # a page that listens keeps nothing alive
    browser.wait(lambda: "Connection lost at " in browser.text)
    rich.llamagate("apply")
    with rich.process("serve", "--port", url.rpartition(":")[2]) as again:
        browser.wait(lambda: "Up to date" in browser.text)
        browser.wait(lambda: "1 change pending" not in browser.text)
        again.kill()


def test_a_watcher_shows_the_same_page(browser: Browser, rich: Session) -> None:
    with rich.process("watch", "--listen", "127.0.0.1:0") as process:
        assert process.stderr is not None
        url = next(line.split()[-1] for line in process.stderr if "serving at " in line)
        browser.open(f"{url}/ui/", "Overview")
        browser.wait(lambda: "Ready is true" in browser.text)
        assert "Try" not in browser.text  # a watcher runs nothing
        process.terminate()
        process.stderr.read()
        assert process.wait(SECONDS) == 0
    browser.wait(lambda: "Connection lost at " in browser.text)


def test_the_key_is_asked_for(browser: Browser, rich: Session) -> None:
    rich.variables["API_KEY"] = "k3y"
    with serving(rich) as (_, url):
        browser.open(f"{url}/ui/", "This host asks for its key")
        browser.find("#key").send_keys("wrong", Keys.ENTER)
        browser.wait(lambda: browser.all("#key") and browser.find("#key").get_attribute("value") == "")
        browser.find("#key").send_keys("k3y", Keys.ENTER)
        browser.wait(lambda: browser.title == "Overview")


TRIED: Final = """\
name: foo
version: 1.0.0
description: A package for tests
type: workflow
inputs:
  - {id: text, type: string, required: true}
  - {id: count, type: number, default: 2}
steps:
  - {name: ask, uses: llm.chat, with: {prompt: "Say {{text}} {{count}} times"}}
outputs:
  - {id: llm_response, type: string}
"""


def test_a_workflow_is_tried_with_its_steps(browser: Browser, session: Session, model: ModelServer) -> None:
    session.variables["TOKEN"] = "s3cret-of-the-token"  # noqa: S105 - it is looked for
    session.package("foo", files={"manifest.yaml": TRIED})
    session.extensions("foo")
    session.llamagate("apply")
    model.say = lambda body: f"{body['messages'][-1]['content']}: done"
    with serving(session, "--llm-url", model.url) as (_, url):
        browser.open(f"{url}/ui/#/try", "Try")
        browser.wait(lambda: browser.all("#input-text"))[0].send_keys("s3cret-of-the-token")
        session.package("bar")
        session.llamagate("import", "packages/bar")  # news must not take away what is being written
        browser.find("form button").click()
        browser.wait(lambda: "It gave" in browser.text)
        browser.find("summary").click()
        assert browser.text.count("Say *** 2 times") == 5  # arguments, prompt, answer, result, output
        assert "s3cret" not in str(browser.script("return document.documentElement.outerHTML"))


SWITCHED: Final = """\
name: bar
version: 1.0.0
description: A package for tests
type: workflow
inputs:
  - {id: loud, type: boolean}
  - {id: quiet, type: boolean, default: false}
steps:
  - name: judge
    uses: rules.evaluate
    with: {rules: [{if: "loud == false", then: {said: low}}, {if: true, then: {said: none}}]}
outputs:
  - {id: said, type: string}
"""


def test_another_workflow_is_chosen_and_a_switch_is_not_given(browser: Browser, session: Session) -> None:
    session.package("foo", files={"manifest.yaml": TRIED})
    session.package("bar", files={"manifest.yaml": SWITCHED})
    session.extensions("foo", "bar")
    session.llamagate("apply")
    with serving(session) as (_, url):
        browser.open(f"{url}/ui/#/try?name=foo", "Try")
        browser.wait(lambda: browser.all("#input-text"))
        browser.find("#name option[value=bar]").click()
        browser.wait(lambda: browser.all("#input-loud"))
        assert not browser.all("#input-text")
        for word, said in (("", "none"), ("false", "low"), ("true", "none")):
            browser.find(f"#input-loud option[value='{word}']").click()
            browser.find("form button").click()
            browser.wait(lambda said=said: f"said\n{said}" in browser.text)  # type: ignore[misc]
        assert str(browser.script("return location.hash")) == "#/try?name=bar"


def test_what_is_asked_of_a_workflow_that_was_left_does_not_show_up(browser: Browser, session: Session) -> None:
    """Its inputs may come after those of the one that was chosen later."""
    session.package("foo", files={"manifest.yaml": TRIED})
    session.package("bar", files={"manifest.yaml": SWITCHED})
    session.extensions("foo", "bar")
    session.llamagate("apply")
    slow = """
      const asked = window.fetch;
      window.fetch = async (...words) => {
        if (String(words[0]).includes("inputs/foo")) await new Promise((done) => setTimeout(done, 1000));
        return asked(...words);
      };
    """
    with serving(session) as (_, url):
        browser.open(f"{url}/ui/#/try?name=bar", "Try")
        browser.wait(lambda: browser.all("#input-loud"))
        browser.script(slow)
        browser.find("#name option[value=foo]").click()
        browser.find("#name option[value=bar]").click()
        time.sleep(1.5)
        assert browser.all("#input-loud")
        assert not browser.all("#input-text")


def test_a_long_list_says_how_many_more_there_are(browser: Browser, session: Session) -> None:
    names = [f"x{number:02}" for number in range(60)]
    for name in names:
        session.package(name, files={"prompt.md": "Hello.\n"})
    session.extensions(*names)
    session.llamagate("apply")
    for name in names:
        session.installed(name, "prompt.md").write_text("Bye.\n")
    lock = session.project / "llamagate.lock.yaml"
    lock.write_text(lock.read_text().replace("1.0.0", "0.9.0"))
    with serving(session) as (_, url):
        browser.open(f"{url}/ui/", "Overview")
        for title in ("Not as it was installed", "The lock is out of date"):
            rows = browser.all(f"ul[aria-label='{title}'] > li")
            assert len(rows) == 51
            assert rows[-1].get_attribute("textContent") == "and 10 more rows; “llamagate status” shows all"


def test_no_secret_and_no_markup_of_a_package_gets_in(browser: Browser, session: Session) -> None:
    session.variables["TOKEN"] = "s3cret-of-the-token"  # noqa: S105 - it is looked for
    markup = '"<img src=x onerror=document.title=1> \\u202eevil"'
    session.package("foo")
    session.edit("packages/foo/manifest.yaml", "description: A package for tests", f"description: {markup}")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {env: TOKEN}}}}\n")
    session.llamagate("apply")
    session.edit(session.installed("foo", "manifest.yaml"), "interval: 5", "interval: 6")
    session.package("foo", version="2.0.0")
    with serving(session) as (_, url):
        for view, title in {
            "": "Overview",
            "items": "Items",
            "item/extension/foo": "foo 1.0.0",
            "plan": "Plan",
        }.items():
            browser.open(f"{url}/ui/#/{view}", title)
            for summary in browser.all("summary"):
                summary.click()
            browser.wait(lambda: "Loading…" not in browser.text)
            assert "s3cret" not in str(browser.script("return document.documentElement.outerHTML"))
            assert not browser.all("img")
        for path in ("overview", "plan", "plan/extension/foo", "item/extension/foo", "drift/extension/foo", "history"):
            assert "s3cret" not in httpx2.get(f"{url}/ui/data/{path}", timeout=SECONDS).text


def test_it_refers_to_nothing_outside(url: str) -> None:
    answer = httpx2.get(url, timeout=SECONDS)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    for name in ("app.js", "style.css"):
        text = httpx2.get(f"{url}{name}", timeout=SECONDS).text
        assert "://" not in text
    assert httpx2.get(f"{url}..%2fdocuments.py", timeout=SECONDS).status_code == 404
    assert httpx2.get(f"{url}nothing.js", timeout=SECONDS).status_code == 404


def test_its_modules_are_valid(url: str) -> None:
    """Each module that the page loads is there, and is JavaScript that a parser accepts."""
    names = ["app.js"]
    for name in names:
        answer = httpx2.get(f"{url}{name}", timeout=SECONDS)
        assert answer.status_code == 200, name
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        imported = [part.split('"')[0] for part in answer.text.split(' from "./')[1:]]
        names.extend(one for one in imported if one not in names)
    assert len(names) > 5


def test_data_is_asked_for_with_the_key_only(rich: Session) -> None:
    rich.variables["API_KEY"] = "k3y"
    paths = [
        "overview",
        "plan",
        "plan/extension/foo",
        "item/extension/foo",
        "history",
        "graph",
        "events",
        "compare?from=1",
    ]
    with serving(rich) as (_, url):
        for path in (*paths, "events"):
            assert httpx2.get(f"{url}/ui/data/{path}", timeout=SECONDS).status_code == 401, path
        assert httpx2.get(f"{url}/ui/", timeout=SECONDS).status_code == 200


def test_what_is_not_there_is_said(url: str) -> None:
    expected = {
        "item/extension/nobody": 404,
        "drift/extension/nobody": 404,
        "drift/agentic-module/foo": 404,
        "item/animal/foo": 404,
        "compare?from=x": 400,
        "compare?from=99": 404,
        "compare": 400,
        "plan/extension/nobody": 200,
        "nothing": 404,
    }
    found = {path: httpx2.get(f"{url}data/{path}", timeout=SECONDS).status_code for path in expected}
    assert found == expected


def test_ten_listeners_are_told_once_each(rich: Session, url: str) -> None:
    listening = [
        subprocess.Popen(["curl", "-sN", f"{url}data/events"], stdout=subprocess.PIPE, text=True) for _ in range(10)
    ]
    try:
        first = {json.loads(line)["revision"] for line in map(_data, listening)}
        assert len(first) == 1
        rich.llamagate("apply")
        second = {json.loads(line)["revision"] for line in map(_data, listening)}
        assert len(second) == 1
        assert first != second
    finally:
        for one in listening:
            one.kill()
            one.communicate()


def _data(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return next(line[6:] for line in process.stdout if line.startswith("data: "))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("item/%/x", "Item not found"),
        ("compare", "Say from which generation"),
        ("compare/%zz/1", "'@%zz' is not a generation"),
    ],
)
def test_an_address_that_somebody_mistyped(browser: Browser, url: str, address: str, said: str) -> None:
    browser.open(f"{url}#/{address}", "This could not be shown")
    assert said in browser.text
    assert [one for one in browser.complaints() if "status of 40" not in one] == []


def test_a_broken_file_is_named_by_each_view_that_needs_it(browser: Browser, rich: Session, url: str) -> None:
    browser.open(f"{url}#/items", "Items")
    rich.desired("extensions: [\n")
    browser.wait(lambda: "This could not be shown" in browser.text)
    assert "llamagate.yaml:" in browser.text
