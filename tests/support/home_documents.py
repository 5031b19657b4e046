"""Record and generations of a home as plain values, read and written without the program."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any


def sealed(body: Any) -> bytes:
    """A document as it is on disk: the digest of the body's bytes, and the body."""
    data = _json(body)
    return b'{"digest":"sha256:%s","body":%s}\n' % (hashlib.sha256(data).hexdigest().encode(), data)


def body_of(path: Path) -> Any:
    """What a sealed document says, compressed or not."""
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)["body"]


def record_of(ours: Path) -> Any:
    """The record with its items and documents, each item with ``kind`` and ``id``; those of a home below ``ours``."""
    head = body_of(ours / "record.json")
    if head["schema"] == 1:
        return head
    items = [item for name in head["items"] for item in _piece(ours, name)]
    documents = {digest: _piece(ours, name) for digest, name in head["documents"].items()}
    return head | {"items": _named(items), "documents": documents}


def write_record(ours: Path, record: Any) -> None:
    """Replace the record by what ``record_of`` gave, and was changed."""
    if record["schema"] == 1:
        (ours / "record.json").write_bytes(sealed(record))
        return
    (ours / "record").mkdir(exist_ok=True)
    documents = {digest: _write_piece(ours, document) for digest, document in record["documents"].items()}
    items = [_write_piece(ours, record["items"])] if record["items"] else []
    (ours / "record.json").write_bytes(sealed(record | {"items": items, "documents": documents}))


def generation_path(ours: Path, number: int) -> Path:
    """Where a generation is."""
    old = ours / "generations" / f"{number}.json"
    return old if old.exists() else ours / "generations" / f"{number}.json.gz"


def generation_of(ours: Path, number: int) -> Any:
    """A generation, each item with ``kind`` and ``id``."""
    body = body_of(generation_path(ours, number))
    return body if body["schema"] == 1 else body | {"items": _named(body["items"])}


def write_generation(ours: Path, number: int, body: Any) -> None:
    """Replace a generation."""
    path = generation_path(ours, number)
    data = sealed(body)
    path.write_bytes(_GZIP + gzip.compress(data)[len(_GZIP) :] if path.suffix == ".gz" else data)


_GZIP = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def _named(items: list[Any]) -> list[Any]:
    named = [item | dict(zip(("kind", "id"), item["key"], strict=True)) for item in items]
    return sorted(named, key=lambda item: item["key"])


def _piece(ours: Path, name: str) -> Any:
    return json.loads((ours / "record" / f"{name}.json").read_bytes())


def _write_piece(ours: Path, value: Any) -> str:
    data = _json(value)
    name = hashlib.sha256(data).hexdigest()
    (ours / "record" / f"{name}.json").write_bytes(data)
    return name


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
