"""How much a piece of Python does, counted in calls: unlike time, that is the same on every machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

LINEAR: Final = 4.4
"""What four times as many things may take, as a multiple: a little more than four, for sorting and for sets."""


def calls_of(run: Callable[[], Any]) -> int:
    """The calls of functions, built-in ones too, while ``run`` runs; a first run has loaded what is loaded once."""
    run()
    count = 0

    def counted(_frame: object, event: str, _function: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def growth(of: Callable[[int], Callable[[], Any]], small: int) -> float:
    """How many times as much is done for four times ``small`` things; ``of`` makes what is run for that many."""
    return calls_of(of(4 * small)) / calls_of(of(small))
