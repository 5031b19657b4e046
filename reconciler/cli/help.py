"""The help of a verb. Its docstring has a fixed form: what it is for, then examples, then exit codes.

::

    Show what 'apply' would change, and why.

    Example: llamagate plan
    Exit codes: 0, 1, 5, 9 the file changed

The first sentence stands in the list of verbs. A code without words has those of ``EXIT_CODES``. Those in ``ALWAYS``
are added to every verb.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from msgspec import Struct
from typer.core import TyperCommand

from reconciler.errors import ExitCode
from reconciler.model.regex import regex

EXIT_CODES: Final[Mapping[int, str]] = {
    ExitCode.OK: "done",
    ExitCode.ERROR: "error; the message says what to fix",
    ExitCode.CHANGES_PENDING: "changes are pending (with --detailed-exitcode)",
    ExitCode.DRIFT: "only files changed by hand (with --detailed-exitcode)",
    ExitCode.LOCK_STALE: "the lock is out of date (with --locked)",
    ExitCode.REFUSED: "refused; the message says why",
    ExitCode.ROLLED_BACK: "failed and rolled back",
    ExitCode.NEEDS_RECOVERY: "an interrupted change needs 'llamagate recover'",
    ExitCode.BUSY: "another command is running; it did not end in time",
    ExitCode.PLAN_STALE: "another program kept changing the file or its lock",
    ExitCode.NOT_RELOADED: "applied, but the gateway does not serve it",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.BUG: "a bug in llamagate",
    ExitCode.INTERRUPTED: "stopped with Ctrl-C",
}
ALWAYS: Final = (ExitCode.USAGE, ExitCode.BUG, ExitCode.INTERRUPTED)

_NOTES: Final = regex(r"^(?=Example: |Exit codes: )", re.MULTILINE)
_CODE: Final = regex(r"(\d+) ?(.*)")


class VerbHelp(Struct, frozen=True):
    """``text`` says what the verb is for; ``codes`` are its exit codes with their meaning."""

    text: str
    examples: Sequence[str]
    codes: Mapping[int, str]

    @classmethod
    def of(cls, docstring: str) -> Self:
        """Read the fixed form."""
        text, *notes = _NOTES.split(docstring)
        examples = [note.strip().removeprefix("Example: ") for note in notes if note.startswith("Example: ")]
        listed = "".join(note for note in notes if note.startswith("Exit codes: ")).removeprefix("Exit codes: ")
        parts = [" ".join(part.split()) for part in listed.split(",")] + [f"{code:d}" for code in ALWAYS]
        pairs = [(int(found[1]), found[2]) for part in parts if (found := _CODE.fullmatch(part))]
        codes = {code: meaning or EXIT_CODES[code] for code, meaning in pairs}
        return cls(text.strip(), examples, codes)


class VerbCommand(TyperCommand):
    """A verb, whose help ends with its examples and exit codes. ``epilog`` is the docstring that they stand in."""

    def collect_usage_pieces(self, context: Any) -> list[str]:
        """Without the braces that typer puts around what is required: nobody types them."""
        return [re.sub(r"^\{(.*)\}$", r"\1", piece) for piece in super().collect_usage_pieces(context)]

    def format_epilog(self, _context: object, formatter: Any) -> None:
        page = VerbHelp.of(self.epilog or "")
        with formatter.section("Examples"):
            for example in page.examples:
                formatter.write(f"  {example}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in page.codes.items()])
