"""Write one of our documents for good, outside of a transaction."""

from __future__ import annotations

from pathlib import Path

from reconciler.codes import WarningCode
from reconciler.documents.record import drop_unnamed_pieces, record_files, write_record_files
from reconciler.errors import telling
from reconciler.fs import durable
from reconciler.model.home import Home
from reconciler.model.note import Note
from reconciler.model.record import Record


def write(path: Path, data: bytes) -> None:
    """Replace the content of ``path`` for good. ``StorageError`` where that cannot be done."""
    with telling("it was not written"):
        durable.write_file(path, data, mode=durable.mode_of(path))


def write_record(home: Home, record: Record) -> list[Note]:
    """Write the record. The caller holds the home's mutex. A warning where what it replaces could not be removed.

    The next command that writes removes that.
    """
    with telling("it was not written"):
        write_record_files(home, record_files(record))
    try:
        drop_unnamed_pieces(home)
    except OSError as error:
        return [Note(WarningCode.NOT_TIDIED, f"the record is written, but its old parts could not be removed: {error}")]
    return []
