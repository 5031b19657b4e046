"""Addresses of archives: read strictly, and shown without what is secret in them. Pure."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Final, NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from msgspec import Struct

from reconciler.errors import InputError
from reconciler.model.regex import regex

_PORTS: Final = {"http": 80, "https": 443}
_NAME: Final = regex(r"(?=.{1,254}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
_AUTHORITY: Final = regex(r"[\w.-]+(:\d+)?|\[[\w:.%-]+\](:\d+)?")
_ADDRESS_CHARACTERS: Final = "".join(map(chr, range(0x21, 0x7F)))
_MALFORMED: Final = "it is malformed"
_USERINFO: Final = "it holds a user or a password"
_SCHEME: Final = regex(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_END_OF_AUTHORITY: Final = regex(r"[/?#]")
_AT: Final = regex("[@\uff20\ufe6b]")
"""With its look-alikes, which some programs take for it."""
_SHOWN_CHARACTERS: Final = 300
_KEPT: Final = "/?:@!$&'()*+,;=-._~%[]"
"""What may stand in a request line; anything else is percent-encoded, as browsers do."""


class Origin(NamedTuple):
    """Where a request goes to: what must be equal for credentials to go along."""

    scheme: str
    host: str
    port: int


class HttpUrl(Struct, frozen=True):
    """An http or https address. ``target`` is path and query, as the request line has them; it may hold secrets."""

    origin: Origin
    target: str

    def __repr__(self) -> str:
        """Without the target."""
        return f"HttpUrl(origin={self.origin!r})"

    @staticmethod
    def from_text(text: str) -> HttpUrl:
        """``ValueError`` says what is wrong, without quoting ``text``."""
        if any(character <= " " or character == "\x7f" for character in text):
            raise ValueError("it holds a space or a control character; write %20 in place of a space")
        parts, port = _split(text)
        if parts.scheme not in _PORTS:
            raise ValueError("only http and https addresses are downloaded")
        if "@" in parts.netloc:
            raise ValueError(_USERINFO)
        host = parts.hostname or ""
        if not _is_host(host) or port == 0:
            raise ValueError("it names no valid host and port (names in other letters are written as 'xn--…')")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return HttpUrl(Origin(parts.scheme, host, port or _PORTS[parts.scheme]), quote(target, safe=_KEPT))

    @property
    def authority(self) -> str:
        """Host and port, as the ``Host`` header has them."""
        scheme, host, port = self.origin
        name = f"[{host}]" if ":" in host else host
        return name if port == _PORTS[scheme] else f"{name}:{port}"

    @property
    def text(self) -> str:
        """The whole address, with whatever is secret in it."""
        return f"{self.origin.scheme}://{self.authority}{self.target}"

    def absolute(self, location: str) -> str:
        """The address that the header ``Location`` of an answer means. ``ValueError`` where it is malformed."""
        try:
            # Headers are read as Latin-1; what is no part of an address in them is encoded as browsers do.
            return urljoin(self.text, quote(location.encode("latin-1"), safe=_ADDRESS_CHARACTERS))
        except ValueError:
            raise ValueError(_MALFORMED) from None  # the original quotes what it could not read

    def __str__(self) -> str:
        return shown(self.text)


def _is_host(text: str) -> bool:
    if ":" not in text:
        return _NAME.fullmatch(text) is not None
    try:
        return not IPv6Address(text).scope_id
    except ValueError:
        return False


def _split(text: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(text)
        return parts, parts.port
    except ValueError:
        raise ValueError(_MALFORMED) from None  # the original quotes what it could not read


def parsed_url(text: str) -> HttpUrl:
    """The address that a file or a catalog names. ``InputError`` where it cannot be downloaded from."""
    try:
        return HttpUrl.from_text(text)
    except ValueError as error:
        advice = "take them out, and say in 'auth' where they are" if str(error) == _USERINFO else ""
        raise InputError(f"{shown(text)}: {error}", advice=advice) from error


def shown(url: str) -> str:
    """``url`` as it may stand in a message: no user, no password, no values of its query, escaped, and not too long.

    It need not be a valid address: what is refused is shown as well.
    """
    scheme = match.group() if (match := _SCHEME.match(url)) else ""
    rest = url[len(scheme) :]
    if not _AUTHORITY.fullmatch(_END_OF_AUTHORITY.split(rest, 1)[0]):
        rest = _AT.split(rest)[-1]  # also where a password holds what ends a host
    place, mark, _ = rest.partition("#")[0].partition("?")
    text = f"{scheme}{place}{'?…' if mark else ''}"
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return escaped if len(escaped) <= _SHOWN_CHARACTERS else escaped[: _SHOWN_CHARACTERS - 1] + "…"
