"""A hook of mkdocs: links to files beside ``docs/`` become text, since the site does not have those files."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any, Final

_LINK: Final = re.compile(r"\[(?P<text>[^]]+)\]\((?P<target>[^)#\s:]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_others: Any) -> str:
    """Write ``[text](../README.md)`` as ``text (README.md in the repository)``, if that file exists."""
    folder = posixpath.dirname(page.file.src_uri)
    root = Path(config.docs_dir).parent

    def as_text(link: re.Match[str]) -> str:
        place = posixpath.normpath(posixpath.join("docs", folder, link["target"]))
        if place.startswith("docs/") or not (root / place).exists():
            return link[0]
        name = link["text"].strip("`")
        return f"`{place}`" if name in place else f"{link['text']} (`{place}` in the repository)"

    return _LINK.sub(as_text, markdown)
