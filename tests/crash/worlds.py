"""A small home before a change and after it, and what must be true of it once a change was cut off."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from tests.crash.changes import CHANGES, MIXED, Change, write_package
from tests.crash.forks import Forks
from tests.support.home_documents import body_of, record_of

_KINDS: Final = ("extensions", "agentic-modules")
_OURS: Final = frozenset(
    ["record.json", "record", "generations", "backups", "cache", "stage", "lock", "unchanged.json"]
)
_KEPT_GENERATIONS: Final = 2
_INPUTS: Final = ("llamagate.yaml", "llamagate.lock.yaml")
_TIMES: Final = ("installed_at", "last_updated_at")

Inputs = Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """What counts of a home. ``files`` of the installed folders, and of each backup: path → mode and content."""

    files: dict[str, str]
    registry: list[dict[str, Any]]
    gateway_file: str
    """Its mode and content."""
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

    change: Change
    base: Path
    kept: Path
    elsewhere: Path | None
    before: Portrait
    after: Portrait
    inputs: tuple[Inputs, Inputs]
    """The files beside the home that a command may write, before and after."""

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def apply(self) -> tuple[str, ...]:
        """The command under test: an ``apply``, unless the change names another."""
        return _command(self.change.command, self.base)

    @property
    def recover(self) -> tuple[str, ...]:
        return _command(("recover",), self.base)

    def reset(self) -> None:
        """Back to before the change, but for the packages, which no command changes."""
        for name in ("home", *_INPUTS):
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
        except (OSError, EOFError, ValueError, KeyError, zlib.error) as error:
            return [f"it cannot be read: {error!r}"]

    def _faults(self, allowed: tuple[Portrait, ...]) -> list[str]:
        found = portrait(self.home)
        departures = [found.departures(wanted) for wanted in allowed]
        if all(departures):
            pairs = zip(allowed, departures, strict=True)
            return [f"it is not generation {wanted.generation}: {'; '.join(rows)}" for wanted, rows in pairs]
        wanted = allowed[departures.index([])]
        known = self.before.backups | (self.after.backups if wanted is self.after else {})
        lost = [f"the backup {name} is gone" for name in wanted.backups if name not in found.backups]
        bad = [f"the backup {name} is damaged" for name in found.backups if known.get(name) != found.backups[name]]
        right = self.inputs[wanted is self.after :]
        odd = [name for name, data in _inputs(self.base).items() if data not in [files[name] for files in right]]
        return lost + bad + [f"{name} is not the right one" for name in odd]

    def _left_elsewhere(self) -> list[str]:
        beside = [] if self.elsewhere is None else self.elsewhere.parent.iterdir()
        return [f"{path} is there" for path in beside if path != self.elsewhere]


def build(root: Path, forks: Forks, change: Change = CHANGES[MIXED], *, elsewhere: Path | None = None) -> World:
    """Make a world below ``root`` and run its change once. ``elsewhere``: where the extensions shall lie."""
    base, kept = root / "world", root / "kept"
    change.prepare(base)
    if elsewhere is not None:
        elsewhere.mkdir()
        (base / "home" / "extensions").mkdir()
        (base / "home" / "extensions" / "installed").symlink_to(elsewhere)
    for wish in change.before:
        change.write(base, wish)
        forks.warm(*_command(("apply",), base))
    change.meanwhile(base / "home")
    change.write(base, change.after)
    for name, item in change.brings.items():
        write_package(base / "packages" / (item.folder or name), name, item)
    shutil.copytree(base, kept, symlinks=True)
    if elsewhere is not None:
        shutil.copytree(elsewhere, kept / "elsewhere", symlinks=True)
    before = portrait(base / "home")
    forks.warm(*_command(change.command, base))
    world = World(
        change=change,
        base=base,
        kept=kept,
        elsewhere=elsewhere,
        before=before,
        after=portrait(base / "home"),
        inputs=(_inputs(kept), _inputs(base)),
    )
    assert world.before.generation == len(change.before)
    assert world.after.generation == len(change.before) + (not change.is_quiet)
    assert world.faults(world.after) == []
    return world


def portrait(home: Path) -> Portrait:
    """The home as it is now."""
    record = _record(home)
    return Portrait(
        files={f"{kind}/{path}": fact for kind in _KINDS for path, fact in _tree(home / kind / "installed")},
        registry=[{key: value for key, value in entry.items() if key not in _TIMES} for entry in _registry(home)],
        gateway_file=_gateway_file(home / "llamagate.yaml"),
        items={
            f"server {item['key'][1]}": [item[key] for key in ("settings", "enabled", "entry")]
            for item in record.get("servers", [])
        }
        | {item["id"]: [item[key] for key in ("tree", "config", "enabled")] for item in record["items"]},
        generation=record["generation"],
        backups={
            "/".join(path.parts[-3:]): dict(_tree(path)) for path in (home / "reconciler" / "backups").glob("*/*/*")
        },
    )


def leftovers(base: Path) -> list[str]:
    """What no command in force accounts for."""
    ours = base / "home" / "reconciler"
    record = _record(base / "home")
    generations = {int(path.name.split(".")[0]): body_of(path) for path in (ours / "generations").glob("*.gz")}
    newest = sorted(generations)[-_KEPT_GENERATIONS:]
    cached = {path.name for path in (ours / "cache").glob("*")}
    needed = _packages([record, *(generations[number] for number in newest)])
    odd = [f"{path} is there" for path in _stray(base, ours)]
    odd += [f"generation {number} never was" for number in generations if number > record["generation"]]
    odd += [f"{name} is cached for nothing" for name in cached - needed - _packages(generations.values())]
    odd += [f"{name} is not cached" for name in needed - cached]
    is_there = record["generation"] in (newest[-1:] or [0])
    return odd + ([] if is_there else ["the generation in force is not there"])


def _stray(base: Path, ours: Path) -> Iterator[Path]:
    broken = f"installed.json.broken-{_record(ours.parent)['generation']}"
    yield from (path for path in _within(ours) if path.name not in _OURS)
    yield from (path for path in _within(ours / "generations") if path.suffix != ".gz")
    yield from (path for path in _within(ours / "record") if path.stem not in _pieces(ours))
    yield from (ours / "stage").glob("*")
    yield from base.rglob("*.llamagate-*")
    yield from (path for path in _within(ours.parent / "registry") if path.name not in ("installed.json", broken))


def _within(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []


def _record(home: Path) -> dict[str, Any]:
    ours = home / "reconciler"
    return record_of(ours) if (ours / "record.json").exists() else {"generation": 0, "items": []}


def _pieces(ours: Path) -> set[str]:
    """Those that the record names."""
    head = body_of(ours / "record.json") if (ours / "record.json").exists() else {"items": [], "documents": {}}
    return {*head["items"], *head["documents"].values()}


def _registry(home: Path) -> list[dict[str, Any]]:
    data = _bytes(home / "registry" / "installed.json")
    try:
        entries: list[dict[str, Any]] = json.loads(data or b"[]")
    except ValueError:
        return [{"unreadable": data}]
    return sorted(entries, key=lambda entry: str(entry["id"]))  # the order in which others write means nothing


def _gateway_file(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o} {path.read_text()}" if path.exists() else "nothing"


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _packages(documents: Iterable[dict[str, Any]]) -> set[str]:
    return {f"{item['tree'].removeprefix('sha256:')}.zip" for document in documents for item in document["items"]}


def _tree(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(root))
        if stat.S_ISREG(status.st_mode):
            yield name, f"{stat.S_IMODE(status.st_mode):o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        else:
            yield name, f"-> {path.readlink()}" if path.is_symlink() else "folder"


def _inputs(base: Path) -> Inputs:
    return {name: _bytes(base / name) for name in _INPUTS}


def _difference(found: Any, wanted: Any) -> str:
    if isinstance(found, dict):
        keys = [key for key in {**found, **wanted} if found.get(key) != wanted.get(key)]
        return ", ".join(f"{key} is {found.get(key)}, not {wanted.get(key)}" for key in keys)
    return f"{found}, not {wanted}"


def _command(words: tuple[str, ...], base: Path) -> tuple[str, ...]:
    return *(word.format(base=base) for word in words), "-f", str(base / "llamagate.yaml"), "--home", str(base / "home")


def _replace(path: Path, by: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if by.is_dir():
        shutil.copytree(by, path, symlinks=True)
    elif by.exists():
        shutil.copy2(by, path)
