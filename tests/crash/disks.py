"""A disk of one's own whose power can be cut: a file with ext4 or xfs in it, mounted where no other process sees it."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from reconciler.fs.sync import sync_filesystem

_NEW_NAMESPACE: Final = 0x00020000
_PRIVATE: Final = 0x4000 | 0x40000
_MAKERS: Final = {"ext4": (48, ["mkfs.ext4", "-q", "-F"]), "xfs": (320, ["mkfs.xfs", "-q", "-f"])}
"""The size in MiB that a file system needs at least, nearly all of it holes, and what makes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A file system in the file ``image``, mounted at ``root``."""

    kind: str
    image: Path
    root: Path

    def mount(self) -> None:
        options = ["-t", self.kind, "-o", "loop"]
        subprocess.run(["mount", *options, str(self.image), str(self.root)], capture_output=True, check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.root)], capture_output=True, check=True)

    def sync(self) -> None:
        assert sync_filesystem(self.root)

    def power_on(self) -> None:
        """What a machine does after a power cut."""
        self.unmount()
        self.mount()


@contextmanager
def disk(kind: str, folder: Path) -> Iterator[Disk]:
    """A new file system below ``folder``; skips where none can be made."""
    size, maker = _MAKERS[kind]
    if os.geteuid() != 0:
        pytest.skip("a disk can be mounted by root alone")
    if shutil.which(maker[0]) is None:
        pytest.skip(f"{maker[0]} is not installed")
    made = Disk(kind=kind, image=folder / f"{kind}.img", root=folder / kind)
    made.root.mkdir()
    with made.image.open("xb") as image:
        image.truncate(size << 20)
    with _own_mounts():
        try:
            subprocess.run([*maker, str(made.image)], capture_output=True, check=True)
            made.mount()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"{kind} cannot be mounted here: {error.stderr.decode().strip()}")
        try:
            yield made
        finally:
            made.unmount()


@contextmanager
def _own_mounts() -> Iterator[None]:
    """What this thread and its children mount is theirs: another process that saw it could keep it from going."""
    library = ctypes.CDLL(None, use_errno=True)
    here = Path.cwd()
    before = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY)
    try:
        if library.unshare(_NEW_NAMESPACE) or library.mount(b"none", b"/", None, ctypes.c_ulong(_PRIVATE), None):
            pytest.skip("mounts of one's own are not permitted here")
        try:
            yield
        finally:
            assert library.setns(before, _NEW_NAMESPACE) == 0
            with suppress(OSError):
                os.chdir(here)
    finally:
        os.close(before)
