"""The plan: what would change and why, as a value."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, cast

from msgspec import Struct, field, to_builtins
from msgspec.structs import replace

from reconciler.codes import RefusalCode, WarningCode
from reconciler.model.config import Json, JsonObject, Reference, references, with_references
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.ids import ItemKey
from reconciler.model.note import Note
from reconciler.model.record import RecordedFile, RecordItem
from reconciler.model.servers import RecordedServer


class ActionKind(StrEnum):
    """What happens to an item; the first that fits names the whole change."""

    REMOVE = "remove"
    INSTALL = "install"
    DOWNGRADE = "downgrade"
    UPDATE = "update"
    ADOPT = "adopt"
    REPAIR = "repair"
    CONFIGURE = "configure"
    ENABLE = "enable"
    DISABLE = "disable"


class Change(StrEnum):
    """How a file of an item departs from what we wrote."""

    EDITED = "edited"
    MISSING = "missing"
    REPLACED = "replaced"
    """Something that is no regular file, or no folder, stands in its place."""
    REGISTRY = "registry"
    OTHER_VERSION = "other-version"
    """Another tool installed another version of the whole item; registry and manifest agree on it."""


class Drift(Struct, frozen=True, kw_only=True):
    """One departure. Path ``.`` means the whole item."""

    key: ItemKey
    path: str
    change: Change

    def to_document(self) -> JsonObject:
        return {**self.key.to_document(), "path": self.path, "change": str(self.change)}


class Refusal(Struct, frozen=True, kw_only=True):
    """Why the plan must not be applied. ``code`` is for scripts, ``message`` says what to do."""

    key: ItemKey
    code: RefusalCode
    message: str

    def to_document(self) -> JsonObject:
        return {**self.key.to_document(), "code": self.code, "message": self.message}


class MarkCode(StrEnum):
    """What a reviewer must not miss, the most telling first; ``docs/review.md`` explains each."""

    NO_LONGER_SIGNED = "no-longer-signed"
    SIGNER_CHANGED = "signer-changed"
    KEY_CHANGED = "key-changed"
    NEW_SIGNER = "new-signer"
    REMOVES = "removes"
    DOWNGRADE = "downgrade"
    REPLACES = "replaces"
    UNSEEN = "unseen"
    PROMPT = "prompt-without-version"
    OPEN_ENDPOINT = "endpoint-without-auth"
    ENDPOINT = "new-endpoint"
    TOOL_SERVER = "tool-server"
    READS_BODIES = "reads-bodies"
    FILE_WRITE = "file-write"
    TOOL = "tool-words"


class Mark(Struct, frozen=True):
    """One thing in a change that a reviewer must not miss: ``message`` says it of the item, without its id."""

    code: MarkCode
    message: str

    def to_document(self) -> JsonObject:
        return {"code": str(self.code), "message": self.message}


class Action(Struct, frozen=True, kw_only=True):
    """One item's change.

    ``after`` is what the record will say: ``None`` for a removal, and for what is switched without being recorded.
    Where ``rewrites`` is set the folder is replaced: the package's files are written, but for those in ``keep``;
    whatever stands on disk at a path outside ``brought`` is carried over.
    """

    key: ItemKey
    action: ActionKind
    from_version: str | None
    to_version: str | None
    reasons: tuple[str, ...]
    after: RecordItem | None
    server: RecordedServer | None = None
    """What the record will say of a tool server."""
    edits: Literal["", "entry", "enabled", "backup"] = ""
    """What of a tool server's entry is written."""
    rewrites: bool = False
    keep: frozenset[str] = frozenset()
    brought: frozenset[str] = frozenset()
    diff: JsonObject = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    signed_by: tuple[str, ...] = ()
    """Who signed the package, where somebody is asked for that: each with the fingerprint of the key."""
    alike: str = ""
    """Where it is known: equal for two actions exactly when the same lines change. It is not shown."""

    @property
    def removes(self) -> bool:
        return self.action is ActionKind.REMOVE

    @property
    def kept_version(self) -> str | None:
        """The version of an item that keeps it."""
        return self.to_version if self.from_version == self.to_version else None

    def to_document(self) -> JsonObject:
        return {
            **self.key.to_document(),
            "action": str(self.action),
            "from_version": self.from_version,
            "to_version": self.to_version,
            "reasons": list(self.reasons),
            "marks": [mark.to_document() for mark in self.marks],
            "diff": self.diff,
            **({"signed_by": [*self.signed_by]} if self.signed_by else {}),
        }

    @staticmethod
    def from_document(value: JsonObject) -> Action:
        """The action as it is shown. What it would write is not in the document."""
        texts = {name: None if value[name] is None else str(value[name]) for name in ("from_version", "to_version")}
        marks = cast(list[dict[str, str]], value.get("marks", []))  # an older version saved none
        return Action(
            key=ItemKey.from_document(value),
            action=ActionKind(str(value["action"])),
            from_version=texts["from_version"],
            to_version=texts["to_version"],
            reasons=tuple(map(str, cast(list[Json], value["reasons"]))),
            marks=tuple(Mark(MarkCode(mark["code"]), mark["message"]) for mark in marks),
            diff=cast(JsonObject, value["diff"]),
            signed_by=tuple(cast("list[str]", value.get("signed_by", []))),
            after=None,
        )


class Plan(Struct, frozen=True, kw_only=True, dict=True):
    """Everything that one pass found and would do, in the order in which it would do it.

    ``stale`` says in words what of the lock does not fit the file: an apply writes the lock again.
    """

    generation: int
    stale: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    drift: tuple[Drift, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[Note, ...] = ()
    rebuilds_registry: bool = False

    @property
    def changes(self) -> bool:
        """Whether applying it would write anything below the home but the lock."""
        return bool(self.actions) or self.rebuilds_registry

    @property
    def pending(self) -> bool:
        """Whether applying it would write anything, the lock included."""
        return self.changes or bool(self.stale)

    @property
    def expired(self) -> tuple[str, ...]:
        """In words, which indexes of catalogs that items come from have expired."""
        return tuple(note.message for note in self.warnings if note.code is WarningCode.CATALOG_EXPIRED)

    def to_document(self) -> JsonObject:
        """The document of ``plan --json``; see ``schemas/plan.schema.json``."""
        return {
            "changes": self.changes,
            "generation": self.generation,
            "digest": self.digest(),
            "lock": {"stale": [*self.stale]},
            "actions": [action.to_document() for action in self.actions],
            "drift": [drift.to_document() for drift in self.drift],
            "refusals": [refusal.to_document() for refusal in self.refusals],
            "warnings": [note.to_document() for note in self.warnings],
        }

    @staticmethod
    def from_document(value: JsonObject) -> Plan:
        """The plan as it is shown. What it would write is not in the document, and so its digest is another one."""
        found = cast(dict[str, list[Any]], value)
        warnings = (one if isinstance(one, dict) else {"message": one} for one in found["warnings"])
        return Plan(
            generation=cast(int, value["generation"]),
            stale=tuple(cast(dict[str, list[str]], value["lock"])["stale"]),
            actions=tuple(map(Action.from_document, found["actions"])),
            drift=tuple(
                Drift(key=ItemKey.from_document(one), path=one["path"], change=Change(one["change"]))
                for one in found["drift"]
            ),
            refusals=tuple(
                Refusal(key=ItemKey.from_document(one), code=RefusalCode(one["code"]), message=one["message"])
                for one in found["refusals"]
            ),
            warnings=tuple(map(Note.from_document, warnings)),
            rebuilds_registry=bool(value["changes"]) and not found["actions"],
        )

    def fingerprint(self) -> Digest:
        """Equal for two plans exactly when they would do the same: it covers what is written, byte for byte."""
        return self._digest(with_values=True)

    def digest(self) -> Digest:
        """The same without the values of variables and files: it may be shown, and they cannot be guessed from it."""
        return self._shown_digest

    @cached_property
    def _shown_digest(self) -> Digest:
        return self._digest(with_values=False)

    def _digest(self, *, with_values: bool) -> Digest:
        lines = [f"generation {self.generation} {self.rebuilds_registry}"]
        for action in self.actions:
            outcome = "gone" if action.removes else "not ours"
            if action.after:
                outcome = _without_stamps(action.after, with_values=with_values)
            if action.server:
                outcome = _server_outcome(action, action.server, with_values=with_values)
            carried = f"{sorted(action.keep)} {sorted(action.brought)}" if action.rewrites else "as it is"
            lines.append(f"{action.action} {action.key} {outcome} {carried} {action.reasons}")
        lines += [f"refused {refusal.key} {refusal.code}" for refusal in self.refusals]
        return digest_bytes("\n".join(lines).encode())


def _without_stamps(item: RecordItem, *, with_values: bool) -> str:
    """All that the record will say, but for what changes when a file is only touched, or its folder moves.

    What a local source and the files of a configuration hold is in the digests of tree and files.
    """
    filled = None if with_values or not any(references(item.config)) else item.manifest.installed_definition
    files = {path: RecordedFile("" if path == filled else one.sha256) for path, one in item.files.items()}
    source = item.source if item.source.is_address else replace(item.source, location="")
    document = to_builtins(replace(item, source=source, source_stamp="", files=files))
    return json.dumps({**document, "config": with_references(item.config, _named)}, sort_keys=True)


def _server_outcome(action: Action, server: RecordedServer, *, with_values: bool) -> str:
    document = to_builtins(replace(server, settings={}, entry=server.entry if with_values else ""))
    settings = with_references(server.settings, _named)
    return json.dumps({**document, "settings": settings, "edits": action.edits}, sort_keys=True)


def _named(reference: Reference) -> Json:
    return {reference.kind: reference.name.rpartition("/")[2], "may be empty": reference.may_be_empty}
