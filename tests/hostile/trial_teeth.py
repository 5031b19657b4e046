"""Trials that go wrong on purpose, each case in its own way, to see that a campaign notices."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

from reconciler.errors import InputError


def start(folder: Path) -> Callable[[random.Random], str]:
    """The trial, in ``folder``: what it does depends on the number of the case."""

    def trial(_draw: random.Random) -> str:
        case = int((folder / "at").read_text())
        if case == 1:
            raise KeyError("not one of ours")
        if case == 2:
            os.kill(os.getpid(), signal.SIGSEGV)
        if case == 3:
            raise InputError("one of ours, but nobody caught it")
        return "well"

    return trial
