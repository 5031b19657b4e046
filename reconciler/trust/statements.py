"""What is signed. Pure: the same bytes for the same package, on every machine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from reconciler.model.digest import Digest
from reconciler.model.ids import ItemKey

PACKAGE_NAMESPACE: Final = "package@llamagate"
CATALOG_NAMESPACE: Final = "catalog@llamagate"
PACKAGE_TYPE: Final = "llamagate.package.v1"
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def package_statement(key: ItemKey, version: str, tree: Digest, executables: Iterable[str] | None) -> bytes:
    """The statement of a package: canonical JSON (RFC 8785). ``exec`` is null where executable bits are not known."""
    statement = {
        "type": PACKAGE_TYPE,
        "kind": str(key.kind),
        "id": key.id,
        "version": version,
        "tree": tree,
        "exec": None if executables is None else sorted(executables),
    }
    return _CANONICAL.encode(statement).encode("utf-8", "surrogatepass")
