"""Who may ask, and how often."""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from starlette.requests import Request

from reconciler.host.items import Signature
from reconciler.host.routes import Route
from reconciler.host.web.addresses import caller, counted_as, is_own, networks
from reconciler.host.web.response import Problem

_BEARER: Final = "bearer "
MAX_CALLERS: Final = 10_000
"""Whose requests are counted at a time; of more, those that asked last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """Which names lead here, and which pages may ask. ``checked``: only names of this machine, and ``allowed`` ones.

    ``is_open``: the host listens to other machines too, which may name it by any address.
    """

    checked: bool = False
    allowed: frozenset[str] = frozenset()
    is_open: bool = False

    def check(self, request: Request) -> None:
        """``Problem`` where a browser was led here: by another name, or by a page of another site.

        A browser names no origin for what it only shows, a picture for one, and then says from how far away it was
        asked.
        """
        if not self.checked:
            return
        hosts, origins = request.headers.getlist("host"), request.headers.getlist("origin")
        if len(hosts) != 1 or not is_own(f"//{hosts[0]}", self.allowed, or_any_address=self.is_open):
            message = "This host does not go by that name; its operator can allow it with --allow-host"
            raise Problem(403, "invalid_request_error", message)
        is_foreign = not origins and request.headers.get("sec-fetch-site") == "cross-site"
        if is_foreign or not all(is_own(origin, self.allowed) for origin in origins):
            message = "A page of another site may not ask; the operator can allow it with --allow-host"
            raise Problem(403, "invalid_request_error", message)


@dataclass(slots=True)
class RateLimit:
    """At most ``most`` requests in any second of one caller; 0 is no limit."""

    most: int
    clock: Callable[[], float] = time.monotonic
    _seen: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def takes(self, name: str) -> bool:
        """Count one more of ``name``; whether it is not one too many."""
        if not self.most:
            return True
        now, times = self.clock(), self._seen.setdefault(name, deque())
        self._seen.move_to_end(name)
        if len(self._seen) > MAX_CALLERS:
            self._seen.popitem(last=False)
        while times and times[0] <= now - 1:
            times.popleft()
        if len(times) >= self.most:
            return False
        times.append(now)
        return True


def is_signed(body: bytes, shown: str, secret: str) -> bool:
    """Whether ``shown`` is the HMAC-SHA256 of ``body`` in hexadecimal digits, with or without ``sha256=`` before it."""
    expected = hmac.new(secret.encode(), body, "sha256").hexdigest()
    return hmac.compare_digest(shown.strip().removeprefix("sha256=").lower().encode(), expected.encode())


class Access:
    """Checks keys and counts requests. Without a key everyone may ask."""

    def __init__(
        self,
        api_key: str | None,
        tell: Callable[[str], None],
        *,
        rate: int = 0,
        trusted_proxies: Sequence[str] = (),
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """``variables`` hold the secrets that endpoints name."""
        self._api_key = api_key.encode() if api_key else None
        self._rate = RateLimit(rate)
        self._trusted = networks(trusted_proxies)
        self._variables = variables
        self._tell = tell
        self._told: set[str] = set()

    def check(self, request: Request, *, needs_key: bool, counts: bool) -> None:
        """``Problem`` where the request is one too many, or may not be made at all."""
        is_known = self._has_key(request)
        asks = "key" if is_known and self._api_key else counted_as(self.address_of(request))
        if counts and not self._rate.takes(asks):
            raise Problem(429, "rate_limit_error", "Rate limit exceeded", {"Retry-After": "1"})
        if needs_key and not is_known:
            raise Problem(401, "invalid_request_error", "Invalid API key", {"WWW-Authenticate": "Bearer"})

    def check_signature(self, request: Request, route: Route, body: bytes) -> None:
        """``Problem`` where the endpoint wants ``body`` signed and it is not, or has no secret to check it with."""
        signature = route.endpoint.signature
        if signature is None:
            return
        secret = self._variables.get(signature.variable, "").strip()
        if not secret:
            self._tell_of_secret(route, signature)
            raise Problem(503, "service_unavailable", "This endpoint has no secret yet; its operator has to set it")
        shown = request.headers.getlist(signature.header)
        if len(shown) != 1 or not is_signed(body, shown[0], secret):
            raise Problem(401, "invalid_request_error", f"{signature.header} does not sign this body")

    def _tell_of_secret(self, route: Route, signature: Signature) -> None:
        what = f"{route.endpoint.method} {route.endpoint.path} of {route.extension.name}"
        line = f"{what} takes no request: set {signature.variable}, the secret that its senders sign with"
        if line not in self._told:
            self._told.add(line)
            self._tell(line)

    def address_of(self, request: Request) -> str:
        """The caller's address."""
        peer = request.client.host if request.client else ""
        return caller(peer, request.headers.getlist("x-forwarded-for"), self._trusted)

    def _has_key(self, request: Request) -> bool:
        if self._api_key is None:
            return True
        bearer = request.headers.get("authorization", "")
        shown = [request.headers.get("x-api-key", "")]
        if bearer.lower().startswith(_BEARER):
            shown.append(bearer[len(_BEARER) :].strip())
        return any([hmac.compare_digest(key.encode(), self._api_key) for key in shown])  # noqa: C419 - in equal time
