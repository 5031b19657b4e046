"""Versions and version ranges (semver, ranges as npm writes them)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Final

from reconciler.model.regex import regex

if TYPE_CHECKING:
    from semantic_version import NpmSpec, Version

_MANIFEST_VERSION: Final = regex(r"([0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9})(.*)", re.DOTALL)
_NUMBER: Final = r"(?:0|[1-9][0-9]{0,8})"
_PRERELEASE: Final = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_TAG_VERSION: Final = regex(
    rf"v?({_NUMBER}(?:\.{_NUMBER}){{2}}(?:-{_PRERELEASE}(?:\.{_PRERELEASE})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)"
)
"""Nothing but semver: what it does not know as a prerelease might pass for the release."""


def range_problem(text: str) -> str | None:
    """What is wrong with a version range, or ``None``."""
    if not _is_range(text):
        return f"{text!r} is not a version range; {_range_advice(text)}"
    return None


_NEWEST: Final = regex(r"latest|newest|stable|current|any|head", re.IGNORECASE)
_OTHER_RANGES: Final = (
    (regex(r"~= *(\d+\.\d+)$"), r"^\1"),
    (regex(r"~= *(\d+\.\d+\.\d+)$"), r"~\1"),
    (regex(r"==+ *(?=\d)"), ""),
    (regex(r"=([<>])"), r"\1="),
    (regex(r"([<>]=?) +"), r"\1"),
    (regex(r" *(?:,| and | && ) *"), " "),
)
"""How others write ranges (Python, Ruby, people), and what npm writes for it."""


def _range_advice(text: str) -> str:
    if _NEWEST.fullmatch(text.strip()):
        return "leave 'version' out to get the newest"
    written = text.strip()
    for pattern, replacement in _OTHER_RANGES:
        written = pattern.sub(replacement, written)
    return f'write "{written}"' if _is_range(written) else "write it as npm does: ^1.2, ~1.2.3, >=1 <3, 1.x"


def _is_range(text: str) -> bool:
    try:
        _spec(text)
    except ValueError:
        return False
    return True


def in_range(version: str, wanted: str) -> bool:
    """Whether ``version`` lies in the range ``wanted``."""
    return version == wanted or bool(_spec(wanted).match(_parsed(version)))


def is_older(version: str, than: str) -> bool:
    """Whether ``version`` precedes ``than``; build metadata does not count."""
    if version == than:
        return False
    return bool(_parsed(version).truncate("prerelease") < _parsed(than).truncate("prerelease"))


def newest(versions: Iterable[str]) -> str | None:
    """The highest of ``versions``; ``None`` where there are none."""
    return max(versions, key=_rank, default=None)


def in_order(versions: Iterable[str]) -> list[str]:
    """``versions``, lowest first."""
    return sorted(versions, key=_rank)


def _rank(version: str) -> tuple[object, str]:
    return _parsed(version).precedence_key, version


def tagged_versions(tags: Iterable[str], item_id: str) -> dict[str, str]:
    """Version → tag, for git tags such as ``v1.2.3``; or ``item_id/v1.2.3``, where any tag is of that form."""
    found: dict[bool, dict[str, str]] = {True: {}, False: {}}
    for tag in sorted(tags):
        name, _, version = tag.rpartition("/")
        match = _TAG_VERSION.fullmatch(version)
        if match and (not name or name.rpartition("/")[2] == item_id):
            found[bool(name)][match.group(1)] = tag
    return found[True] or found[False]


@cache
def _spec(text: str) -> NpmSpec:
    from semantic_version import NpmSpec

    return NpmSpec(text)


@cache
def _parsed(text: str) -> Version:
    """The version as semver; a tail that semver does not know (``1.2.3.4``, ``1.2.3beta``) counts as build metadata."""
    from semantic_version import Version

    try:
        return Version(text)
    except ValueError:
        match = _MANIFEST_VERSION.match(text)
        core = match.group(1) if match else "0.0.0"
        return Version(".".join(str(int(part)) for part in core.split(".")))
