"""What may happen between two passes to what the lock pins, and where that comes from. As ``changes``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.record import Record
from tests.settled.upstream import PINNED, VERSIONS
from tests.settled.world import World

_GIT: Final = {"git": "./repo.git"}
_SOURCES: Final[Mapping[str, tuple[Any, ...]]] = {
    "tagged": (
        *({"git": place, "path": "tagged"} for place in ("./repo.git", "repo.git", "{project}/repo.git")),
        *({**_GIT, "path": path} for path in ("./tagged/", "named", "nowhere")),
        {**_GIT, "path": "tagged", "ref": "main"},
    ),
    "named": tuple(
        {**_GIT, "path": "named", "ref": ref}
        for ref in ("named/v1.0.0", "refs/tags/named/v1.0.0", "tagged/v1.0.0", "main", "nowhere")
    ),
    "offered": tuple(
        {"catalog": place} for place in ("./catalog", "catalog", "./catalog/index.json", "{project}/catalog", "./z")
    ),
    "web": ("{web}", {"http": "{web}"}, {"http": "{web}", "path": "web"}, "{web}?more"),
}
"""The same package in other words, or another one."""


def source(world: World, random: Random) -> None:
    name = random.choice(PINNED)
    text = json.dumps(random.choice(_SOURCES[name]))
    filled = text.replace("{project}", str(world.project)).replace("{web}", world.upstream.web)
    world.entries.setdefault(name, {})["source"] = json.loads(filled)


def archive(world: World, random: Random) -> None:
    """What the file says that the archive is: right, or not."""
    digest = random.choice([world.upstream.archive, "0" * 64])
    world.entries["web"] = {"source": {"http": world.upstream.web, "sha256": digest}}


def remembered(edit: Callable[[Any, Random], object]) -> Callable[[Record, Random], Mapping[Digest, JsonObject]]:
    """Another entry for each of them than the lock has."""

    def documents(record: Record, random: Random) -> Mapping[Digest, JsonObject]:
        found = {digest: json.loads(json.dumps(one)) for digest, one in record.documents.items()}
        for entry in (entry for one in found.values() for entry in one.get("items", []) if "pin" in entry):
            edit(entry, random)
        return found

    return documents


@remembered
def other_pins(entry: Any, random: Random) -> None:
    """Which say where the package is, or nothing."""
    entry["pin"] = random.choice([entry["pin"], {"url": "z"}, {"commit": "0" * 40}])


@remembered
def signed(entry: Any, _: Random) -> None:
    """Though nobody asks for signatures now."""
    entry["signed"] = {"by": "alice", "key": "x", "at": "2026-01-01T00:00:00Z", "signature": "x"}


def upgrade(world: World, random: Random) -> None:
    """These pins may move now."""
    moving = random.choice([None, frozenset([random.choice(PINNED)]), frozenset(["a"])])
    world.options = replace(world.options, upgrade=moving, downgrade=random.random() < 0.5)


def newer(world: World, random: Random) -> None:
    """Or what was published before."""
    world.upstream.show(world.project, random.choice(VERSIONS))


def moved(world: World, random: Random) -> None:
    """A tag leads elsewhere."""
    world.upstream.move(world.project, random)


def withdrawn(world: World, _: Random) -> None:
    """By its publisher: every version that the catalog has."""
    world.upstream.withdraw(world.project)


def lost(world: World, random: Random) -> None:
    """From the cache, or damaged there."""
    there = sorted(world.home.cache.glob("*.zip"))
    if there:
        place = random.choice(there)
        place.unlink()
        if random.random() < 0.3:
            place.write_bytes(b"x")


def asking(world: World, random: Random) -> None:
    """Whether others may be asked."""
    world.is_offline = random.random() < 0.5
