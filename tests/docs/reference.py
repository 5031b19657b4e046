"""``python -m tests.docs.reference``: write ``docs/reference.md`` from what each command says of itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any, Final

from reconciler.cli.app import application
from reconciler.cli.help import VerbHelp
from tests.conftest import PROJECT

REFERENCE: Final = PROJECT / "docs" / "reference.md"
COMMAND: Final = "python -m tests.docs.reference"

_HEAD: Final = f"""\
# Command reference

<!-- Written by "{COMMAND}" from the help of the commands; change it there. -->

What `--help` says, for every command. [The commands](commands.md) tells how they belong together, the exit codes and
the JSON documents.
"""
_REMARK: Final = re.compile(r"\s*\[(required|default: [^\]]*|x>=\d+)\](?:\s*\[[^\]]*\])?$")


def reference() -> str:
    """The whole page."""
    chapters = [_chapter(name, verb) for name, verb in verbs()]
    return "\n".join([_HEAD, *chapters])


def verbs() -> Iterator[tuple[str, Any]]:
    """Every verb with its full name; of a group, those in it."""
    command = application()
    for name in command.list_commands(None):
        verb = command.get_command(None, name)
        for second, inside in getattr(verb, "commands", {"": verb}).items():
            yield f"{name} {second}".strip(), inside


def _chapter(name: str, verb: Any) -> str:
    context = verb.context_class(verb, info_name=f"llamagate {name}", help_option_names=["-h", "--help"])
    usage = verb.get_usage(context).removeprefix("Usage: ")
    lines = [f"## {name}", "", verb.help, "", "```text", usage, "```", ""]
    lines += ["| argument or option | meaning | default |", "|---|---|---|"]
    return "\n".join([*lines, *_rows(verb, context), "", *_notes(verb)]) + "\n"


def _notes(verb: Any) -> Iterator[str]:
    page = VerbHelp.of(verb.epilog)
    yield from ["```sh", *page.examples, "```", "", "| exit code | meaning |", "|---|---|"]
    yield from (f"| {code} | {_escaped(meaning)} |" for code, meaning in page.codes.items())


def _rows(verb: Any, context: Any) -> Iterator[str]:
    for parameter in verb.get_params(context):
        term, text = parameter.get_help_record(context)
        if "--help" in parameter.opts:
            continue
        found = _REMARK.search(text)
        remark = found[1] if found else ""
        meaning = text[: found.start()] if found else text
        if remark.startswith("x>="):
            meaning, remark = f"{meaning} {remark.removeprefix('x>=')} or more.", ""
        yield f"| {_code(term)} | {_escaped(meaning)} | {_default(remark)} |"


def _default(remark: str) -> str:
    value = remark.removeprefix("default: ")
    return value if value in ("", "required") or " " in value else _code(value)


def _code(text: str) -> str:
    return f"`{_escaped(text)}`"


def _escaped(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    REFERENCE.write_text(reference(), "utf-8")
    sys.stdout.write(f"Wrote {REFERENCE.relative_to(PROJECT)}.\n")
