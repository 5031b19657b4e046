"""What an attempt would start from, as a value: while it is the same, a second attempt would end as the first did."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, field

from reconciler.apply.journal import interrupted
from reconciler.errors import LlamagateError
from reconciler.model.digest import Digest
from reconciler.model.home import Home
from reconciler.model.ids import PACKAGE_KINDS
from reconciler.model.record import Record
from reconciler.packages.stamps import file_stamp
from reconciler.reconcile.input_digest import Inputs
from reconciler.store.state_files import read_record


class Fingerprint(Struct, frozen=True, kw_only=True):
    """``input`` is the digest of file, lock and local sources; ``home`` changes with everything that we installed."""

    input: Digest
    home: str


class Lookout(Struct):
    """Takes fingerprints; what is as it was costs ``stat`` calls."""

    file: Path
    home: Home
    inputs: Inputs = field(default_factory=Inputs)
    _record: Record | None = None
    _record_stamp: str = "unread"

    def look(self) -> Fingerprint:
        """What an attempt would start from now. What cannot be read gives a fingerprint of its own."""
        record = self.record()
        beside = f"{file_stamp(self.home.gateway_file)}\n" if self.has_servers() else ""
        lines = beside + "".join(_lines(self.home, record, self._record_stamp))
        mark = hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
        return Fingerprint(input=self.inputs.digest(self.file), home=mark)

    def has_servers(self) -> bool:
        """Whether there are tool servers, installed or wanted: then the gateway's file decides what a pass does."""
        record = self.record()
        return bool(record and record.servers) or self.inputs.has_servers(self.file)

    def record(self) -> Record | None:
        """The record as it is now; ``None`` where it cannot be read."""
        stamp = file_stamp(self.home.record)
        if stamp != self._record_stamp:
            self._record, self._record_stamp = _record(self.home), stamp
        return self._record


def _record(home: Home) -> Record | None:
    try:
        return read_record(home)[0]
    except LlamagateError:
        return None


def _lines(home: Home, record: Record | None, stamp: str) -> Iterator[str]:
    """What is looked at: orders to the watcher, the registry, which items there are, and their recorded files.

    Local files are nothing to a pass, and programs write them all the time.
    """
    yield f"{file_stamp(home.registry)} {_interrupted(home)}\n"
    for kind in PACKAGE_KINDS:
        yield f"{kind} {sorted(_names(home.installed(kind)))}\n"
    if record is None:
        yield f"a record that cannot be read {stamp}\n"
        return
    yield f"{record.generation} {record.hold} {record.suspensions}\n"
    installed = {kind: str(home.installed(kind)) for kind in PACKAGE_KINDS}
    for key in sorted(record.items):
        folder = f"{installed[key.kind]}/{key.id}"
        for path in record.items[key].files:
            yield f"{key} {path} {_file_stamp(f'{folder}/{path}')}\n"


def _interrupted(home: Home) -> bool | str:
    try:
        return interrupted(home)
    except OSError as error:
        return error.strerror or "unreadable"


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are enough
    except OSError:
        return []


def _file_stamp(path: str) -> str:
    try:
        status = os.lstat(path)
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
