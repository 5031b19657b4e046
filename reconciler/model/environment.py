"""What the process was started with, as a value. ``cli`` reads it once and hands it down."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.model.regex import regex

GATEWAY_VARIABLE: Final = "LLAMAGATE_URL"
_GATEWAY_URL: Final = regex(
    r"https?://(?:\[[0-9a-f:.]+\]|[^/?#@:\[\]\s]+)(?::[0-9]{0,5})?(?:/[^?#\s]*)?", re.IGNORECASE
)


Phase = Callable[[str], None]
"""Called with what begins now; what began before ends with that."""


def unheard(_name: str) -> None:
    """For callers that do not want to know how long each phase takes."""


class Environment(Struct, frozen=True, kw_only=True):
    """``home`` is the LlamaGate home, absolute; ``is_own_home`` says that it is the user's default one."""

    home: Path
    is_own_home: bool
    variables: Mapping[str, str]
    now: datetime
    command: str
    """The command line, for the notice that others see while they wait."""
    lock_file: Path | None = None
    """Where the lock is, if not beside the desired state."""
    offline: bool = False
    """Nothing that is not on this machine is asked for anything; the gateway is told all the same."""
    gateway: str | None = None
    """The gateway's address, where one is asked for beside the file: it wins over ``gateway.url``."""
    trust: Path | None = None
    """The host's own rules of who may sign, if not in their usual place."""
    phase: Phase = unheard
    user: str = ""
    """Who runs it, for the history."""
    message: str = ""
    """Why, for the history; empty where nobody said."""


def gateway_url_problem(url: str) -> str:
    """What is wrong with a gateway's address, and what to write; empty where it is good."""
    if _GATEWAY_URL.fullmatch(url):
        return ""
    if not url.strip():
        return "it is empty; if it comes from a variable, set that"
    if "@" in url:  # never shown: it may hold a password
        return "an address has no user and no password; the key is in LLAMAGATE_API_KEY"
    if "://" not in url and _GATEWAY_URL.fullmatch(f"http://{url}"):
        return f"'{url}' has no scheme; write http://{url}"
    return f"{url[:60]!r} is not an address; write http://HOST:PORT, without query or fragment"
