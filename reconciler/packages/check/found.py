"""What a check found, before its line and column are looked up."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import CheckCode
from reconciler.documents.yaml.places import Path, dotted
from reconciler.packages.check.document import Document, Span, Text
from reconciler.packages.check.finding import CHECKS, Finding, Fix, Severity


class Found(Struct, frozen=True, kw_only=True):
    """``path`` is the place in a document; ``span`` is where in ``text``, ``None`` where the whole file is meant.

    ``fix`` is what to write there instead, where that is sure; ``meant`` what it most likely is. ``hidden``: the line
    may hold a secret.
    """

    code: CheckCode
    message: str
    text: Text
    span: Span | None
    path: Path = ()
    fix: str | None = None
    meant: str | None = None
    hidden: bool = False

    def finding(self, severities: Mapping[CheckCode, Severity]) -> Finding:
        """With its place, as ``severities`` rate it, else as the table does."""
        severity = severities.get(self.code, CHECKS[self.code].severity)
        bare = Finding(
            code=self.code,
            message=self.message,
            file=self.text.file,
            inside=self.text.inside,
            severity=severity,
            path=dotted(self.path) or None,
        )
        return bare if self.span is None else self._placed(bare, self.span)

    def _placed(self, bare: Finding, span: Span) -> Finding:
        line, column = self.text.place(span.start)
        source = self.text.line(line)
        width = min(span.end - span.start, len(source) - column + 1)
        fix = None if self.fix is None else Fix(span.start, span.end, self.fix)
        shown = None if self.hidden else source
        return replace(bare, line=line, column=column, end_column=column + max(width, 1), source=shown, fix=fix)


def at_key(document: Document, code: CheckCode, path: Path, message: str) -> Found:
    """At the key of the entry ``path``."""
    return Found(code=code, message=message, text=document, span=document.key(path), path=path)


def misspelt_key(document: Document, path: Path, message: str, *, meant: str, fix: str | None) -> Found:
    """At the key of the entry ``path``, which is ``meant`` otherwise."""
    return replace(at_key(document, CheckCode.MISSPELT_KEY, path, message), meant=meant, fix=fix)


def at_value(document: Document, code: CheckCode, path: Path, message: str, *, fix: str | None = None) -> Found:
    """At the value at ``path``."""
    span = document.of(path)
    written = fix if fix is None or not span.style else f"{span.style}{fix}{span.style}"
    return Found(
        code=code, message=message, text=document, span=span, path=path, fix=None if span.is_block else written
    )
