"""A tool of a tool server as it describes itself, and what of that is accepted: the digest of its words and schemas.

Gateways pass on names, descriptions and input schemas; output schemas they drop, and the numbers in a schema come out
as Go writes them (``0.0`` as ``0``). A digest that a gateway's list gave must fit the same tool as its server lists it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.config import Json, JsonObject
from reconciler.model.digest import Digest, digest_bytes


class Tool(Struct, frozen=True, kw_only=True):
    """What a model is told of a tool. All of it counts: who changes a word may change what a model does."""

    name: str
    description: str = ""
    input_schema: Json = None
    output_schema: Json = None

    @staticmethod
    def from_document(value: JsonObject) -> Tool:
        """A tool as a server lists it (``tools/list``), or as a gateway passes it on. ``KeyError`` without a name."""
        return Tool(
            name=str(value["name"]),
            description=str(value.get("description") or ""),
            input_schema=value.get("inputSchema", value.get("input_schema")),
            output_schema=value.get("outputSchema", value.get("output_schema")),
        )

    def to_document(self) -> JsonObject:
        return {
            "name": self.name,
            "description": self.description,
            "input_schema": self.input_schema,
            "output_schema": self.output_schema,
        }

    @property
    def digest(self) -> Digest:
        """Equal for two tools exactly when all of it is equal. The order of keys does not count."""
        text = json.dumps(_plain(self.to_document()), sort_keys=True, separators=(",", ":"))
        return digest_bytes(text.encode())

    @property
    def text(self) -> str:
        """All of it as lines, for people to compare."""
        schemas = (("input", self.input_schema), ("output", self.output_schema))
        shown = [
            f"{what}: {json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False)}" for what, schema in schemas
        ]
        return "\n".join([self.description, "", *shown, ""])


_EXACT: Final = 2**53
"""Below it every whole number is a double."""

AcceptedTools: TypeAlias = Mapping[str, Digest]
"""The digest of each tool of one server that was accepted, by the tool's name."""


def is_accepted(tool: Tool, accepted: AcceptedTools) -> bool:
    """Whether ``tool`` is as it was accepted. A call of any other one is refused.

    An output schema counts only where it was seen when the tool was accepted.
    """
    return accepted.get(tool.name) in (tool.digest, replace(tool, output_schema=None).digest)


def _plain(value: Json) -> Json:
    """``value`` with each number in the one form that it has in JSON that went through Go: all are doubles there."""
    if isinstance(value, dict):
        return {key: _plain(below) for key, below in value.items()}
    if isinstance(value, list):
        return [*map(_plain, value)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        double = float(value)
    except OverflowError:
        return value
    return int(double) if double.is_integer() and abs(double) < _EXACT else double
