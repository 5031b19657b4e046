"""Objects of a bare repository on this machine. Each is checked against its id: a damaged copy is never believed."""

from __future__ import annotations

import hashlib
import subprocess
import threading
import weakref
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from reconciler.packages.content import CHUNK_BYTES
from reconciler.sources.git_command import Git

MAX_WHOLE_BYTES: Final = 256 << 10
"""Size up to which an object is read at once, by the process that answers for all of them."""
_SHA1_DIGITS: Final = 40


class DamagedError(Exception):
    """An object is missing, or is not what its id says."""


class TooLargeError(Exception):
    """An object is larger than it may be."""


class ObjectInfo(NamedTuple):
    """``kind`` is ``blob``, ``tree``, ``commit`` or ``tag``; ``size`` in bytes."""

    kind: str
    size: int


class Objects:
    """Reads the objects of one bare repository by one ``cat-file``, which runs as long as someone may still read.

    May be used by several threads.
    """

    def __init__(self, git: Git, repository: Path) -> None:
        self._git = git
        self._repository = repository
        self._answering: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def infos(self, oids: Collection[str]) -> Mapping[str, ObjectInfo]:
        """Kind and size of each. ``DamagedError`` where one is not there."""
        asked = "".join(f"{oid}\n" for oid in oids).encode()
        finished = self._git.ask("cat-file", "--batch-check", repository=self._repository, given=asked)
        answers = [_info_in(line) for line in finished.out.decode("utf-8", "replace").splitlines()]
        if finished.code or len(answers) != len(oids):
            raise DamagedError
        return dict(zip(oids, answers, strict=True))

    def read(self, oid: str, kind: str, *, most: int = MAX_WHOLE_BYTES) -> bytes:
        """The whole content. ``DamagedError``; ``TooLargeError`` beyond ``most`` bytes."""
        with self._turn:
            try:
                data = self._answer(oid, kind, most)
            except BaseException:
                self._end()  # the rest of an answer would be taken for the next one
                raise
        digest = _hash(oid, kind, len(data))
        digest.update(data)
        if digest.hexdigest() != oid:
            raise DamagedError
        return data

    def chunks(self, oid: str, size: int) -> Iterator[bytes]:
        """The content of a blob of ``size`` bytes in pieces. ``DamagedError`` at the end at the latest."""
        if size <= MAX_WHOLE_BYTES:
            data = self.read(oid, "blob")
            return (data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES))
        return self._long(oid, size)

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
        info = _info_in(process.stdout.readline().decode("utf-8", "replace").rstrip("\n"))
        if info.kind != kind:
            raise DamagedError
        if info.size > most:
            raise TooLargeError
        data = process.stdout.read(info.size + 1)
        if len(data) != info.size + 1:
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


def _info_in(line: str) -> ObjectInfo:
    words = line.split(" ")
    if len(words) != 3 or not words[2].isdecimal():
        raise DamagedError
    return ObjectInfo(words[1], int(words[2]))


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
