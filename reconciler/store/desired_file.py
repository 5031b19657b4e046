"""``llamagate.yaml`` and its lock: bytes in, values out; and the lock's bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

from msgspec import Struct

from reconciler.codes import ErrorCode, FaultCode
from reconciler.documents import schemas
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import LOCK_ENDING, Fault, InputError, NotDesiredError
from reconciler.fs.bounded import read_if_there, read_start
from reconciler.model.config import Json, JsonObject
from reconciler.model.desired import API_VERSION, SECTIONS, Desired, DesiredItem, place_of
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.ids import ItemKey, id_problem
from reconciler.model.lock import Lock, LockItem
from reconciler.model.regex import regex
from reconciler.model.version import range_problem

_DESIRED_TEXT: Final = frozenset([(1, "owner"), (3, "version")])
_LOCK_TEXT: Final = frozenset([(2, "version"), (2, "id")])
_NOT_IN_YAML: Final = regex("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What a quoted YAML text cannot hold as it is: control characters, and what ends a line besides the line feed."""
_TOP_LEVEL_KEY: Final = regex(r"^(\w+)[ \t]*:(?=\s|$)", re.MULTILINE)
_CONFLICT: Final = regex(rb"^<{7} ", re.MULTILINE)
_encoded: Final = json.JSONEncoder(ensure_ascii=False).encode

GATEWAY_KEYS: Final = frozenset(
    [
        "api_key",
        "debug",
        "extensions_upsert_enabled",
        "health_check_timeout",
        "log_file",
        "mcp",
        "ollama_host",
        "plugins",
        "port",
        "rate_limit_rps",
        "tls_cert_file",
        "tls_enabled",
        "tls_key_file",
    ]
)
"""What the gateway reads from its configuration file ``llamagate.yaml``, in lower case: it ignores the case."""

MAX_BYTES: Final = 64 * 2**20
"""How much of a file is looked at; the decoder takes less."""

Known = Mapping[Digest, JsonObject]
"""Documents as they were decoded, by the digest of their text. What is known costs no YAML and no validation."""


class DesiredFile(Struct, frozen=True, kw_only=True):
    """The desired state with the text that it came from, which tells where a fault stands."""

    desired: Desired
    path: Path
    data: bytes
    digest: Digest
    document: JsonObject
    is_known: bool
    """Whether a full pass has been made over the same text before."""

    def fault(self, place: tuple[str | int, ...], message: str, code: ErrorCode | FaultCode) -> Fault:
        """A fault at ``place`` in the file."""
        return yaml_text.faults_at(self.data, str(self.path), [(place, message, code)])[0]

    def entry(self, key: ItemKey) -> Json:
        """What it says of an item that it lists, as it is written."""
        section, item_id = place_of(key)
        return cast(JsonObject, self.document[section])[item_id]


def is_gateway_configuration(keys: Collection[str]) -> bool:
    """Whether a document with these top-level keys is the gateway's own configuration and not a desired state."""
    return {"apiVersion", *SECTIONS}.isdisjoint(keys) and not GATEWAY_KEYS.isdisjoint(key.lower() for key in keys)


def is_package_manifest(keys: Collection[str]) -> bool:
    """Whether a document with these top-level keys is the manifest of a package and not a desired state."""
    return {"apiVersion", *SECTIONS}.isdisjoint(keys) and {"name", "version"} <= {*keys}


def read_desired(path: Path, *, known: Known = MappingProxyType({})) -> DesiredFile:
    """Read and validate the desired state; text that is ``known`` was decoded and validated before.

    ``InputError`` with all faults; ``NotDesiredError`` where it is the gateway's own configuration.
    """
    data = _read(path, _missing(path))
    return decode_desired(data, path, known=known)


def _missing(path: Path) -> str:
    """What to say of a file that is not there. A common mistake is the other ending."""
    other = path.with_suffix({".yaml": ".yml", ".yml": ".yaml"}.get(path.suffix, path.suffix)) if path.name else path
    if other != path and other.is_file():
        if path.suffix == ".yml":
            return f"no such file; did you mean {other.name}?"
        return f"there is a {other.name}; rename it to {path.name}, or name it with -f"
    return "no such file; name one with -f, or run 'llamagate init' to create one"


def decode_desired(data: bytes, path: Path, *, known: Known = MappingProxyType({})) -> DesiredFile:
    """``read_desired`` for text that is, or will be, in the file ``path``."""
    digest = digest_bytes(data)
    document = known.get(digest)
    is_known = document is not None
    if document is None:
        document = _validated_desired(data, path)
    desired = Desired.from_document(document, file=str(path.absolute()))
    file = DesiredFile(desired=desired, path=path, data=data, digest=digest, document=document, is_known=is_known)
    if not is_known:
        _check_items(file)
    return file


def lock_path(desired: Path, named: Path | None = None) -> Path:
    """``llamagate.yaml`` goes with ``llamagate.lock.yaml``, unless another place is ``named``.

    ``InputError`` for a path without a name, such as ``/``.
    """
    if not desired.name:
        raise InputError.at("this is not the name of a file", file=desired, code=ErrorCode.USAGE)
    return named or desired.with_name(f"{desired.stem}{LOCK_ENDING}")


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
        document = self._known_document
        if document is None:
            document = _validated(self.data, self.path, "lock", "lock", _LOCK_TEXT)
            _check_lock_ids(document, self.data, self.path)
        return Lock.from_document(document)

    def is_ours(self, lock: Lock) -> bool:
        """Whether it says ``lock``, in words that we wrote. Nothing is parsed for that."""
        if self._known_document is not None:
            return self.lock == lock
        return self.data == lock_bytes(lock, like=self.data)

    @cached_property
    def _known_document(self) -> JsonObject | None:
        return None if self.data is None else self.known.get(digest_bytes(self.data))


def read_lock(path: Path, *, known: Known = MappingProxyType({})) -> LockFile:
    """Read the lock. ``InputError`` where it is there and cannot be read."""
    with _told(path):
        return LockFile(path=path, data=read_if_there(path, MAX_BYTES + 1), known=known)


def lock_bytes(lock: Lock, *, like: bytes | None = None) -> bytes:
    """The lock as text: sorted, without times, the same bytes for the same pins.

    The line ends are those of ``like``, the lock before: git may keep the file with those of Windows.
    """
    end = "\r\n" if like and b"\r\n" in like else "\n"
    lines = [
        "# Written by llamagate: the exact packages of llamagate.yaml. Keep it in version control.",
        f"apiVersion: {API_VERSION}",
        "items:" if lock.items else "items: []",
    ]
    for item in lock.items:
        lines += _lock_lines(item)
    return "".join(f"{line}{end}" for line in lines).encode()


def _lock_lines(item: LockItem) -> list[str]:
    document = item.to_document()
    rows = [f"{key}: {_quoted(value)}" for key, value in document.items()]
    return [f"  - {rows[0]}", *(f"    {row}" for row in rows[1:])]


def _quoted(value: Json) -> str:
    """``value`` as JSON that is YAML too; accents stay readable."""
    return _NOT_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", _encoded(value))


def _validated(data: bytes, path: Path, schema: str, what: str, text_keys: frozenset[tuple[int, str]]) -> JsonObject:
    try:
        value = yaml_text.load(data, name=str(path), text_keys=text_keys)
    except InputError as error:
        if conflict := _conflict(data, path):
            raise conflict from error
        raise
    schemas.check(value, schema, data=data, file=str(path), what=what)
    return cast(JsonObject, value)


def _validated_desired(data: bytes, path: Path) -> JsonObject:
    try:
        return _validated(data, path, "desired-state", "desired state", _DESIRED_TEXT)
    except InputError as error:
        keys = _top_level_keys(data)
        if is_package_manifest(keys):
            message = "this is the manifest of a package, not a desired state"
            advice = f"to check the package run 'llamagate validate {path.parent}'"
            raise InputError.at(message, file=path, advice=advice) from error
        if not is_gateway_configuration(keys):
            raise
        message = f"{path} is the gateway's own configuration file, not a desired state"
        raise NotDesiredError(message) from error


def _top_level_keys(data: bytes) -> Collection[str]:
    """The keys of a mapping; as far as its lines show them where it is not YAML as we take it."""
    try:
        value = yaml_text.load(data, name="")
    except InputError:
        return _TOP_LEVEL_KEY.findall(data.decode("utf-8", "replace"))
    return value.keys() if isinstance(value, dict) else ()


def _conflict(data: bytes, path: Path) -> InputError | None:
    """The error for text in which a merge left both sides; ``None`` where it did not."""
    if (match := _CONFLICT.search(data)) is None:
        return None
    line = data.count(b"\n", 0, match.start()) + 1
    advice = "keep one side of each conflict; for the lock, then run 'llamagate lock'"
    message = "there are conflict markers of a merge here"
    return InputError.at(message, file=path, place=(line, 1), advice=advice, code=FaultCode.SYNTAX)


def _read(path: Path, missing: str) -> bytes:
    try:
        with _told(path):
            return read_start(path, MAX_BYTES + 1)
    except FileNotFoundError as error:
        message = missing
        if path.is_symlink():
            message = f"it is a link to {path.readlink()}, which does not exist; remove the link or correct it"
        raise InputError.at(message, file=path, code=ErrorCode.NOT_FOUND) from error


def is_there(path: Path) -> bool:
    """Whether something is in the place of a desired state; also a link that leads nowhere, which is a mistake."""
    return path.exists() or path.is_symlink()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """``InputError`` for what the system refuses, but for a missing file."""
    try:
        yield
    except FileNotFoundError:
        raise
    except IsADirectoryError as error:
        raise InputError.at(
            "this is a folder, not a file; name a file with -f, or rename the folder",
            file=path,
            code=ErrorCode.UNREADABLE,
        ) from error
    except OSError as error:
        raise InputError.at(f"it cannot be read: {error.strerror}", file=path, code=ErrorCode.UNREADABLE) from error


def _check_items(file: DesiredFile) -> None:
    """What a schema cannot say: ids are usable as folder names and unique ignoring case, versions are ranges."""
    seen: dict[str, ItemKey] = {}
    faults = []
    for item in file.desired.items:
        place = place_of(item.key)
        problem, code = id_problem(item.key.id), FaultCode.INVALID_ID
        other = seen.setdefault(item.key.id.casefold(), item.key)
        if other != item.key:
            problem = f"duplicate id: the {other} has it already (ids ignore case and section)"
            code = FaultCode.DUPLICATE_ID
        if problem:
            faults.append(file.fault(place, problem, code))
        faults += [
            file.fault((*place, *below), what, FaultCode.INVALID_RANGE) for below, what in _range_problems(file, item)
        ]
    if faults:
        raise InputError.of(faults, f"{file.path}: {len(faults)} faults in the desired state")


def _range_problems(file: DesiredFile, item: DesiredItem) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where below the item a range stands that is none, or is another one than the item has, and what is wrong."""
    listed = file.entry(item.key)
    source = listed.get("source") if isinstance(listed, dict) else None
    inside = source.get("version") if isinstance(source, dict) else None
    if item.version is not None and (problem := range_problem(item.version)):
        yield ("source", "version") if item.version == inside else ("version",), problem
    elif inside not in (None, item.version):
        yield ("source", "version"), f"there is another range beside 'source', '{item.version}'; keep one of them"


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
