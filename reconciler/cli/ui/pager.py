"""A long text on a terminal, page by page, through the program that git would use for that."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Final, cast

_OURS: Final = "LLAMAGATE_PAGER"
_DEFAULTS: Final = {"LESS": "FRX", "LV": "-c"}
"""What pagers take from the environment, unless it says otherwise: colours, and nothing where one screen is enough."""


def pager_of(variables: Mapping[str, str]) -> str:
    """The command line of the pager; empty where there is none, or none is wanted."""
    found = next((variables[name] for name in (_OURS, "PAGER") if name in variables), None)
    if found is None:
        found = "less" if shutil.which("less", path=variables.get("PATH")) else ""
    return "" if found.strip() in ("", "cat") or variables.get("TERM") == "dumb" else found


def page(text: str, command: str, variables: Mapping[str, str]) -> bool:
    """Show ``text`` with the pager ``command``, a line for a shell; whether that could be started."""
    try:
        with subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, env={**_DEFAULTS, **variables}) as running:  # noqa: S602 - the user's own
            with suppress(BrokenPipeError), cast(IO[bytes], running.stdin) as pipe:  # ended by who has read enough
                pipe.write(text.encode(errors="backslashreplace"))
            while running.poll() is None:
                with suppress(KeyboardInterrupt):  # the pager has its own use for Ctrl-C
                    running.wait()
    except OSError:
        return False
    return running.returncode not in _NOT_STARTED


_NOT_STARTED: Final = (126, 127)
"""What a shell ends with where it cannot run the command."""
