"""Where a gateway may listen, whether it answers, and the call that makes it look at its extensions again."""

from __future__ import annotations

import json
from typing import Final

from msgspec import Struct

from reconciler.gateway.call import Cause, Gateway, Missed, call
from reconciler.gateway.exchange import exchange
from reconciler.model.desired import GatewaySettings
from reconciler.model.regex import regex

DEFAULT_URL: Final = "http://127.0.0.1:11435"
_REACHABLE_SECONDS: Final = 2.0
_OK, _PARTIAL = 200, 206
_MAX_ERRORS_CHARACTERS: Final = 2000
_ROUTES: Final = regex(r"(\S+) \(routes\): ")


def address_of(settings: GatewaySettings, *, asked: str | None, is_own_home: bool) -> str | None:
    """Where a gateway may listen, or ``None``: the ``asked`` address, that of the file, else the default one.

    The default address is only tried for the user's own home.
    """
    return asked or settings.url or (DEFAULT_URL if is_own_home else None)


class Refreshed(Struct, frozen=True, kw_only=True):
    """A gateway that looked at its extensions again; ``errors`` are its own words where that failed in part.

    ``unregistered`` are the extensions whose endpoints it did not register, since it has some of them already. It says
    that at each refresh and of nearly all that have endpoints, so it is no error.
    """

    errors: str = ""
    unregistered: frozenset[str] = frozenset()


def refresh(gateway: Gateway) -> Refreshed | Missed:
    """Ask for one refresh."""
    answer = call(gateway, "POST", "/v1/extensions/refresh")
    if isinstance(answer, Missed):
        return answer
    if answer.status == _OK:
        return Refreshed()
    if answer.status == _PARTIAL:
        return _partial(answer.body)
    return Missed(cause=Cause.BAD_ANSWER, reason=f"it answered {answer.status}")


def reachable(url: str) -> bool:
    """Whether a gateway answers its health call, which needs no key."""
    try:
        return exchange("GET", f"{url.rstrip('/')}/health", None, seconds=_REACHABLE_SECONDS).status == _OK
    except (OSError, ValueError):
        return False


def _partial(body: bytes) -> Refreshed:
    try:
        errors = [str(error) for error in json.loads(body)["errors"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Refreshed(errors="it did not say what failed")
    routes = {error: found[1] for error in errors if (found := _ROUTES.match(error))}
    others = "; ".join(error for error in errors if error not in routes)
    return Refreshed(errors=others[:_MAX_ERRORS_CHARACTERS], unregistered=frozenset(routes.values()))
