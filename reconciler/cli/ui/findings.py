"""What ``check`` found, in the forms that people, editors and code hosts read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from reconciler import __version__
from reconciler.cli.ui.error import source_lines
from reconciler.cli.ui.style import Style
from reconciler.errors import Fault
from reconciler.model.config import JsonObject
from reconciler.packages.check.finding import CHECKS, SEVERITIES, Finding, Severity
from reconciler.queries.check import Report

_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_ESCAPES: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY: Final = {**_ESCAPES, ":": "%3A", ",": "%2C"}
_GITHUB: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def text(report: Report, style: Style) -> str:
    """A line for each finding, below it the line of the file where there are colours, and what it comes to."""
    lines = [line for one in report.findings for line in _lines(one, style)]
    return "\n".join([*lines, _summary(report)])


def _lines(one: Finding, style: Style) -> Iterator[str]:
    place = ":".join(str(part) for part in (one.file, one.line, one.column) if part is not None)
    mark = style.paint(f"{one.severity} {one.code}", _COLOURS[one.severity])
    fixable = " [fixable]" if one.fix else ""
    yield f"{place}: {mark} {one.message}{fixable}"
    if style.colours and one.source is not None:
        fault = Fault(message="", line=one.line, column=one.column, source=one.source)
        yield from source_lines(fault, style)


def _summary(report: Report) -> str:
    packages = "1 package" if report.packages == 1 else f"{report.packages} packages"
    counts = [(one, sum(found.severity is one for found in report.findings)) for one in reversed(SEVERITIES)]
    named = [f"{count} {one}{'' if count == 1 else 's'}" for one, count in counts if count]
    fixable = sum(one.fix is not None for one in report.findings)
    more = f"; 'llamagate check --fix' fixes {fixable}" if fixable else ""
    fixed = f"Fixed {report.fixes}. " if report.fixes else ""
    return f"{fixed}Checked {packages}: {', '.join(named) or 'nothing found'}{more}."


def github(findings: Sequence[Finding]) -> str:
    """Commands of a GitHub workflow, which shows each at its line."""
    return "\n".join(_command(one) for one in findings)


def _command(one: Finding) -> str:
    parts = {"file": one.file, "line": one.line, "col": one.column, "title": f"{one.code} {CHECKS[one.code].name}"}
    named = ",".join(f"{key}={_escaped(str(part), _IN_PROPERTY)}" for key, part in parts.items() if part is not None)
    return f"::{_GITHUB[one.severity]} {named}::{_escaped(one.message, _ESCAPES)}"


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)


def sarif(findings: Sequence[Finding]) -> str:
    """SARIF 2.1.0, which code hosts and editors read."""
    used = sorted({one.code for one in findings})
    rules = [
        {"id": str(code), "name": CHECKS[code].name, "shortDescription": {"text": CHECKS[code].about}} for code in used
    ]
    driver = {"name": "llamagate", "version": __version__, "rules": rules}
    results = [_result(one, used.index(one.code)) for one in findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _result(one: Finding, index: int) -> JsonObject:
    place: JsonObject = {"artifactLocation": {"uri": one.file.replace("\\", "/")}}
    if one.line is not None:
        place["region"] = {"startLine": one.line, "startColumn": one.column, "endColumn": one.end_column or one.column}
    return {
        "ruleId": str(one.code),
        "ruleIndex": index,
        "level": str(one.severity),
        "message": {"text": one.message},
        "locations": [{"physicalLocation": place}],
    }
