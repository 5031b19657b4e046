"""Schema, installed: the schemas beside a desired state, where an editor finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.documents.schemas import SCHEMA_NAMES, schema_text
from reconciler.errors import telling
from reconciler.fs import durable
from reconciler.fs.presence import is_there
from reconciler.model.config import JsonObject
from reconciler.model.inputs import Input
from reconciler.reconcile.inputs import writing_inputs
from reconciler.store.desired_file import read_desired

FOLDER: Final = ".llamagate-schemas"
_MARK: Final = b"yaml-language-server:"
_DESIRED: Final = "desired-state"


class Installed(Struct, frozen=True, kw_only=True):
    """Where the schemas are. ``is_named``: ``file`` has the line that names its schema; ``wrote``: it has it now."""

    folder: Path
    file: Path
    is_named: bool
    wrote: bool

    def to_document(self) -> JsonObject:
        return {"folder": str(self.folder), "schemas": [*SCHEMA_NAMES], "file": str(self.file), "wrote": self.wrote}


def schema_line(folder: Path) -> str:
    """The line for the top of a desired state in ``folder``; empty where its schema is not installed there."""
    place = schema_place(folder, _DESIRED)
    return _line(place.relative_to(folder)) if place.is_file() else ""


def schema_place(folder: Path, name: str) -> Path:
    """Where the schema ``name`` is beside a desired state in ``folder``."""
    return folder / FOLDER / f"{name}.schema.json"


def install_schemas(file: Path) -> Installed:
    """Write every schema beside ``file``, and on top of ``file``, if there is one, the line that names its own."""
    folder = file.absolute().parent
    before = read_desired(file).data if is_there(file) else None
    with telling("the schemas were not written"):
        durable.make_folders(folder / FOLDER, shares=False)
        for name in SCHEMA_NAMES:
            durable.write_file(schema_place(folder, name), schema_text(name).encode())
    if before is None:
        return Installed(folder=folder / FOLDER, file=file, is_named=False, wrote=False)
    if _MARK in before:
        return Installed(folder=folder / FOLDER, file=file, is_named=True, wrote=False)
    with writing_inputs((Input(path=file, before=before, data=_with_line(before, folder)),)):
        return Installed(folder=folder / FOLDER, file=file, is_named=True, wrote=True)


def _with_line(data: bytes, folder: Path) -> bytes:
    """The text with the line on top, behind a byte order mark, with the line ends that it has."""
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    end = b"\r\n" if b"\r\n" in data else b"\n"
    return mark + schema_line(folder).encode() + end + data.removeprefix(mark)


def _line(place: Path) -> str:
    return f"# yaml-language-server: $schema={place.as_posix()}"
