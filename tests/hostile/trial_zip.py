"""One mutated archive: refused in words, or read as every other reader reads it and staged where it belongs."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from reconciler.apply.new_tree import NewTree
from reconciler.apply.stage import Stage
from reconciler.errors import LlamagateError
from reconciler.fs.tree import remove_tree
from reconciler.model.desired import Limits
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.packages.content import OpenPackage, executables_of, read
from reconciler.packages.manifest import read_package
from reconciler.packages.realise import realise
from reconciler.packages.zip.archive import ArchiveContent, open_archive
from tests.hostile.mutate_zip import mutant

OTHERS_EVERY: Final = 20
"""Of so many archives that are accepted, one is also given to other programs. They change names beyond ASCII, by
normalising them or by guessing at their encoding, so only ``zipfile`` is asked about those."""

T = TypeVar("T")

_CHANGING: Final = frozenset(
    ["os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown"]
)
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def start(folder: Path) -> Callable[[random.Random], str]:
    """The trial, in ``folder``."""
    return _Trial(folder)


class _Trial:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home(folder / "home")
        self.archive = folder / "x.zip"
        self.accepted = 0
        self._writes: list[str] | None = None
        (folder / "home").mkdir()
        sys.addaudithook(self._watch)

    def __call__(self, draw: random.Random) -> str:
        data = mutant(draw)
        self.archive.write_bytes(data)
        self._writes = []
        try:
            content = open_archive(self.archive, limits=Limits(), name="x.zip")
            files = {entry.path: read(content, entry.path) for entry in content.files}
            assert not self._writes, f"reading wrote to {self._writes}"
            self._compare(data, files, content)
            return self._stage(content, files)
        except LlamagateError as error:
            return _refused(error, "refused")
        finally:
            self._writes = None

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._writes is None:
            return
        if event in _CHANGING or (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING):
            self._writes += [str(path) for path in arguments[:2] if isinstance(path, str | bytes)]

    def _compare(self, data: bytes, files: Mapping[str, bytes], content: ArchiveContent) -> None:
        self.accepted += 1
        theirs, executables = _by_zipfile(data)
        assert theirs == files, f"zipfile reads {theirs}, we {files}"
        assert executables == executables_of(content), (executables, executables_of(content))
        if self.accepted % OTHERS_EVERY == 0:
            self._ask_others(files)

    def _ask_others(self, files: Mapping[str, bytes]) -> None:
        writes, self._writes = self._writes, None
        for name, command in _OTHERS.items():
            if shutil.which(command[0]):
                place = self.folder / "theirs"
                place.mkdir()
                here = [part.format(archive=self.archive) for part in command]
                done = subprocess.run(here, cwd=place, input=self.archive.read_bytes(), capture_output=True)
                found = _chosen({str(path.relative_to(place)): path.read_bytes() for path in _files(place)})
                shutil.rmtree(place)
                said = f"{name} reads {found}, we {files}"
                assert done.returncode or found == files or not all(map(str.isascii, files)), said
        self._writes = writes

    def _stage(self, content: ArchiveContent, files: Mapping[str, bytes]) -> str:
        try:
            package = read_package(content, name="x.zip")
        except LlamagateError as error:
            return _refused(error, "read, but no package")
        realised = realise(package, content, {"new": ["value"]})
        key, stage = ItemKey(package.manifest.kind, package.manifest.id), Stage(self.home, "txn")
        stage.prepare(key.kind)
        self._writes = []
        stage.build(key, NewTree(opened=OpenPackage(package=package, content=content), realised=realised))
        built = Path(stage.new(key))
        outside = [path for path in self._writes if not path.startswith(f"{built}") and not _is_plain(path)]
        assert not outside, f"staging wrote to {outside}"
        found = {str(path.relative_to(built)): path.read_bytes() for path in _files(built)}
        expected = {**{path: files[path] for path in package.hashes}, **realised.written}
        assert found == expected
        modes = {path.stat().st_mode & 0o7777 for path in _files(built)}
        assert modes <= {0o644, 0o755}, modes
        remove_tree(built)
        strange = [path for path in self.home.root.rglob("*") if not path.is_dir()]
        assert not strange, strange
        assert {path.name for path in self.folder.iterdir()} <= {"home", "x.zip", "at", "log"}
        return "accepted"


def _refused(error: LlamagateError, outcome: str) -> str:
    assert error.message.isprintable(), error.message
    assert error.message.startswith("x.zip"), error.message
    return outcome


_OTHERS: Final = {
    "bsdtar": ["bsdtar", "-xf", "{archive}"],
    "bsdtar, in one pass": ["bsdtar", "-xf", "-"],
    "7zz": ["7zz", "x", "-y", "-bd", "{archive}"],
}


def _by_zipfile(data: bytes) -> tuple[dict[str, bytes], frozenset[str]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = {_name(info): info for info in archive.infolist() if not info.is_dir()}
        chosen = _chosen(infos)
        modes = {name: info.external_attr >> 16 for name, info in chosen.items() if info.create_system in (3, 19)}
        executables = frozenset(name for name, mode in modes.items() if mode & 0o111)
        for info in archive.infolist():
            archive.read(info)
        return {name: archive.read(info) for name, info in chosen.items()}, executables


def _name(info: zipfile.ZipInfo) -> str:
    """Names are UTF-8, also where the flag for that is missing."""
    return info.orig_filename if info.flag_bits & 0x800 else info.orig_filename.encode("cp437").decode()


def _chosen(files: Mapping[str, T]) -> dict[str, T]:
    """What of an archive belongs to a package, by the rules of its documentation."""
    kept = {name: value for name, value in files.items() if not {"__MACOSX", ".DS_Store"} & {*name.split("/")}}
    tops = {name.partition("/")[0] for name in kept}
    if len(tops) == 1 and all("/" in name for name in kept):
        return {name.partition("/")[2]: value for name, value in kept.items()}
    return kept


def _is_plain(path: str) -> bool:
    """Whether it is one part of a path, and so below the open folder that it is relative to."""
    return "/" not in path and path not in ("", ".", "..")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
