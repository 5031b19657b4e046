"""Each verb prints what its transcript shows. After a wanted change: ``python -m tests.golden``, and read the diff."""

from __future__ import annotations

import difflib
from typing import Final

import pytest

from reconciler.cli.verbs import VERBS
from tests.cli.shell import Session
from tests.golden.transcript import FOLDER, Player, Renewal
from tests.support.fixtures import session

__all__ = ["session"]

FILES: Final = {path.stem: path for path in sorted(FOLDER.glob("*.txt"))}


def test_every_verb_has_a_transcript() -> None:
    assert set(FILES) == set(VERBS)


@pytest.mark.parametrize("verb", FILES)
def test_transcript(session: Session, verb: str, request: pytest.FixtureRequest) -> None:
    file = FILES[verb]
    before = file.read_text("utf-8")
    with Player(session) as player:
        after = player.play(before)
    if request.config.pluginmanager.is_registered(Renewal):
        file.write_text(after, "utf-8")
    elif after != before:
        name = f"tests/golden/{file.name}"
        diff = difflib.unified_diff(before.splitlines(), after.splitlines(), name, "what llamagate prints", lineterm="")
        pytest.fail("\n".join([*diff, "", f"If this is wanted: python -m tests.golden {verb}"]), pytrace=False)
