"""Where a download may be sent on to. Each redirect is judged by itself, from the place that it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import Final

from msgspec import Struct, field

from reconciler import __version__
from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError, RefusedError
from reconciler.sources.web.addresses import HostAddresses, behind, look_up
from reconciler.sources.web.connection import GET, NETWORK, Message, Network, Response, asked
from reconciler.sources.web.credentials import Credentials
from reconciler.sources.web.deadline import Deadline
from reconciler.sources.web.status import OK, check_status
from reconciler.sources.web.url import HttpUrl, shown

MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset([301, 302, 303, 307, 308])


class Terms(Struct, frozen=True, kw_only=True):
    """What holds for all steps of one transfer. ``size`` is how many bytes its outcome may have."""

    size: int
    deadline: Deadline
    private_hosts: frozenset[str]
    credentials: Credentials | None
    network: Network = NETWORK
    message: Message = GET
    headers: Mapping[str, str] = field(default_factory=dict)
    """What is sent besides, to the last server too: nothing that is secret."""
    welcome: frozenset[int] = OK
    """Which statuses of its own origin are an answer, and no failure."""
    welcome_elsewhere: frozenset[int] = OK
    """And which of another one, to which it was redirected."""
    named_by: HostAddresses | None = None
    """The server that named the address, where no file did: it may lead to no place less public than its own."""

    def check_first(self, place: HostAddresses) -> None:
        """``RefusedError`` where the first address may not be asked."""
        if self.named_by is None:
            place.check_written(self.private_hosts)
        elif not place.scopes <= self.named_by.scopes:
            place.check_redirect(self.private_hosts)

    def place_of(self, url: HttpUrl) -> HostAddresses:
        """Where ``url`` leads, by itself or through a proxy."""
        proxy = self.network.proxies.of(url.origin)
        return look_up(url.origin.host, self.deadline) if proxy is None else behind(proxy, url.origin.host)


class _Hop(Struct, frozen=True, kw_only=True):
    """One address on the way. ``before`` are those that led here; ``credentials`` are the ones to show here."""

    url: HttpUrl
    place: HostAddresses
    credentials: Credentials | None
    before: tuple[HttpUrl, ...] = ()

    def headers(self, more: Mapping[str, str]) -> Mapping[str, str]:
        headers = {"User-Agent": f"llamagate/{__version__}", **more}
        if self.credentials is None:
            return headers
        if self.url.origin.scheme == "http" and not self.place.is_loopback:
            raise RefusedError(
                f"{self.credentials.label} is not sent over plain http", advice="write https", code=ErrorCode.INSECURE
            )
        return headers | {self.credentials.header: self.credentials.value}


@contextmanager
def final_answer(url: HttpUrl, terms: Terms) -> Iterator[Response]:
    """The answer of ``url`` after all redirects, which only a GET or HEAD follows.

    Errors tell what is wrong, and where if that is elsewhere.
    """
    hop = _first_hop(url, terms)
    while True:
        with _located(hop), asked(hop.url, hop.place, hop.headers(terms.headers), terms) as answer:
            if answer.status not in _REDIRECTS or terms.message.method not in ("GET", "HEAD"):
                welcome = terms.welcome if hop.url.origin == url.origin else terms.welcome_elsewhere
                if answer.status not in welcome:
                    check_status(answer.status, hop.credentials, answer.header("Retry-After"))
                yield answer
                return
            hop = _next_hop(hop, answer.header("Location"), terms)


@contextmanager
def _located(hop: _Hop) -> Iterator[None]:
    try:
        yield
    except LlamagateError as error:
        if not hop.before:
            raise
        raise prefixed(error, f"redirected to {hop.url}: ") from error


def prefixed(error: LlamagateError, text: str) -> LlamagateError:
    """The same error, with ``text`` in front of its message."""
    same = copy(error)
    same.message = f"{text}{error.message}"
    same.args = (same.message,)
    return same


def _first_hop(url: HttpUrl, terms: Terms) -> _Hop:
    place = terms.place_of(url)
    terms.check_first(place)
    credentials = terms.credentials if terms.credentials and terms.credentials.origin == url.origin else None
    return _Hop(url=url, place=place, credentials=credentials)


def _next_hop(hop: _Hop, location: str, terms: Terms) -> _Hop:
    """A redirect within one origin stays at its addresses; any other leads to public ones, without the credentials."""
    url = _target(hop.url, location)
    before = (*hop.before, hop.url)
    if url in before:
        raise InputError("it redirects in a circle")
    if len(before) > MAX_REDIRECTS:
        raise InputError(f"it redirects more than {MAX_REDIRECTS} times")
    if url.origin == hop.url.origin:
        return _Hop(url=url, place=hop.place, credentials=hop.credentials, before=before)
    place = terms.place_of(url)
    place.check_redirect(terms.private_hosts)
    return _Hop(url=url, place=place, credentials=None, before=before)


def _target(url: HttpUrl, location: str) -> HttpUrl:
    if not location:
        raise InputError("it redirects without saying where to")
    try:
        text = url.absolute(location)
        scheme = text.partition(":")[0]
        if scheme not in ("http", "https"):
            raise RefusedError(
                f"it redirects to {shown(location)}, which is neither http nor https", code=ErrorCode.INSECURE
            )
        target = HttpUrl.from_text(text)
    except ValueError as error:
        raise InputError(f"it redirects to {shown(location)}: {error}") from error
    if (url.origin.scheme, scheme) == ("https", "http"):
        raise RefusedError(f"it redirects from https to plain http, to {target}", code=ErrorCode.INSECURE)
    return target
