"""Examples to start from: a package of ``examples/`` that becomes the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reconciler.codes import ErrorCode
from reconciler.commands.init import copy_packages
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.model.config import JsonObject
from reconciler.model.desired import API_VERSION, Limits, section_of
from reconciler.model.ids import PACKAGE_KINDS, ItemKey, Kind
from reconciler.packages.content import Content
from reconciler.packages.folder import open_folder
from reconciler.packages.manifest import read_package

FIRST: Final = "priority-rules"
"""The smallest one: it needs no model and no other extension."""

_HEAD: Final = """\
# An example to change. Run 'llamagate plan' to see what would change, and 'llamagate apply' to do it.
"""


def copy_example(name: str, folder: Path) -> str:
    """Copy the example, and those that its steps name, to ``folder/packages``; the answer is a file that lists them.

    ``InputError`` where there is no such example, or a folder to write exists already; then nothing is written.
    """
    places = _places()
    if name not in places:
        raise InputError(
            f"there is no example '{name}'",
            advice=f"choose one of {', '.join(sorted(places))}",
            code=ErrorCode.NOT_FOUND,
        )
    copies: dict[ItemKey, Content] = {}
    entries: dict[Kind, JsonObject] = {kind: {} for kind in PACKAGE_KINDS}
    waiting = [name]
    while waiting:
        one = waiting.pop(0)
        content = open_folder(places[one], limits=Limits(), name=one)
        manifest = read_package(content, name=one).manifest
        copies[ItemKey(manifest.kind, manifest.id)] = content
        entries[manifest.kind][manifest.id] = f"./packages/{manifest.id}"
        waiting += [other for other in manifest.requires if other in places and other not in waiting]
    copy_packages(copies, folder / "packages")
    sections: JsonObject = {section_of(kind): listed for kind, listed in entries.items() if listed}
    return _HEAD + yaml_text.dump({"apiVersion": API_VERSION, **sections})


def _places() -> Mapping[str, Path]:
    """Each example by its id: from the installed package, or from the checkout that the program runs in."""
    package = Path(__file__).parent.parent
    folder = next(folder for folder in (package / "examples", package.parent / "examples") if folder.is_dir())
    return {place.name: place for kind in ("extensions", "modules") for place in (folder / kind).iterdir()}
