"""A module: each step names an extension, and what it is given must be what that extension takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import CheckCode
from reconciler.documents.yaml.places import Path
from reconciler.model.config import JsonObject
from reconciler.packages.check.document import Document, at, mapping, rows, text_at
from reconciler.packages.check.found import Found, at_key, at_value
from reconciler.packages.check.near import meant, near, nearest
from reconciler.packages.check.scope import Scope, Shown, in_value

_INPUTS: Final = ("input", "inputs")


class Signature(Struct, frozen=True, kw_only=True):
    """What an extension takes and gives, as its manifest says. ``takes_more``, ``gives_more``: it may be more."""

    takes: frozenset[str]
    needs: frozenset[str]
    gives: frozenset[str]
    takes_more: bool = False
    gives_more: bool = False


UNKNOWN: Final = Signature(takes=frozenset(), needs=frozenset(), gives=frozenset(), takes_more=True, gives_more=True)
"""That of an extension whose manifest is not at hand."""


def signature_of(document: JsonObject) -> Signature:
    """The signature of the extension that ``document`` defines, in any dialect."""
    inputs, outputs = document.get("inputs"), document.get("outputs")
    if isinstance(inputs, dict):
        takes = frozenset(mapping(inputs, "properties"))
        required = at(inputs, "required")
        needs = (
            frozenset(one for one in required if isinstance(one, str)) if isinstance(required, list) else frozenset()
        )
    else:
        takes = frozenset(text_at(row, "id") for _, row in rows(document, "inputs"))
        needs = frozenset(text_at(row, "id") for _, row in rows(document, "inputs") if row.get("required") is True)
    gives = mapping(outputs, "properties") if isinstance(outputs, dict) else {}
    given = frozenset(gives) | frozenset(text_at(row, "id") for _, row in rows(document, "outputs"))
    return Signature(takes=takes, needs=needs, gives=given, takes_more=not takes, gives_more=not given)


def in_module(document: Document, known: Mapping[str, Signature], *, names_all: bool) -> Iterator[Found]:
    """What is wrong with the steps. ``known`` are the extensions by name and path, ``names_all`` of them."""
    prefix: Path = ("steps",) if "steps" in document.value else ("workflow", "steps")
    declared = frozenset(mapping(document.value, "inputs", "properties"))
    scope = Scope(inputs=declared, names=declared, more=not declared)
    unsure = False
    for index, row in rows(document.value, *prefix):
        path, called = (*prefix, index), text_at(row, "extension")
        unsure = unsure or called not in known or known[called].gives_more
        if called and called not in known and (names_all or near(called, known)):
            yield _missing(document, (*path, "extension"), called, known)
        signature = known.get(called)
        for key in _INPUTS:
            if isinstance(row.get(key), dict):
                yield from _in_input(document, mapping(row, key), (*path, key), scope, signature)
        scope = _after(scope, row, signature)
    yield from _unproduced(document, scope, unsure=unsure)


def _missing(document: Document, path: Path, called: str, known: Mapping[str, Signature]) -> Found:
    message = f"there is no extension '{called}' in the package, in the file or in the home{meant(near(called, known))}"
    return at_value(document, CheckCode.MISSING_EXTENSION, path, message, fix=nearest(called, known))


def _in_input(
    document: Document, given: JsonObject, path: Path, scope: Scope, signature: Signature | None
) -> Iterator[Found]:
    for name, value in given.items():
        yield from in_value(document, value, (*path, name), scope, hints=(name,))
        if signature and not signature.takes_more and name not in signature.takes:
            lacking = [one for one in signature.takes if one not in given]
            message = f"the extension takes no input '{name}'{meant(near(name, lacking))}"
            found = at_key(document, CheckCode.UNKNOWN_INPUT, (*path, name), message)
            yield replace(found, fix=nearest(name, lacking), meant=next(iter(near(name, lacking)), None))
    for need in sorted(signature.needs) if signature else ():
        if need not in given and not any(near(name, (need,)) for name in given):
            message = f"the extension requires the input '{need}', which this step does not give it"
            yield at_value(document, CheckCode.UNKNOWN_INPUT, path, message)


def _after(scope: Scope, row: JsonObject, signature: Signature | None) -> Scope:
    gives = signature.gives if signature else frozenset()
    name = text_at(row, "name") or text_at(row, "id") or text_at(row, "extension")
    more = signature is None or signature.gives_more
    return Scope(
        inputs=scope.inputs,
        names=scope.names | gives,
        more=scope.more or more,
        steps={**scope.steps, name: Shown(gives, more)},
    )


def _unproduced(document: Document, scope: Scope, *, unsure: bool) -> Iterator[Found]:
    """Outputs that the module requires of itself, and that none of its steps gives."""
    required = at(document.value, "outputs", "required")
    for index, name in enumerate(required if isinstance(required, list) else []):
        if isinstance(name, str) and name not in scope.names and not unsure:
            message = f"no step gives the output '{name}'{meant(near(name, scope.names))}"
            yield at_value(document, CheckCode.UNPRODUCED_OUTPUT, ("outputs", "required", index), message)
