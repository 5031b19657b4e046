"""Six small changes of a home, and all that counts of it: every file, and what our documents and the registry say."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.support.home_documents import body_of, generation_of, record_of
from tests.support.packages import write_files

State = Mapping[str, str]
"""Path below the base → what it is. Times, stat stamps and the name of the lock's last holder do not count."""

_HEAD: Final = "apiVersion: llamagate/v1\nowner: team\ngateway: {reload: off}\n"
_EXTENSION: Final = """\
name: {id}
version: {version}
description: A package for tests
type: workflow
config:
  report_interval: per_run
steps:
  - uses: template.load
"""
_MODULE: Final = "name: {id}\nversion: {version}\ndescription: A module\nsteps:\n  - extension: one\n"
_MODULE_ID: Final = "flow"
_TIMES: Final = frozenset(["installed_at", "last_updated_at"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An item of the desired state. Its package has a file that only its version has."""

    version: str = "1.0.0"
    enabled: bool = True
    config: Mapping[str, str] = field(default_factory=dict)


Wishes = Mapping[str, Wish]

_ONE: Final = Wish()
_TWO: Final = Wish(version="2.0.0")
_DAILY: Final = Wish(config={"report_interval": "daily"})
CHANGES: Final[Mapping[str, tuple[Wishes, Wishes]]] = {
    "first run": ({}, {"one": _ONE, "two": _ONE, "flow": _ONE}),
    "update": ({"one": _ONE, "two": _ONE}, {"one": _TWO, "two": _TWO}),
    "downgrade": ({"one": _TWO, "two": _ONE}, {"one": _ONE, "two": _ONE}),
    "configure": ({"one": _ONE, "two": _DAILY}, {"one": _DAILY, "two": _ONE}),
    "remove": ({"one": _ONE, "two": _ONE, "three": _ONE}, {"one": _ONE}),
    "mixed": (
        {"one": _ONE, "two": _ONE, "three": _ONE, "four": _ONE},
        {"one": _TWO, "two": _DAILY, "three": Wish(enabled=False), "five": _ONE, "flow": _ONE},
    ),
}
"""What is desired before and after."""

Run = Callable[..., object]
"""Runs a command that must end well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """``base`` holds a home and a project; ``kept`` is a copy from before the change, the desired state already new."""

    base: Path
    kept: Path
    before: State
    after: State

    def reset(self) -> None:
        """Back to before the change, but for the packages, which no command changes."""
        for name in ("home", "llamagate.lock.yaml"):
            shutil.rmtree(self.base / name, ignore_errors=True)
            (self.base / name).unlink(missing_ok=True)
            if (self.kept / name).is_dir():
                shutil.copytree(self.kept / name, self.base / name, symlinks=True)
            elif (self.kept / name).exists():
                shutil.copy2(self.kept / name, self.base / name)

    def faults(self, *allowed: State) -> list[str]:
        """What is wrong with the base as it is now: it is none of ``allowed``."""
        try:
            found = state(self.base)
        except (OSError, ValueError, KeyError) as error:
            return [f"it cannot be read: {error!r}"]
        departures = [self.departures(found, wanted) for wanted in allowed]
        return [] if not all(departures) else min(departures, key=len)

    def departures(self, found: State, wanted: State) -> list[str]:
        """Whatever a change makes superfluous may stay for now; and its lock may be there though it was undone."""
        superfluous = {**self.before, **self.after} if wanted is self.before else self.before
        rows = []
        for path in sorted({*found, *wanted}):
            is_kept = path.startswith(_KEPT) and path not in wanted and found[path] == superfluous.get(path)
            is_pinned = path == _LOCK and found.get(path) == self.after[path]
            if found.get(path) != wanted.get(path) and not is_kept and not is_pinned:
                rows.append(f"{path} is {found.get(path)}, not {wanted.get(path)}")
        return rows


_KEPT: Final = ("home/reconciler/cache/", "home/reconciler/backups/")
_LOCK: Final = "llamagate.lock.yaml"


def command(verb: str, base: Path) -> tuple[str, ...]:
    """The arguments of a command on ``base``."""
    return verb, "-f", str(base / "llamagate.yaml"), "--home", str(base / "home")


def make(name: str, base: Path, kept: Path, run: Run) -> Scene:
    """Make the change ``name`` once in ``base``, which is empty, and go back to before it."""
    first, second = CHANGES[name]
    if first:
        _desire(base, first)
        run(*command("apply", base))
        _use(base / "home")
    before = state(base)
    _desire(base, second)
    shutil.copytree(base, kept, symlinks=True)
    run(*command("apply", base))
    scene = Scene(base=base, kept=kept, before=before, after=state(base))
    scene.reset()
    assert scene.faults(scene.before) == []
    assert scene.faults(scene.after) != []
    return scene


def state(base: Path) -> State:
    """All that counts of ``base``: its home and its lock.

    Empty folders of ours do not, nor what the lock between processes says; a registry without entries is as none.
    """
    found = {}
    for path in sorted([base / _LOCK, *(base / "home").rglob("*")]):
        name = str(path.relative_to(base))
        if (
            name == "home/reconciler/lock"
            or path.parent.name == "record"
            or not os.path.lexists(path)
            or _is_empty_registry(path)
        ):
            continue
        mode = path.lstat().st_mode
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = f"{stat.S_IMODE(mode):o} {_content(path)}"
        elif "/installed/" in name:
            found[name] = "folder"
    return found


def _is_empty_registry(path: Path) -> bool:
    return path.name == "installed.json" and path.read_bytes() == b"[]"


def _content(path: Path) -> str:
    if path.name == "installed.json":
        entries = json.loads(path.read_bytes())
        return json.dumps([{key: value for key, value in entry.items() if key not in _TIMES} for entry in entries])
    if path.name == "record.json":
        return json.dumps(_facts(record_of(path.parent)))
    if path.parent.name == "generations":
        return json.dumps(_facts(generation_of(path.parent.parent, int(path.name.split(".")[0]))))
    if path.parent.name == "reconciler":
        return json.dumps(body_of(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _facts(body: dict[str, Any]) -> Any:
    """What a record or a generation says, but for times and stamps."""
    items = [
        {
            **{key: item[key] for key in ("kind", "id", "owner", "enabled", "config", "tree")},
            "files": {path: facts[0] for path, facts in item.get("files", {}).items()},
        }
        for item in body["items"]
    ]
    return [body["generation"], items]


def _desire(base: Path, wishes: Wishes) -> None:
    """Write the desired state and its packages."""
    shutil.rmtree(base / "packages", ignore_errors=True)
    sections: dict[str, list[str]] = {"extensions": [], "modules": []}
    for name, wish in wishes.items():
        is_module = name == _MODULE_ID
        folder = base / "packages" / name
        text = (_MODULE if is_module else _EXTENSION).format(id=name, version=wish.version)
        prompt = {f"prompts/{wish.version}.txt": f"{name} {wish.version}\n" * 200}
        write_files(folder, {"agenticmodule.yaml" if is_module else "manifest.yaml": text, **prompt})
        entry = {"source": f"./packages/{name}", "enabled": wish.enabled, "config": dict(wish.config)}
        sections["modules" if is_module else "extensions"].append(f"  {name}: {json.dumps(entry)}\n")
    text = "".join(f"{section}:\n{''.join(lines)}" for section, lines in sections.items() if lines)
    (base / "llamagate.yaml").write_text(_HEAD + text)


def _use(home: Path) -> None:
    """What programs do between two changes."""
    for folder in (home / "extensions" / "installed").iterdir():
        (folder / "var").mkdir()
        (folder / "var" / "state.db").write_text(f"state of {folder.name}")
