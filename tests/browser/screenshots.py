"""The pictures of ``docs/ui.md``, made anew: ``python -m tests.browser.screenshots``."""

from __future__ import annotations

import base64
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Final

from tests.browser.chromium import NARROW, WIDE, Browser, chromium
from tests.browser.conftest import make_rich
from tests.cli.shell import Session
from tests.conftest import PROJECT
from tests.host.test_serve_command import serving

FOLDER: Final = PROJECT / "docs" / "images"
PICTURES: Final = {
    "overview": ("", "Overview", WIDE),
    "plan": ("plan", "Plan", WIDE),
    "narrow": ("item/extension/bar", "bar 1.0.0", NARROW),
}


def picture(browser: Browser, url: str, name: str) -> bytes:
    """The view, unfolded, as a picture."""
    view, title, size = PICTURES[name]
    browser.size(size)
    browser.open(f"{url}/ui/#/{view}", title)
    browser.wait(lambda: "Up to date" in browser.text)
    for summary in browser.all("summary"):
        summary.click()
    browser.wait(lambda: "Loading…" not in browser.text)
    shot = browser.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": False})
    return base64.b64decode(shot["data"])


def main() -> None:
    """Write each picture."""
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as files, chromium(Path(files)) as browser:
        folder = Path(gettempdir(), "example")  # a name that stays: it is seen in the pictures
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        session = Session(folder)
        make_rich(session)
        with serving(session) as (_, url):
            for name in PICTURES:
                (FOLDER / f"ui-{name}.png").write_bytes(picture(browser, url, name))
                sys.stdout.write(f"docs/images/ui-{name}.png\n")


if __name__ == "__main__":
    main()
