"""What a ``config`` refers to: environment variables, and files such as a mounted secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, cast

from msgspec import Struct, field

from reconciler.fs.bounded import read_start
from reconciler.model.config import JsonObject, Reference, references, with_references

MAX_FILE_BYTES: Final = 2**20
UNKNOWN: Final = "(not read)"

Place = tuple[str | int, ...]


class Missing(Struct, frozen=True):
    """Why there is no value at ``place`` of a config, and what to do."""

    place: Place
    reason: str
    advice: str


class ConfigValues(Struct, frozen=True):
    """Reads each once, so that what a plan was made for is what is written."""

    variables: Mapping[str, str]
    is_known: bool = True
    """Without it none is read: then none is missing, and ``UNKNOWN`` is in the place of each."""
    _files: dict[str, str | Missing] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Without any value."""
        return "ConfigValues()"

    def missing(self, config: JsonObject) -> list[Missing]:
        """Every reference in ``config`` without a value, and those with an empty one that does not permit it."""
        return list(self._missing(config)) if self.is_known else []

    def filled(self, config: JsonObject) -> JsonObject:
        """``config`` with its values; none of it may be ``missing``."""
        return cast(
            JsonObject, with_references(config, lambda one: cast(str, self._found(one)) if self.is_known else UNKNOWN)
        )

    def _missing(self, config: JsonObject) -> Iterator[Missing]:
        for place, reference in references(config):
            found = self._found(reference)
            if isinstance(found, Missing):
                yield Missing(place, found.reason, found.advice)
            elif not found.strip() and not reference.may_be_empty:
                permit = f"{{{reference.kind}: {reference.name}, empty: true}}"
                yield Missing(place, f"{reference.label} is empty", f"give it a value; {permit} permits an empty one")

    def _found(self, reference: Reference) -> str | Missing:
        if reference.kind == "env":
            advice = "set it, or take it out of the config"
            return self.variables.get(reference.name, Missing((), f"{reference.label} is not set", advice))
        if reference.name not in self._files:
            self._files[reference.name] = _read(reference)
        return self._files[reference.name]


def _read(reference: Reference) -> str | Missing:
    """The text of a file, without the line break that editors and ``echo`` put at its end."""
    advice = "correct the path, or take it out of the config"
    try:
        data = read_start(Path(reference.name), MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            return Missing((), f"{reference.label} has more than {MAX_FILE_BYTES} bytes", advice)
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        return Missing((), f"{reference.label} cannot be read: {reason}", advice)
