"""``python -m tests.docs.completions``: write ``completions.json``, by which shells complete, from the verbs."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from reconciler.cli.app import application
from reconciler.cli.help import VerbHelp
from reconciler.commands.skeletons import SKELETONS
from reconciler.documents.schemas import SCHEMA_NAMES
from tests.conftest import PROJECT

COMPLETIONS: Final = PROJECT / "reconciler" / "cli" / "completions.json"
COMMAND: Final = "python -m tests.docs.completions"

_VALUES: Final = {
    "DIR": "folders",
    "DIR|URL": "folders",
    "FILE": "files",
    "ZIP": "files",
    "ID|TYPE/ID": "ids",
}
_NUMBERS: Final = {"--to": "generations", "--from": "generations"}
_WORDS: Final = {
    "DIR": "folders",
    "ID": "ids",
    "[DIR]...": "folders",
    "[FILE|PACKAGE|FOLDER]...": "files",
    "[TYPE] [ID]": "types ids",
    "[TYPE] [ID]...": "types ids",
    "[TYPE] [ID|FILE]...": "types ids files",
    "[[TYPE] ID|PACKAGE|@GEN|ID@VERSION]...": "types ids @generations files",
    "[PLAN]": "files",
    "[TYPES]": "extensions|agentic-modules|mcp-servers",
    "[TYPE] ARCHIVE|DIR|URL...": "types files",
    "[TYPE] ID SOURCE [RANGE]": "types files",
    "[TYPE] ID": "types ids",
    "[TYPE] ID|PLAN": "types ids files",
    "[PACKAGE|FOLDER|FILE|-]...": "files",
    "[TYPE] ID [KEY=VALUE]...": "types ids",
    "[KEY=VALUE]...": "",
    "PACKAGE": "files",
    "REF": "",
    "KIND": "|".join(SKELETONS),
    "ID|FOLDER": "folders",
    "ID|PACKAGE": "ids files",
    "[PACKAGE|FOLDER]...": "files",
    "KEY": "files",
    "KEY|CODE": "",
    "KEY|NAME": "files",
    "NAME": "",
    "PACKAGE|CATALOG": "files",
    "[TEXT]": "",
    "[NAME]": "",
    "[N]": "generations",
    "bash|zsh|fish": "bash|zsh|fish",
}
_OF_VERBS: Final = {"schema": "|".join(SCHEMA_NAMES)}


def completions() -> str:
    """The table: of the program and of each verb its flags, and what its words and the values of its flags are."""
    command = application()
    table = {
        "flags": _flags(command),
        "verbs": {name: _verb(name, command.get_command(None, name)) for name in command.list_commands(None)},
    }
    return json.dumps(table, ensure_ascii=False, separators=(",", ":")) + "\n"


def _verb(name: str, verb: Any) -> dict[str, Any]:
    inside = getattr(verb, "commands", None)
    if inside is not None:
        return {
            "help": _first(verb.help),
            "flags": {},
            "verbs": {second: _verb(second, one) for second, one in inside.items()},
        }
    words = [_words(name, str(one.metavar)) for one in verb.params if one.param_type_name == "argument"]
    return {
        "help": _first(VerbHelp.of(verb.epilog).text),
        "flags": _flags(verb),
        "words": _OF_VERBS.get(name, next(iter(words), "")),
    }


def _words(name: str, metavar: str) -> str:
    assert metavar in _WORDS, f"what may stand for {metavar} of '{name}'? Say it in _WORDS of tests/docs/completions.py"
    return _WORDS[metavar]


def _flags(verb: Any) -> dict[str, Any]:
    options = [one for one in verb.params if one.param_type_name == "option"]
    return {name: {"help": _first(one.help or ""), **_value(one)} for one in options for name in one.opts}


def _value(option: Any) -> dict[str, str]:
    if option.is_flag or option.count:
        return {}
    metavar = str(option.metavar)
    is_choice = "|" in metavar and metavar.islower()
    named = [_NUMBERS[name] for name in option.opts if name in _NUMBERS]
    return {"value": next(iter(named), metavar if is_choice else _VALUES.get(metavar, "any"))}


def _first(text: str) -> str:
    return text.split("\n")[0].split(". ")[0].split("  [")[0].rstrip(".")


if __name__ == "__main__":
    COMPLETIONS.write_text(completions(), "utf-8")
    sys.stdout.write(f"Wrote {COMPLETIONS.relative_to(PROJECT)}.\n")
