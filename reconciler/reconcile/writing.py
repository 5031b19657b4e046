"""Write one of our documents, or an input beside the home, outside of a transaction."""

from __future__ import annotations

from pathlib import Path

from reconciler.apply.transaction import storage_error
from reconciler.fs import durable
from reconciler.model.home import Home
from reconciler.model.record import Record
from reconciler.store.state_files import record_bytes


def write(path: Path, data: bytes) -> None:
    """Replace the content of ``path`` for good. ``StorageError`` where that cannot be done."""
    try:
        durable.write_file(path, data, mode=durable.mode_of(path))
    except OSError as error:
        raise storage_error(error, "it was not written") from error


def write_record(home: Home, record: Record) -> None:
    """Write the record. The caller holds the home's lock."""
    write(home.record, record_bytes(record))
