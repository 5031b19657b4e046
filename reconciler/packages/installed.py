"""A package as it is installed, also by other programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reconciler.model.desired import Limits
from reconciler.model.digest import CHECKSUMS_FILE
from reconciler.packages.content import Content, Part
from reconciler.packages.folder import open_folder


def open_installed(
    folder: Path, *, limits: Limits, name: str, leaves_out: Callable[[str], bool] = lambda _: False
) -> Content:
    """The files in ``folder`` that can be the package's: all but those that ``leaves_out`` names.

    Links and whatever else no package may hold is local: people and programs made it. The list of checksums is left
    out too: it is that of the package as it came, before anyone configured it. Errors as for ``open_folder``.
    """
    content = open_folder(folder, limits=limits, name=name, in_use=True)
    files = tuple(entry for entry in content.files if entry.path != CHECKSUMS_FILE and not leaves_out(entry.path))
    return Part(content, files, content.notes)
