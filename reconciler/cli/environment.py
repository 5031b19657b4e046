"""What this process was started with, as one value. Nothing else reads ``os.environ``."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from reconciler.errors import InputError
from reconciler.model.environment import Environment


def environment(home: Path | None) -> Environment:
    """The variables, the time, the command line; the home from ``--home``, ``LLAMAGATE_HOME`` or the default."""
    named = home or os.environ.get("LLAMAGATE_HOME")
    own = _absolute("~/.llamagate")
    absolute = _absolute(named) if named else own
    return Environment(
        home=absolute,
        is_own_home=absolute == own,
        variables=dict(os.environ),
        now=datetime.now(UTC),
        command=" ".join(["llamagate", *sys.argv[1:2]]),
    )


def _absolute(path: str | Path) -> Path:
    try:
        return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 - resolve() would follow a linked home
    except RuntimeError as error:
        message = f"{path}: there is no such user, or no home is known; set HOME, or give --home a path"
        raise InputError(message) from error
