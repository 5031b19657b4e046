"""``llamagate.lock.yaml``: bytes in, values out, and back."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

from msgspec import Struct

from reconciler.codes import ErrorCode, FaultCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import LOCK_ENDING, InputError
from reconciler.fs.bounded import read_if_there
from reconciler.fs.places import is_same_file
from reconciler.fs.presence import is_there
from reconciler.model.config import Json, JsonObject
from reconciler.model.desired import API_VERSION
from reconciler.model.digest import digest_bytes
from reconciler.model.ids import ItemKey
from reconciler.model.ignored import RULES, newer_rules, rules_to_document
from reconciler.model.lock import Lock, LockItem
from reconciler.model.regex import regex
from reconciler.store.desired_file import with_other_ending
from reconciler.store.document import MAX_BYTES, Known, known_document, telling_path, validated

_LOCK_TEXT: Final = frozenset([(2, "version"), (2, "id")])
_NOT_IN_YAML: Final = regex("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What a quoted YAML text cannot hold as it is: control characters, and what ends a line besides the line feed."""
_encoded: Final = json.JSONEncoder(ensure_ascii=False).encode


def lock_path(desired: Path, named: Path | None = None) -> Path:
    """``llamagate.yaml`` goes with ``llamagate.lock.yaml``, unless another place is ``named``.

    ``InputError`` for a path without a name, such as ``/``, and for a lock in the place of the desired state.
    """
    if not desired.name:
        raise InputError.at("this is not the name of a file", file=desired, code=ErrorCode.USAGE)
    if named and (named == desired or is_same_file(named, desired)):
        message = "this is the desired state; the lock is a file of its own"
        raise InputError.at(message, file=named, advice="name another file with --lock-file", code=ErrorCode.USAGE)
    return named or desired.with_name(f"{desired.stem}{LOCK_ENDING}")


def desired_of(path: Path) -> Path:
    """The desired state that the lock at ``path`` goes with; any other path is one itself."""
    stem = path.name.removesuffix(LOCK_ENDING)
    if stem in ("", path.name):
        return path
    file = path.with_name(f"{stem}.yaml")
    return file if is_there(file) else with_other_ending(file) or file


class LockFile(Struct, frozen=True, kw_only=True, dict=True):
    """The lock, read once: its text, ``None`` where there is none yet. It is decoded when it is first asked for.

    Text that is ``known`` was decoded and validated before.
    """

    path: Path
    data: bytes | None
    known: Known

    @cached_property
    def lock(self) -> Lock:
        """What it says; an empty lock where there is none. ``InputError`` with the faults."""
        if self.data is None:
            return Lock()
        document = self.document
        if document is None:
            document = validated(self.data, self.path, "lock", "lock", _LOCK_TEXT)
            _check_rules(document, self.data, self.path)
            _check_lock_ids(document, self.data, self.path)
        return Lock.from_document(document)

    def is_ours(self, lock: Lock) -> bool:
        """Whether it says ``lock``, in words that we wrote. Nothing is parsed for that."""
        if self.document is not None:
            return self.lock == lock
        return self.data == lock_bytes(lock, like=self.data)

    @property
    def is_known(self) -> bool:
        """Whether a full pass took this very text before, on this machine, and refused nothing in it."""
        return self.document is not None

    def is_just(self, entries: Mapping[ItemKey, LockItem], others: Collection[ItemKey]) -> bool:
        """Whether it is known to say this and nothing more; it has the right entries of ``others``.

        Those are not decoded.
        """
        usual, listed = rules_to_document(RULES), self.listed
        return (
            self.document is not None
            and self.document == {**usual, "items": self.document["items"]}
            and len(listed) == len(entries) + len(others)
            and all(listed.get(key.id) == entry.to_document() for key, entry in entries.items())
        )

    def entries(self, keys: Iterable[ItemKey]) -> Mapping[ItemKey, LockItem]:
        """What it says of these items. The others are not decoded where it is known. Errors as for ``lock``."""
        if self.document is None:
            return self.lock.by_key
        found = (LockItem.from_document(self.listed[key.id]) for key in keys if key.id in self.listed)
        return {item.key: item for item in found}

    @cached_property
    def listed(self) -> dict[str, JsonObject]:
        """Its entries as they are written, by id, where it is known."""
        items = cast("list[JsonObject]", self.document["items"]) if self.document is not None else []
        return {str(item["id"]): item for item in items}

    @cached_property
    def document(self) -> JsonObject | None:
        """What it says, where it is known."""
        return None if self.data is None else known_document(digest_bytes(self.data), self.known, is_lock=True)


def read_lock(path: Path, *, known: Known = MappingProxyType({})) -> LockFile:
    """Read the lock. ``InputError`` where it is there and cannot be read."""
    with telling_path(path):
        return LockFile(path=path, data=read_if_there(path, MAX_BYTES + 1), known=known)


def lock_bytes(lock: Lock, *, like: bytes | None = None) -> bytes:
    """The lock as text: sorted, without times, the same bytes for the same pins.

    The line ends are those of ``like``, the lock before: git may keep the file with those of Windows.
    """
    end = "\r\n" if like and b"\r\n" in like else "\n"
    lines = [
        "# Written by llamagate: the exact packages of llamagate.yaml. Keep it in version control.",
        f"apiVersion: {API_VERSION}",
        *(f"{key}: {value}" for key, value in rules_to_document(lock.rules).items()),
        *(["catalogs:"] if lock.catalogs else []),
        *(line for one in lock.catalogs for line in _lines_of(one.to_document())),
        "items:" if lock.items else "items: []",
    ]
    for item in lock.items:
        lines += _lines_of(item.to_document())
    lines += ["mcp_servers:"] if lock.servers else []
    for server in lock.servers:
        lines += _lines_of(server.to_document())
    return "".join(f"{line}{end}" for line in lines).encode()


def _lines_of(document: JsonObject) -> list[str]:
    rows = [f"{key}: {_quoted(value)}" for key, value in document.items()]
    return [f"  - {rows[0]}", *(f"    {row}" for row in rows[1:])]


def _quoted(value: Json) -> str:
    """``value`` as JSON that is YAML too; accents stay readable."""
    return _NOT_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", _encoded(value))


def _check_rules(document: JsonObject, data: bytes, path: Path) -> None:
    if message := newer_rules(document):
        place = yaml_text.locate(data, ("rules",))
        raise InputError.at(message, file=path, place=place, advice="update llamagate", code=ErrorCode.NEWER_DOCUMENT)


def _check_lock_ids(document: JsonObject, data: bytes, path: Path) -> None:
    seen: set[Json] = set()
    for index, item in enumerate(cast(list[JsonObject], document["items"])):
        if item["id"] in seen:
            place, advice = yaml_text.locate(data, ("items", index, "id")), "delete the lock and run 'llamagate lock'"
            raise InputError.at(
                f"the id '{item['id']}' is listed twice",
                file=path,
                place=place,
                advice=advice,
                code=FaultCode.DUPLICATE_ID,
            )
        seen.add(item["id"])
    names = [server["id"] for server in cast(list[JsonObject], document.get("mcp_servers", []))]
    for index, name in enumerate(names):
        if name in names[:index]:
            place, advice = (
                yaml_text.locate(data, ("mcp_servers", index, "id")),
                "delete the lock and run 'llamagate lock'",
            )
            raise InputError.at(
                f"the id '{name}' is listed twice", file=path, place=place, advice=advice, code=FaultCode.DUPLICATE_ID
            )
