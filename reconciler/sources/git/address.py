"""Which urls and refs git is given at all. Pure: what is refused here never reaches git."""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from reconciler.model.regex import regex


class Transport(StrEnum):
    """How git talks to the other side; the values are git's own names for it."""

    HTTPS = "https"
    HTTP = "http"
    SSH = "ssh"
    GIT = "git"
    FILE = "file"


_MAX_CHARACTERS: Final = 2048
_HELPER: Final = regex(r"[^/:]*::")
_SCHEME: Final = regex(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")
_HOST: Final = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:.]+\])"
_USER: Final = r"[a-zA-Z0-9_](?:[a-zA-Z0-9_.+-]*[a-zA-Z0-9_])?"
_NETLOC: Final = regex(rf"{_HOST}(?::[0-9]{{1,5}})?")
_SSH_NETLOC: Final = regex(rf"(?:{_USER}@)?{_HOST}(?::[0-9]{{1,5}})?")
_SSH_SHORT: Final = regex(rf"(?:{_USER}@)?{_HOST}:(?!-)[^: ]+")
_COLON_FIRST: Final = regex(r"[^/]*:")

_BAD_IN_REF: Final = regex(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|[/.]$|^[/.-]")


def transport_of(url: str) -> Transport:
    """How git reaches ``url``, which ``git_url_problem`` accepts where paths are allowed."""
    if match := _SCHEME.match(url):
        return Transport(match[1])
    return Transport.SSH if _COLON_FIRST.match(url) else Transport.FILE


def local_path(url: str) -> str:
    """The folder of this machine at ``url``; the url itself where it is none."""
    return unquote(url.removeprefix("file://")) if url.startswith("file:///") else url


def origin_of(url: str) -> str:
    """Scheme, host and port of an http or https url, with ``/`` behind."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def git_url_problem(url: str, *, local: bool) -> str | None:
    """Why git is not given ``url``, or ``None``. ``local``: folders of this machine are allowed.

    Never quotes the url, which may hold a password.
    """
    if not url:
        return "a git url is missing"
    if len(url) > _MAX_CHARACTERS:
        return f"a git url has at most {_MAX_CHARACTERS} characters"
    if not url.isprintable():
        return "a git url has no control or invisible characters"
    if url.startswith("-"):
        return "a git url does not start with '-'"
    if _HELPER.match(url):
        return "git's remote helpers ('ext::' and the like) run programs; use https or ssh"
    if match := _SCHEME.match(url):
        return _scheme_problem(match[1], url, local=local)
    if _COLON_FIRST.match(url):
        return (
            None if _SSH_SHORT.fullmatch(url) else "this is not a git URL; write 'user@host:path', or use https or ssh"
        )
    return None if local else _LOCAL


_LOCAL: Final = "a git repository on this machine is taken only where policy.sources.local_git is true"


def _scheme_problem(scheme: str, url: str, *, local: bool) -> str | None:
    if scheme.lower().startswith("git+"):
        return "write it without 'git+'"
    try:
        transport, parts = Transport(scheme), urlsplit(url)
    except ValueError:
        return "git urls are https or ssh; plain http and git only to this machine itself"
    if transport is Transport.FILE:
        return _file_problem(parts, local=local)
    if re.search("[?# ]", url):
        return "a git url has no '?', no '#' and no space"
    if transport is Transport.SSH:
        return _ssh_problem(parts)
    if "@" in parts.netloc:
        return "credentials do not belong into a url; use 'auth'"
    if not _is_address(parts, _NETLOC):
        return "this git URL has no valid host"
    if transport is not Transport.HTTPS and not _is_loopback(parts.hostname or ""):
        return f"plain {transport} is taken only from this machine itself; use https or ssh"
    return None


def _file_problem(parts: SplitResult, *, local: bool) -> str | None:
    if parts.netloc or not parts.path.startswith("/"):
        return "a file url has three slashes: file:///folder"
    return None if local else _LOCAL


def _ssh_problem(parts: SplitResult) -> str | None:
    if ":" in parts.netloc.rpartition("@")[0]:
        return "a password does not belong into a url; ssh uses keys"
    if not _is_address(parts, _SSH_NETLOC):
        return "this git URL has no valid host"
    return None if len(parts.path) > 1 else "this git url names a host, but no repository there"


def _is_address(parts: SplitResult, form: re.Pattern[str]) -> bool:
    try:
        return form.fullmatch(parts.netloc) is not None and parts.port != 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def ref_problem(ref: str) -> str | None:
    """Why ``ref`` names no branch, tag or commit, or ``None``: git's own rules, and nothing like an option."""
    if not ref:
        return "a git ref is missing"
    if len(ref) > _MAX_CHARACTERS or not ref.isprintable():
        return "this is not a git ref: it is too long, or holds control or invisible characters"
    if ref == "@" or (match := _BAD_IN_REF.search(ref)):
        part = ref if ref == "@" else match[0] if match else ""
        return f"this is not a git ref: {part!r} is not allowed in it"
    return None
