"""The help of each verb, the names that people guess, and previews."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from reconciler.cli.app import application
from reconciler.cli.help import EXIT_CODES, VerbHelp
from reconciler.cli.verbs import GUESSES, VERBS
from reconciler.errors import ExitCode
from tests.cli.shell import Session
from tests.docs.pages import chapter, page, rows
from tests.docs.reference import verbs

EVERY_VERB = dict(verbs())


def parse(line: str) -> str:
    """Parse a command line as the command does, without running it; the verb's full name."""
    _, *words = shlex.split(line)
    command, name = application(), ""
    while hasattr(command, "commands"):
        first, *words = words
        name, command = f"{name} {first}".strip(), command.get_command(None, first)
        assert command is not None, line
    command.make_context(name, words)
    return name


@pytest.mark.parametrize(("name", "verb"), EVERY_VERB.items(), ids=EVERY_VERB)
def test_every_verb_has_examples_that_parse(name: str, verb: Any) -> None:
    examples = VerbHelp.of(verb.epilog).examples
    assert examples
    assert {parse(example) for example in examples} == {name}


@pytest.mark.parametrize("verb", EVERY_VERB.values(), ids=EVERY_VERB)
def test_every_verb_has_exit_codes_that_are_documented(verb: Any) -> None:
    documented = {row[0] for row in rows(chapter(page("commands.md"), "Exit codes"))}
    codes = VerbHelp.of(verb.epilog).codes
    assert list(codes) == sorted(codes)
    assert {str(code) for code in codes} <= documented
    assert {ExitCode.OK, ExitCode.ERROR, ExitCode.USAGE, ExitCode.BUG, ExitCode.INTERRUPTED} <= {*codes}


def test_every_exit_code_has_words() -> None:
    assert {*EXIT_CODES} == {*ExitCode}


@pytest.mark.parametrize("name", EVERY_VERB)
def test_the_help_ends_with_examples_and_exit_codes(session: Session, name: str) -> None:
    said = session.llamagate("help", *name.split()).out
    assert re.search(rf"\n\nExamples:\n(  llamagate {name}.*\n)+\nExit codes:\n  0 +\w", said)
    assert session.llamagate(*name.split(), "--help").out == said


def test_help_is_the_list_of_commands(session: Session) -> None:
    assert session.llamagate("help").out == session.llamagate("--help").out
    assert "'aply'" in session.llamagate("help", "aply", exits=64).err


@pytest.mark.parametrize("word", GUESSES)
def test_a_guessed_name_answers_with_the_right_one_in_one_line(session: Session, word: str) -> None:
    said = session.llamagate(word, "something", exits=64)
    assert (said.out, said.err) == ("", f"llamagate: unknown command '{word}'; use {GUESSES[word]}\n")
    named = re.findall(r"'llamagate ([a-z]+)", said.err)
    assert {*named} <= {*VERBS}
    assert named or word == "version"


def test_no_guess_is_a_verb() -> None:
    assert not {*GUESSES} & {*VERBS}


@pytest.mark.parametrize(("word", "meant"), [("aply", "apply"), ("stauts", "status"), ("docter", "doctor")])
def test_a_misspelled_name_answers_with_the_nearest_one(session: Session, word: str, meant: str) -> None:
    said = session.llamagate(word, exits=64).err
    assert said == f"llamagate: unknown command '{word}'; did you mean '{meant}'?\n"


def test_a_usage_error_of_a_verb_in_a_group_names_its_help(session: Session) -> None:
    assert session.llamagate("catalog", "build", "--frob", exits=64).err.endswith(
        "  → 'llamagate catalog build --help' shows what is possible\n"
    )


def test_a_dry_run_of_apply_is_plan(session: Session) -> None:
    session.extensions("foo")
    before = session.everything()
    for flags in ([], ["--json"], ["-v"], ["--only", "foo"]):
        assert session.llamagate("apply", "--dry-run", *flags) == session.llamagate("plan", *flags)
    assert session.everything() == before
    session.llamagate("apply")
    session.package("foo", version="2.0.0")
    session.installed("foo", "manifest.yaml").write_text("mine\n")
    said = session.llamagate("plan", exits=5)
    assert "Refused" in said.out
    assert session.llamagate("apply", "--dry-run", exits=5) == said


def test_a_dry_run_of_apply_takes_no_saved_plan(session: Session) -> None:
    said = session.llamagate("apply", "--dry-run", "plan.json", exits=64)
    assert said.err == "llamagate: --dry-run makes a new plan; leave out the saved plan\n"


def test_a_dry_run_says_what_would_be_done_and_a_change_what_was_done(session: Session) -> None:
    session.extensions("foo", text="gateway: {reload: off}\n")
    session.llamagate("apply")
    would = session.llamagate("remove", "foo", "--dry-run").out
    assert "  - would remove     foo  1.0.0" in would
    assert would.endswith("Dry run: 1 to remove. Run it without --dry-run to do it.\n")
    assert session.llamagate("remove", "foo").out.endswith("Applied as generation 2: 1 removed.\n")
