"""What may happen between two passes: a line each. Nothing is undone, so that one thing meets another."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from reconciler.errors import LlamagateError
from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.record import Hold, Record, RecordItem, Suspension
from reconciler.model.source import Source, SourceKind
from reconciler.model.trust import Signer
from reconciler.planning.intent import Allowances
from reconciler.reconcile.options import Options
from tests.settled import pinned
from tests.settled.upstream import LOCAL_GIT, PINNED
from tests.settled.world import PACKAGES, World
from tests.support.packages import MANIFEST, MODULE, TASK

Change = Callable[[World, Random], None]
_SINCE: Final = "2026-01-01T00:00:00.000000000Z"


# Of the file.


def of_file(edit: Callable[[World, Random], None]) -> Change:
    def change(world: World, random: Random) -> None:
        edit(world, random)
        world.save()

    return change


def one(key: str, *values: Any) -> Change:
    """Another value of one key of an entry; ``None``: it is left out."""

    def edit(world: World, random: Random) -> None:
        entry, value = world.entries[random.choice([*world.entries])], random.choice(values)
        entry.pop(key, None)
        if value is not None:
            entry[key] = value

    return of_file(edit)


def listed(world: World, random: Random) -> None:
    """One item more, or one less, or one in the place of another."""
    name = random.choice([*PACKAGES, *PINNED])
    if name in world.entries and len(world.entries) > 2:
        del world.entries[name]
    else:
        world.entries[name] = world.entry(name)


def other_source(world: World, random: Random) -> None:
    name = random.choice([one for one in world.entries if one in PACKAGES] or ["a"])
    world.entries.setdefault(name, {})
    copy = world.project / "packages" / f"{random.choice('xy')}{Path(world.source(name)).suffix}"
    place = world.project / world.source(name)
    if place.is_dir():
        shutil.copytree(place, copy, dirs_exist_ok=True)
    elif place.exists():
        shutil.copy2(place, copy)
    plain = world.source(name)
    kind = "zip" if plain.endswith(".zip") else "dir"
    spelled = [plain, plain.removeprefix("./"), {kind: plain}, str(place), f"./packages/{copy.name}"]
    world.entries[name]["source"] = random.choice([*spelled, {"zip": plain}])


def top(key: str, *values: Any) -> Change:
    def edit(world: World, random: Random) -> None:
        world.top.pop(key, None)
        value = random.choice(values)
        if value is not None:
            world.top[key] = value

    return of_file(edit)


def a_byte_of_the_file(world: World, random: Random) -> None:
    data = bytearray(world.options.file.read_bytes())
    data[random.randrange(len(data))] = random.choice(b" a:{}1\n")
    world.options.file.write_bytes(data)


# Of the lock.


def of_lock(edit: Callable[[list[str], Random], object]) -> Change:
    def change(world: World, random: Random) -> None:
        path = world.project / "llamagate.lock.yaml"
        if path.exists():
            lines = path.read_text("utf-8").splitlines(keepends=True)
            edit(lines, random)
            path.write_text("".join(lines), "utf-8")

    return change


def a_digit(lines: list[str], random: Random) -> None:
    at = random.choice([at for at, line in enumerate(lines) if "sha256:" in line or "commit" in line] or [0])
    lines[at] = lines[at].replace(random.choice("0123456789abcdef"), "0")


# Of packages and of what is installed.


def package(world: World, random: Random) -> None:
    name, version = random.choice([*PACKAGES]), random.choice(["1.0.0", "1.0.0", "1.1.0", "2.0.0"])
    files = dict(PACKAGES[name])
    if random.random() < 0.5:
        files["more.txt"] = random.choice("xy")
    if name in ("flow", "a"):
        manifest = MODULE.replace("{extension}", random.choice("abz")) if name == "flow" else MANIFEST
        files |= {"agenticmodule.yaml" if name == "flow" else "manifest.yaml": manifest}
    if name == "c" and random.random() < 0.3:
        files = {"extension.yaml": TASK}
    shutil.rmtree(world.project / "packages" / name, ignore_errors=True)
    world.package(name, version, files)


def package_gone(world: World, random: Random) -> None:
    """Its folder or archive; the next change of the package brings it back."""
    place = world.project / world.source(random.choice([*PACKAGES]))
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def at_a_file(edit: Callable[[Path, Random], object]) -> Change:
    """Of something installed."""

    def change(world: World, random: Random) -> None:
        there = sorted(path for path in world.installed("").rglob("*") if path.is_file() and not path.is_symlink())
        if there:
            edit(random.choice(there), random)

    return change


def a_byte(path: Path, random: Random) -> None:
    """Its size and its modification time stay."""
    data, status = bytearray(path.read_bytes()), path.stat()
    if data:
        data[random.randrange(len(data))] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def a_link(path: Path, random: Random) -> None:
    """The file, or its folder, is elsewhere, and a link leads there."""
    place = random.choice([path, path.parent])
    aside = place.parents[3] / f"aside-{random.randrange(10**9)}"
    place.rename(aside)
    place.symlink_to(aside)


def bits(path: Path, random: Random) -> None:
    path.chmod(random.choice([0o644, 0o755]))


def touched(path: Path, random: Random) -> None:
    os.utime(path)


def new_file(path: Path, random: Random) -> None:
    (path.parent / random.choice(["local.txt", "more.txt"])).write_text(random.choice("xy"))


def folder_gone(world: World, random: Random) -> None:
    there = [path for path in world.installed("").iterdir() if not path.is_symlink()]
    if there:
        shutil.rmtree(random.choice(there))


# Of the registry and the record.


def of_registry(edit: Callable[[dict[str, Any], Random], object]) -> Change:
    def change(world: World, random: Random) -> None:
        try:
            entries = json.loads(world.home.registry.read_text("utf-8"))
            edit(random.choice(entries), random)
        except (OSError, ValueError, IndexError):
            return
        world.home.registry.write_text(json.dumps([entry for entry in entries if entry], indent=2), "utf-8")

    return change


def broken_registry(world: World, random: Random) -> None:
    world.home.registry.write_text(random.choice(["[", "[]", "", "{}"]), "utf-8")


def of_item(**fields: Callable[[RecordItem, Random], Any]) -> Change:
    def change(world: World, random: Random) -> None:
        before = world.record
        if before.items:
            item = random.choice([*before.items.values()])
            made = {name: value(item, random) for name, value in fields.items()}
            world.recorded(items={**before.items, item.key: replace(item, **made)})

    return change


def of_record(name: str, value: Callable[[Record, Random], Any]) -> Change:
    def change(world: World, random: Random) -> None:
        world.recorded(**{name: value(world.record, random)})

    return change


def other_manifest(item: RecordItem, random: Random) -> Any:
    others: dict[str, Any] = {"loadable": False, "builtin": True, "requires": ("z",), "id": "z", "kind": Kind.MODULE}
    name, value = random.choice([*others.items(), ("name", "z"), ("version", "0.9.0")])
    return replace(item.manifest, **{name: value})


def other_documents(record: Record, random: Random) -> Mapping[Digest, JsonObject]:
    """What is remembered of the lock is not what it says; or nothing is remembered."""
    found = {digest: json.loads(json.dumps(one)) for digest, one in record.documents.items()}
    for lock in (one for one in found.values() if one.get("items")):
        item = random.choice(lock["items"])
        others = {"version": "0.1.0", "source": "./z", "archive": item["tree"], "kind": "agentic-module"}
        item.update([random.choice([*others.items()])])
    return random.choice([found, found, {}])


def other_origin(item: RecordItem, random: Random) -> Source:
    part: dict[str, Any] = random.choice([{"location": "/z"}, {"path": "z"}, {"kind": SourceKind.TAR}])
    return replace(item.source, **part)


def few(world: World, random: Random) -> None:
    """What takes all ways, and little more."""
    world.entries = {one: world.entries.get(one) or world.entry(one) for one in ("a", "b", "c")}


def circle(world: World, random: Random) -> None:
    """A circle, if 'flow' needs 'a', and not the other extension of that name."""
    if "a" in world.entries:
        world.entries["a"]["depends_on"] = ["flow"]


def address(world: World, random: Random) -> None:
    """Of a package that is nowhere."""
    world.entries[random.choice([*world.entries])]["source"] = world.upstream.server.url("/z.zip")


def lost(record: Record, random: Random) -> Mapping[ItemKey, RecordItem]:
    gone = random.choice([*record.items, None])
    return {key: item for key, item in record.items.items() if key != gone}


def pauses(record: Record, random: Random) -> tuple[Suspension, ...]:
    item = random.choice(["a", "c", "twin", "twin"])
    return random.choice([(), (Suspension(item=item, reason="r", since=_SINCE),)])


# Of the rest.


def options(world: World, random: Random) -> None:
    before = Options(file=world.options.file)
    only = frozenset([random.choice([*world.entries])])
    allowances = Allowances(prune=True, overwrite=random.random() < 0.5, take_over=random.choice([None, only]))
    narrowed, locked = replace(before, only=only), replace(before, locked=True)
    world.options = random.choice([before, before, narrowed, locked, replace(before, allowances=allowances)])


def variable(world: World, random: Random) -> None:
    world.variables = random.choice([{"TOKEN": "one"}, {"TOKEN": "two"}, {}])


def brought(world: World, random: Random) -> None:
    world.apply()
    if "brought" not in world.entries:
        with suppress(LlamagateError):  # its folder is gone
            world.bring("brought")


CHANGES: Final[Mapping[str, Change]] = {
    "file: config": one("config", None, {}, {"interval": 7}, {"interval": 7.0}, {"interval": True}, {"token": "x"}),
    "file: reference": one("config", {"token": {"env": "TOKEN"}}, {"token": {"env": "NOT_SET"}}),
    "file: enabled": one("enabled", None, True, False),
    "file: version": one("version", None, "^1.0", "^2.0", "no range"),
    "file: depends_on": one("depends_on", None, ["a"], ["b", "c"], ["nowhere"]),
    "file: listed": of_file(listed),
    "file: source": of_file(other_source),
    "file: few": of_file(few),
    "file: circle": of_file(circle),
    "file: address": of_file(address),
    "file: owner": top("owner", None, None, "team-b"),
    "file: policy": top(
        "policy", None, {"prune": "never"}, {"allow_builtin": ["always"], "ignore": ["more.txt"], "sources": LOCAL_GIT}
    ),
    "file: other key": top("gateway", None, {"reload": "off"}, {"reload": "required", "url": "http://127.0.0.1:9"}),
    "file: a byte": a_byte_of_the_file,
    "lock: gone": lambda world, _: (world.project / "llamagate.lock.yaml").unlink(missing_ok=True),
    "lock: a line less": of_lock(lambda lines, random: lines.pop(random.randrange(len(lines)))),
    "lock: a digit": of_lock(a_digit),
    "package": package,
    "package: gone": package_gone,
    "installed: a byte": at_a_file(a_byte),
    "installed: gone": at_a_file(lambda path, _: path.unlink()),
    "installed: a link": at_a_file(a_link),
    "installed: bits": at_a_file(bits),
    "installed: touched": at_a_file(touched),
    "installed: new": at_a_file(new_file),
    "installed: folder gone": folder_gone,
    "registry: gone": of_registry(lambda entry, _: entry.clear()),
    "registry: enabled": of_registry(lambda entry, random: entry.update(enabled=random.random() < 0.5)),
    "registry: version": of_registry(lambda entry, _: entry.update(version="9.0.0")),
    "registry: name": of_registry(lambda entry, _: entry.update(name="z")),
    "registry: path": of_registry(lambda entry, _: entry.update(source_path="/z")),
    "registry: broken": broken_registry,
    "record: tree": of_item(tree=lambda _, random: digest_bytes(random.randbytes(4))),
    "record: config": of_item(config=lambda _, random: {"interval": random.choice([7, 8])}),
    "record: owner": of_item(owner=lambda _, random: random.choice([None, "team-b", "default"])),
    "record: enabled": of_item(enabled=lambda item, _: not item.enabled),
    "record: depends_on": of_item(depends_on=lambda _, random: random.choice([(), ("a",), ("nowhere",)])),
    "record: signed": of_item(signed_by=lambda _, random: (Signer("alice", "x"),)),
    "record: stamp": of_item(source_stamp=lambda _, random: random.choice(["", "z"])),
    "record: source": of_item(source=other_origin),
    "record: bits": of_item(may_run=lambda _, random: random.choice([None, (), ("manifest.yaml",), ("run.sh",)])),
    "record: files": of_item(files=lambda _, random: {}),
    "record: manifest": of_item(manifest=other_manifest),
    "record: lost": of_record("items", lost),
    "record: pauses": of_record("suspensions", pauses),
    "record: hold": of_record("hold", lambda _, random: random.choice([None, Hold(reason="r", generation=1)])),
    "record: lock": of_record("documents", other_documents),
    "options": options,
    "variable": variable,
    "record: ref": of_item(source=lambda item, _: replace(item.source, ref="z")),
    "record: pin": of_record("documents", pinned.other_pins),
    "record: signature": of_record("documents", pinned.signed),
    "pin: source": of_file(pinned.source),
    "pin: archive": of_file(pinned.archive),
    "pin: upgrade": pinned.upgrade,
    "pin: newer": pinned.newer,
    "pin: moved": pinned.moved,
    "pin: withdrawn": pinned.withdrawn,
    "pin: lost": pinned.lost,
    "pin: asking": pinned.asking,
    "brought": brought,
}
