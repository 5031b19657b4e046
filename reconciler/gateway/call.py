"""Calls to a running gateway, and the words for each way in which one can fail. The key reaches it and nobody else."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Final

from msgspec import Struct

from reconciler.gateway.exchange import GatewayResponse, exchange
from reconciler.model.regex import regex

DEADLINE_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 10.0
"""How long a gateway that is asked too often is given, all pauses together."""
_FIRST_PAUSE_SECONDS: Final = 0.5
_HEADER_TEXT: Final = regex(r"[!-~]+")
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_REDIRECTS: Final = range(300, 400)


class Cause(StrEnum):
    """Why a call brought nothing; the words that conditions use."""

    UNREACHABLE = "GatewayUnreachable"
    KEY_REFUSED = "KeyRefused"
    NO_EXTENSIONS = "NoExtensionSupport"
    TOO_MANY_REQUESTS = "TooManyRequests"
    BAD_ANSWER = "BadAnswer"


class Missed(Struct, frozen=True, kw_only=True):
    """A call that brought nothing. ``again`` is false where the same call is of no use later either."""

    cause: Cause
    reason: str
    again: bool = True


class Gateway(Struct, frozen=True, kw_only=True):
    """One gateway. ``key_name`` is how messages call the key: the variable that holds it."""

    url: str
    api_key: str | None = None
    key_name: str = ""

    def __repr__(self) -> str:
        """Without the key."""
        return f"Gateway(url={self.url!r}, key_name={self.key_name!r})"


def call(gateway: Gateway, method: str, path: str) -> GatewayResponse | Missed:
    """The answer, whose status is in the 200s; or why there is none. Never raises for what a gateway may do.

    A gateway that is asked too often is asked again for ``RETRY_SECONDS``, not before the time that it names.
    """
    if gateway.api_key and not _HEADER_TEXT.fullmatch(gateway.api_key):
        # Checked here: the message of http.client would show the key.
        reason = (
            f"the key in {gateway.key_name} contains a line break or a character that is not allowed in an HTTP header"
        )
        return Missed(cause=Cause.KEY_REFUSED, reason=reason)
    waited, pause = 0.0, _FIRST_PAUSE_SECONDS
    while True:
        answer = _once(gateway, method, path)
        if isinstance(answer, Missed):
            return answer
        if answer.status != _TOO_MANY:
            return answer if answer.status in range(200, 300) else _judged(gateway, answer.status)
        wait = max(pause, _seconds(answer.retry_after))
        if waited + wait > RETRY_SECONDS:
            return _judged(gateway, answer.status)
        time.sleep(wait)
        waited, pause = waited + wait, pause * 2


def _once(gateway: Gateway, method: str, path: str) -> GatewayResponse | Missed:
    url = f"{gateway.url.rstrip('/')}{path}"
    try:
        return exchange(method, url, gateway.api_key, seconds=DEADLINE_SECONDS)
    except ConnectionRefusedError:
        reason = "connection refused; a gateway loads the change when it starts"
        return Missed(cause=Cause.UNREACHABLE, reason=reason, again=False)
    except (OSError, ValueError) as error:
        return Missed(cause=Cause.UNREACHABLE, reason=_reason(error))


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _seconds(retry_after: str) -> float:
    """A pause in seconds; a date, which needs clocks that agree, counts as none."""
    return float(retry_after[:9]) if retry_after.isdecimal() else 0.0


def _judged(gateway: Gateway, status: int) -> Missed:
    if status in (401, 403):
        wants = f"it does not accept the key in {gateway.key_name}" if gateway.api_key else "it requires a key"
        reason = f"{wants}; set {gateway.key_name} to the gateway's API_KEY"
        return Missed(cause=Cause.KEY_REFUSED, reason=reason)
    if status == _NOT_FOUND:
        reason = "this gateway has no extension support"
        return Missed(cause=Cause.NO_EXTENSIONS, reason=reason, again=False)
    if status == _TOO_MANY:
        return Missed(cause=Cause.TOO_MANY_REQUESTS, reason="it gets too many requests")
    if status in _REDIRECTS:
        reason = f"it answered {status} with a redirect, which is not followed; put the final address into gateway.url"
        return Missed(cause=Cause.BAD_ANSWER, reason=reason)
    return Missed(cause=Cause.BAD_ANSWER, reason=f"it answered {status}")
