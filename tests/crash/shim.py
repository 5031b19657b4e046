"""Each call that the process under test makes to the file system, and a fault at a chosen one of them.

This runs inside that process and wraps what Python offers, so that a thousand points cost seconds. It sees what lies
below one folder and nothing else. Two liberties make it fast or sharp: a sync is counted and not carried out (a killed
process leaves the same files with and without), and a write is cut in two, with a point between the halves.
"""

from __future__ import annotations

import builtins
import ctypes
import errno
import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from reconciler.fs import swap

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_CHANGING: Final = (
    *("open", "mkdir", "rename", "replace", "link", "symlink", "unlink", "remove", "rmdir", "truncate", "ftruncate"),
    *("chmod", "fchmod", "utime", "fsync", "fdatasync"),
)
_READING: Final = ("read", "pread", "stat", "lstat", "fstat", "scandir", "listdir", "readlink")
_MODES: Final = {"open": 2, "mkdir": 1, "chmod": 1, "fchmod": 1}
"""Calls that set a mode, and which of their arguments it is."""
_SYNCS: Final = ("fsync", "fdatasync", "syncfs")
_MAKES: Final = os.O_CREAT | os.O_TRUNC
_EXCHANGE: Final = 2
_FUSE: Final = 0x65735546


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, and when.

    At the call number ``at``, counted from 1, the process dies; or, with ``error``, that call fails, and with
    ``forever`` all that follow, and it dies at the call ``dies``. ``exchange`` is the error of every exchange.
    ``layered`` are inodes of installed folders that cannot be renamed, as those below an overlay. ``reads``: also calls
    that only look are counted. ``fuse``: the file system is of the type FUSE, which acknowledges
    ``syncfs`` and syncs nothing.
    """

    at: int = 0
    error: int = 0
    forever: bool = False
    dies: int = 0
    exchange: int = 0
    layered: tuple[int, ...] = ()
    reads: bool = False
    fuse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, by the absolute paths that it was about.

    ``data`` is what a write writes at ``offset`` (latin-1), what a link holds, or the octal mode of what is made.
    ``failed``: the system itself refused it, so it changed nothing.
    """

    name: str
    paths: tuple[str, ...]
    offset: int = 0
    data: str = ""
    failed: bool = False

    def __str__(self) -> str:
        return f"{self.name} {' -> '.join(self.paths)}"

    def is_about(self, name: str, ending: str) -> bool:
        """Whether this is the call ``name`` for a path with that ``ending``, the last if it has two."""
        return self.name == name and self.paths[-1].endswith(ending)

    @property
    def row(self) -> tuple[Any, ...]:
        return self.name, self.paths, self.offset, self.data, self.failed

    @staticmethod
    def of(row: list[Any]) -> Call:
        """The call that ``row`` told of, once it has been JSON."""
        name, paths, offset, data, failed = row
        return Call(name=name, paths=tuple(paths), offset=offset, data=data, failed=failed)


@dataclass(slots=True)
class Shim:
    """Counts the calls about paths below ``root``; ``install`` puts it between the process and the system."""

    root: str
    fault: Fault
    calls: list[Call] = field(default_factory=list)
    last_words: Callable[[], object] = lambda: None
    """Said before it dies."""
    _real: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def install(self) -> None:
        """For good: the process has no other use afterwards."""
        for name in (*_CHANGING, "write", *_READING):
            self._real[name] = getattr(os, name)
        for name in (*_CHANGING, *(_READING if self.fault.reads else ())):
            setattr(os, name, self._wrapped(name))
        os.write = self._write
        self._real["fopen"] = io.open
        io.open = builtins.open = self._fopen
        library = ctypes.CDLL
        ctypes.CDLL = lambda *args, **kwargs: _Library(library(*args, **kwargs), self)  # type: ignore[misc,assignment]
        swap._exchanger.cache_clear()

    def gate(self, call: Call, *said: Any) -> None:
        """Note the call, and die or fail here if that is the plan. ``said`` are the paths that an error names."""
        self.calls.append(call)
        number, fault = len(self.calls), self.fault
        if number == (fault.dies if fault.error else fault.at):
            self.last_words()
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.error and (number == fault.at or (fault.forever and number > fault.at)):
            _fail(fault.error, *said)

    def place(self, path: Any, dir_fd: int | None = None) -> str | None:
        """The absolute path that a call is about; ``None`` where it is none of ours."""
        if isinstance(path, int):
            found = str(self._real["readlink"](f"/proc/self/fd/{path}"))
        else:
            base = "" if dir_fd is None else self._real["readlink"](f"/proc/self/fd/{dir_fd}")
            found = os.path.normpath(os.path.join(base, os.fsdecode(path)))
        return found if found.startswith(self.root) else None

    def _wrapped(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(*args: Any, **kwargs: Any) -> Any:
            said = args[:2] if name in ("rename", "replace", "link") else args[1:2] if name == "symlink" else args[:1]
            places = [self.place(path, kwargs.get("dir_fd")) for path in said or (".",)]
            looks = name == "open" and not args[1] & _MAKES
            if not all(places) or (looks and not self.fault.reads):
                return real(*args, **kwargs)
            if name in ("rename", "replace"):
                self._refuse_layered(said[0], said[1])
            data = os.fsdecode(args[0]) if name == "symlink" else ""
            if name in _MODES and not (name == "open" and self._is_there(str(places[0]))):
                data = f"{(*args, 0o777)[_MODES[name]]:o}"
            named = [path for path in said if not isinstance(path, int)]
            self.gate(Call(name="look" if looks else name, paths=tuple(map(str, places)), data=data), *named)
            if name in _SYNCS:
                return None
            try:
                return real(*args, **kwargs)
            except OSError:
                self.calls[-1] = replace(self.calls[-1], failed=True)
                raise

        return call

    def _is_there(self, path: str) -> bool:
        try:
            self._real["lstat"](path)
        except OSError:
            return False
        return True

    def _refuse_layered(self, source: Any, target: Any) -> None:
        # Elsewhere it is another folder, which got the inode of one that was removed.
        if "/installed/" in os.fsdecode(source) and self._real["lstat"](source).st_ino in self.fault.layered:
            _fail(errno.EXDEV, source, target)

    def _write(self, descriptor: int, data: ReadableBuffer) -> int:
        place = self.place(descriptor)
        if place is None:
            return int(self._real["write"](descriptor, data))
        return self.halves(descriptor, place, bytes(data), lambda part: int(self._real["write"](descriptor, part)))

    def halves(self, descriptor: int, place: str, data: bytes, write: Callable[[bytes], int]) -> int:
        """Write ``data`` with a point before it and one in its middle."""
        middle = len(data) // 2
        for part in (data[:middle], data[middle:]):
            offset = os.lseek(descriptor, 0, os.SEEK_CUR)
            self.gate(Call(name="write", paths=(place,), offset=offset, data=part.decode("latin-1")))
            write(part)
        return len(data)

    def _fopen(self, file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        place = None if isinstance(file, int) else self.place(file)
        if place is None or "b" not in mode:
            return self._real["fopen"](file, mode, *args, **kwargs)
        makes = mode[0] in "wx"
        if makes or self.fault.reads:
            self.gate(Call(name="open" if makes else "look", paths=(place,), data="666" if makes else ""), file)
        raw = _File(self, place, file, mode)
        return raw if args[:1] == (0,) or kwargs.get("buffering") == 0 else _BUFFERS[makes](raw)


_BUFFERS: Final[tuple[Callable[[Any], Any], ...]] = (io.BufferedReader, io.BufferedWriter)


class _File(io.FileIO):
    """What ``open`` gives out."""

    def __init__(self, shim: Shim, place: str, file: Any, mode: str) -> None:
        super().__init__(file, mode)
        self._shim, self._place = shim, place

    def write(self, data: ReadableBuffer, /) -> int:
        return self._shim.halves(self.fileno(), self._place, bytes(data), super().write)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        self._look()
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self._look()
        return super().readall()

    def read(self, size: int | None = -1, /) -> bytes:
        self._look()
        return super().read(size)

    def _look(self) -> None:
        if self._shim.fault.reads:
            self._shim.gate(Call(name="read", paths=(self._place,)))


class _Library:
    """The C library, as ``ctypes`` shows it."""

    def __init__(self, real: Any, shim: Shim) -> None:
        self._real, self._shim = real, shim

    def __getattr__(self, name: str) -> Any:
        if name in ("renameat2", "syncfs", "fstatfs"):
            return getattr(self, f"_{name}")
        return getattr(self._real, name)

    def _fstatfs(self, descriptor: int, status: ctypes.Array[ctypes.c_char]) -> int:
        answer = int(self._real.fstatfs(descriptor, status))
        if self._shim.fault.fuse:
            ctypes.c_ulong.from_buffer(status).value = _FUSE
        return answer

    def _syncfs(self, descriptor: int) -> int:
        if self._shim.fault.fuse:
            return 0
        return self._tried(lambda: self._shim.gate(Call(name="syncfs", paths=(str(self._shim.place(descriptor)),))))

    def _renameat2(self, _from: int, first: bytes, _to: int, second: bytes, flags: int) -> int:
        assert flags == _EXCHANGE

        def exchange() -> None:
            shim = self._shim
            if shim.fault.exchange:
                _fail(shim.fault.exchange)
            for path, other in ((first, second), (second, first)):
                shim._refuse_layered(path, other)
            shim.gate(Call(name="exchange", paths=(os.fsdecode(first), os.fsdecode(second))))

        return self._tried(exchange) or int(self._real.renameat2(_from, first, _to, second, flags))

    def _tried(self, step: Callable[[], None]) -> int:
        try:
            step()
        except OSError as error:
            ctypes.set_errno(error.errno or 0)
            return -1
        return 0


def _fail(error: int, *said: Any) -> None:
    named = [os.fspath(path) for path in said]
    raise OSError(error, os.strerror(error), *named[:1], *([None, named[1]] if len(named) > 1 else []))
