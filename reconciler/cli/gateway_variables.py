"""The variables that gateways are set up with, also those in a file ``.env`` of this folder: ``serve`` takes them over.

A flag wins over a variable, a variable over the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from reconciler.errors import UsageError
from reconciler.model.regex import regex

DOTENV: Final = ".env"
NAMES: Final = frozenset(
    [
        "PORT",
        "API_KEY",
        "OLLAMA_HOST",
        "RATE_LIMIT_RPS",
        "EXTENSIONS_UPSERT_ENABLED",
        "TLS_ENABLED",
        "TLS_CERT_FILE",
        "TLS_KEY_FILE",
    ]
)
_LINE: Final = regex(r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*[=:]\s*(?P<value>.*)")
_QUOTED: Final = regex(r"(?P<mark>['\"])(?P<text>.*?)(?P=mark)\s*(?:#.*)?")
_MAX_BYTES: Final = 64 * 2**10
_TRUE: Final = frozenset(["true", "1", "yes", "on", "t"])
_FALSE: Final = frozenset(["false", "0", "no", "off", "f"])
_T = TypeVar("_T")


class GatewayVariables(Struct, frozen=True, kw_only=True):
    """``from_file`` names what only the file ``.env`` says."""

    values: Mapping[str, str]
    from_file: tuple[str, ...] = ()

    def rate(self) -> int | None:
        """Requests a second of one caller."""
        return self._read("RATE_LIMIT_RPS", _rate, "a number, 0 or more")

    def takes_manifests(self) -> bool | None:
        """Whether manifests are taken over HTTP."""
        return self._read("EXTENSIONS_UPSERT_ENABLED", _truth, "true or false")

    def model_server(self) -> str | None:
        """The address of the model server, which needs no scheme and no port."""
        return self.values.get("OLLAMA_HOST", "").strip() or None

    def has_tls(self) -> bool:
        """Whether TLS is switched on."""
        return self._read("TLS_ENABLED", _truth, "true or false") is True

    def tls_files(self) -> tuple[Path, Path] | None:
        """Certificate and key, where TLS is switched on. ``UsageError`` where one is not named."""
        if not self.has_tls():
            return None
        missing = next((name for name in ("TLS_CERT_FILE", "TLS_KEY_FILE") if not self.values.get(name)), None)
        if missing:
            raise UsageError(f"TLS_ENABLED is set, and {missing} is not", advice=f"set {missing} to a PEM file")
        return Path(self.values["TLS_CERT_FILE"]), Path(self.values["TLS_KEY_FILE"])

    def _read(self, name: str, read: Callable[[str], _T | None], what: str) -> _T | None:
        text = self.values.get(name, "").strip()
        if not text:
            return None
        found = read(text)
        if found is None:
            raise UsageError(
                f"the variable {name} is {text[:60]!r}, which is not {what}", advice="unset it, or change it"
            )
        return found


def gateway_variables(variables: Mapping[str, str], folder: Path) -> GatewayVariables:
    """The variables, and what ``.env`` in ``folder`` says of others. ``UsageError`` where it is not read."""
    try:
        with (folder / DOTENV).open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return GatewayVariables(values=variables)
    except OSError as error:
        message = f"{DOTENV} cannot be read: {error.strerror}"
        raise UsageError(message, advice="correct its permissions, or start in another folder") from error
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{DOTENV} has more than {_MAX_BYTES} bytes", advice="start in another folder")
    found = {name: value for name, value in in_dotenv(data.decode("utf-8", "replace")).items() if name not in variables}
    return GatewayVariables(values={**variables, **found}, from_file=tuple(sorted(found)))


def in_dotenv(text: str) -> dict[str, str]:
    """What a file ``.env`` says about the variables of gateways; the last line of a name counts. Pure."""
    found = {}
    for line in text.removeprefix("\ufeff").splitlines():
        match = _LINE.fullmatch(line.strip())
        if match and match["name"] in NAMES:
            found[match["name"]] = _value(match["value"])
    return found


def _value(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    return quoted["text"] if quoted else re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()


def _rate(text: str) -> int | None:
    """As a whole number, which the limit is kept in: rounded up, so that a small one still lets some through."""
    try:
        number = float(text)
    except ValueError:
        return None
    return math.ceil(number) if math.isfinite(number) and number >= 0 else None


def _truth(text: str) -> bool | None:
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else None
