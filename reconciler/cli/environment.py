"""What this process was started with, as one value. Nothing else reads ``os.environ``."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, UsageError
from reconciler.model.environment import GATEWAY_VARIABLE, Environment, gateway_url_problem
from reconciler.model.regex import regex

_OWN_HOME: Final = "~/.llamagate"
_TAKES_A_VALUE: Final = regex(r"--(file|home|color|gateway|log-file|lock-file|trust)|-[^-f]*f")
"""The flags before a verb that have the next word as their value."""


def variables() -> Mapping[str, str]:
    """The environment variables."""
    return dict(os.environ)


def asked_verb(arguments: Sequence[str]) -> str:
    """The verb of a command line, which flags may precede; empty where there is none."""
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            return word
        if _TAKES_A_VALUE.fullmatch(word):
            next(words, "")
    return ""


def environment(
    home: Path | None, *, lock_file: Path | None = None, gateway: str | None = None, trust: Path | None = None
) -> Environment:
    """The variables, the time, the command line; the home from ``--home``, ``LLAMAGATE_HOME`` or the default.

    ``gateway`` is what ``--gateway`` says, which wins over ``LLAMAGATE_URL``. ``UsageError`` for a wrong address.
    """
    named = home or os.environ.get("LLAMAGATE_HOME")
    absolute = _absolute(named or _OWN_HOME)
    return Environment(
        home=absolute,
        is_own_home=absolute == (absolute if not named else _own_home()),
        variables=variables(),
        now=datetime.now(UTC),
        lock_file=lock_file,
        trust=trust,
        command=f"llamagate {asked_verb(sys.argv[1:])}".rstrip(),
        gateway=_gateway(gateway),
        user=_user(),
    )


def _user() -> str:
    """The name of who runs this, behind ``sudo`` too; the number of one who has no name."""
    number = os.geteuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except (KeyError, OSError):
        name = str(number)
    behind = os.environ.get("SUDO_USER", "")
    return f"{behind} (as {name})" if number == 0 and behind and behind != name else name


def _gateway(asked: str | None) -> str | None:
    name, url = ("--gateway", asked) if asked is not None else (GATEWAY_VARIABLE, os.environ.get(GATEWAY_VARIABLE))
    if asked is None and not url:
        return None
    if problem := gateway_url_problem(url or ""):
        raise UsageError(f"{name}: {problem}")
    return url


def _own_home() -> Path | None:
    try:
        return _absolute(_OWN_HOME)
    except InputError:
        return None


def _absolute(path: str | Path) -> Path:
    message = f"{path}: there is no such user, or there is no home folder; set HOME, or give --home a path"
    unknown = InputError(message, code=ErrorCode.NOT_SET)
    if str(path).partition("/")[0] == "~" and not Path(os.environ.get("HOME", "/")).is_absolute():
        raise unknown
    try:
        return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 - resolve() would follow a linked home
    except RuntimeError as error:
        raise unknown from error
