"""Files of allowed signers, as ``ssh-keygen`` reads them (ALLOWED SIGNERS in its manual). Pure."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from msgspec import Struct

from reconciler.codes import FaultCode
from reconciler.errors import Fault, InputError
from reconciler.model.regex import regex
from reconciler.trust.verify import LEAST_RSA_BITS, check_public
from reconciler.trust.wire import Reader, WireError, fingerprint, from_base64

_OPTION: Final = regex(r'([a-z-]+)(?:="((?:[^"\\]|\\.)*)")?(?:,|$)', re.IGNORECASE)
_TIMES: Final = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MOST_CHARACTERS: Final = 1024
"""Of the names of a line: they come into locks."""
_UTC: Final = regex(r"(?:Z|UTC)$", re.IGNORECASE)


class SignerLine(Struct, frozen=True, kw_only=True, dict=True):
    """One line: whose key it is, what for, and from when to when, in seconds since 1970; 0 where it does not say."""

    number: int
    principals: str
    key: str
    """The fingerprint."""
    public: bytes
    namespaces: str = ""
    after: float = 0
    before: float = 0

    @cached_property
    def name(self) -> str:
        """The first of its names that is no pattern; else all that it says."""
        return next(iter(self.plain_names), self.principals)

    def is_named(self, name: str) -> bool:
        return fits(name, self.principals)

    def may_be(self, other: SignerLine) -> bool:
        """Whether both lines may be of one person: they share a key or a name, or both have a pattern."""
        if self.public == other.public or self.principals == other.principals:
            return True
        if self.has_pattern and other.has_pattern:
            return True
        return any(one.is_named(name) for one, two in ((self, other), (other, self)) for name in two.plain_names)

    @property
    def has_pattern(self) -> bool:
        return bool(set("*?") & set(self.principals))

    @cached_property
    def plain_names(self) -> tuple[str, ...]:
        return tuple(one for one in self.principals.split(",") if one and not set("!*?") & set(one))

    def signs(self, namespace: str) -> bool:
        return not self.namespaces or fits(namespace, self.namespaces)

    def is_valid(self, at: float) -> bool:
        return (not self.after or at >= self.after) and (not self.before or at <= self.before)


def read_signers(data: bytes, *, name: str) -> tuple[SignerLine, ...]:
    """The lines of a file. ``InputError`` with every fault: half a list of people is none."""
    lines: list[SignerLine] = []
    faults: list[Fault] = []
    for number, text in enumerate(text_of(data, name=name).split("\n"), 1):
        if not (stripped := text.strip(" \t\r")) or stripped.startswith("#"):
            continue
        try:
            lines.append(_line(stripped, number))
        except WireError as error:
            faults.append(Fault(message=str(error), code=FaultCode.INVALID_VALUE, file=name, line=number))
    if faults:
        raise InputError.of(faults, f"{name}: {len(faults)} lines cannot be used")
    return tuple(lines)


def text_of(data: bytes, *, name: str) -> str:
    """What a list says. ``InputError`` where it is of an encoding in which its first line would not be read."""
    if data.startswith(_MARKS):
        message = "it begins with a byte order mark; save it as UTF-8 without a byte order mark"
        raise InputError.at(message, file=name)
    return data.decode("utf-8", "surrogateescape")


def different_people(lines: Iterable[SignerLine]) -> int:
    """How many people these are at least: lines that may be of one person are, also by way of a third one."""
    groups: list[list[SignerLine]] = []
    for line in lines:
        same = [group for group in groups if any(line.may_be(other) for other in group)]
        groups = [group for group in groups if group not in same]
        groups.append([line, *(other for group in same for other in group)])
    return len(groups)


def public_key(words: Iterable[str], *, least_bits: int = LEAST_RSA_BITS) -> bytes:
    """The key of the words ``TYPE BASE64``. ``WireError`` where they are none, or are not taken."""
    kind, text = (*words, "", "")[:2]
    if not kind or not text:
        raise WireError("expected a public key: TYPE BASE64")
    try:
        return _key_of(kind, text, least_bits)
    except WireError as error:
        raise WireError(f"the public key cannot be used: {error}") from error


def _key_of(kind: str, text: str, least_bits: int) -> bytes:
    public = from_base64(text)
    if Reader(public).name() != kind:
        raise WireError(f"it is not of the type {kind}")
    check_public(public, least_bits=least_bits)
    return public


def _line(text: str, number: int) -> SignerLine:
    principals, rest = _first(text)
    if not principals or not rest:
        raise WireError("expected NAMES [OPTIONS] TYPE BASE64")
    if len(principals) > _MOST_CHARACTERS:
        raise WireError(f"its names have more than {_MOST_CHARACTERS} characters")
    if any("\ud800" <= character <= "\udfff" for character in principals):
        raise WireError("its names are not UTF-8")
    options, words = "", rest.split()
    if not _is_key(words):
        options, rest = _options(rest)
        words = rest.split()
    public = public_key(words)
    given = _parsed(options)
    if "cert-authority" in given:
        raise WireError("cert-authority is not supported: list the keys of the people themselves")
    after, before = (moment_of(given.get(name, "")) for name in ("valid-after", "valid-before"))
    if after and before and after >= before:
        raise WireError("valid-before is not after valid-after")
    return SignerLine(
        number=number,
        principals=principals,
        key=fingerprint(public),
        public=public,
        namespaces=given.get("namespaces", ""),
        after=after,
        before=before,
    )


def _first(text: str) -> tuple[str, str]:
    """The first word, which may be in quotes, and the rest."""
    if text.startswith('"'):
        word, _, rest = text[1:].partition('"')
        return word, rest.strip()
    word, _, rest = text.replace("\t", " ").partition(" ")
    return word, rest.strip()


def _is_key(words: list[str]) -> bool:
    return len(words) > 1 and words[1].startswith("AAAA") and '"' not in words[0]


def _options(text: str) -> tuple[str, str]:
    """What stands before the first blank outside quotes, and the rest."""
    quoted = False
    for at, character in enumerate(text):
        if character == '"' and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif character in " \t" and not quoted:
            return text[:at], text[at:].strip()
    raise WireError("a quote is not closed" if quoted else "expected a public key: TYPE BASE64")


def _parsed(options: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _each(options):
        if name == "cert-authority" and value is None:
            found[name] = ""
        elif name in ("namespaces", "valid-after", "valid-before") and value is not None:
            if name in found:
                raise WireError(f"{name} is given twice")
            if not value:
                raise WireError(f"{name} is empty")
            found[name] = value
        else:
            raise WireError(f'unknown option {name}; known are namespaces="", valid-after="" and valid-before=""')
    return found


def _each(options: str) -> Iterator[tuple[str, str | None]]:
    at = 0
    while at < len(options):
        match = _OPTION.match(options, at)
        if match is None:
            raise WireError(f"these are not options: {options[at:]}; write values in quotes")
        value = match[2]
        yield match[1].lower(), None if value is None else value.replace('\\"', '"')
        at = match.end()


def moment_of(text: str) -> float:
    """A time in seconds since 1970: local, unless it ends with Z; 0 where there is none."""
    if not text:
        return 0
    plain = _UTC.sub("", text)
    form = _TIMES.get(len(plain)) if plain.isdecimal() and plain.isascii() else None
    try:
        found = datetime.strptime(plain, form or "")
    except ValueError as error:
        raise WireError(
            f"'{text}' is not a time: write YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC"
        ) from error
    return (found.replace(tzinfo=UTC) if plain != text else found.astimezone()).timestamp()


def fits(name: str, patterns: str) -> bool:
    """Whether a list of patterns, with commas, has ``name``: one of them fits, and none that begins with ``!``."""
    found = False
    for pattern in patterns.split(","):
        is_negated = pattern.startswith("!")
        if pattern and _glob(name, pattern.removeprefix("!")):
            if is_negated:
                return False
            found = True
    return found


def _glob(name: str, pattern: str) -> bool:
    """``*`` and ``?``, in linear space and without a surprise in the time it takes."""
    at = star = mark = 0
    pos, seen = 0, False
    while pos < len(name):
        if at < len(pattern) and pattern[at] == "*":
            star, mark, seen = at, pos, True
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", name[pos]):
            at, pos = at + 1, pos + 1
        elif seen:
            mark += 1
            at, pos = star + 1, mark
        else:
            return False
    return all(character == "*" for character in pattern[at:])
