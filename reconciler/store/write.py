"""Write one of our documents for good, outside of a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import StorageError
from reconciler.fs import durable
from reconciler.model.home import Home
from reconciler.model.record import Record
from reconciler.store.state_files import record_bytes


def write(path: Path, data: bytes) -> None:
    """Replace the content of ``path`` for good. ``StorageError`` where that cannot be done."""
    with telling("it was not written"):
        durable.write_file(path, data, mode=durable.mode_of(path))


def write_record(home: Home, record: Record) -> None:
    """Write the record. The caller holds the home's lock."""
    write(home.record, record_bytes(record))


@contextmanager
def telling(outcome: str) -> Iterator[None]:
    """``StorageError``, which says the ``outcome``, for what the system refuses."""
    try:
        yield
    except OSError as error:
        raise StorageError.of(error, outcome) from error
