"""The pages of ``docs/`` that the program reads too, so that there is one place for what they say."""

from __future__ import annotations

from pathlib import Path


def page_text(name: str) -> str:
    """The text of a page. In a wheel it is below the package, in a checkout beside it."""
    package = Path(__file__).parent.parent
    folders = (package / "docs", package.parent / "docs")
    return next(place for folder in folders if (place := folder / name).is_file()).read_text("utf-8")
