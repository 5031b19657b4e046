"""``llamagate.yaml``: bytes in, values out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode, FaultCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import Fault, InputError, NotDesiredError
from reconciler.fs.bounded import read_start
from reconciler.fs.presence import is_file
from reconciler.model.config import Json, JsonObject, same
from reconciler.model.desired import (
    API_VERSION,
    SECTIONS,
    SERVERS_SECTION,
    Desired,
    DesiredItem,
    Policy,
    listed_in,
    place_of,
)
from reconciler.model.digest import Digest, digest_bytes
from reconciler.model.ids import ItemKey, id_problem
from reconciler.model.regex import regex
from reconciler.model.servers import server_faults
from reconciler.model.version import range_problem
from reconciler.store.document import MAX_BYTES, Known, known_document, telling_path, validated

if TYPE_CHECKING:
    from reconciler.documents.yaml.places import Problem

_DESIRED_TEXT: Final = frozenset([(1, "owner"), (3, "version"), (3, "args")])
_OURS: Final = frozenset(["apiVersion", *SECTIONS, SERVERS_SECTION])
"""A document with one of these keys is meant to be a desired state."""
_LOOKED_THROUGH: Final = 1 << 20
"""So many bytes of a file that is not YAML are looked through for keys."""
_TOP_LEVEL_KEY: Final = regex(r"^(\w+)[ \t]*:(?=\s|$)", re.MULTILINE)

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


_decoded: Final[dict[tuple[Digest, str], tuple[JsonObject, Desired]]] = {}
"""The last text that was valid, and where: a watcher looks at what its pass reads again a moment later."""


class DesiredFile(Struct, frozen=True, kw_only=True):
    """The desired state with the text that it came from, which tells where a fault stands."""

    desired: Desired
    path: Path
    data: bytes
    digest: Digest
    document: JsonObject
    is_known: bool
    """Whether a full pass has been made over the same text before."""

    def faults(self, found: Sequence[Problem]) -> list[Fault]:
        """What is wrong at places in the file, in the order given. The file is read once for all of them."""
        return yaml_text.faults_at(self.data, str(self.path), found)

    def entry(self, key: ItemKey) -> Json:
        """What it says of an item that it lists, as it is written."""
        section, item_id = place_of(key)
        return cast(JsonObject, self.document[section])[item_id]

    def without(self, keys: frozenset[ItemKey]) -> DesiredFile:
        """The same file, as if it did not list these packages; its text and document stay."""
        if not keys:
            return self
        items = tuple(item for item in self.desired.items if item.key not in keys)
        return replace(self, desired=replace(self.desired, items=items))

    def server(self, name: str) -> JsonObject:
        """What it says of a tool server, as it is written."""
        return cast("dict[str, JsonObject]", self.document[SERVERS_SECTION])[name]


def is_gateway_configuration(keys: Collection[str]) -> bool:
    """Whether a document with these top-level keys is the gateway's own configuration and not a desired state."""
    return _OURS.isdisjoint(keys) and not GATEWAY_KEYS.isdisjoint(key.lower() for key in keys)


def is_package_manifest(keys: Collection[str]) -> bool:
    """Whether a document with these top-level keys is the manifest of a package and not a desired state."""
    return _OURS.isdisjoint(keys) and {"name", "version"} <= {*keys}


def read_desired(path: Path, *, known: Known = MappingProxyType({})) -> DesiredFile:
    """Read and validate the desired state; text that is ``known`` was decoded and validated before.

    ``InputError`` with all faults; ``NotDesiredError`` where it is the gateway's own configuration.
    """
    data = _read(path, _missing(path))
    return decode_desired(data, path, known=known)


def read_policy(path: Path, *, known: Known = MappingProxyType({})) -> Policy:
    """The policy of the desired state alone. Errors as for ``read_desired``."""
    data = _read(path, _missing(path))
    document = known_document(digest_bytes(data), known, is_lock=False)
    if document is None:
        return decode_desired(data, path).desired.policy
    return Policy.from_document(cast(JsonObject, document.get("policy", {})))


def with_other_ending(path: Path) -> Path | None:
    """The file beside ``path`` that is called .yml instead of .yaml, or the reverse, where there is one."""
    other = path.with_suffix({".yaml": ".yml", ".yml": ".yaml"}.get(path.suffix, path.suffix)) if path.name else path
    return other if other != path and is_file(other) else None


def _missing(path: Path) -> str:
    """What to say of a file that is not there. A common mistake is the other ending."""
    other = with_other_ending(path)
    if other is not None and path.suffix == ".yml":
        return f"no such file; did you mean {other.name}?"
    if other is not None:
        return f"there is a {other.name}; rename it to {path.name}, or name it with -f"
    return "no such file; name one with -f, or run 'llamagate init' to create one"


def decode_desired(data: bytes, path: Path, *, known: Known = MappingProxyType({})) -> DesiredFile:
    """``read_desired`` for text that is, or will be, in the file ``path``."""
    digest = digest_bytes(data)
    document = known_document(digest, known, is_lock=False)
    is_known, place = document is not None, (digest, str(path.absolute()))
    last = dict(_decoded)  # a watcher has a thread that reads files too
    if place in last:
        document, desired = last[place]
        return DesiredFile(desired=desired, path=path, data=data, digest=digest, document=document, is_known=is_known)
    proved = {**known, **{text: found for (text, _), (found, _) in last.items()}}
    document = document or _validated_desired(data, path, proved)
    desired = Desired.from_document(document, file=place[1])
    file = DesiredFile(desired=desired, path=path, data=data, digest=digest, document=document, is_known=is_known)
    if not is_known:
        _check_items(file, proved)
    _decoded.clear()
    _decoded[place] = document, desired
    return file


def _unproved(document: JsonObject, known: Known) -> JsonObject:
    """``document`` without the packages that a ``known`` one lists in the same words: these were looked at before."""
    found = dict(document)
    for section in SECTIONS:
        listed = document.get(section)
        if isinstance(listed, dict):
            proved = [entries for one in known.values() if isinstance(entries := one.get(section), dict)]
            found[section] = {
                name: entry
                for name, entry in listed.items()
                if not any(name in entries and same(entries[name], entry) for entries in proved)
            }
    return found


def _validated_desired(data: bytes, path: Path, known: Known) -> JsonObject:
    if not data.strip():
        advice = f"begin it with 'apiVersion: {API_VERSION}', or remove it and run 'llamagate init'"
        raise InputError.at("the file is empty", file=path, place=(1, 1), advice=advice)
    unproved = partial(_unproved, known=known)
    try:
        return validated(
            data, path, "desired-state", "desired state", _DESIRED_TEXT, foreign=GATEWAY_KEYS, unproved=unproved
        )
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
        return _TOP_LEVEL_KEY.findall(data[:_LOOKED_THROUGH].decode("utf-8", "replace"))
    return value.keys() if isinstance(value, dict) else ()


def _read(path: Path, missing: str) -> bytes:
    try:
        with telling_path(path):
            return read_start(path, MAX_BYTES + 1)
    except FileNotFoundError as error:
        message = missing
        if path.is_symlink():
            message = f"it is a link to {path.readlink()}, which does not exist; remove the link or correct it"
        raise InputError.at(message, file=path, code=ErrorCode.NOT_FOUND) from error


def _check_items(file: DesiredFile, known: Known) -> None:
    """What a schema cannot say: ids are usable as folder names and unique ignoring case, versions are ranges.

    What a ``known`` document says in the same words was looked at alone before, and is only held against the others.
    """
    from reconciler.model.ignore_file import PatternError, ignores  # most texts are known, and not checked again

    seen: dict[str, ItemKey] = {}
    found: list[Problem] = []
    unproved = {key for key, _ in listed_in(_unproved(file.document, known))}
    for item in file.desired.items:
        is_new, other = item.key in unproved, seen.setdefault(item.key.id.casefold(), item.key)
        if other == item.key and not is_new:
            continue
        place = place_of(item.key)
        problem, code = id_problem(item.key.id) if is_new else None, FaultCode.INVALID_ID
        if other != item.key:
            problem = f"duplicate id: the {other} already has this id (ids ignore case and section)"
            code = FaultCode.DUPLICATE_ID
        if problem:
            found.append((place, problem, code))
        ranges = _range_problems(file, item) if is_new else ()
        found += [((*place, *below), what, FaultCode.INVALID_RANGE) for below, what in ranges]
    found += _server_problems(file)
    try:
        ignores(file.desired.policy.ignore)
    except PatternError as error:
        found.append((("policy", "ignore", error.line - 1), str(error), FaultCode.INVALID_VALUE))
    if found:
        raise InputError.of(file.faults(found), f"{file.path}: {len(found)} faults in the desired state")


def _server_problems(file: DesiredFile) -> Iterator[Problem]:
    """What a schema cannot say of tool servers: names are unique ignoring case, and each has one way to be asked."""
    seen: dict[str, str] = {}
    for server in file.desired.servers:
        place, name = place_of(server.key), server.key.id
        other = seen.setdefault(name.casefold(), name)
        if problem := id_problem(name):
            yield place, problem, FaultCode.INVALID_ID
        if other != name:
            yield place, f"duplicate id: '{other}' is the same but for its case", FaultCode.DUPLICATE_ID
        for below, what in server_faults(file.server(name)):
            yield (*place, *below), what, FaultCode.INVALID_VALUE


def _range_problems(file: DesiredFile, item: DesiredItem) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where below the item a range stands that is none, or is another one than the item has, and what is wrong."""
    listed = file.entry(item.key)
    source = listed.get("source") if isinstance(listed, dict) else None
    inside = source.get("version") if isinstance(source, dict) else None
    if item.version is not None and (problem := range_problem(item.version)):
        yield ("source", "version") if item.version == inside else ("version",), problem
    elif inside not in (None, item.version):
        yield ("source", "version"), f"there is another range beside 'source', '{item.version}'; keep one of them"
