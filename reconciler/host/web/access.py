"""Who may ask, and how often."""

from __future__ import annotations

import hmac
import ipaddress
from typing import Final
from urllib.parse import urlsplit

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request

from reconciler.host.web.response import Problem

_BEARER: Final = "bearer "


class Access:
    """Checks keys and counts requests. Without a key everyone may ask; ``rate`` is per second and caller, 0 no limit.

    ``local_only``: only programs and pages of this machine, for a host without a key that nobody else is to reach.
    """

    def __init__(self, *, api_key: str | None, rate: int, local_only: bool) -> None:
        self._api_key = api_key.encode() if api_key else None
        self._local_only = local_only
        self._rate = RateLimitItemPerSecond(rate) if rate else None
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def check(self, request: Request, *, needs_key: bool, counts: bool) -> None:
        """``Problem`` where the request is one too many, or may not be made at all."""
        is_known = self._has_key(request)
        caller = "key" if is_known and self._api_key else address_of(request)
        if counts and self._rate is not None and not self._limiter.hit(self._rate, caller):
            raise Problem(429, "rate_limit_error", "Rate limit exceeded", {"Retry-After": "1"})
        if self._local_only and not _is_local(request):
            raise Problem(403, "invalid_request_error", "Only this machine may ask; set API_KEY to let others in")
        if needs_key and not is_known:
            raise Problem(401, "invalid_request_error", "Invalid API key", {"WWW-Authenticate": "Bearer"})

    def _has_key(self, request: Request) -> bool:
        if self._api_key is None:
            return True
        bearer = request.headers.get("authorization", "")
        shown = [request.headers.get("x-api-key", "")]
        if bearer.lower().startswith(_BEARER):
            shown.append(bearer[len(_BEARER) :].strip())
        return any([hmac.compare_digest(key.encode(), self._api_key) for key in shown])  # noqa: C419 - in equal time


def address_of(request: Request) -> str:
    """The caller's address."""
    return request.client.host if request.client else "unknown"


def _is_local(request: Request) -> bool:
    """Whether the request names this machine. A page of another site can make a browser ask, but not without trace.

    A browser names no origin for what it only shows, a picture for one, and then says from how far away it was asked.
    """
    origins = request.headers.getlist("origin")
    if not origins and request.headers.get("sec-fetch-site") == "cross-site":
        return False
    return all(_is_loopback(address) for address in (f"//{request.headers.get('host', '')}", *origins))


def _is_loopback(address: str) -> bool:
    try:
        name = urlsplit(address).hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
