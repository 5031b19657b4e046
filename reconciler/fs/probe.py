"""What the system allows here: asked without changing anything. ``None`` where it does not say."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final

_WATCHES: Final = Path("/proc/sys/fs/inotify/max_user_watches")
_MOUNTS: Final = Path("/proc/self/mountinfo")
_NETWORK: Final = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "afs",
    "ceph",
    "gluster",
    "lustre",
    "virtiofs",
    "vboxsf",
    "fuse",
    "drvfs",
)
"""How the names of file systems begin on which others write without this system's knowing."""
_WITHOUT_MODES: Final = frozenset(
    ["vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "cifs", "smb3", "drvfs", "vboxsf", "9p"]
)
_IN_DELETE: Final = 0x200


def most_descriptors() -> int | None:
    """How many files and connections this process may have open."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def may_write(folder: Path) -> bool:
    """Whether entries of ``folder`` may be made, as far as permissions and mounts tell."""
    return os.access(folder, os.W_OK | os.X_OK)


def may_open(file: Path) -> bool:
    """Whether ``file`` may be read, as far as permissions tell."""
    return os.access(file, os.R_OK)


def is_mount_point(path: Path) -> bool:
    """Whether another file system begins at ``path``, links followed."""
    return os.path.ismount(os.path.realpath(path))


def max_watches() -> int | None:
    """How many folders one user may watch."""
    try:
        return int(_WATCHES.read_text())
    except (OSError, ValueError):
        return None


def network_filesystem(path: Path) -> str | None:
    """The name of the file system at ``path``, links followed, where others write to it over a network."""
    kind = _filesystem(path)
    return kind if kind.startswith(_NETWORK) else None


def keeps_executable_bit(path: Path) -> bool:
    """Whether the file system at ``path``, links followed, is none of those that have one mode for all files."""
    return _filesystem(path) not in _WITHOUT_MODES


def _filesystem(path: Path) -> str:
    real = os.path.realpath(path)
    found = ("", "")
    for mount, kind in _mounts():
        if (real == mount or real.startswith(mount.rstrip("/") + "/")) and len(mount) >= len(found[0]):
            found = (mount, kind)
    return found[1]


def _mounts() -> list[tuple[str, str]]:
    """Each mount point with the name of its file system; those of one place in the order in which they were mounted."""
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []
    halves = [line.partition(" - ") for line in lines]
    octal = re.compile(r"\\([0-7]{3})")
    places = [octal.sub(lambda match: chr(int(match[1], 8)), left.split(" ")[4]) for left, _, _ in halves]
    return [(place, right.split(" ")[0]) for place, (_, _, right) in zip(places, halves, strict=True)]


def can_watch_more() -> bool:
    """Whether the system would tell of changes in one more folder; true where nobody can know.

    A library that watches may be refused in the middle of a tree and say nothing.
    """
    if sys.platform != "linux":
        return True
    import ctypes

    libc = ctypes.CDLL(None)
    descriptor = libc.inotify_init()
    if descriptor < 0:
        return False
    try:
        return bool(libc.inotify_add_watch(descriptor, b"/", _IN_DELETE) >= 0)
    finally:
        os.close(descriptor)
