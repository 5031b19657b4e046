"""Fixes put into the bytes of files. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from reconciler.packages.check.finding import Finding, Fix

_MARK: Final = b"\xef\xbb\xbf"


def fixed(data: bytes, findings: Iterable[Finding]) -> bytes:
    """``data`` with all fixes of ``findings`` that do not overlap. A byte order mark stays."""
    mark = _MARK if data.startswith(_MARK) else b""
    text = data[len(mark) :].decode()
    end = len(text) + 1
    for fix in sorted({one.fix for one in findings if one.fix}, key=_place, reverse=True):
        if fix.end <= end:
            text = text[: fix.start] + fix.text + text[fix.end :]
            end = fix.start
    return mark + text.encode()


def by_file(findings: Iterable[Finding]) -> Mapping[str, list[Finding]]:
    """Those that can be fixed, by the path of their file in the package."""
    found: dict[str, list[Finding]] = {}
    for one in findings:
        if one.fix is not None:
            found.setdefault(one.inside, []).append(one)
    return found


def _place(fix: Fix) -> tuple[int, int]:
    return fix.start, fix.end
