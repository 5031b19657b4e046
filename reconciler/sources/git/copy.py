"""The bare copy of a repository on this machine: made, pinned, tidied and removed by one process at a time.

It is only a cache. What is wrong with it is no reason to fail, but one to make it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from reconciler.errors import BusyError, StorageError
from reconciler.fs.durable import make_folders
from reconciler.fs.file_lock import exclusive
from reconciler.fs.tree import remove_tree
from reconciler.packages.content import shown
from reconciler.sources.git.command import Git

PINS: Final = "refs/pins/"
"""A ref for each commit that was asked for, made only once all that it consists of is there."""

_SHA256_DIGITS: Final = 64
_LEFT_BEHIND: Final = (
    *("*.lock", "refs/**/*.lock", "objects/pack/tmp_*", "objects/pack/*.keep", "objects/*/tmp_obj_*"),
    "packed-refs.new",
)
"""What git leaves where it is killed."""
_NAME_DIGITS: Final = 32


def copy_path(folder: Path, url: str, *, history: bool = False) -> Path:
    """Where the copy of the repository at ``url`` lies below ``folder``; ``history``: the one with its history."""
    name = hashlib.sha256(url.encode()).hexdigest()[:_NAME_DIGITS]
    return folder / f"{name}-history.git" if history else folder / f"{name}.git"


@contextmanager
def unneeded_copies(folder: Path, *, keep: Iterable[str]) -> Iterator[list[Path]]:
    """The copies below ``folder`` but those of the urls ``keep``, held while the context lasts.

    One that is being fetched into is not among them. Raises ``StorageError``.
    """
    kept = {path for url in keep for path in (copy_path(folder, url), copy_path(folder, url, history=True))}
    with ExitStack() as held:
        found = []
        for path in sorted(set(folder.glob("*.git")) - kept):
            with suppress(BusyError):
                lock = path.with_suffix(".lock")
                held.enter_context(exclusive(lock, command="llamagate", wait=0, notice=lambda _: None))
                found.append(path)
        yield found


class Copy:
    """A bare repository at ``path``, which need not be there yet. ``path`` has a neighbour ``….lock``."""

    def __init__(self, git: Git, path: Path) -> None:
        self.path = path
        self._git = git

    @contextmanager
    def exclusive(self, *, wait: float) -> Iterator[None]:
        """Hold the copy for a change, once what a killed one left is removed. ``wait`` in seconds.

        Raises ``BusyError`` where another process still has it then, and ``StorageError``.
        """
        with _faults(self.path):
            make_folders(self.path.parent)
        lock = self.path.with_suffix(".lock")
        try:
            with exclusive(lock, command="llamagate, fetching", wait=wait, notice=lambda _: None):
                self._tidy()
                try:
                    yield
                finally:
                    self._tidy()
        except BusyError as error:
            raise BusyError(f"another process was still fetching into {self.path} after {wait:g} s") from error

    def make(self, oid: str) -> bool:
        """See to it that there is a repository for ids of the kind of ``oid``. The answer: whether there was one."""
        kind = "sha256" if len(oid) == _SHA256_DIGITS else "sha1"
        if self.path.is_dir():
            told = self._git.ask("rev-parse", "--show-object-format", repository=self.path)
            if told.out.decode("utf-8", "replace").strip() == kind:
                return True
        growing = self.path.with_suffix(".new")
        for old in (growing, self.path):
            _remove(old)
        made = self._git.ask("init", "--quiet", "--bare", "--template=", f"--object-format={kind}", repository=growing)
        if made.code:
            reason = shown(made.err.decode("utf-8", "replace").strip())
            raise StorageError(f"git cannot make a repository in {growing} ({reason})")
        with _faults(self.path):
            growing.rename(self.path)
        return False

    def remove(self) -> None:
        """Remove the repository, whatever state it is in."""
        _remove(self.path)

    def is_sound(self) -> bool:
        """Whether each object in it can be read and leads on to others that are there. Reads them all."""
        return not self._git.ask("fsck", "--no-dangling", "--no-progress", repository=self.path).code

    def pins(self) -> frozenset[str]:
        """The commits that are there, whole. None where the repository is not there or cannot be read."""
        if not self.path.is_dir():
            return frozenset()
        listed = self._git.ask("for-each-ref", "--format=%(objectname)", PINS, repository=self.path)
        return frozenset() if listed.code else frozenset(listed.out.decode("ascii", "replace").split())

    def pin(self, commit: str) -> bool:
        """Pin a commit that came with others. The answer: whether it is there."""
        return not self._git.ask("update-ref", f"{PINS}{commit}", commit, repository=self.path).code

    def _tidy(self) -> None:
        for pattern in _LEFT_BEHIND:
            for path in list(self.path.glob(pattern)):
                _remove(path)


def _remove(path: Path) -> None:
    with _faults(path):
        remove_tree(path)


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{error.filename or path}, a copy of a git repository: {error.strerror}") from error
