"""Single changes of the record: each of its fields, and each field of one item, has another value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from reconciler.model.digest import Digest
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.record import (
    ConfirmBy,
    Hold,
    Record,
    RecordedFile,
    RecordItem,
    Route,
    Routes,
    Suspension,
)
from reconciler.model.servers import RecordedServer, server_key
from reconciler.model.source import SourceKind
from reconciler.model.trust import Signer
from tests.unchanged.world import World

_SINCE: Final = "2026-01-01T00:00:00.000000000Z"


def _digest(random: Random) -> Digest:
    return Digest(f"sha256:{random.randbytes(32).hex()}")


def _hold(_: Record, random: Random) -> Hold:
    return Hold(reason="r", generation=1, inputs={"/x/llamagate.yaml": _digest(random)})


def _items(record: Record, random: Random) -> Mapping[ItemKey, RecordItem]:
    lost = random.choice([*record.items])
    return {key: item for key, item in record.items.items() if key != lost}


def _servers(_: Record, random: Random) -> Mapping[ItemKey, RecordedServer]:
    key = server_key("files")
    return {key: RecordedServer(key=key, owner=None, settings={"command": "x"}, entry=_digest(random), enabled=True)}


def _documents(record: Record, random: Random) -> Mapping[Digest, Any]:
    digest = random.choice([*record.documents])
    return {**record.documents, digest: {**record.documents[digest], "owner": f"{random.random()}"}}


RECORD: Final[Mapping[str, Callable[[Record, Random], Any]]] = {
    "generation": lambda record, random: record.generation + random.randrange(1, 9),
    "told_generation": lambda _, random: random.randrange(100, 10**6),
    "hold": _hold,
    "suspensions": lambda _, random: (Suspension(item=random.choice(["", "folder"]), reason="r", since=_SINCE),),
    "owners": lambda record, random: {**record.owners, random.choice(["default", "team-b"]): f"/{random.random()}"},
    "documents": _documents,
    "items": _items,
    "servers": _servers,
    "routes": lambda _, random: Routes(generation=1, items={"folder": Route("1.0.0", random.randbytes(32).hex())}),
    "confirm_by": lambda _, random: ConfirmBy(generation=random.randrange(1, 99), back_to=0, until=_SINCE),
    "restarts": lambda _, random: {"files": f"{random.random()}"},
}
"""Another value of each field."""


def _file(item: RecordItem, random: Random) -> Mapping[str, RecordedFile]:
    """One file with another digest, or another stamp; or none at all."""
    path = random.choice([*item.files])
    before = item.files[path]
    others = {name: file for name, file in item.files.items() if name != path}
    return random.choice(
        [
            others,
            {**others, path: before._replace(sha256=random.randbytes(32).hex())},
            *({**others, path: before._replace(**{name: getattr(before, name) + 1})} for name in before._fields[1:]),
        ]
    )


def _source(item: RecordItem, random: Random) -> Any:
    kind = random.choice([kind for kind in SourceKind if kind is not item.source.kind])
    return random.choice([replace(item.source, location=f"/{random.random()}"), replace(item.source, kind=kind)])


def _manifest(item: RecordItem, random: Random) -> Any:
    manifest = item.manifest
    return random.choice(
        [
            replace(manifest, version=f"1.0.{random.randrange(1, 99)}"),
            replace(manifest, loadable=not manifest.loadable),
            replace(manifest, requires=(f"x{random.randrange(99)}",)),
        ]
    )


ITEM: Final[Mapping[str, Callable[[RecordItem, Random], Any]]] = {
    "key": lambda item, random: ItemKey(Kind.EXTENSION, f"{item.key.id}-{random.randrange(99)}"),
    "owner": lambda _, random: random.choice([None, "team-b"]),
    "source": _source,
    "source_stamp": lambda _, random: f"{random.random()}",
    "tree": lambda _, random: _digest(random),
    "config": lambda item, random: {**item.config, "x": random.random()},
    "enabled": lambda item, _: not item.enabled,
    "manifest": _manifest,
    "files": _file,
    "depends_on": lambda item, random: (*item.depends_on, f"x{random.randrange(99)}"),
    "may_run": lambda _, random: random.choice([None, ("templates/deep/a.txt",)]),
    "signed_by": lambda _, random: (Signer("alice", f"{random.random()}"),),
}
"""The same of one item."""


def of_record(name: str) -> Callable[[World, Random], Callable[[], object]]:
    """The field ``name`` of the record has another value."""

    def change(world: World, random: Random) -> Callable[[], object]:
        return world.recorded(lambda record: replace(record, **{name: RECORD[name](record, random)}))

    return change


def of_item(name: str) -> Callable[[World, Random], Callable[[], object]]:
    """The field ``name`` of one recorded item has another value."""

    def change(world: World, random: Random) -> Callable[[], object]:
        def changed(record: Record) -> Record:
            before = random.choice([*record.items.values()])
            after = replace(before, **{name: ITEM[name](before, random)})
            others = {key: item for key, item in record.items.items() if key != before.key}
            return replace(record, items={**others, after.key: after})

        return world.recorded(changed)

    return change
