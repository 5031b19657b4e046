"""A package that is found entry by entry, held against its limits on the way."""

from __future__ import annotations

from reconciler.model.desired import Limits
from reconciler.model.package import FileEntry
from reconciler.packages.content import SMALLER, refusal
from reconciler.packages.names import Names


class Survey:
    """What was found so far of the package that messages call ``name``, and what may still be found."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.files: list[FileEntry] = []
        self.ignored: list[str] = []
        self._names = Names(name)
        self._entries = 0
        self._bytes = 0

    def enter(self, path: str, *, folder: bool) -> None:
        """One more entry. ``InputError`` where that is one too many, or its name does not fit."""
        self._entries += 1
        if self._entries > self.limits.entries:
            raise refusal(self.name, f"has more than {self.limits.entries} entries", advice=SMALLER)
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise refusal(self.name, "the name is not UTF-8", entry=path, advice="rename it") from error
        self._names.add(path, folder=folder)

    def enter_size(self, path: str, size: int) -> None:
        """The size of the file ``path``, in bytes. ``InputError`` where it, or the whole, is too large."""
        self._bytes += size
        if size > self.limits.file:
            rule = f"has {size} bytes; a file has at most {self.limits.file}"
            raise refusal(self.name, rule, entry=path, advice=SMALLER)
        if self._bytes > self.limits.unpacked:
            rule = f"has more than {self.limits.unpacked} bytes"
            raise refusal(self.name, rule, advice=f"{SMALLER}, or raise policy.limits.unpacked")
