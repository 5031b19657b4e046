"""What git says when it fails, made into an error of ours: one line, without secrets, that tells what to do. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError, StorageError, UnreachableError
from reconciler.model.regex import regex
from reconciler.packages.content import shown

_SECRET_CHARACTERS: Final = 4
"""Shorter words of a header are no secrets, and would blot out too much."""
_SAYS_NOTHING: Final = regex(
    r"fatal: Could not read from remote repository\.|Please make sure you have the correct access rights"
    r"|and the repository exists\.|fatal: expected flush after .*|fatal: the remote end hung up unexpectedly"
    r"|error: error processing .*|fatal: fetch-pack: .*|fatal: early EOF|error: .* died of signal \d+|warning: .*"
    r"|remote: *|git config --global --add safe\.directory .*|To add an exception for this directory, call:"
)
_PREFIX: Final = regex(r"(?:(?:fatal|error|remote error|remote): +)+(?:unable to access '[^']*': +)?", re.IGNORECASE)


class GitFailedError(InputError):
    """Git failed for a reason that only its own words tell: of the other side, or of our copy."""

    code = ErrorCode.GIT_FAILED


class UnknownCommitError(InputError):
    """The other side has no such commit."""

    code = ErrorCode.NOT_FOUND


class IdsRefusedError(InputError):
    """The other side gives out only what its branches and tags name, or knows no shallow fetch."""


class _Explanation(NamedTuple):
    """What ``pattern`` in git's words means."""

    pattern: re.Pattern[str]
    kind: type[LlamagateError]
    meaning: str
    advice: str


def _rule(pattern: str, kind: type[LlamagateError], meaning: str, advice: str = "") -> _Explanation:
    return _Explanation(regex(pattern, re.IGNORECASE), kind, meaning, advice)


_FOREIGN: Final = "it belongs to another user"
_LIST_IT: Final = "if you trust its owner, list its path: policy.sources.local_git: [PATH]"
_RULES: Final = (
    _rule(r"File too large", InputError, "sends more than one fetch may bring", "use a smaller repository"),
    _rule(
        r"No space left on device|Disk quota exceeded|Read-only file system|unable to create temporary file",
        StorageError,
        "the copy of it cannot be written",
        "repair the disk and run the command again",
    ),
    _rule(
        r"dubious ownership|unsafe repository|safe\.directory",
        InputError,
        _FOREIGN,
        _LIST_IT,
    ),
    _rule(r"not our ref", UnknownCommitError, "has no such commit", "check the ref"),
    _rule(
        r"does not allow request for unadvertised|want [0-9a-f]{40,64} not valid"
        r"|dumb http transport does not support|does not support shallow",
        IdsRefusedError,
        "gives out only whole branches and tags",
    ),
    _rule(
        r"fsck error|fsckObjects|error in object",
        InputError,
        "holds objects that git calls malformed",
        "fix the repository, or publish the package as a zip",
    ),
    _rule(
        r"certificate (?:verif|problem|has)|SSL (?:certificate|peer)|self.signed certificate|unknown CA",
        InputError,
        "its certificate is not trusted",
        "check the url, or name the authority's certificates in SSL_CERT_FILE",
    ),
    _rule(
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED",
        InputError,
        "ssh does not know this host",
        "compare its key and add it to known_hosts, as 'ssh' does when you connect once",
    ),
    _rule(
        r"returned error: (?:404|410)\b|repository .*not found|not exported|does not appear to be a git repository"
        r"|repository .*does not exist|could not be found|not valid: is this a git repository",
        InputError,
        "there is no such repository",
        "check the url",
    ),
    _rule(
        r"(?:CONNECT tunnel failed, response|Received HTTP code) 407",
        InputError,
        "the proxy wants credentials",
        "name the variable that holds http://USER:PASSWORD@HOST:PORT in policy.sources.proxy: {env: NAME}",
    ),
    _rule(
        r"terminal prompts disabled|could not read (?:Username|Password)|Authentication failed"
        r"|returned error: 40[137]\b|Permission denied|access denied|Too many authentication failures",
        InputError,
        "access is denied",
        "give credentials that may read it",
    ),
    _rule(
        r"returned error: 30\d|unable to update url base from redirection",
        InputError,
        "it answers with another address",
        "write the final url, which often ends in .git",
    ),
    _rule(
        r"(?:returned error:|CONNECT tunnel failed, response|Received HTTP code) (?:408|425|429|5\d\d)\b"
        r"|Could ?n[o']t resolve|Temporary failure in name|Failed to connect"
        r"|Couldn't connect|Connection (?:refused|reset|closed|timed out)|timed out|Network is unreachable"
        r"|No route to host|unable to connect|Empty reply|early EOF|hung up|unexpected disconnect"
        r"|Recv failure|Send failure|RPC failed"
        r"|transfer closed|TLS connect|gnutls_handshake|SSL_ERROR|unable to look up|expected flush"
        r"|invalid index-pack output",
        UnreachableError,
        "is not reached",
    ),
)


def foreign(url: str, place: str) -> InputError:
    """The error for a repository of another user: that git refuses it too is not so from 2.48 on."""
    return InputError(f"{url}: {_FOREIGN} ({place})", advice=_LIST_IT)


def failure(url: str, stderr: bytes, *, secrets: Iterable[str]) -> LlamagateError:
    """The error for what git printed when it failed to talk to ``url``. ``secrets`` are header lines.

    ``GitFailedError`` where no rule explains it.
    """
    text = _without(secrets, stderr.decode("utf-8", "replace"))
    said = _last_word(text.replace(f"'{url}'", "it"))  # the message names it already
    told = text.replace(url, "")  # a url may hold any of the words
    for rule in _RULES:
        if rule.pattern.search(told):
            return rule.kind(f"{url}: {rule.meaning} ({said})", advice=rule.advice)
    return GitFailedError(f"{url}: git failed ({said})", advice="check the url and the repository")


def _last_word(text: str) -> str:
    """The last line that says something, in quotes."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", text)]
    telling = [line for line in lines if line and not _SAYS_NOTHING.fullmatch(line)] or [line for line in lines if line]
    return shown(_PREFIX.sub("", telling[-1], count=1) if telling else "it said nothing")


def _without(secrets: Iterable[str], text: str) -> str:
    """``text`` with everything blotted out that stands in a secret header, the longest first."""
    for word in sorted({word for header in secrets for word in _words(header)}, key=len, reverse=True):
        text = text.replace(word, "***")
    return text


def _words(header: str) -> Iterator[str]:
    value = header.partition(":")[2].strip()
    kind, _, credential = value.partition(" ")
    for word in (value, credential.strip()) if credential else (kind,):
        if len(word) >= _SECRET_CHARACTERS:
            yield word
    if kind.lower() == "basic":
        yield from _basic_words(credential)


def _basic_words(credential: str) -> Iterator[str]:
    try:
        plain = base64.b64decode(credential, validate=True).decode()
    except (binascii.Error, ValueError):
        return
    for word in (plain, plain.partition(":")[2], plain.partition(":")[0]):
        if len(word) >= _SECRET_CHARACTERS:
            yield word
