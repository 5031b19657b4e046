"""How a command failed, without its wording, which the transcripts in ``tests/golden`` show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.cli.shell import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """``places`` has the place of each fault: ``llamagate.yaml:3:3 extensions.foo``.

    ``message`` is for the facts that a message must name: an id, a version, a path.
    """

    code: str
    places: list[str]
    message: str


def failure(session: Session, *arguments: object, exits: int = 1) -> Failure:
    """Run a command that must fail: one document on standard output, the same as text on standard error."""
    said = session.llamagate(*arguments, "--json", exits=exits)
    error = said.error
    assert f"llamagate: {error['message'].split('; ')[0]}" in said.err
    return Failure(code=error["code"], places=[_place(one) for one in error["faults"]], message=error["message"])


def refused(session: Session, *arguments: object) -> list[str]:
    """Run a command whose plan must be refused. Each refusal in short: ``foo conflict``."""
    plan = session.llamagate(*arguments, "--json", exits=5).json
    return [f"{refusal['id']} {refusal['code']}" for refusal in plan["refusals"]]


def warned(document: Mapping[str, Any]) -> list[str]:
    """The warnings of a document in short: ``foo yanked``; ``file-unusable`` where it is not about one item."""
    return [" ".join(filter(None, (warning["id"], warning["code"]))) for warning in document["warnings"]]


def _place(fault: Mapping[str, Any]) -> str:
    numbers = [fault["line"], fault["column"]] if fault["line"] is not None else []
    place = ":".join(map(str, [fault["file"], *numbers]))
    return f"{place} {fault['path']}" if fault["path"] else place
