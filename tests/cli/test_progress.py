"""How far long work is: a bar on a terminal, which is wiped; elsewhere a line every few seconds."""

from __future__ import annotations

import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from reconciler.cli.ui import terminal as terminal_module
from reconciler.cli.ui.progress import Report
from reconciler.cli.ui.terminal import Terminal
from reconciler.model.listener import IN_BYTES
from tests.conftest import PROJECT

MIB = 2**20


class Screen:
    """Standard error, as a terminal or not."""

    def __init__(self, *, is_terminal: bool) -> None:
        self.text, self._is_terminal = "", is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def fileno(self) -> int:
        raise OSError

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def attached(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool = True) -> Screen:
    """Called in the test itself: pytest replaces standard error behind each fixture."""
    made = Screen(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stderr", made)
    return made


def report(*, columns: int = 80, colours: bool = False, is_terminal: bool = True) -> Report:
    return Report(columns, colours, is_terminal)


def plain(text: str) -> list[str]:
    """What stood on the line, one after the other, without colours and with a mark for the bar."""
    lines = [re.sub(r"\x1b\[\d+m", "", line) for line in text.split("\r\x1b[K")]
    return [re.sub(r" [━╸╺]+ ", " | ", line) for line in lines]


def test_nothing_is_shown_of_what_does_not_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = attached(monkeypatch)
    moments = iter([0.1, 0.2, 0.3, 0.4])
    monkeypatch.setattr(terminal_module, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    terminal = Terminal(_started=0.0)
    for done in range(1, 5):
        terminal.progress("staging", done, 5)
    assert screen.text == ""


def test_it_is_shown_on_a_terminal_and_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = attached(monkeypatch)
    moments = iter([0.1, 0.6, 0.65, 0.75, 0.9])
    monkeypatch.setattr(terminal_module, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    terminal = Terminal(_started=0.0)
    for done in range(1, 6):
        terminal.progress("staging", done, 5)
    assert plain(screen.text) == ["", "staging | 2 of 5", "staging | 4 of 5, 0 s left", ""]


def test_a_notice_stands_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = attached(monkeypatch)
    terminal = Terminal(_started=-1.0)
    terminal.progress("staging", 1, 5)
    terminal.notice("hello")
    assert screen.text.endswith("\r\x1b[Kllamagate: hello\n")


def test_a_download_says_how_much_how_fast_and_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = attached(monkeypatch)
    one = report(columns=100)
    one.tell(f"fetching a.zip{IN_BYTES}", 0, 8 * MIB, 10.0)
    one.tell(f"fetching a.zip{IN_BYTES}", 2 * MIB, 8 * MIB, 12.0)
    assert plain(screen.text)[-1] == "fetching a.zip | 2.0 of 8.0 MiB, 1.0 MiB/s, 6 s left"
    one.tell(f"fetching a.zip{IN_BYTES}", 8 * MIB, 8 * MIB, 13.0)
    assert plain(screen.text)[-1] == ""


def test_several_downloads_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = attached(monkeypatch)
    one = report(columns=100)
    for name in ("a", "b"):
        one.tell(f"fetching {name}.zip{IN_BYTES}", 0, 4 * MIB, 10.0)
    one.tell("fetching", 1, 9, 10.0)
    one.tell(f"fetching b.zip{IN_BYTES}", 4 * MIB - 1, 4 * MIB, 12.0)
    assert plain(screen.text)[-1] == "fetching 2 archives | 4.0 of 8.0 MiB, 2.0 MiB/s, 2 s left"


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
@pytest.mark.parametrize("name", ["a.zip", "a-long-name-" * 10 + ".zip", "\u6f22\u5b57" * 40])
def test_the_line_never_wraps(monkeypatch: pytest.MonkeyPatch, columns: int, name: str) -> None:
    screen = attached(monkeypatch)
    one = report(columns=columns)
    one.tell(f"fetching {name}{IN_BYTES}", 0, 8 * MIB, 10.0)
    one.tell(f"fetching {name}{IN_BYTES}", 2 * MIB, 8 * MIB, 12.0)
    line = screen.text.split("\r\x1b[K")[-1]
    assert "2.0 of 8.0 MiB"[: columns // 2] in line
    assert sum(2 if ord(c) > 0x3000 else 1 for c in line) < columns


def test_colours_are_those_that_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = attached(monkeypatch)
    report(columns=80).tell("staging", 1, 5, 1.0)
    assert not re.search(r"\x1b\[\d+m", screen.text)
    report(columns=80, colours=True).tell("staging", 1, 5, 1.0)
    assert re.search(r"\x1b\[\d+m", screen.text)


def test_a_name_cannot_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = attached(monkeypatch)
    report().tell(f"fetching \x1b[2J[red]x{IN_BYTES}", 1, 5, 1.0)
    assert "\x1b[2J" not in screen.text
    assert "[red]x" in screen.text


def test_without_a_terminal_it_is_a_line_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = attached(monkeypatch, is_terminal=False)
    one = report(is_terminal=False)
    for tenths in range(130):
        one.tell(f"fetching a.zip{IN_BYTES}", tenths * MIB // 10, 20 * MIB, tenths / 10)
    assert screen.text.splitlines() == [
        "llamagate: fetching a.zip: 5.0 of 20.0 MiB, 1.0 MiB/s, 15 s left",
        "llamagate: fetching a.zip: 10.0 of 20.0 MiB, 1.0 MiB/s, 10 s left",
    ]


def test_only_a_terminal_loads_rich() -> None:
    code = (
        "import sys; from reconciler.cli.ui.progress import Report\n"
        "one = Report(80, False, False)\n"
        "for at in range(9): one.tell('x', at, 20, float(at))\n"
        "sys.exit('rich' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT, stderr=subprocess.DEVNULL)
