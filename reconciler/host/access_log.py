"""The access log: a line of JSON for each request, appended to a file that others may move away at any time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reconciler.errors import StorageError
from reconciler.model.config import JsonObject

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class AccessLog:
    """Lines in ``path``. One that cannot be written is lost, and said once; no request waits or fails for it."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        """``StorageError`` where the file cannot be opened."""
        self._path = path
        self._tell = tell
        self._has_told = False
        try:
            self._file = self._opened()
        except OSError as error:
            raise StorageError(f"the access log {path} cannot be opened: {error.strerror}") from error

    def write(self, entry: JsonObject) -> None:
        """Append a line."""
        data = json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        try:
            self._follow()
            os.write(self._file, data)
        except OSError as error:
            if not self._has_told:
                self._has_told = True
                self._tell(f"the access log {self._path} cannot be written: {error.strerror}")

    def close(self) -> None:
        """End it."""
        os.close(self._file)

    def _follow(self) -> None:
        """Take a new file where the old one was moved away, as a rotation does."""
        try:
            now = self._path.stat()
        except FileNotFoundError:
            now = None
        ours = os.fstat(self._file)
        if now is None or (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino):
            file = self._opened()
            os.close(self._file)
            self._file = file

    def _opened(self) -> int:
        return os.open(self._path, _FLAGS, 0o600)
