"""``llamagate.yaml`` and its lock: bytes in, values out; and the lock's bytes."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from reconciler.documents import schemas, yaml_text
from reconciler.errors import Fault, InputError
from reconciler.model.config import Json, JsonObject
from reconciler.model.desired import API_VERSION, SECTIONS, Desired
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.ids import ItemKey, id_problem
from reconciler.model.lock import Lock, LockItem
from reconciler.model.version import range_problem

_DESIRED_TEXT: Final = frozenset([(1, "owner"), (3, "version")])
_LOCK_TEXT: Final = frozenset([(2, "version"), (2, "id")])


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredFile:
    """The desired state with the text that it came from, which tells where a fault stands."""

    desired: Desired
    path: Path
    data: bytes

    @property
    def digest(self) -> Digest:
        return digest_bytes(self.data)

    def fault(self, place: tuple[str | int, ...], message: str) -> Fault:
        """A fault at ``place`` in the file."""
        line, column = yaml_text.locate(self.data, place)
        return Fault(message=message, file=str(self.path), line=line, column=column, path=yaml_text.dotted(place))


def read_desired(path: Path, *, valid: Container[Digest] = ()) -> DesiredFile:
    """Read and validate the desired state; text whose digest is in ``valid`` was validated before."""
    data = _read(path, "there is no desired state here; 'llamagate init' writes one, or name it with -f")
    value = yaml_text.load(data, name=str(path), text_keys=_DESIRED_TEXT)
    is_known = digest_bytes(data) in valid
    if not is_known:
        schemas.check(value, "desired-state", data=data, file=str(path), what="desired state")
    document = cast(JsonObject, value)
    file = DesiredFile(desired=Desired.from_document(document, file=str(path)), path=path, data=data)
    if not is_known:
        _check_items(file)
    return file


def lock_path(desired: Path) -> Path:
    """``llamagate.yaml`` goes with ``llamagate.lock.yaml``."""
    return desired.with_name(f"{desired.stem}.lock.yaml")


def read_lock(path: Path, *, valid: Container[Digest] = ()) -> tuple[Lock, bytes | None]:
    """The lock and its bytes; an empty lock and ``None`` where there is none yet."""
    if not path.exists():
        return Lock(), None
    data = _read(path, "")
    value = yaml_text.load(data, name=str(path), text_keys=_LOCK_TEXT)
    if digest_bytes(data) not in valid:
        schemas.check(value, "lock", data=data, file=str(path), what="lock")
        _check_lock_ids(cast(JsonObject, value), data, path)
    return Lock.from_document(cast(JsonObject, value)), data


def lock_bytes(lock: Lock) -> bytes:
    """The lock as text: sorted, without times, the same bytes for the same pins."""
    lines = [
        "# Written by llamagate: which exact packages llamagate.yaml stands for. Keep it in version control.",
        f"apiVersion: {API_VERSION}",
        "items:" if lock.items else "items: []",
    ]
    for item in lock.items:
        lines += _lock_lines(item)
    return ("\n".join(lines) + "\n").encode()


def _lock_lines(item: LockItem) -> list[str]:
    document = item.to_document()
    rows = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in document.items()]
    return [f"  - {rows[0]}", *(f"    {row}" for row in rows[1:])]


def _read(path: Path, missing: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: {missing}", faults=[Fault(file=str(path), message=missing)]) from error
    except OSError as error:
        message = f"it cannot be read: {error.strerror}"
        raise InputError(f"{path}: {message}", faults=[Fault(file=str(path), message=message)]) from error


def _check_items(file: DesiredFile) -> None:
    """What a schema cannot say: ids are usable as folder names and unique ignoring case, versions are ranges."""
    seen: dict[str, ItemKey] = {}
    faults = []
    for item in file.desired.items:
        section = next(name for name, kind in SECTIONS.items() if kind is item.key.kind)
        problem = id_problem(item.key.id)
        other = seen.setdefault(item.key.id.casefold(), item.key)
        if other != item.key:
            problem = f"the id is taken by the {other}: ids are unique across both sections, also when case is ignored"
        if problem:
            faults.append(file.fault((section, item.key.id), problem))
        if item.version is not None and (problem := range_problem(item.version)):
            faults.append(file.fault((section, item.key.id, "version"), problem))
    if faults:
        raise InputError(_summary(file.path, faults), faults=faults)


def _check_lock_ids(document: JsonObject, data: bytes, path: Path) -> None:
    seen: set[Json] = set()
    for index, item in enumerate(cast(list[JsonObject], document["items"])):
        if item["id"] in seen:
            line, column = yaml_text.locate(data, ("items", index, "id"))
            fault = Fault(message=f"the id '{item['id']}' stands twice", file=str(path), line=line, column=column)
            raise InputError(str(fault), faults=[fault], advice="delete the lock and run 'llamagate lock'")
        seen.add(item["id"])


def _summary(path: Path, faults: list[Fault]) -> str:
    return str(faults[0]) if len(faults) == 1 else f"{path}: {len(faults)} faults in the desired state"
