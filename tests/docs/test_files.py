"""What the page on files says of our own documents is what stands on disk, and every decision tells its price."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from reconciler.gateway.call import Cause
from reconciler.model.watched import Aspect
from tests.cli.shell import Session
from tests.docs.pages import DOCS, chapter, page, rows

DECISIONS = sorted((DOCS / "decisions").glob("[!R]*.md"))


def _shape(value: Any) -> Any:
    """Keys and types, in order."""
    if isinstance(value, dict):
        return [(key, _shape(inside)) for key, inside in value.items()]
    return [_shape(inside) for inside in value] if isinstance(value, list) else type(value).__name__


def test_the_generation_document_is_as_it_is_shown(session: Session) -> None:
    shown = json.loads(re.findall(r"^```json\n(.*?)^```$", page("files.md"), re.MULTILINE | re.DOTALL)[0])
    session.desired("owner: examples\nextensions:\n  a: ./packages/a\n")
    session.package("a")
    session.llamagate("apply")
    document = json.loads(gzip.decompress(session.generation_path(1).read_bytes()))
    assert _shape(document["body"]) == _shape(shown)
    assert list(document) == ["digest", "body"]


def test_the_state_of_the_watcher_is_as_it_is_shown(session: Session) -> None:
    shown = json.loads(re.findall(r"^```json\n(.*?)^```$", page("watch.md"), re.MULTILINE | re.DOTALL)[0])
    session.extensions("a")
    session.llamagate("watch", "--once")
    document = json.loads((session.ours / "status.json").read_text())
    document |= {"conditions": document["conditions"][:1], "outcomes": []}
    assert _shape(document) == _shape(shown)


def test_every_condition_and_reason_is_explained() -> None:
    explained = {name for row in rows(page("watch.md")) for name in re.findall(r"`([A-Za-z]+)`", row[0])}
    assert {str(aspect) for aspect in Aspect} <= explained
    assert {str(cause) for cause in Cause} <= explained
    assert {"Reloaded", "NotServed", "NotSeen", "RestartNeeded"} <= explained


def test_the_home_holds_what_its_picture_shows(session: Session) -> None:
    picture = chapter(page("files.md"), "The home").split("```")[1]
    session.extensions("a")
    session.llamagate("apply")
    session.package("a", version="2.0.0")
    session.llamagate("apply")
    shown = re.findall(r"^(?:reconciler/| {11})([a-z.]+)", picture, re.MULTILINE)
    expected = {*shown} - {"journal", "status.json", "followed", "unchanged.json", "confirm.lock"}
    assert sorted(expected) == sorted(path.name for path in session.ours.iterdir())
    assert (session.ours / "backups" / "extension" / "a" / "2").is_dir()
    assert [path.suffix for path in (session.ours / "cache").iterdir()] == [".zip", ".zip"]


@pytest.mark.parametrize("decision", DECISIONS, ids=[path.stem for path in DECISIONS])
def test_a_decision_is_one_page_and_tells_its_price(decision: Path) -> None:
    text = decision.read_text("utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Decision", "Why", "What else there was", "What it costs"]
    assert chapter(text, "What it costs").strip().startswith("- ")
    assert len(text.splitlines()) <= 45
    title = text.splitlines()[0].removeprefix("# ")
    assert f"[{title}]({decision.name})" in page("decisions/README.md")
