"""What a registry asks for with ``WWW-Authenticate`` (RFC 9110, 11.6.1). Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from reconciler.model.regex import regex

_SCHEME: Final = regex(r"(?:^|,)\s*(bearer|basic)\b", re.IGNORECASE)
_PARAMETER: Final = regex(r'([a-zA-Z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_MAX_CHARACTERS: Final = 4096


class Challenge(Struct, frozen=True, kw_only=True):
    """``realm`` is where a token is to be had; empty where user and password are asked for themselves."""

    realm: str = ""
    service: str = ""
    scope: str = ""

    def query(self, scope: str) -> str:
        """What the realm is asked."""
        asked = {"service": self.service, "scope": scope}
        return urlencode({name: value for name, value in asked.items() if value})


def challenge_of(header: str) -> Challenge | None:
    """The challenge, a token before anything else; ``None`` where none is understood."""
    found = {match[1].lower(): match.end() for match in _SCHEME.finditer(header[:_MAX_CHARACTERS])}
    if "bearer" in found:
        given = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(header, found["bearer"])}
        if realm := given.get("realm"):
            return Challenge(realm=realm, service=given.get("service", ""), scope=given.get("scope", ""))
    return Challenge() if "basic" in found else None
