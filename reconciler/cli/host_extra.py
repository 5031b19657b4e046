"""The host is an extra: what a verb says that needs it where it is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.errors import MissingProgramError


@contextmanager
def host_extra(verb: str) -> Iterator[None]:
    """Around the import of the host. ``MissingProgramError`` where a package of others is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "reconciler":
            raise
        message = f"{verb} needs the package {error.name}, which is not installed"
        raise MissingProgramError(message, advice="pip install 'llamagate[host]'") from error
