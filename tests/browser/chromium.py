"""A browser without a window, and what tests do with a page in it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.conftest import PROJECT

AXE: Final = PROJECT / "build" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
_RUN_AXE: Final = "axe.run(document, {resultTypes: ['violations']}).then((one) => arguments[0](one.violations))"
SECONDS: Final = 60
WIDE: Final = (1000, 800)
NARROW: Final = (360, 740)
_FLAGS: Final = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
_T = TypeVar("_T")


def program(*names: str) -> str | None:
    """The first of these programs that is installed."""
    return next((found for name in names if (found := shutil.which(name))), None)


def missing() -> str:
    """What is not installed; empty where all is there."""
    wanted = {"Chromium": program("chromium", "chromium-browser"), "chromedriver": program("chromedriver")}
    return ", ".join(name for name, found in wanted.items() if not found)


@contextmanager
def chromium(folder: Path, *, dark: bool = False) -> Iterator[Browser]:
    """A browser that keeps its files in ``folder``."""
    options = Options()
    options.binary_location = program("chromium", "chromium-browser") or ""
    for flag in (*_FLAGS, f"--user-data-dir={folder}", *(["--force-dark-mode"] if dark else [])):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(program("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


class Browser:
    """One window."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        self.size(WIDE)

    def size(self, size: tuple[int, int]) -> None:
        """Of what is seen of the page, in pixels."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, url: str, title: str, seconds: float = SECONDS) -> None:
        """Open a view afresh, and wait until it is shown."""
        self.driver.get("about:blank")
        self.driver.get(url)
        self.wait(lambda: self.title == title, seconds)

    @property
    def title(self) -> str:
        """What the view is called."""
        return self.text_of("h1")

    @property
    def text(self) -> str:
        """All that can be read."""
        return str(self.script("return document.body.innerText"))

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text_of(self, selector: str) -> str:
        """What can be read there now, if anything. Asked in one step: it may be replaced at any time."""
        return str(self.script("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def press(self, *keys: str) -> None:
        """On the keyboard, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def tab_to(self, text: str) -> None:
        """Press the tab key until what has this text has the focus."""
        for _ in range(100):
            self.press(Keys.TAB)
            if str(self.script("return document.activeElement.innerText")).strip().startswith(text):
                return
        raise AssertionError(f"the tab key never came to {text!r}")

    def script(self, code: str, *arguments: object) -> Any:
        """What the code returns; it is no part of the page, whose policy does not count for it."""
        return self.driver.execute_script(code, *arguments)

    def wait(self, seen: Callable[[], _T], seconds: float = SECONDS) -> _T:
        """What ``seen`` gives, once it gives anything. Meanwhile the page may replace what that looks at."""
        end = time.monotonic() + seconds
        while True:
            with suppress(StaleElementReferenceException):
                if found := seen():
                    return found
            assert time.monotonic() < end, self.text
            time.sleep(0.05)

    def complaints(self) -> list[str]:
        """What the browser wrote into its console, which holds what breaks the page's policy too.

        Not that a server went away, or asked for a key: tests do that.
        """
        lines = [str(one["message"]) for one in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]
        return [line for line in lines if "net::ERR_" not in line and "status of 401" not in line]

    def violations(self) -> list[str]:
        """What an engine for accessibility finds in what is shown."""
        self.script(AXE.read_text("utf-8"))
        found = self.driver.execute_async_script(_RUN_AXE)
        return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]
