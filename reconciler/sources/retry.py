"""A few tries within one deadline: what failed by itself may work by itself a moment later."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

from reconciler.errors import UnreachableError

PAUSES: Final = [0.5, 2.0]
"""Seconds before the second try and the third, lengthened by up to a quarter: others wait for the same server."""
_MAX_SECONDS: Final = 10**6

T = TypeVar("T")


def patiently(attempt: Callable[[], T], *, end: float) -> T:
    """What ``attempt`` brings, tried again where it fails for the moment; ``end`` is on the clock of ``monotonic``.

    Where the other side says how long to wait, that is heeded. It is not tried again where that would be too late.
    """
    for pause in PAUSES:
        try:
            return attempt()
        except UnreachableError as error:
            wait = max(pause * random.uniform(1, 1.25), error.wait)  # noqa: S311 - no secret
            if not error.passes_soon or time.monotonic() + wait >= end:
                raise
            time.sleep(wait)
    return attempt()


def seconds_of(retry_after: str) -> float:
    """What the header ``Retry-After`` asks for, in seconds or as a date (RFC 9110, 10.2.3); 0 where it is neither."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(min(int(retry_after[:9]), _MAX_SECONDS))
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max((date - datetime.now(UTC)).total_seconds(), 0.0), float(_MAX_SECONDS))
