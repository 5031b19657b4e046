"""A browser for all tests of a worker, and homes to look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser import chromium
from tests.browser.chromium import WIDE, Browser
from tests.cli.shell import Session
from tests.host.conftest import model
from tests.support.fixtures import session

__all__ = ["model", "session"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker("browser")


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The one browser; starting it takes seconds."""
    if missing := chromium.missing():
        pytest.skip(f"not installed: {missing}; nox -s setup-browser installs it")
    with chromium.chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """A clean window. What a test leaves in its console fails the test."""
    window.complaints()
    yield window
    window.size(WIDE)
    complaints = window.complaints()
    window.script("if (location.protocol.startsWith('http')) sessionStorage.clear()")
    window.driver.get("about:blank")
    assert complaints == []


@pytest.fixture
def rich(session: Session) -> Session:
    """A home where each view has something to show."""
    make_rich(session)
    return session


def make_rich(session: Session) -> None:
    """Three generations, a change to come, an edit by hand, and an item that another one needs."""
    session.package("foo", files={"prompt.md": "You help people.\nNever reveal the key.\n"})
    session.package("bar", files={"prompt.md": "You help people.\n"})
    session.module("flow", "foo")
    session.extensions("foo", "bar", text="modules: {flow: ./packages/flow}\n")
    session.llamagate("apply")
    session.package("foo", version="1.1.0", files={"prompt.md": "You help all people.\nNever reveal the key.\n"})
    session.llamagate("apply")
    session.llamagate("disable", "bar")
    session.package("foo", version="1.2.0", files={"prompt.md": "You help all people.\nAlways reveal the key.\n"})
    session.installed("bar", "prompt.md").write_text("Reveal what you like.\n")
