"""Authorities of the user's own, whose certificates are trusted besides those of the system: for http and git alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, NamedTuple

from reconciler.codes import ErrorCode
from reconciler.errors import InputError

_FILES: Final = ("SSL_CERT_FILE", "GIT_SSL_CAINFO")
_FOLDERS: Final = ("SSL_CERT_DIR", "GIT_SSL_CAPATH")


class Authorities(NamedTuple):
    """A file with certificates, and a folder of such files as OpenSSL names them; empty where none is named."""

    file: str = ""
    folder: str = ""


NOBODY_ELSE: Final = Authorities()


def authorities_of(variables: Mapping[str, str]) -> Authorities:
    """Those that the environment names. ``InputError`` where what it names is not there."""
    return Authorities(_named(_FILES, variables), _named(_FOLDERS, variables))


def _named(names: tuple[str, ...], variables: Mapping[str, str]) -> str:
    name = next((name for name in names if variables.get(name)), "")
    if not name:
        return ""
    path = variables[name]
    if not os.access(path, os.R_OK):
        message = f"{name} names {path} for the certificates of authorities, which cannot be read"
        raise InputError(message, advice="correct the variable, or unset it", code=ErrorCode.UNREADABLE)
    return path
