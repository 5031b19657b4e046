"""The flags that every verb has, and what of the program a command line loads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.cli.app import VERBS
from tests.cli.shell import TIMEOUT_SECONDS, Session
from tests.docs.reference import verbs

EVERY_VERB = dict(verbs())
SHARED = {"--file", "-f", "--home", "--json", "--quiet", "-q", "--verbose", "-v", "--no-color"}
LOADED = """
import sys
from reconciler.cli.app import main
try:
    main()
finally:
    print(*sorted(name.removeprefix("reconciler.cli.") for name in sys.modules if name.startswith("reconciler.cli.")))
"""
ALWAYS = {"app", "ui", "ui.error", "ui.style", "ui.terminal", "verb"}


def test_the_verbs_of_groups_are_verbs_too() -> None:
    alone = {name for name, place in VERBS.items() if isinstance(place, str)}
    assert {*EVERY_VERB} == {*alone, "catalog build", "cache gc"}


@pytest.mark.parametrize("verb", EVERY_VERB.values(), ids=EVERY_VERB)
def test_every_verb_takes_the_shared_flags(verb: Any) -> None:
    assert {option for parameter in verb.params for option in parameter.opts} >= SHARED


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--version"], set()),
        (["list", "-q"], {"environment", "flags", "invocation", "item", "list", "ui.table"}),
        (["cache", "gc", "-q"], {"cache", "environment", "flags", "invocation"}),
    ],
    ids=["version", "list", "group"],
)
def test_only_the_verb_that_is_asked_for_is_loaded(session: Session, arguments: list[str], expected: set[str]) -> None:
    with session.python(LOADED, *arguments) as running:
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
