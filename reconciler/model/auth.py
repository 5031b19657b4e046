"""Where the credentials for a source come from. They themselves are in no document of ours."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from reconciler.model.config import JsonObject


class AuthKind(StrEnum):
    """What kind of place holds them."""

    HEADER_ENV = "header_env"
    BASIC_ENV = "basic_env"
    NETRC = "netrc"


class Auth(Struct, frozen=True):
    """``variable`` names the environment variable that holds them; empty for the netrc file."""

    kind: AuthKind
    variable: str = ""

    @staticmethod
    def from_document(value: JsonObject) -> Auth:
        ((kind, name),) = value.items()
        return Auth(AuthKind(kind), name if isinstance(name, str) else "")
