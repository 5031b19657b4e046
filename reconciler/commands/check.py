"""Check, with ``--fix``: write what is sure into the files of packages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import InputChangedError, InputError, telling
from reconciler.fs.replace import replace_if


def write_fixes(changes: Mapping[Path, tuple[bytes, bytes]]) -> None:
    """Write each file that still says what was read. ``InputChangedError`` at the first that does not."""
    for path, (old, new) in changes.items():
        if path.parent.is_file() or not path.parent.is_dir():
            raise InputError(f"{path}: archives are not fixed", advice="unpack it, fix the folder and pack it again")
        with telling("the files before it are fixed"):
            if not replace_if(path, new, expected=old):
                raise InputChangedError(f"{path} changed while it was checked; it is not fixed")
