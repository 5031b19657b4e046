"""The page on the Python API is run from its top to its end, prints what it says, and names all that is public."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import reconciler.api
import reconciler.host
from tests.cli.shell import Session
from tests.docs.pages import page

BLOCK = re.compile(r"^<!-- ([a-z ]+) -->\n```(?:python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_its_examples_run_and_print_what_it_says(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = page("api.md")
    blocks = dict(BLOCK.findall(text))
    assert len(blocks) == text.count("```") / 2
    session.extensions("greeter")
    monkeypatch.chdir(session.project)
    names: dict[str, object] = {}
    for name, code in blocks.items():
        if not name.endswith(" prints"):
            exec(compile(code, f"docs/api.md, {name}", "exec"), names)  # noqa: S102 - it is what the page is for
            assert capsys.readouterr().out == blocks.get(f"{name} prints", "")
    assert Path("demo-home", "extensions", "installed", "greeter").is_dir()


@pytest.mark.parametrize("module", [reconciler.api, reconciler.host], ids=lambda module: module.__name__)
def test_every_public_name_is_on_the_page(module: object) -> None:
    named = set(re.findall(r"\b[A-Za-z_]+\b", page("api.md")))
    assert set(module.__all__) <= named  # type: ignore[attr-defined]
