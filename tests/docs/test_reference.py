"""The command reference is what the commands say of themselves, and the page on commands names them all."""

from __future__ import annotations

import re

from reconciler.cli.verbs import VERBS
from tests.docs.pages import page, rows
from tests.docs.reference import COMMAND, REFERENCE, reference


def test_the_command_reference_is_up_to_date() -> None:
    assert REFERENCE.read_text("utf-8") == reference(), f"the help of a command changed: run '{COMMAND}'"


def test_the_tables_of_commands_name_every_verb_once() -> None:
    tables = page("commands.md").partition("## ")[0]
    named = [name for row in rows(tables) for name in re.findall(r"`([a-z]+)", row[0])]
    assert sorted(named) == sorted(VERBS)
