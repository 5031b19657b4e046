"""How tests went: for people, as a document, and as a report that build servers read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from reconciler.cli.ui.style import Style
from reconciler.host.testing import Result, Suite, unreached
from reconciler.model.config import JsonObject
from reconciler.model.regex import regex

_MILLISECONDS: Final = 1000
_NOT_XML: Final = regex("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def suites_text(suites: Sequence[Suite], style: Style, *, coverage: bool) -> str:
    """A line for each case, below it what failed, and what it comes to."""
    lines = [line for suite in suites for line in _suite(suite, style, coverage=coverage)]
    results = [one for suite in suites for one in suite.results]
    failed = sum(not one.passed for one in results) + sum(len(suite.faults) for suite in suites)
    passed = f"{sum(one.passed for one in results)} passed"
    bare = [suite.package for suite in suites if not suite.results and not suite.faults]
    without = f"; no cases in {', '.join(bare)}" if bare else ""
    return "\n".join([*lines, f"{passed}, {failed} failed{without}." if failed else f"{passed}{without}."])


def _suite(suite: Suite, style: Style, *, coverage: bool) -> Iterator[str]:
    for fault in suite.faults:
        yield f"{style.paint('fault', 'red')}   {suite.package}: {fault}"
    for one in suite.results:
        word = style.paint("passed", "green") if one.passed else style.paint("failed", "red")
        yield f"{word}  {suite.package}: {one.case.name} ({one.seconds * _MILLISECONDS:.0f} ms)"
        for failure in one.failures:
            first, *others = failure.split("\n")
            yield f"    {one.case.file}: {first}"
            yield from (f"    {_painted(line, style)}" for line in others)
    if coverage:
        found = unreached(suite)
        yield f"{suite.package}: {found.total - len(found.missed)} of {found.total} steps and rules reached"
        yield from (f"    not reached: {words}" for words in found.missed)


def _painted(line: str, style: Style) -> str:
    colour = {"+": "green", "-": "red"}.get(line.strip()[:1], "")
    return style.paint(line, colour) if colour else line


def suites_document(suites: Sequence[Suite], *, coverage: bool) -> JsonObject:
    """The document of ``--json``."""
    return {
        "passed": all(one.passed for one in suites),
        "packages": [_suite_document(one, coverage=coverage) for one in suites],
    }


def _suite_document(suite: Suite, *, coverage: bool) -> JsonObject:
    document: JsonObject = {
        "package": suite.package,
        "faults": [*suite.faults],
        "cases": [_case_document(one) for one in suite.results],
    }
    if coverage:
        found = unreached(suite)
        document["coverage"] = {"total": found.total, "missed": [*found.missed]}
    return document


def _case_document(one: Result) -> JsonObject:
    return {
        "name": one.case.name,
        "file": one.case.file,
        "passed": one.passed,
        "failures": [*one.failures],
        "milliseconds": int(one.seconds * _MILLISECONDS),
    }


def junit(suites: Sequence[Suite]) -> bytes:
    """The report in the form that JUnit made common."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    for suite in suites:
        failed = sum(not one.passed for one in suite.results)
        counts = f'tests="{len(suite.results) + len(suite.faults)}" failures="{failed}" errors="{len(suite.faults)}"'
        lines.append(f"<testsuite name={_attribute(suite.package)} {counts}>")
        for fault in suite.faults:
            lines.append(f'<testcase classname={_attribute(suite.package)} name="cases" time="0">')
            lines.append(f"<error message={_attribute(fault)}/></testcase>")
        lines += [_junit_case(suite, one) for one in suite.results]
        lines.append("</testsuite>")
    return "\n".join([*lines, "</testsuites>", ""]).encode()


def _junit_case(suite: Suite, one: Result) -> str:
    head = f"<testcase classname={_attribute(suite.package)} name={_attribute(one.case.name)} "
    head += f'file={_attribute(one.case.file)} time="{one.seconds:.3f}"'
    if one.passed:
        return f"{head}/>"
    text = "\n".join(one.failures)
    first = one.failures[0].partition("\n")[0]
    return f"{head}><failure message={_attribute(first)}>{escape(_xml(text))}</failure></testcase>"


def _attribute(text: str) -> str:
    return quoteattr(_xml(text))


def _xml(text: str) -> str:
    """``text`` without what XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
