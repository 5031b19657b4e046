"""Every relative link in README, changelog and documents leads to something that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import PROJECT

_LINK = re.compile(r"\]\((?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)

PAGES = sorted(
    [PROJECT / "README.md", PROJECT / "CHANGELOG.md", PROJECT / "examples" / "README.md", *PROJECT.glob("docs/**/*.md")]
)


def _anchors(text: str) -> set[str]:
    """The anchors of the headings, as code hosts make them."""
    heads = [re.sub(r"[^\w\- ]", "", head.lower()) for head in _HEADING.findall(_CODE.sub("", text))]
    return {head.replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(PROJECT)) for page in PAGES])
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [(match["target"], match["anchor"]) for match in _LINK.finditer(_CODE.sub("", text))]
    broken = [target for target, _ in links if "://" not in target and not (page.parent / target).exists()]
    assert broken == []
    pages = [(page.parent / target if target else page, anchor) for target, anchor in links if anchor]
    lost = [f"{place.name}#{anchor}" for place, anchor in pages if anchor not in _anchors(place.read_text("utf-8"))]
    assert lost == []


def test_every_document_is_named_by_another() -> None:
    linked = {
        (page.parent / match["target"]).resolve() for page in PAGES for match in _LINK.finditer(page.read_text("utf-8"))
    }
    assert [page.name for page in PAGES if page not in linked and page.name != "README.md"] == []
