"""The worlds that are measured: packages, the file that names them, and homes where they are installed."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import time
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO, Final

from tests.benchmark.measure import complete, llamagate

FILES_PER_ITEM: Final = 5
_PART_BYTES: Final = 10 * 2**20
"""The largest part of a large package, below the limit for one file."""
_BLOCK_BYTES: Final = 2**16
FRESH_SECONDS: Final = 2.5
"""What was written later than this before a pass is not trusted by it."""

_MANIFEST: Final = """\
name: {name}
version: 1.{number}.0
description: Turns a transcript of the kind {number} into minutes
type: workflow
enabled: true
config:
  model: mistral
  temperature: 0.2
inputs:
  - id: transcript
    type: string
    required: true
    description: What was said, one speaker a line
outputs:
  - id: notes
    type: file
    path: ./output/notes.md
steps:
  - id: load
    uses: template.load
    with:
      template_id: minutes
  - id: fill
    uses: template.render
  - id: write
    uses: llm.chat
  - id: save
    uses: file.write
"""
_WITHOUT_A_MODEL: Final = """\
name: without-a-model
version: 1.0.0
description: Decides by a rule
type: workflow
steps: [{uses: rules.evaluate, with: {rules: [{if: true, then: {size: 1}}]}}]
"""


@dataclass(frozen=True, slots=True)
class World:
    """A folder with a desired state, its lock, the packages that it names and a home."""

    root: Path

    @property
    def desired(self) -> Path:
        return self.root / "llamagate.yaml"

    @property
    def lock(self) -> Path:
        return self.root / "llamagate.lock.yaml"

    @property
    def packages(self) -> Path:
        return self.root / "packages"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def record(self) -> Path:
        return self.home / "reconciler" / "record.json"

    def command(self, verb: str) -> tuple[str, ...]:
        return llamagate(verb, "--file", str(self.desired), "--home", str(self.home))

    def empty_home(self) -> None:
        """Make the home as on the first day, with nothing left for the next process to write to the disk."""
        empty(self.home)


def empty(folder: Path) -> None:
    """Make ``folder`` an empty one; what that costs the disk is over when this returns.

    What was there is moved aside, not removed: ext4 is slow to make files where others have just been deleted.
    """
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}-{folder.stat().st_ino}"))
    folder.mkdir()
    os.sync()


def copied(source: Path, target: Path) -> None:
    """Make the folder ``target`` a copy of ``source``, stamps and all."""
    empty(target)
    shutil.copytree(source, target, dirs_exist_ok=True)
    os.sync()


def new_package(folder: Path) -> Path:
    """A zip of ``FILES_PER_ITEM`` small files that no world lists."""
    package = folder / "new.zip"
    _write_zip(package, _small_files("new", 1))
    return package


def small_packages(root: Path, count: int) -> World:
    """``count`` zips of ``FILES_PER_ITEM`` small files, locked."""
    world = listed(root, count)
    complete(world.command("lock"), world.root)
    return world


def listed(root: Path, count: int) -> World:
    """The same, without a lock: the first ``apply`` makes it."""
    world = World(root)
    world.packages.mkdir(parents=True)
    names = [f"item-{number:05}" for number in range(count)]
    for number, name in enumerate(names):
        (world.packages / f"{name}.zip").write_bytes(_small_zip(name, number))
    return _with_file(world, names)


@cache
def _small_zip(name: str, number: int) -> bytes:
    """Several worlds have the same packages."""
    data = io.BytesIO()
    _write_zip(data, _small_files(name, number))
    return data.getvalue()


def installed(root: Path, count: int) -> World:
    """The same, installed; further looks have been taken, so that nothing is left to do, and that is kept."""
    world = listed(root, count)
    complete(world.command("apply"), root)
    settle(world)
    return world


def settle(world: World) -> None:
    """Look further at what was just changed, until nothing is left to do, and that is kept."""
    complete(world.command("apply"), world.root)
    time.sleep(FRESH_SECONDS)
    complete(world.command("apply"), world.root)


class Changing:
    """Configures one item of a world in another way each time, as an editor would save it."""

    def __init__(self, world: World) -> None:
        self.world, self.number = world, 0
        self.lines = world.desired.read_text("utf-8").splitlines(keepends=True)

    def __call__(self) -> None:
        self.number += 1
        config = f"  item-00000: {{source: ./packages/item-00000.zip, config: {{marker: {self.number}}}}}\n"
        lines = (config if line.startswith("  item-00000:") else line for line in self.lines)
        new = self.world.root / "new"
        new.write_text("".join(lines), "utf-8")
        new.replace(self.world.desired)


def changed(root: Path, count: int) -> World:
    """Installed packages, of which each has a newer version now: another model, and two lines of a template."""
    world = listed(root, count)
    complete(world.command("apply"), root)
    for number in range(count):
        name = f"item-{number:05}"
        files = _small_files(name, number)
        files["manifest.yaml"] = files["manifest.yaml"].replace(b".0\n", b".1\n", 1).replace(b"mistral", b"llama3", 1)
        lines = files["templates/part-1.txt"].split(b"\n")
        lines[4:5] = [lines[4][:20] + b" changed " + lines[4][20:], b"A new line of text"]
        files["templates/part-1.txt"] = b"\n".join(lines)
        _write_zip(world.packages / f"{name}.zip", files)
    time.sleep(FRESH_SECONDS)
    return world


def large_package(root: Path, size: int) -> World:
    """One zip that holds ``size`` bytes, a multiple of 1 MiB, which do not compress."""
    world = World(root)
    world.packages.mkdir(parents=True)
    archive = world.packages / "large.zip"
    _write_zip(archive, _small_files("large", 1))
    with zipfile.ZipFile(archive, "a") as out:
        for start in range(0, size, _PART_BYTES):
            with out.open(f"data/{start}.bin", "w") as part:
                for at in range(start, min(start + _PART_BYTES, size), _BLOCK_BYTES):
                    part.write(hashlib.shake_128(str(at).encode()).digest(_BLOCK_BYTES))
    complete(_with_file(world, ["large"]).command("lock"), root)
    return world


def one_package(folder: Path) -> Path:
    """A folder whose package runs without a model."""
    package = folder / "without-a-model"
    package.mkdir(exist_ok=True)
    (package / "manifest.yaml").write_text(_WITHOUT_A_MODEL, "utf-8")
    return package


def named_folders(root: Path, count: int) -> World:
    """A home whose items are ``count`` empty folders: what a completion offers."""
    world = World(root)
    for number in range(count):
        (world.home / "extensions" / "installed" / f"item-{number:05}").mkdir(parents=True)
    return world


def _with_file(world: World, names: list[str]) -> World:
    entries = "".join(f"  {name}: ./packages/{name}.zip\n" for name in names)
    world.desired.write_text(f"apiVersion: llamagate/v1\nextensions:\n{entries}", "utf-8")
    world.home.mkdir()
    return world


def _small_files(name: str, number: int) -> dict[str, bytes]:
    files = {"manifest.yaml": _MANIFEST.format(name=name, number=number).encode()}
    for part in range(FILES_PER_ITEM - 1):
        lines = (hashlib.sha256(f"{number}/{part}/{line}".encode()).hexdigest() for line in range(12))
        files[f"templates/part-{part}.txt"] = "\n".join(lines).encode()
    return files


def _write_zip(path: Path | BinaryIO, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
