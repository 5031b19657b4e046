"""The changes under test, as values: what was applied before, what happened then, what the file says now, the command.

To try another verb, or another change, add a line to ``CHANGES``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.support.packages import write_files

_HEAD: Final = """apiVersion: llamagate/v1
owner: team
policy: {{generations: 2, backups: 1, {policy}}}
gateway: {{reload: off}}
"""
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
_MODULE: Final = "name: {id}\nversion: {version}\ndescription: A module\nsteps:\n  - extension: steady\n"
_FOREIGN: Final = {"id": "theirs", "type": "plugin", "name": "Theirs", "colour": "blue"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item of the file, and its package. ``settings``: what else the file says of it, in one line of YAML.

    A tool server has no package: it is its settings.
    """

    version: str = "1.0.0"
    files: Mapping[str, str] = field(default_factory=lambda: {"README.md": "Read me", "data/table.csv": "1,2\n"})
    settings: str = ""
    is_module: bool = False
    is_server: bool = False
    folder: str = ""
    """Where the package lies, where that is not named as the item."""


Wish = Mapping[str, Item]
"""A desired state: id → item."""


def _nothing(_: Path) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a home.

    ``before`` was applied, one after the other; then ``meanwhile`` happened to the home; then the file came to say
    ``after``, and the ``command`` is run. ``is_first``: there was no home at all until then. ``is_quiet``: no
    generation comes of it. ``brings`` are packages that the file does not name. ``repeats``: the command may be run
    again after a crash, and comes to the same.
    """

    before: tuple[Wish, ...] = ()
    meanwhile: Callable[[Path], None] = _nothing
    after: Wish
    policy: str = ""
    command: tuple[str, ...] = ("apply",)
    is_first: bool = False
    brings: Wish = field(default_factory=dict)
    is_quiet: bool = False
    repeats: bool = True

    def write(self, base: Path, wish: Wish) -> None:
        """Write the packages, and the file that asks for them."""
        lines: dict[bool, list[str]] = {False: [], True: []}
        servers = [f"  {name}: {{{item.settings}}}" for name, item in wish.items() if item.is_server]
        for name, item in wish.items():
            if item.is_server:
                continue
            folder = item.folder or name
            write_package(base / "packages" / folder, name, item)
            parts = [f"source: ./packages/{folder}", *filter(None, [item.settings])]
            lines[item.is_module].append(f"  {name}: {{{', '.join(parts)}}}")
        sections = [
            "\n".join([section, *rows])
            for section, rows in (("extensions:", lines[False]), ("modules:", lines[True]), ("mcp_servers:", servers))
        ]
        shown = [text for text in sections if "\n" in text]
        (base / "llamagate.yaml").write_text(_HEAD.format(policy=self.policy) + "\n".join(shown) + "\n")

    def prepare(self, base: Path) -> None:
        """The home as another program made it, with an entry of its own."""
        base.mkdir()
        if not self.is_first:
            _write_registry(base / "home", json.dumps([_FOREIGN]))


def write_package(folder: Path, name: str, item: Item) -> None:
    """The package of ``item``, in place of what ``folder`` holds."""
    shutil.rmtree(folder, ignore_errors=True)
    manifest, text = ("agenticmodule.yaml", _MODULE) if item.is_module else ("manifest.yaml", _MANIFEST)
    write_files(folder, {**item.files, manifest: text.format(id=name, version=item.version)})


def _write_registry(home: Path, text: str) -> None:
    (home / "registry").mkdir(parents=True, exist_ok=True)
    (home / "registry" / "installed.json").write_text(text)


def _in_use(home: Path) -> None:
    """What people and programs do between two changes."""
    installed = home / "extensions" / "installed"
    (installed / "updated" / "prompts" / "tone.txt").write_text("edited here; the new package leaves it as it was")
    (installed / "updated" / "var" / "empty").mkdir(parents=True)
    (installed / "updated" / "var" / "state.db").write_text("state")
    (installed / "updated" / "var" / "state.db").chmod(0o600)
    (installed / "updated" / "prompts" / "mine.txt").write_text("mine")
    (installed / "updated" / "link").symlink_to("var/state.db")
    if (installed / "removed").exists():
        (installed / "removed" / "notes.txt").write_text("mine too")
    write_package(installed / "by-hand", "by-hand", Item(files={}))


def _damaged(home: Path) -> None:
    """A folder is gone, another stands half, a file was edited, and the registry forgot one."""
    installed = home / "extensions" / "installed"
    shutil.rmtree(installed / "gone")
    (installed / "half" / "manifest.yaml").unlink()
    (installed / "half" / "mine.txt").write_text("mine")
    (installed / "edited" / "README.md").write_text("edited")
    entries = json.loads((home / "registry" / "installed.json").read_text())
    _write_registry(home, json.dumps([entry for entry in entries if entry["id"] != "steady"]))


def _by_hand(home: Path) -> None:
    """Copied there by a person or by the gateway's own tool: one as the package is, one with a difference."""
    installed = home / "extensions" / "installed"
    write_package(installed / "same", "same", Item())
    (installed / "same" / "mine.txt").write_text("mine")
    write_package(
        installed / "other", "other", Item(version="0.9.0", files={"README.md": "an old one", "own.txt": "x"})
    )
    entry = {"id": "other", "type": "extension", "name": "other", "version": "0.9.0", "enabled": False}
    times = dict.fromkeys(("installed_at", "last_updated_at"), "2026-01-01T00:00:00Z")
    _write_registry(home, json.dumps([_FOREIGN, {**entry, **times, "source_path": str(installed / "other")}]))


def _strayed(home: Path) -> None:
    """Other programs were at it: an item is gone, another has a new version, one is there that nobody knows of."""
    installed = home / "extensions" / "installed"
    shutil.rmtree(installed / "gone")
    write_package(installed / "newer", "newer", Item(version="2.0.0"))
    write_package(installed / "found", "found", Item())


def _of_the_gateway(home: Path) -> None:
    """The gateway has a configuration of its own, and a person wrote into it."""
    file = home / "llamagate.yaml"
    own = "# the gateway's\nport: 1\n"
    text = (
        file.read_text() if file.exists() else "mcp:\n  enabled: true\n  servers:\n  - name: theirs\n    command: x\n"
    )
    file.write_text(own + text.replace("  servers:\n", "  servers:  # all\n"))
    file.chmod(0o640)


_PLAIN: Final = Item()
_MODULE_ITEM: Final = Item(is_module=True, files={})
_LEFT_AS_IT_IS: Final = {"prompts/tone.txt": "calm", "run.sh": "#!/bin/sh\n"}
_OLD: Final = Item(version="1.1.0", files={**_LEFT_AS_IT_IS, "old.txt": "old"})
_NEW: Final = Item(version="1.2.0", files={**_LEFT_AS_IT_IS, "prompts/more.txt": "more"})
_CONFIGURED: Final = Item(settings="config: {report_interval: daily, token: {env: REPORT_TOKEN}}")
_NEW_STEADY: Final = Item(version="1.1.0")
_OFF: Final = Item(settings="enabled: false")
_ON: Final = Item(settings="enabled: true")
_SERVER: Final = Item(is_server=True, settings="command: server, args: [-v]")
_SECRET: Final = Item(is_server=True, settings="command: server, args: [-w], env: {TOKEN: {env: REPORT_TOKEN}}")
_OFF_SERVER: Final = Item(is_server=True, settings="url: 'http://127.0.0.1/mcp', enabled: false")
_SERVERS: Final = {"steady": _PLAIN, "changed": _SERVER, "dropped": _SERVER, "kept": _SERVER}
_OTHER_SERVERS: Final = {"steady": _NEW_STEADY, "changed": _SECRET, "kept": _SERVER, "come": _OFF_SERVER}
_FOUR: Final = {"updated": _PLAIN, "removed": _PLAIN, "configured": _PLAIN, "steady": _PLAIN}
_TWO: Final = {"updated": _OLD, "steady": _PLAIN}
_STRAYING: Final = {"gone": _PLAIN, "newer": _PLAIN, "steady": _PLAIN}
_DAMAGED: Final = {"gone": _PLAIN, "half": _PLAIN, "edited": _PLAIN, "steady": _PLAIN}

CHANGES: Final[Mapping[str, Change]] = {
    "mixed of five": Change(
        before=(_FOUR, {**_FOUR, "updated": _OLD}),
        meanwhile=_in_use,
        after={"updated": _NEW, "configured": _CONFIGURED, "steady": _OFF, "intake": _MODULE_ITEM},
    ),
    "first run": Change(after={"first": _PLAIN, "second": _CONFIGURED, "steady": _OFF}, is_first=True),
    "install": Change(before=({"steady": _PLAIN},), after={"steady": _PLAIN, "new": _NEW, "intake": _MODULE_ITEM}),
    "update": Change(before=({**_TWO, "updated": _PLAIN}, _TWO), meanwhile=_in_use, after={**_TWO, "updated": _NEW}),
    "downgrade": Change(before=({**_TWO, "updated": _NEW},), meanwhile=_in_use, after=_TWO),
    "configure": Change(
        before=({"one": _PLAIN, "two": _CONFIGURED},), after={"one": _CONFIGURED, "two": _PLAIN, "steady": _PLAIN}
    ),
    "remove": Change(
        before=({**_FOUR, "intake": _MODULE_ITEM}, {**_FOUR, "updated": _OLD, "intake": _MODULE_ITEM}),
        meanwhile=_in_use,
        after={"updated": _OLD, "configured": _PLAIN, "steady": _PLAIN},
    ),
    "enable and disable": Change(before=({"one": _ON, "two": _OFF},), after={"one": _OFF, "two": _ON}),
    "repair": Change(before=(_DAMAGED,), meanwhile=_damaged, after=_DAMAGED, policy="drift: {edited: heal}"),
    "adopt": Change(meanwhile=_by_hand, after={"same": _PLAIN}),
    "take over": Change(
        meanwhile=_by_hand, after={"same": _CONFIGURED, "other": _NEW}, command=("apply", "--take-over-all")
    ),
    "rebuilt registry": Change(
        before=(_TWO,), meanwhile=lambda home: _write_registry(home, '[{"id": "upd'), after={**_TWO, "updated": _NEW}
    ),
    "import and save": Change(
        before=(_TWO,),
        meanwhile=_in_use,
        after=_TWO,
        command=("import", "{base}/packages/other", "--save"),
        brings={"other": _NEW},
    ),
    "import over it": Change(
        before=(_TWO,),
        meanwhile=_in_use,
        after=_TWO,
        command=("import", "{base}/packages/new"),
        brings={"updated": replace(_NEW, folder="new")},
    ),
    "remove by a command": Change(
        before=(_FOUR, {**_FOUR, "updated": _OLD}),
        meanwhile=_in_use,
        after={**_FOUR, "updated": _OLD},
        command=("remove", "updated", "--save"),
    ),
    "disable": Change(before=(_TWO,), after=_TWO, command=("disable", "steady")),
    "roll back": Change(
        before=(_FOUR, {**_TWO, "new": _NEW}),
        meanwhile=_in_use,
        after={**_TWO, "new": _NEW},
        command=("rollback", "--overwrite"),
        repeats=False,
    ),
    "restore": Change(
        before=(_FOUR, {**_FOUR, "updated": _OLD}),
        meanwhile=_in_use,
        after={**_FOUR, "updated": _OLD},
        command=("restore", "updated"),
        repeats=False,
    ),
    "sync": Change(before=(_STRAYING,), meanwhile=_strayed, after=_STRAYING, command=("sync",)),
    "tool servers": Change(before=(_SERVERS,), meanwhile=_of_the_gateway, after=_OTHER_SERVERS),
    "first tool server": Change(after={"changed": _SECRET, "steady": _PLAIN}, is_first=True),
    "tool servers alone": Change(before=({"kept": _SERVER},), after={"come": _SECRET}, meanwhile=_of_the_gateway),
    "take a tool server": Change(
        meanwhile=_of_the_gateway, after={"theirs": _SECRET}, command=("apply", "--take-over-all")
    ),
    "roll back tool servers": Change(
        before=(_SERVERS, _OTHER_SERVERS),
        meanwhile=_of_the_gateway,
        after=_OTHER_SERVERS,
        command=("rollback",),
        repeats=False,
    ),
    "disable a tool server": Change(
        before=(_SERVERS,), meanwhile=_of_the_gateway, after=_SERVERS, command=("disable", "kept")
    ),
    "moved source": Change(before=(_TWO,), after={**_TWO, "steady": Item(folder="moved")}, is_quiet=True),
    "nothing to do": Change(before=(_TWO,), meanwhile=_in_use, after=_TWO, is_quiet=True),
}
MIXED: Final = "mixed of five"
THOROUGH: Final = (MIXED, "first run", "update", "remove", "repair", "rebuilt registry", "tool servers")
"""Those that between them take every way through the transaction, for campaigns of tens of thousands of points."""
