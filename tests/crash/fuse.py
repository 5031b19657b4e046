"""A file system of FUSE in this process that keeps what was synced file by file, and nothing else, when its power goes.

It speaks the kernel's protocol (linux/fuse.h) itself, as little of it as a home needs. All is in memory. The content
of a file lasts from its ``fsync`` on, a name from that of its folder on; a rename lasts once either folder is synced.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = 1
_HEADER: Final = struct.Struct("<IIQQIIIHH")
_ANSWER: Final = struct.Struct("<IiQ")
_MAX_WRITE: Final = 1 << 17
_SETATTR: Final = struct.Struct("<IIQQQQQQIIIIIIII")
_EXCHANGE: Final = 2
_DETACH: Final = 2
_NO_ANSWER: Final = (2, 36, 42)
"""FORGET, INTERRUPT, BATCH_FORGET."""


@dataclass(slots=True)
class Node:
    """A file, folder or link; ``kept`` and ``kept_entries`` are what a power cut leaves of it."""

    mode: int
    owner: tuple[int, int] = (0, 0)
    data: bytearray = field(default_factory=bytearray)
    entries: dict[bytes, int] = field(default_factory=dict)
    times: list[int] = field(default_factory=lambda: [time.time_ns()] * 3)
    kept: bytes = b""
    kept_entries: dict[bytes, int] = field(default_factory=dict)


class _RefusedError(Exception):
    def __init__(self, number: int) -> None:
        self.number = number


class Fuse:
    """The file system, mounted at ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._nodes = {_ROOT: Node(stat.S_IFDIR | 0o755)}
        self._renames: list[tuple[int, bytes, int, bytes]] = []
        self._calls: dict[int, Callable[[int, bytes], bytes]] = {
            1: self._lookup,
            3: self._getattr,
            4: self._setattr,
            5: self._readlink,
            6: self._symlink,
            9: self._mkdir,
            10: self._unlink,
            11: self._rmdir,
            12: self._rename,
            13: self._link,
            14: self._open,
            15: self._read,
            16: self._write,
            17: self._statfs,
            18: self._nothing,
            20: self._fsync,
            25: self._nothing,
            26: self._init,
            27: self._open,
            28: self._readdir,
            29: self._nothing,
            30: self._fsyncdir,
            35: self._create,
            45: self._rename2,
        }

    def mount(self) -> None:
        """``PermissionError`` where that may not be."""
        self._device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0"
        library = ctypes.CDLL(None, use_errno=True)
        if library.mount(b"test", os.fsencode(self.root), b"fuse", ctypes.c_ulong(6), options.encode()):
            os.close(self._device)
            raise PermissionError(ctypes.get_errno(), "FUSE cannot be mounted")
        self._server = threading.Thread(target=self._serve, daemon=True)
        self._server.start()

    def unmount(self) -> None:
        ctypes.CDLL(None).umount2(os.fsencode(self.root), _DETACH)
        self._server.join(10)
        os.close(self._device)

    def cut_the_power(self) -> None:
        """And switch it on again."""
        self.unmount()
        for node in self._nodes.values():
            node.data, node.entries = bytearray(node.kept), dict(node.kept_entries)
        self._renames.clear()
        self.mount()

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._device, _MAX_WRITE + 4096)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINTR):
                    continue
                return  # ENODEV: it was unmounted
            _, call, unique, node, *_ = _HEADER.unpack_from(request)
            if call in _NO_ANSWER:
                continue
            try:
                number, answer = 0, self._calls.get(call, self._unknown)(node, request[_HEADER.size :])
            except _RefusedError as error:
                number, answer = -error.number, b""
            with suppress(FileNotFoundError):  # who asked was killed meanwhile
                os.write(self._device, _ANSWER.pack(_ANSWER.size + len(answer), number, unique) + answer)

    # What lasts

    def _fsync(self, node: int, _: bytes) -> bytes:
        self._nodes[node].kept = bytes(self._nodes[node].data)
        return b""

    def _fsyncdir(self, node: int, _: bytes) -> bytes:
        self._nodes[node].kept_entries = dict(self._nodes[node].entries)
        for first, name, second, other in [one for one in self._renames if node in (one[0], one[2])]:
            for folder, entry in ((first, name), (second, other)):
                now, kept = self._nodes[folder].entries, self._nodes[folder].kept_entries
                kept.pop(entry, None)
                if entry in now:
                    kept[entry] = now[entry]
            self._renames.remove((first, name, second, other))
        return b""

    # Names

    def _child(self, folder: int, name: bytes) -> int:
        try:
            return self._nodes[folder].entries[name]
        except KeyError:
            raise _RefusedError(errno.ENOENT) from None

    def _lookup(self, folder: int, body: bytes) -> bytes:
        return self._entry(self._child(folder, body.split(b"\0")[0]))

    def _made(self, folder: int, name: bytes, made: Node) -> int:
        if name in self._nodes[folder].entries:
            raise _RefusedError(errno.EEXIST)
        number = max(self._nodes) + 1
        self._nodes[number] = made
        self._nodes[folder].entries[name] = number
        return number

    def _mkdir(self, folder: int, body: bytes) -> bytes:
        mode, umask = struct.unpack_from("<II", body)
        return self._entry(self._made(folder, body[8:].split(b"\0")[0], Node(stat.S_IFDIR | mode & 0o7777 & ~umask)))

    def _create(self, folder: int, body: bytes) -> bytes:
        _, mode, umask, _ = struct.unpack_from("<IIII", body)
        made = self._made(folder, body[16:].split(b"\0")[0], Node(stat.S_IFREG | mode & 0o7777 & ~umask))
        return self._entry(made) + self._open(made, b"")

    def _symlink(self, folder: int, body: bytes) -> bytes:
        name, target, *_ = body.split(b"\0")
        return self._entry(self._made(folder, name, Node(stat.S_IFLNK | 0o777, data=bytearray(target), kept=target)))

    def _link(self, folder: int, body: bytes) -> bytes:
        (number,) = struct.unpack_from("<Q", body)
        name = body[8:].split(b"\0")[0]
        if name in self._nodes[folder].entries:
            raise _RefusedError(errno.EEXIST)
        self._nodes[folder].entries[name] = number
        return self._entry(number)

    def _unlink(self, folder: int, body: bytes) -> bytes:
        name = body.split(b"\0")[0]
        self._child(folder, name)
        del self._nodes[folder].entries[name]
        return b""

    def _rmdir(self, folder: int, body: bytes) -> bytes:
        if self._nodes[self._child(folder, body.split(b"\0")[0])].entries:
            raise _RefusedError(errno.ENOTEMPTY)
        return self._unlink(folder, body)

    def _rename(self, folder: int, body: bytes) -> bytes:
        return self._renamed(folder, struct.unpack_from("<Q", body)[0], body[8:], 0)

    def _rename2(self, folder: int, body: bytes) -> bytes:
        target, flags, _ = struct.unpack_from("<QII", body)
        return self._renamed(folder, target, body[16:], flags)

    def _renamed(self, folder: int, target: int, names: bytes, flags: int) -> bytes:
        old, new, *_ = names.split(b"\0")
        moved, there = self._child(folder, old), self._nodes[target].entries.get(new)
        if flags not in (0, _EXCHANGE):
            raise _RefusedError(errno.EINVAL)
        if flags == _EXCHANGE:
            self._nodes[folder].entries[old] = self._child(target, new)
        elif there is not None and self._nodes[there].entries:
            raise _RefusedError(errno.ENOTEMPTY)
        else:
            del self._nodes[folder].entries[old]
        self._nodes[target].entries[new] = moved
        self._renames.append((folder, old, target, new))
        return b""

    def _readdir(self, node: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        found = b""
        for place, (name, number) in enumerate([*self._nodes[node].entries.items()][offset:], offset + 1):
            kind = stat.S_IFMT(self._nodes[number].mode) >> 12
            row = struct.pack("<QQII", number, place, len(name), kind) + name
            row += bytes(-len(row) % 8)
            if len(found) + len(row) > size:
                break
            found += row
        return found

    # Nodes

    def _attributes(self, number: int) -> bytes:
        node = self._nodes[number]
        seconds, rests = zip(*(divmod(one, 10**9) for one in node.times), strict=True)
        size = len(node.data)
        links = 1 + stat.S_ISDIR(node.mode)
        sizes = (number, size, -(-size // 512), *seconds, *rests)
        return struct.pack("<QQQQQQIIIIIIIIII", *sizes, node.mode, links, *node.owner, 0, 4096, 0)

    def _entry(self, number: int) -> bytes:
        return struct.pack("<QQQQII", number, 0, 0, 0, 0, 0) + self._attributes(number)

    def _getattr(self, number: int, _: bytes) -> bytes:
        return struct.pack("<QII", 0, 0, 0) + self._attributes(number)

    def _setattr(self, number: int, body: bytes) -> bytes:
        valid, _, _, size, _, atime, mtime, _, arest, mrest, _, mode, _, uid, gid, _ = _SETATTR.unpack_from(body)
        node, now = self._nodes[number], time.time_ns()
        if valid & 1:
            node.mode = stat.S_IFMT(node.mode) | mode & 0o7777
        node.owner = (uid if valid & 2 else node.owner[0], gid if valid & 4 else node.owner[1])
        if valid & 8:
            node.data = node.data[:size] + bytes(max(0, size - len(node.data)))
            node.times[1] = now
        if valid & 16:
            node.times[0] = now if valid & 128 else atime * 10**9 + arest
        if valid & 32:
            node.times[1] = now if valid & 256 else mtime * 10**9 + mrest
        node.times[2] = now
        return self._getattr(number, b"")

    def _readlink(self, number: int, _: bytes) -> bytes:
        return bytes(self._nodes[number].data)

    def _open(self, number: int, _: bytes) -> bytes:
        return struct.pack("<QII", number, 0, 0)

    def _read(self, number: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        return bytes(self._nodes[number].data[offset : offset + size])

    def _write(self, number: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        node, data = self._nodes[number], body[40 : 40 + size]
        node.data += bytes(max(0, offset - len(node.data)))
        node.data[offset : offset + size] = data
        node.times[1:] = [time.time_ns()] * 2
        return struct.pack("<II", size, 0)

    def _statfs(self, _number: int, _body: bytes) -> bytes:
        return struct.pack("<QQQQQIIII24x", 1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19, 4096, 255, 4096, 0)

    def _init(self, _number: int, body: bytes) -> bytes:
        _, _, readahead, _ = struct.unpack_from("<IIII", body)
        return struct.pack("<IIIIHHIIHHI28x", 7, 31, readahead, 1 << 5, 16, 12, _MAX_WRITE, 1, 0, 0, 0)

    def _nothing(self, _number: int, _body: bytes) -> bytes:
        return b""

    def _unknown(self, _number: int, _body: bytes) -> bytes:
        raise _RefusedError(errno.ENOSYS)


@contextmanager
def fuse(root: Path) -> Iterator[Fuse]:
    """It, at the new folder ``root``. Skips where FUSE cannot be mounted."""
    root.mkdir()
    made = Fuse(root)
    try:
        made.mount()
    except OSError as error:
        pytest.skip(f"FUSE cannot be mounted here: {error}")
    try:
        yield made
    finally:
        made.unmount()
