"""What every package offers, wherever it is, read or not; and how a fault in one is put into words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import FaultCode
from reconciler.errors import Fault, InputError
from reconciler.model.package import FileEntry, Package

CHUNK_BYTES: Final = 1 << 16
"""How much of a file is in memory at a time."""

SMALLER: Final = "make the package smaller"
"""What to do where a package passes a limit."""

_SHOWN_CHARACTERS: Final = 120


class Content(Protocol):
    """The regular files of a package and a way to read them again."""

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Sorted by the path's UTF-8 bytes; hashed once, when the package was opened."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, each said once."""

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of the file ``path`` in pieces; ``KeyError`` where ``files`` does not name it.

        Raises ``InputError``, at the end at the latest, if they are no longer those that were hashed: what was taken
        until then is worth nothing.
        """


class OpenPackage(Struct, frozen=True, kw_only=True):
    """A validated package and its bytes."""

    package: Package
    content: Content


class Part(Struct, frozen=True):
    """Some of the files of another content."""

    whole: Content
    files: tuple[FileEntry, ...]
    notes: tuple[str, ...] = ()

    def chunks(self, path: str) -> Iterator[bytes]:
        return self.whole.chunks(path)


def all_private(content: Content) -> Content:
    """``content`` from a place that only its owner may read."""
    return Part(content, tuple(replace(entry, private=True) for entry in content.files), content.notes)


def read(content: Content, path: str) -> bytes:
    """The bytes of one file, all at once. Errors as for ``chunks``."""
    return b"".join(content.chunks(path))


def executables_of(content: Content) -> frozenset[str]:
    """The paths of the executable files."""
    return frozenset([entry.path for entry in content.files if entry.executable])


def privates_of(content: Content) -> frozenset[str]:
    """The paths of the files that only their owner may read."""
    return frozenset([entry.path for entry in content.files if entry.private])


def refusal(name: str, rule: str, *, entry: str | None = None, advice: str) -> InputError:
    """The error for the package that messages call ``name``: one line that says where, what and what to do."""
    where = name if entry is None else f"{name}: entry {shown(entry)}"
    fault = Fault(message=rule, code=FaultCode.PACKAGE_RULE, file=name, path=None if entry is None else shown(entry))
    return InputError(f"{where}: {rule}; {advice}", faults=[fault])


def shown(text: str) -> str:
    """Foreign text in quotes, cut to a bearable length, with what a terminal would obey or hide escaped."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")
