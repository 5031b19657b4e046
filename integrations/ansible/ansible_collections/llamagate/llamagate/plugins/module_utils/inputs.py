"""The desired state and its lock on the host: read, written in one step each, and put back."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from contextlib import contextmanager

from ansible_collections.llamagate.llamagate.plugins.module_utils.program import ModuleError

_PAUSE_SECONDS = 0.2


def lock_of(file):
    """The lock of ``x.yaml`` is ``x.lock.yaml``, as llamagate has it."""
    return os.path.splitext(file)[0] + ".lock.yaml"


def read(path):
    """The bytes of a file; ``None`` where there is none."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def digest(data):
    """As ``sha256sum`` prints it, and ``ansible.builtin.stat``; ``None`` where there is no file."""
    return None if data is None else hashlib.sha256(data).hexdigest()


def described(file):
    """What is there now, so that a controller can compare it with what it sent."""
    return {"file_sha256": digest(read(file)), "lock_sha256": digest(read(lock_of(file)))}


@contextmanager
def turn(folder, seconds):
    """One module at a time changes the files of ``folder``: a second controller waits, and leaves nothing there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        end = time.monotonic() + seconds
        while not _locked(descriptor):
            if time.monotonic() >= end:
                raise ModuleError(f"another Ansible run is changing {folder}; it did not end in {seconds} s", rc=8)
            time.sleep(_PAUSE_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Inputs:
    """``file`` and its lock as they are, and as they shall be."""

    def __init__(self, module):
        self.file = module.params["file"]
        self._module = module
        self.before = {path: read(path) for path in (lock_of(self.file), self.file)}
        wanted = {lock_of(self.file): module.params["lock"], self.file: module.params["content"]}
        self.after = {
            path: before if wanted[path] is None else wanted[path].encode("utf-8")
            for path, before in self.before.items()
        }

    @property
    def changed(self):
        """The paths that get another content, the lock first: an old file with a new lock changes nothing."""
        return [path for path in self.before if self.before[path] != self.after[path]]

    def write(self):
        """Write what changes."""
        for path in self.changed:
            self._replace(path, self.after[path])

    def put_back(self):
        """Write what was there before, where nobody has written since; the file first."""
        for path in reversed(self.changed):
            if read(path) != self.after[path]:
                continue
            if self.before[path] is None:
                os.unlink(path)
            else:
                self._replace(path, self.before[path])

    def check_kept(self):
        """``ModuleError`` where another program wrote one of them meanwhile."""
        other = [path for path in self.changed if read(path) != self.after[path]]
        if other:
            raise ModuleError(
                "{} changed while this task ran; another program writes it".format(", ".join(other)), rc=9
            )

    @contextmanager
    def aside(self):
        """Copies as they shall be, beside the real ones, so that relative paths mean the same: ``file`` and lock."""
        folder = os.path.dirname(self.file)
        copies = []
        try:
            for path in reversed(self.before):
                copies.append(_copy(folder, self.after[path]))
            yield copies
        finally:
            for path in copies:
                if os.path.exists(path):
                    os.unlink(path)

    def diffs(self):
        """For ``--diff``: each file that changes, before and after."""
        return [
            {
                "before": _shown(self.before[path]),
                "after": _shown(self.after[path]),
                "before_header": path,
                "after_header": path,
            }
            for path in reversed(self.changed)
        ]

    def _replace(self, path, data):
        temporary = _copy(self._module.tmpdir, data)
        self._module.atomic_move(temporary, path)


def _shown(data):
    return "" if data is None else data.decode("utf-8", "replace")


def _copy(folder, data):
    """A new file that holds ``data``; a free name where there is none."""
    descriptor, path = tempfile.mkstemp(prefix=".llamagate-", suffix=".yaml", dir=folder)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data or b"")
    if data is None:
        os.unlink(path)
    return path
