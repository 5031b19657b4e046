"""A finding, and the table of all kinds of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from reconciler.codes import CheckCode
from reconciler.model.config import JsonObject


class Severity(StrEnum):
    """How bad it is: an error will not work, a warning is likely a mistake, a note may be meant so."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


SEVERITIES: Final = (Severity.NOTE, Severity.WARNING, Severity.ERROR)
"""From the mildest on."""


class Check(Struct, frozen=True):
    """One kind of finding: its name, how bad it is unless the user says otherwise, and what it says in one line."""

    name: str
    severity: Severity
    about: str


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE

CHECKS: Final[Mapping[CheckCode, Check]] = {
    CheckCode.INVALID: Check("invalid", _E, "the package breaks a rule of the format"),
    CheckCode.MISSPELT_KEY: Check("misspelt-key", _E, "a key is one or two letters from a known one"),
    CheckCode.UNKNOWN_STEP: Check("unknown-step", _E, "'uses' names no step"),
    CheckCode.UNKNOWN_ACTION: Check("unknown-action", _E, "a hook waits for no known event, or does nothing known"),
    CheckCode.UNKNOWN_GUARDRAIL: Check("unknown-guardrail", _E, "a guardrail that does not exist guards nothing"),
    CheckCode.UNKNOWN_TYPE: Check("unknown-type", _E, "an input or output has a type that does not exist"),
    CheckCode.UNKNOWN_NAME: Check("unknown-name", _E, "no input and no earlier step gives what is named"),
    CheckCode.MISSING_FILE: Check("missing-file", _E, "a template or file that is named is not in the package"),
    CheckCode.UNPRODUCED_OUTPUT: Check("unproduced-output", _W, "no step gives a declared output"),
    CheckCode.UNREACHABLE_RULE: Check("unreachable-rule", _W, "a rule before it always holds"),
    CheckCode.UNQUOTED_BRACES: Check("unquoted-braces", _E, "YAML reads braces without quotes as a mapping"),
    CheckCode.SAME_VERSION: Check("same-version", _W, "the content changed, the version did not"),
    CheckCode.OPEN_ENDPOINT: Check("open-endpoint", _W, "an endpoint takes requests of everyone"),
    CheckCode.LOGGED_BODIES: Check("logged-bodies", _W, "an audit log hides nothing of what it writes"),
    CheckCode.UNPINNED_MODEL: Check("unpinned-model", _N, "the name of a model leaves open which one it is"),
    CheckCode.MISSING_EXTENSION: Check("missing-extension", _W, "a step names an extension that is not known"),
    CheckCode.NOT_UTF8: Check("not-utf8", _E, "a text file is not UTF-8"),
    CheckCode.LARGE_FILE: Check("large-file", _W, "a file is large"),
    CheckCode.SECRET: Check("secret", _E, "a file holds what looks like a key"),
    CheckCode.UNSEEN_CHARACTER: Check("unseen-character", _W, "a text holds a character that nobody sees"),
    CheckCode.USELESS_DISABLE: Check("useless-disable", _W, "a 'disable' has no effect"),
    CheckCode.NO_REASON: Check("no-reason", _W, "a 'disable' gives no reason"),
    CheckCode.UNKNOWN_INPUT: Check("unknown-input", _E, "a step does not fit the inputs of its extension"),
    CheckCode.BAD_CONDITION: Check("bad-condition", _E, "the condition of a rule cannot be read"),
    CheckCode.MISSING_ARGUMENT: Check("missing-argument", _W, "a step lacks what it works on"),
    CheckCode.DOUBLED_NAME: Check("doubled-name", _E, "two inputs, outputs or steps have one name"),
    CheckCode.UNFILLED_BRACES: Check("unfilled-braces", _W, "braces that nothing fills in"),
    CheckCode.WRONG_VALUE: Check("wrong-value", _E, "an argument or a setting has a value of another type"),
    CheckCode.UNNAMED_SERVER: Check(
        "unnamed-server", _E, "a step calls a tool server that 'mcp_servers' does not name"
    ),
}


class Fix(Struct, frozen=True):
    """A change that is sure: the characters from ``start`` to ``end`` of the file's text become ``text``."""

    start: int
    end: int
    text: str


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was found. ``line`` and ``column`` count from 1, and are ``None`` where a whole file is meant.

    ``file`` is as the user names it, ``inside`` its path in the package. ``source`` is the text of the line, left out
    where it may hold a secret.
    """

    code: CheckCode
    message: str
    file: str
    inside: str
    severity: Severity
    line: int | None = None
    column: int | None = None
    end_column: int | None = None
    path: str | None = None
    source: str | None = None
    fix: Fix | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{place}: {self.severity} {self.code} {self.message}"

    def to_document(self) -> JsonObject:
        return {
            "code": str(self.code),
            "name": CHECKS[self.code].name,
            "severity": str(self.severity),
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "message": self.message,
            "fixable": self.fix is not None,
        }
