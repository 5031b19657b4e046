"""Record, generation and journal as the first versions wrote them: read, and never written again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from reconciler import __version__
from reconciler.documents.sealed import decode, encode
from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.generation import Generation, GenerationItem
from reconciler.model.ids import ItemKey
from reconciler.model.journal import Edits, Journal, Move
from reconciler.model.package import Dialect, Manifest
from reconciler.model.record import ConfirmBy, Hold, Record, RecordedFile, RecordItem, Route, Routes, Suspension
from reconciler.model.registry import RegistryEntry
from reconciler.model.source import Source


def record_from(value: JsonObject) -> Record:
    """A record of schema 1. Raises ``KeyError`` and the like where it is none."""
    items = [_record_item(item) for item in _objects(value["items"])]
    hold = cast("JsonObject | None", value["hold"])
    return Record(
        generation=cast(int, value["generation"]),
        told_generation=cast(int, value["told_generation"]),
        hold=_hold(hold) if hold else None,
        suspensions=tuple(_suspension(one) for one in _objects(value.get("suspensions", []))),
        owners=cast("dict[str, str]", value["owners"]),
        documents=_known_documents(value),
        items={item.key: item for item in items},
        routes=_routes(cast(JsonObject, value.get("routes", {}))),
        confirm_by=_confirm_by(value.get("confirm_by")),
    )


def generation_from(value: JsonObject) -> Generation:
    """A generation of schema 1."""
    items = [_generation_item(item) for item in _objects(value["items"])]
    return Generation(
        number=cast(int, value["generation"]),
        list_of=cast(int, value["list_of"]),
        applied_at=str(value["applied_at"]),
        command=str(value["command"]),
        items={item.key: item for item in items},
        user=str(value.get("user", "")),
        message=str(value.get("message", "")),
    )


def journal_from(value: JsonObject) -> Journal:
    """A journal of schema 1, which holds the documents themselves."""
    rebuilt = value["rebuilt"]
    return Journal(
        txn=str(value["txn"]),
        generation=cast(int, value["generation"]),
        moves=tuple(_move(move) for move in _objects(value["moves"])),
        edits=_edits(cast(JsonObject, value["edits"])),
        before=_edits(cast(JsonObject, value["before"])),
        rebuilt=None if rebuilt is None else tuple(RegistryEntry.from_document(entry) for entry in _objects(rebuilt)),
        record=str(value["record"]),
        previous_record=cast("str | None", value["previous_record"]),
        generation_text=str(value["generation_text"]),
    )


def _objects(value: object) -> list[JsonObject]:
    return cast("list[JsonObject]", value)


def _record_item(value: JsonObject) -> RecordItem:
    # Types in quotes, here and below: a thousand times over, building them is what takes the time.
    key = ItemKey.from_document(value)
    files = cast("dict[str, list[int]]", value["files"])
    return RecordItem(
        key=key,
        owner=cast("str | None", value["owner"]),
        source=Source.from_document(value["source"]),
        source_stamp=str(value["source_stamp"]),
        tree=Digest(str(value["tree"])),
        config=cast("JsonObject", value["config"]),
        enabled=bool(value["enabled"]),
        manifest=_manifest(key, cast("JsonObject", value["manifest"])),
        files={path: RecordedFile._make(facts) for path, facts in files.items()},
        depends_on=tuple(cast("list[str]", value["depends_on"])),
        may_run=_may_run(value),
    )


def _generation_item(value: JsonObject) -> GenerationItem:
    return GenerationItem(
        key=ItemKey.from_document(value),
        version=str(value["version"]),
        owner=cast("str | None", value["owner"]),
        enabled=bool(value["enabled"]),
        config=cast("JsonObject", value["config"]),
        tree=Digest(str(value["tree"])),
        source=Source.from_document(value["source"]),
        depends_on=tuple(cast("list[str]", value["depends_on"])),
        may_run=_may_run(value),
    )


def _may_run(value: JsonObject) -> tuple[str, ...] | None:
    return tuple(cast("list[str]", value["exec"])) if "exec" in value else None


def _manifest(key: ItemKey, value: JsonObject) -> Manifest:
    return Manifest(
        kind=key.kind,
        id=key.id,
        name=str(value["name"]),
        version=str(value["version"]),
        dialect=Dialect(str(value["dialect"])),
        definition=str(value["definition"]),
        loadable=bool(value["loadable"]),
        builtin=bool(value["builtin"]),
        enabled_default=bool(value["enabled_default"]),
        hot_reload=bool(value["hot_reload"]),
        has_endpoints=bool(value.get("has_endpoints", False)),
        requires=tuple(cast("list[str]", value["requires"])),
    )


def _hold(value: JsonObject) -> Hold:
    inputs = cast("dict[str, str]", value.get("inputs", {}))
    return Hold(
        reason=str(value["reason"]),
        generation=cast(int, value["generation"]),
        inputs={path: Digest(digest) for path, digest in inputs.items()},
    )


def _confirm_by(value: object) -> ConfirmBy | None:
    return decode(encode(value), ConfirmBy) if value else None


def _suspension(value: JsonObject) -> Suspension:
    return Suspension(item=str(value["id"]), reason=str(value["reason"]), since=str(value["since"]))


def _routes(value: JsonObject) -> Routes:
    items = cast("dict[str, list[str]]", value.get("items", {}))
    return Routes(
        process=str(value.get("process", "")),
        generation=cast(int, value.get("generation", 0)),
        items={name: Route(*one) for name, one in items.items()},
    )


def _known_documents(value: JsonObject) -> Mapping[Digest, JsonObject]:
    if value.get("documents_by") != __version__:
        return {}
    documents = cast("dict[str, JsonObject]", value["documents"])
    return {Digest(digest): document for digest, document in documents.items()}


def _move(value: JsonObject) -> Move:
    brought = cast("list[str] | None", value["brought"])
    return Move(
        key=ItemKey.from_document(value),
        target=str(value["target"]),
        new=str(value["new"]),
        old=str(value["old"]),
        new_inode=cast("int | None", value["new_inode"]),
        old_inode=cast("int | None", value["old_inode"]),
        backup=cast("str | None", value["backup"]),
        brought=None if brought is None else frozenset(brought),
    )


def _edits(value: JsonObject) -> Edits:
    return {
        item_id: RegistryEntry.from_document(entry) if isinstance(entry, dict) else None
        for item_id, entry in value.items()
    }
