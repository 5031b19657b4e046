"""A small home before a change, the file that asks for the change, and what must be true of the home afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from tests.crash.forks import Forks

_KINDS: Final = ("extensions", "agentic-modules")
_OURS: Final = frozenset(["record.json", "generations", "backups", "cache", "stage", "lock"])
_KEPT_GENERATIONS: Final = 2
_TIMES: Final = ("installed_at", "last_updated_at")

_MANIFEST: Final = """name: {id}
version: {version}
description: A package for tests
type: workflow
config:
  report_interval: per_run
  token: none
steps:
  - uses: template.load
"""
_MODULE: Final = "name: intake\nversion: 1.0.0\ndescription: A module\nsteps:\n  - extension: steady\n"
_HEAD: Final = "apiVersion: llamagate/v1\nowner: team\npolicy: {generations: 2, backups: 1}\ngateway: {reload: off}\n"
_BEFORE: Final = """extensions:
  updated: ./packages/updated
  removed: ./packages/removed
  configured: ./packages/configured
  steady: ./packages/steady
"""
_AFTER: Final = """extensions:
  updated: ./packages/updated
  configured:
    source: ./packages/configured
    config: {report_interval: daily, token: {env: REPORT_TOKEN}}
  steady: {source: ./packages/steady, enabled: false}
modules:
  intake: ./packages/intake
"""
_FOREIGN: Final = {"id": "theirs", "type": "plugin", "name": "Theirs", "colour": "blue"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """What counts of a home. ``files`` of the installed folders, and of each backup: path → mode and content."""

    files: dict[str, str]
    registry: list[dict[str, Any]]
    items: dict[str, Any]
    generation: int
    backups: dict[str, dict[str, str]]

    def departures(self, wanted: Portrait) -> list[str]:
        """Where this is not as ``wanted``, backups left aside."""
        names = [field.name for field in fields(self) if field.name != "backups"]
        pairs = [(name, getattr(self, name), getattr(wanted, name)) for name in names]
        return [f"{name}: {_difference(found, other)}" for name, found, other in pairs if found != other]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """``base`` holds the home, the file and the packages; ``kept`` is a copy of it from before the change.

    ``elsewhere`` is the folder where the extensions really lie, where that is not in the home.
    """

    base: Path
    kept: Path
    elsewhere: Path | None
    before: Portrait
    after: Portrait
    locks: tuple[bytes, bytes]
    """The lock file before and after."""

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def lock_file(self) -> Path:
        return self.base / "llamagate.lock.yaml"

    @property
    def apply(self) -> tuple[str, ...]:
        return _command("apply", self.base)

    @property
    def recover(self) -> tuple[str, ...]:
        return _command("recover", self.base)

    def reset(self) -> None:
        """Back to before the change, but for the packages, which no command changes."""
        for name in ("home", "llamagate.lock.yaml"):
            _replace(self.base / name, self.kept / name)
        for path in self.base.glob(".*"):
            path.unlink()
        if self.elsewhere is not None:
            _replace(self.elsewhere, self.kept / "elsewhere")
            for path in self.elsewhere.parent.glob(".*"):
                shutil.rmtree(path)

    def lower(self) -> tuple[int, ...]:
        """The inodes of the installed folders."""
        return tuple(path.stat().st_ino for kind in _KINDS for path in (self.home / kind / "installed").glob("*"))

    def faults(self, *allowed: Portrait) -> list[str]:
        """What is wrong with the home as it is now: neither of ``allowed`` exactly, or something was left over."""
        try:
            return self._faults(allowed) + leftovers(self.base) + self._left_elsewhere()
        except (OSError, ValueError, KeyError) as error:
            return [f"it cannot be read: {error!r}"]

    def _faults(self, allowed: tuple[Portrait, ...]) -> list[str]:
        found = portrait(self.home)
        departures = {wanted.generation: found.departures(wanted) for wanted in allowed}
        if all(departures.values()):
            return [f"it is not generation {number}: {'; '.join(rows)}" for number, rows in departures.items()]
        wanted = next(one for one in allowed if not departures[one.generation])
        known = self.before.backups | (self.after.backups if wanted is self.after else {})
        lost = [f"the backup {name} is gone" for name in wanted.backups if name not in found.backups]
        bad = [f"the backup {name} is damaged" for name in found.backups if known.get(name) != found.backups[name]]
        if self.lock_file.read_bytes() not in self.locks[wanted is self.after :]:
            bad.append("the lock file is not the right one")
        return lost + bad

    def _left_elsewhere(self) -> list[str]:
        beside = [] if self.elsewhere is None else self.elsewhere.parent.iterdir()
        return [f"{path} is there" for path in beside if path != self.elsewhere]


def build(root: Path, forks: Forks, *, elsewhere: Path | None = None) -> World:
    """Make a world below ``root`` and run its change once. ``elsewhere``: where the extensions shall lie."""
    base, kept = root / "world", root / "kept"
    _prepare(base, elsewhere)
    forks.warm(*_command("apply", base))
    _package(base, "updated", "1.1.0", {"prompts/tone.txt": "calm", "old.txt": "old", "run.sh": "#!/bin/sh\n"})
    forks.warm(*_command("apply", base))
    _use(base / "home")
    _package(
        base, "updated", "1.2.0", {"prompts/tone.txt": "calm", "prompts/more.txt": "more", "run.sh": "#!/bin/sh\n"}
    )
    (base / "llamagate.yaml").write_text(_HEAD + _AFTER)
    shutil.copytree(base, kept, symlinks=True)
    if elsewhere is not None:
        shutil.copytree(elsewhere, kept / "elsewhere", symlinks=True)
    before = portrait(base / "home")
    forks.warm(*_command("apply", base))
    locks = tuple((folder / "llamagate.lock.yaml").read_bytes() for folder in (kept, base))
    world = World(
        base=base,
        kept=kept,
        elsewhere=elsewhere,
        before=before,
        after=portrait(base / "home"),
        locks=(locks[0], locks[1]),
    )
    assert world.before.generation == 2, "the change is the third"
    assert world.after.generation == 3
    assert world.faults(world.after) == []
    return world


def portrait(home: Path) -> Portrait:
    """The home as it is now."""
    record = _body(home / "reconciler" / "record.json")
    listed = json.loads((home / "registry" / "installed.json").read_bytes())
    return Portrait(
        files={f"{kind}/{path}": fact for kind in _KINDS for path, fact in _tree(home / kind / "installed")},
        registry=[{key: value for key, value in entry.items() if key not in _TIMES} for entry in listed],
        items={item["id"]: [item[key] for key in ("tree", "config", "enabled")] for item in record["items"]},
        generation=record["generation"],
        backups={
            "/".join(path.parts[-3:]): dict(_tree(path)) for path in (home / "reconciler" / "backups").glob("*/*/*")
        },
    )


def leftovers(base: Path) -> list[str]:
    """What no command in force accounts for."""
    ours = base / "home" / "reconciler"
    record = _body(ours / "record.json")
    generations = {int(path.stem): _body(path) for path in (ours / "generations").glob("*.json")}
    newest = sorted(generations)[-_KEPT_GENERATIONS:]
    cached = {path.name for path in (ours / "cache").glob("*")}
    needed = _packages([record, *(generations[number] for number in newest)])
    odd = [f"{path} is there" for path in _stray(base, ours)]
    odd += [f"generation {number} never was" for number in generations if number > record["generation"]]
    odd += [f"{name} is cached for nothing" for name in cached - needed - _packages(generations.values())]
    odd += [f"{name} is not cached" for name in needed - cached]
    return odd + ([] if newest and newest[-1] == record["generation"] else ["the generation in force is not there"])


def _stray(base: Path, ours: Path) -> Iterator[Path]:
    yield from (path for path in ours.iterdir() if path.name not in _OURS)
    yield from (path for path in (ours / "generations").iterdir() if path.suffix != ".json")
    yield from (ours / "stage").glob("*")
    yield from base.rglob("*.llamagate-*")
    yield from (path for path in (ours.parent / "registry").iterdir() if path.name != "installed.json")


def _packages(documents: Iterable[dict[str, Any]]) -> set[str]:
    return {f"{item['tree'].removeprefix('sha256:')}.zip" for document in documents for item in document["items"]}


def _body(path: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(path.read_bytes())["body"]
    return body


def _tree(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(root))
        if stat.S_ISREG(status.st_mode):
            yield name, f"{stat.S_IMODE(status.st_mode):o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        else:
            yield name, f"-> {path.readlink()}" if path.is_symlink() else "folder"


def _difference(found: Any, wanted: Any) -> str:
    if isinstance(found, dict):
        keys = [key for key in {**found, **wanted} if found.get(key) != wanted.get(key)]
        return ", ".join(f"{key} is {found.get(key)}, not {wanted.get(key)}" for key in keys)
    return f"{found}, not {wanted}"


def _command(verb: str, base: Path) -> tuple[str, ...]:
    return verb, "-f", str(base / "llamagate.yaml"), "--home", str(base / "home")


def _replace(path: Path, by: Path) -> None:
    if by.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(by, path, symlinks=True)
    else:
        shutil.copy2(by, path)


def _prepare(base: Path, elsewhere: Path | None) -> None:
    (base / "home" / "registry").mkdir(parents=True)
    (base / "home" / "registry" / "installed.json").write_text(json.dumps([_FOREIGN]))
    if elsewhere is not None:
        elsewhere.mkdir()
        (base / "home" / "extensions").mkdir()
        (base / "home" / "extensions" / "installed").symlink_to(elsewhere)
    for name in ("updated", "removed", "configured", "steady"):
        _package(base, name, "1.0.0", {"README.md": name, "data/table.csv": "1,2\n"})
    (base / "packages" / "intake").mkdir()
    (base / "packages" / "intake" / "agenticmodule.yaml").write_text(_MODULE)
    (base / "llamagate.yaml").write_text(_HEAD + _BEFORE)


def _package(base: Path, name: str, version: str, files: dict[str, str]) -> None:
    folder = base / "packages" / name
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in {**files, "manifest.yaml": _MANIFEST.format(id=name, version=version)}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        os.chmod(folder / path, 0o755 if path.endswith(".sh") else 0o644)  # noqa: PTH101 - beside the PTH ones


def _use(home: Path) -> None:
    """What people and programs do between two changes."""
    installed = home / "extensions" / "installed"
    (installed / "updated" / "prompts" / "tone.txt").write_text("edited here; the new package leaves it as it was")
    (installed / "updated" / "var" / "empty").mkdir(parents=True)
    (installed / "updated" / "var" / "state.db").write_text("state")
    (installed / "updated" / "var" / "state.db").chmod(0o600)
    (installed / "updated" / "prompts" / "mine.txt").write_text("mine")
    (installed / "updated" / "link").symlink_to("var/state.db")
    (installed / "removed" / "notes.txt").write_text("mine too")
    (installed / "by-hand").mkdir()
    (installed / "by-hand" / "manifest.yaml").write_text(_MANIFEST.format(id="by-hand", version="1.0.0"))
