"""How far long work is: a line with a bar on a terminal, which is wiped; elsewhere a line every few seconds.

Loaded only once work takes long. rich is for terminals alone: it takes longer to load than most commands run.
"""

from __future__ import annotations

import io
import sys
import threading
from typing import Final

from msgspec import Struct, field

from reconciler.cli.ui.style import shown
from reconciler.cli.ui.width import cut_to
from reconciler.model.listener import IN_BYTES

_EVERY_SECONDS: Final = 0.1
_LINE_EVERY_SECONDS: Final = 5.0
_BAR_COLUMNS: Final = 20
_NAME_COLUMNS: Final = 12
"""With less room for the name there is no bar."""
_UNITS: Final = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


class _Work(Struct):
    """One thing that is done. ``since`` is when it was first heard of, ``first`` how much was done then."""

    since: float
    first: int
    done: int = 0
    total: int = 0


class Report(Struct):
    """Shows the work of one command. ``columns``: as wide as the line may be."""

    columns: int
    colours: bool
    is_terminal: bool
    _works: dict[str, _Work] = field(default_factory=dict)
    _shown_at: float = 0.0
    _is_shown: bool = False
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, what: str, done: int, total: int, now: float) -> None:
        """``done`` of ``total`` of ``what`` is done. Several may be under way, in threads of their own."""
        with self._one_at_a_time:
            work = self._works.setdefault(what, _Work(now, done))
            work.done, work.total = done, total
            if done >= total:
                del self._works[what]
            if not self._works:
                self.clear()
            elif now - self._shown_at >= (_EVERY_SECONDS if self.is_terminal else _LINE_EVERY_SECONDS):
                self._show(now)

    def clear(self) -> None:
        """Wipe the line, where there is one: something else is written."""
        if self._is_shown:
            self._is_shown = False
            _write("\r\x1b[K")

    def _show(self, now: float) -> None:
        is_first = not self._shown_at
        self._shown_at = now
        what, work = self._together()
        text = amount(work, now, in_bytes=what.endswith(IN_BYTES))
        name = shown(what.removesuffix(IN_BYTES))
        if self.is_terminal:
            self._is_shown = True
            _write(f"\r\x1b[K{_bar(name, text, work, self.columns, colours=self.colours)}")
        elif not is_first or now - work.since >= _LINE_EVERY_SECONDS:
            _write(f"llamagate: {name}: {text}\n")

    def _together(self) -> tuple[str, _Work]:
        """The work that is under way; of several downloads all of them."""
        downloads = [work for what, work in self._works.items() if what.endswith(IN_BYTES)]
        if len(downloads) < 2:
            what = next((what for what in self._works if what.endswith(IN_BYTES)), [*self._works][-1])
            return what, self._works[what]
        parts = {name: sum(getattr(one, name) for one in downloads) for name in ("first", "done", "total")}
        whole = _Work(min(one.since for one in downloads), **parts)
        return f"fetching {len(downloads)} archives{IN_BYTES}", whole


def amount(work: _Work, now: float, *, in_bytes: bool) -> str:
    """How much, how fast, how long: ``1.0 of 4.0 MiB, 512 KiB/s, 6 s left``; ``3 of 12, 5 s left``."""
    seconds, new = now - work.since, work.done - work.first
    rate = new / seconds if seconds > 0 else 0.0
    left = f", {_duration((work.total - work.done) / rate)} left" if rate > 0 else ""
    if not in_bytes:
        return f"{work.done} of {work.total}{left}"
    unit, size = next(((unit, size) for unit, size in _UNITS if work.total >= size), ("bytes", 1))
    speed = f", {_bytes(rate)}/s" if rate > 0 else ""
    return f"{work.done / size:.1f} of {work.total / size:.1f} {unit}{speed}{left}"


def _bytes(number: float) -> str:
    unit, size = next(((unit, size) for unit, size in _UNITS if number >= size), ("bytes", 1))
    return f"{number / size:.0f} {unit}" if number / size >= 10 or size == 1 else f"{number / size:.1f} {unit}"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min"


def _bar(name: str, text: str, work: _Work, columns: int, *, colours: bool) -> str:
    """One line: the name, a bar where there is room for one, and how much."""
    from rich.console import Console
    from rich.progress_bar import ProgressBar

    room = columns - len(text) - 2  # a full line would wrap
    if room < _BAR_COLUMNS + _NAME_COLUMNS:
        return f"{cut_to(name, room)} {text}" if room > 1 else cut_to(text, columns - 1)
    out = io.StringIO()
    console = Console(
        file=out,
        width=_BAR_COLUMNS,
        force_terminal=True,
        color_system="standard" if colours else None,
        no_color=not colours,
    )
    console.print(ProgressBar(total=max(1, work.total), completed=work.done, width=_BAR_COLUMNS), end="")
    return f"{cut_to(name, room - 1 - _BAR_COLUMNS)} {out.getvalue().rstrip(chr(10))} {text}"


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # nobody reads it: no reason to leave what is being done
