"""Every relative link in the pages leads to something that is there; the page of the package has none."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.conftest import PROJECT

_LINK = re.compile(r"\]\((?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)

ALONE = {"README.md", "package.md", "index.md"}
"""Pages that need no link: where people start from."""
FRAGMENT = re.compile(r"\+?[\w-]+\.[a-z]+\.md")
PAGES = sorted(
    path
    for path in [*PROJECT.glob("*.md"), PROJECT / "examples" / "README.md", *PROJECT.glob("docs/**/*.md")]
    if not FRAGMENT.fullmatch(path.name)
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
    assert [page.name for page in PAGES if page not in linked and page.name not in ALONE] == []


def test_the_page_of_the_package_has_no_link_that_is_dead_there() -> None:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    assert settings["project"]["readme"] == "docs/package.md"
    assert [match["target"] for match in _LINK.finditer((PROJECT / "docs" / "package.md").read_text("utf-8"))] == []


def test_each_fragment_of_the_changelog_has_a_kind_and_a_text() -> None:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    kinds = {kind["directory"] for kind in settings["tool"]["towncrier"]["type"]}
    fragments = {path.name: path for path in (PROJECT / "docs" / "changes").glob("*.md") if path.name != "README.md"}
    assert [name for name in fragments if name.split(".")[-2] not in kinds] == []
    assert [name for name, path in fragments.items() if not path.read_text("utf-8").strip()] == []
