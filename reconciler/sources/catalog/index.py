"""The text of a catalog's index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote, unquote

from reconciler.codes import ErrorCode, FaultCode
from reconciler.documents import json_text, schemas
from reconciler.errors import Fault, InputError
from reconciler.fs.bounded import read_start
from reconciler.model.catalog import Catalog
from reconciler.model.config import JsonObject
from reconciler.model.ids import id_problem, path_problem
from reconciler.model.ignored import newer_rules

MAX_INDEX_BYTES: Final = 16 * 2**20


def read_index(data: bytes, *, name: str) -> Catalog:
    """Decode and validate an index. ``InputError`` with every fault of it."""
    value = json_text.load(data, name=name, max_bytes=MAX_INDEX_BYTES)
    schemas.check(value, "catalog", data=data, file=name, what="catalog")
    document = cast(JsonObject, value)
    if message := newer_rules(document):
        raise InputError.at(message, file=name, advice="update llamagate", code=ErrorCode.NEWER_DOCUMENT)
    faults = [
        Fault(file=name, path=place, message=message, code=FaultCode.INVALID_VALUE)
        for place, message in _problems(document)
    ]
    if faults:
        raise InputError(str(faults[0]), faults=faults)
    return Catalog.from_document(document)


def read_index_file(path: Path) -> Catalog:
    """The index at ``path``. ``OSError`` where it cannot be read, else as ``read_index``."""
    return read_index(read_start(path, MAX_INDEX_BYTES + 1), name=str(path))


def index_bytes(catalog: Catalog) -> bytes:
    """The index as it is published: readable, and the same bytes for the same catalog."""
    return (json.dumps(catalog.to_document(), indent=2, ensure_ascii=False) + "\n").encode()


def url_of(path: str) -> str:
    """The relative url of the file at ``path`` below the index."""
    return quote(path)


def path_of(url: str) -> str:
    """The file that a relative url leads to. ``InputError`` where it would lead out of the catalog's folder."""
    path = unquote(url)
    problem = path_problem(path)
    if problem or ":" in path or "?" in url or "#" in url:
        raise InputError(f"{url!r} is not a place in a catalog: {problem or 'it is not the relative URL of a file'}")
    return path


def _problems(document: JsonObject) -> list[tuple[str, str]]:
    """What a schema cannot say: where each fault stands, and what it is."""
    found = []
    spelled: dict[str, str] = {}
    for item_id in cast("dict[str, JsonObject]", document["items"]):
        if (other := spelled.setdefault(item_id.casefold(), item_id)) != item_id:
            found.append(
                (f"items.{item_id}", f"the id is taken by '{other}': ids are unique, also when case is ignored")
            )
    for item_id, item in cast("dict[str, JsonObject]", document["items"]).items():
        if problem := id_problem(item_id):
            found.append((f"items.{item_id}", problem))
        for version, release in cast("dict[str, JsonObject]", item["versions"]).items():
            try:
                path_of(str(release["url"]))
            except InputError as error:
                found.append((f"items.{item_id}.versions.{version}.url", error.message))
    return found
