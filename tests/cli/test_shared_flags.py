"""The flags that every verb has, and what of the program a command line loads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.cli.app import application
from reconciler.cli.environment import asked_verb
from reconciler.cli.ui.style import When, colours_wanted
from reconciler.cli.verbs import VERBS
from tests.cli.shell import TIMEOUT_SECONDS, Session
from tests.docs.reference import verbs

EVERY_VERB = dict(verbs())
SHARED = {
    "--file",
    "-f",
    "--lock-file",
    "--home",
    "--json",
    "--quiet",
    "-q",
    "--verbose",
    "-v",
    "--color",
    "--no-color",
    "--gateway",
    "--log-file",
    "--no-pager",
    "--trust",
}
LOADED = """
import sys
from reconciler.cli.app import main
try:
    main()
finally:
    print(*sorted(name.removeprefix("reconciler.cli.") for name in sys.modules if name.startswith("reconciler.cli.")))
"""
ALWAYS = {
    *("app", "boot", "environment", "flags", "help", "shared_flags", "verb", "verbs"),
    *("ui", "ui.error", "ui.style", "ui.terminal", "ui.width"),
}


def test_the_verbs_of_groups_are_verbs_too() -> None:
    alone = {name for name, place in VERBS.items() if isinstance(place, str)}
    assert {*EVERY_VERB} == {
        *alone,
        "catalog build",
        "catalog sign",
        "cache gc",
        "trust list",
        "trust add",
        "trust revoke",
    }


@pytest.mark.parametrize("verb", EVERY_VERB.values(), ids=EVERY_VERB)
def test_every_verb_takes_the_shared_flags(verb: Any) -> None:
    assert {option for parameter in verb.params for option in parameter.opts} >= SHARED


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--version"], set()),
        (["list", "-q"], {"invocation", "item", "list", "ui.log", "ui.table"}),
        (["cache", "gc", "-q"], {"cache", "invocation", "ui.log"}),
    ],
    ids=["version", "list", "group"],
)
def test_only_the_verb_that_is_asked_for_is_loaded(session: Session, arguments: list[str], expected: set[str]) -> None:
    session.home.mkdir()
    with session.python(LOADED, *arguments, fresh=True) as running:
        out, err = running.communicate(timeout=TIMEOUT_SECONDS)
    assert ({*out.splitlines()[-1].split()}, err) == (ALWAYS | expected, "")


def test_init_names_its_file_as_a_document(session: Session) -> None:
    assert session.llamagate("init", "--json", "-f", "x.yaml").json == {"file": "x.yaml"}


def test_schemas_are_documents(session: Session) -> None:
    name = session.llamagate("schema", "--json").json["schemas"][0]
    assert session.llamagate("schema", "--json", name).json == json.loads(session.llamagate("schema", name).out)


def test_validate_takes_the_file_of_the_flag(session: Session) -> None:
    session.write("other.yaml", "apiVersion: llamagate/v1\n")
    assert session.llamagate("validate", "-f", "other.yaml").out == "other.yaml is valid: 0 items\n"


def test_the_shared_flags_may_also_come_before_the_verb() -> None:
    own = {name for parameter in application().params for name in parameter.opts} - {"--version"}
    assert own == SHARED


@pytest.mark.parametrize(
    ("before", "after"),
    [(["--home", "h"], []), ([], ["--home", "h"]), (["--home", "other"], ["--home", "h"]), (["-vq", "--home=h"], [])],
    ids=["before", "after", "after-wins", "together"],
)
def test_a_flag_is_given_before_the_verb_or_after_it(session: Session, before: list[str], after: list[str]) -> None:
    session.extensions("foo")
    session.llamagate(*before, "-q", "apply", *after)
    assert (session.project / "h" / "extensions" / "installed" / "foo").is_dir()
    assert not (session.project / "other").exists()


def test_a_file_before_the_verb_is_that_of_a_verb_in_a_group(session: Session) -> None:
    assert session.llamagate("--json", "-f", "nope.yaml", "plan", exits=1).error["message"].startswith("nope.yaml")
    session.home.mkdir()
    assert session.llamagate("--json", "cache", "gc").json["dropped"] == []


def test_the_history_names_the_verb_and_not_a_flag_before_it(session: Session) -> None:
    session.extensions("foo")
    session.llamagate("-qf", "llamagate.yaml", "--home", str(session.home), "apply")
    assert session.llamagate("history", "--json").json["generations"][0]["command"] == "llamagate apply"


@pytest.mark.parametrize(
    ("arguments", "verb"),
    [
        (["--home", "list", "apply"], "apply"),
        (["--gateway", "http://list", "apply"], "apply"),
        (["-qf", "list", "apply"], "apply"),
        (["-flist", "apply"], "apply"),
        (["--file=list", "--color", "never", "apply", "list"], "apply"),
        (["-q"], ""),
        (["--home"], ""),
    ],
)
def test_the_verb_is_found_behind_flags(arguments: list[str], verb: str) -> None:
    assert asked_verb(arguments) == verb


@pytest.mark.parametrize(
    ("when", "variables", "wanted"),
    [
        ("auto", {}, None),
        ("auto", {"NO_COLOR": "", "FORCE_COLOR": "", "TERM": "xterm", "CLICOLOR": "1"}, None),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ("auto", {"FORCE_COLOR": "1", "CLICOLOR": "0", "TERM": "dumb"}, True),
        ("auto", {"CLICOLOR_FORCE": "1"}, True),
        ("auto", {"CLICOLOR_FORCE": "0", "FORCE_COLOR": "0"}, None),
        ("auto", {"CLICOLOR": "0"}, False),
        ("auto", {"TERM": "dumb"}, False),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, True),
        ("never", {"FORCE_COLOR": "1"}, False),
    ],
)
def test_what_decides_about_colours(when: When, variables: dict[str, str], wanted: bool | None) -> None:
    assert colours_wanted(when, variables) is wanted


@pytest.mark.parametrize(
    ("arguments", "variables", "coloured"),
    [
        (["plan", "--color", "always"], {"NO_COLOR": "1"}, True),
        (["plan", "--color=never"], {"FORCE_COLOR": "1"}, False),
        (["plan", "--no-color"], {"FORCE_COLOR": "1"}, False),
        (["plan"], {"FORCE_COLOR": "1"}, True),
        (["--no-color", "plan", "--color", "always"], {}, True),
        (["--color", "always", "plan", "--no-color"], {}, False),
        (["plan", "--color", "always", "--no-color"], {}, False),
        (["plan", "--no-color", "--color", "always"], {}, True),
    ],
)
@pytest.mark.parametrize("has_file", [True, False], ids=["page", "error"])
def test_colours_are_as_the_last_flag_says(
    session: Session, arguments: list[str], variables: dict[str, str], coloured: bool, has_file: bool
) -> None:
    session.variables |= {"NO_COLOR": "", "FORCE_COLOR": "", "CLICOLOR": "", "CLICOLOR_FORCE": "", **variables}
    if has_file:
        session.extensions("foo")
    said = session.run(*arguments)
    assert ("\x1b[" in said.out + said.err) is coloured
