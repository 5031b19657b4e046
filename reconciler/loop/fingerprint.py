"""What an attempt would start from, as a value: while it is the same, a second attempt would end as the first did."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct, field

from reconciler.apply.journal import interrupted
from reconciler.errors import LlamagateError
from reconciler.fs.tree import executables_if_untouched, hash_file, hides_changes, stamp_of
from reconciler.model.digest import Digest
from reconciler.model.home import Home
from reconciler.model.ids import PACKAGE_KINDS, Kind
from reconciler.model.record import Record, RecordItem
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

    def look(self, seen: Fingerprint | None = None) -> Fingerprint:
        """What an attempt would start from now. What cannot be read gives a fingerprint of its own.

        Where the input is another one than was ``seen``, it is attempted in any case: then the home counts as it was
        seen, and is not looked at.
        """
        found = self.inputs.digest(self.file)
        if seen is not None and found != seen.input:
            return Fingerprint(input=found, home=seen.home)
        record = self.record()
        names = {kind: _names(self.home.installed(kind)) for kind in PACKAGE_KINDS}
        touched = _touched(self.home, record) if record is not None else ()
        return Fingerprint(input=found, home=self.mark(file_stamp(self.home.registry), names, touched))

    def mark(self, registry: str, names: Mapping[Kind, Iterable[str]], touched: Iterable[str] = ()) -> str:
        """The home, with this stamp of its ``registry`` and these ``names`` of items.

        It is as the record says, but for the files in ``touched``; and there are orders to the watcher. Local files are
        nothing to a pass, and programs write them all the time.
        """
        record = self.record()
        lines = [f"{kind} {sorted(names[kind])}\n" for kind in PACKAGE_KINDS]
        if self.has_servers():
            lines.append(f"{file_stamp(self.home.gateway_file)}\n")
        said = f"{record.generation} {record.hold} {record.suspensions}" if record else "a record that cannot be read"
        text = "".join((f"{registry} {_interrupted(self.home)}\n", *lines, f"{said} {self._record_stamp}\n", *touched))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()

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


def _touched(home: Home, record: Record) -> Iterator[str]:
    """The recorded files that do not have their recorded stamp, with the one that they have."""
    installed = {kind: str(home.installed(kind)) for kind in PACKAGE_KINDS}
    for key, item in record.items.items():
        folder = f"{installed[key.kind]}/{key.id}"
        if not _is_untouched(folder, item):
            yield from (f"{key} {path} {_file_stamp(folder, path)}\n" for path in item.files)


def _is_untouched(folder: str, item: RecordItem) -> bool:
    try:
        return executables_if_untouched(folder, item.files) is not None
    except OSError:
        return False


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


def _file_stamp(folder: str, path: str) -> str:
    """That of a file; with its content, where that may change without another stamp."""
    try:
        stamp = stamp_of(os.lstat(f"{folder}/{path}"))
        return f"{stamp} {hash_file(folder, path)}" if hides_changes(stamp) else f"{stamp}"
    except OSError as error:
        return error.strerror or "unreadable"
