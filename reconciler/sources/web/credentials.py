"""Credentials for one origin. They are in nothing that is shown, and go nowhere else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from stat import S_IRWXO
from typing import Final
from unicodedata import category

from msgspec import Struct

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.auth import Auth, AuthKind
from reconciler.model.regex import regex
from reconciler.sources.web.url import Origin, parsed_url

_HEADER_LINE: Final = regex(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)")
_VALUE: Final = regex(r"[!-~]([ \t!-~]*[!-~])?")
_OURS: Final = frozenset(
    ["host", "connection", "content-length", "transfer-encoding", "accept-encoding", "range", "expect", "upgrade", "te"]
)
"""Headers that decide how a transfer goes, and none that a credential may be."""


class Credentials(Struct, frozen=True, kw_only=True):
    """A header for requests to ``origin``. ``label`` is how messages call it: where it comes from."""

    origin: Origin
    label: str
    header: str
    value: str

    def __repr__(self) -> str:
        """Without the value."""
        return f"Credentials(origin={self.origin!r}, label={self.label!r}, header={self.header!r})"


def credentials_for(auth: Auth, url: str, variables: Mapping[str, str]) -> Credentials:
    """What ``auth`` stands for, to be sent to the origin of ``url`` alone.

    ``InputError`` names the variable or the file in which it is missing or malformed, and never quotes what is there.
    """
    origin = parsed_url(url).origin
    if auth.kind is AuthKind.NETRC:
        label = str(_netrc_file(variables))
        header, value = "Authorization", _basic(_netrc_entry(label, origin.host), label)
    else:
        label, text = auth.variable, variables.get(auth.variable, "")
        if not text:
            raise InputError(
                f"{label} is not set; it should hold the credentials for {origin.host}",
                advice="set it",
                code=ErrorCode.CREDENTIALS,
            )
        is_header = auth.kind is AuthKind.HEADER_ENV
        header, value = _header(text, label) if is_header else ("Authorization", _basic(text, label))
    return Credentials(origin=origin, label=label, header=header, value=value)


def _header(text: str, label: str) -> tuple[str, str]:
    line = _HEADER_LINE.fullmatch(text)
    header, value = line.groups() if line else ("Authorization", text)
    if header.lower() in _OURS:
        raise InputError(
            f"{label} holds the header {header}, which cannot carry credentials", code=ErrorCode.CREDENTIALS
        )
    if not _VALUE.fullmatch(value):
        reason = "it is empty, or has a line break or another character that no header may have"
        raise InputError(f"{label} holds no value of a header: {reason}", code=ErrorCode.CREDENTIALS)
    return header, value


def _basic(pair: str, label: str) -> str:
    if ":" not in pair or any(category(character) in ("Cc", "Cs") for character in pair):
        raise InputError(
            f"{label} does not hold 'user:password', or has a character that is not text", code=ErrorCode.CREDENTIALS
        )
    return f"Basic {b64encode(pair.encode()).decode()}"


def _netrc_file(variables: Mapping[str, str]) -> Path:
    if named := variables.get("NETRC"):
        return Path(named)
    if home := variables.get("HOME"):
        return Path(home, ".netrc")
    raise InputError("there is no netrc file, because neither NETRC nor HOME is set", code=ErrorCode.CREDENTIALS)


def _netrc_entry(file: str, host: str) -> str:
    """``user:password`` of ``host``. A ``default`` entry is for no host in particular, and so for none."""
    import netrc  # only where a file asks for it

    try:
        if Path(file).stat().st_mode & S_IRWXO:
            raise InputError(
                f"{file} is open to every user of this machine",
                advice=f"run 'chmod 600 {file}'",
                code=ErrorCode.CREDENTIALS,
            )
        entries = netrc.netrc(file).hosts
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}", code=ErrorCode.CREDENTIALS) from error
    except netrc.NetrcParseError as error:
        # Its message quotes what it stumbled over, which may be a password.
        raise InputError(
            f"{file}:{error.lineno}: this is not an entry of a netrc file", code=ErrorCode.CREDENTIALS
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8 text", code=ErrorCode.CREDENTIALS) from None
    for machine, (user, _, password) in entries.items():
        if machine.lower() == host:
            return f"{user}:{password}"
    raise InputError(f"{file} has no entry for the host {host}", code=ErrorCode.CREDENTIALS)
