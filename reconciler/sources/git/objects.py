"""Objects of a bare repository on this machine. Each is checked against its id: a damaged copy is never believed."""

from __future__ import annotations

import hashlib
import subprocess
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from reconciler.packages.content import CHUNK_BYTES
from reconciler.sources.git.command import Git

_MAX_WHOLE_BYTES: Final = 256 << 10
"""Size up to which an object is read at once, by the process that answers for all of them."""
_SHA1_DIGITS: Final = 40


class DamagedError(Exception):
    """An object is missing, or is not what its id says."""


class OtherKindError(Exception):
    """An object is of another ``kind`` (``blob``, ``tree``, ``commit`` or ``tag``) than it should be."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class TooLargeError(Exception):
    """An object has more bytes, ``size``, than it may have."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class Blob(NamedTuple):
    """A file's content: its ``size`` in bytes, and the bytes in pieces; ``DamagedError`` at their end at the latest."""

    size: int
    chunks: Iterator[bytes]


class Objects:
    """Reads the objects of one bare repository by one ``cat-file``, which runs as long as someone may still read.

    May be used by several threads.
    """

    def __init__(self, git: Git, repository: Path) -> None:
        self._git = git
        self._repository = repository
        self._answering: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def read(self, oid: str, kind: str, *, most: int) -> bytes:
        """The whole content, of at most ``most`` bytes.

        Raises ``DamagedError``, ``OtherKindError`` and ``TooLargeError``.
        """
        with self._turn:
            try:
                return self._answer(oid, kind, most)
            except BaseException:
                self._end()  # the rest of an answer would be taken for the next one, and a damaged copy kept open
                raise

    def blob(self, oid: str) -> Blob:
        """A file's content. A large one is not held, and nothing of it is read before the first piece is taken.

        Raises ``DamagedError`` and ``OtherKindError``.
        """
        try:
            data = self.read(oid, "blob", most=_MAX_WHOLE_BYTES)
        except TooLargeError as error:
            return Blob(error.size, self._long(oid, error.size))
        return Blob(len(data), (data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)))

    def close(self) -> None:
        """End the process. Reading on starts another."""
        with self._turn:
            self._end()

    def _answer(self, oid: str, kind: str, most: int) -> bytes:
        process = self._process()
        if process.stdin is None or process.stdout is None:
            raise DamagedError
        try:
            process.stdin.write(f"{oid}\n".encode())
            process.stdin.flush()
        except OSError as error:
            raise DamagedError from error
        found, size = _header(process.stdout.readline())
        if found != kind:
            raise OtherKindError(found)
        if size > most:
            raise TooLargeError(size)
        data = process.stdout.read(size + 1)
        if len(data) != size + 1:
            raise DamagedError
        digest = _hash(oid, kind, size)
        digest.update(data[:-1])
        if digest.hexdigest() != oid:
            raise DamagedError
        return data[:-1]

    def _process(self) -> subprocess.Popen[bytes]:
        if self._answering is None:
            process = self._git.converse("cat-file", "--batch", repository=self._repository)
            weakref.finalize(self, _ended, process)
            self._answering = process
        return self._answering

    def _end(self) -> None:
        if self._answering is not None:
            _ended(self._answering)
            self._answering = None

    def _long(self, oid: str, size: int) -> Iterator[bytes]:
        process = self._git.converse("cat-file", "blob", oid, repository=self._repository)
        digest, read = _hash(oid, "blob", size), 0
        try:
            while process.stdout is not None and (chunk := process.stdout.read(CHUNK_BYTES)):
                digest.update(chunk)
                read += len(chunk)
                if read > size:
                    break
                yield chunk
        finally:
            _ended(process)
        if read != size or digest.hexdigest() != oid:
            raise DamagedError


def _header(line: bytes) -> tuple[str, int]:
    """Kind and size from the line in front of an object; a missing one has another line, a dead process none."""
    words = line.decode("ascii", "replace").split()
    if len(words) != 3 or not words[2].isdecimal():
        raise DamagedError
    return words[1], int(words[2])


def _hash(oid: str, kind: str, size: int) -> hashlib._Hash:
    """What an object's id is made of, begun; the kind of hash is told by the length of ``oid``."""
    header = f"{kind} {size}\0".encode()
    return hashlib.sha1(header, usedforsecurity=False) if len(oid) == _SHA1_DIGITS else hashlib.sha256(header)


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    process.wait()
