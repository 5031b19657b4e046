"""The page of one item: what ``show`` and ``why`` say of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Final

from reconciler.cli.ui.facts import facts, part
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.words import counted, moment
from reconciler.documents.unseen import visible
from reconciler.model.catalog import Release
from reconciler.model.ids import Kind
from reconciler.queries.contents import Contents, Value
from reconciler.queries.graph import Edge
from reconciler.queries.shown import FileShown, Shown, ShownOffer, Step

_MAX_ROWS: Final = 20
_VALUE_CHARACTERS: Final = 60
_STATES: Final = {
    "edited": "changed by hand",
    "missing": "missing",
    "replaced": "replaced by a link or another kind of file",
    "other-version": "of another version, which another tool installed",
    "local": "local: no package brought it",
    "not ours": "",
    "installed": "",
}
HOW: Final = {"depends_on": "depends_on", "step": "a step uses it"}
_DIGEST_CHARACTERS: Final = 19
"""Of a digest, as everywhere for people; ``--json`` has all of it."""


def render_show(found: Shown | ShownOffer, style: Style, *, is_full: bool = False) -> str:
    """The page of an item."""
    lines = _of_offer(found, style) if isinstance(found, ShownOffer) else _of_item(found, style)
    return "\n".join(_limited(lines, is_full=is_full))


def _limited(parts: Iterator[list[str]], *, is_full: bool) -> Iterator[str]:
    for rows in parts:
        yield from rows if is_full or len(rows) <= _MAX_ROWS + 2 else rows[: _MAX_ROWS + 2]
        if not is_full and len(rows) > _MAX_ROWS + 2:
            yield f"  … and {len(rows) - _MAX_ROWS - 2} more (-v shows all)"


def _of_item(found: Shown, style: Style) -> Iterator[list[str]]:
    yield [style.paint(f"{found.key.id}  {found.installed.version if found.installed else ''}".rstrip(), "bold")]
    yield facts([*_facts(found)], style)
    yield part("Configuration", map(_value, found.config), style)
    yield part("Files", map(_file, found.files), style)
    if found.contents:
        yield from _parts(found.contents, style)
    yield part("Needs", (_edge(edge, edge.needs.id) for edge in found.needs), style)
    yield part("Needed by", (_edge(edge, edge.item.id) for edge in found.needed_by), style)
    yield part("History", map(_step, found.history), style)
    named = str(found.key) if found.key.kind is Kind.MCP_SERVER else found.key.id
    backups = (f"{number:>4}  llamagate restore {named} --from {number}" for number in found.backups)
    yield part("Backups", backups, style)
    yield part("Not known", found.notes, style)


def _facts(found: Shown) -> Iterator[tuple[str, str]]:
    here, recorded, wanted = found.installed, found.recorded, found.wanted
    yield "kind", str(found.key.kind)
    yield "description", visible(found.contents.description).text if found.contents else ""
    drift = counted(len(found.drift), "change") + " by hand or by another tool" if found.drift else ""
    yield "state", f"{found.state} ({drift})" if drift else found.state
    if here:
        said = "llamagate.yaml says so" if found.enabled_by == "file" else "llamagate.yaml does not say"
        yield "enabled", f"{'yes' if here.enabled else 'no'} ({said})"
        yield "name", here.name if here.name != found.key.id else ""
    yield "range", wanted.version or "" if wanted else ""
    source = wanted.source if wanted else recorded.source if recorded else None
    yield "source", f"{source} ({source.kind})" if source else ""
    yield "signed by", ", ".join(visible(str(one)).text for one in recorded.signers) if recorded else ""
    if recorded and wanted is None:
        yield "listed", "" if found.listing else "in no file: nothing removes it, and no apply updates it"
    if found.listing:
        line = f":{found.listing.line}" if found.listing.line else ""
        yield "listed", f"{found.listing.file}{line} (owner {found.listing.owner})"
    if found.pin:
        pin = found.pin.pin
        where = " ".join(part for part in (pin.tag, pin.commit, pin.digest, pin.url) if part) if pin else ""
        yield "locked", f"{found.pin.version} {where}".rstrip()
    yield "tree", recorded.tree[:_DIGEST_CHARACTERS] if recorded else ""
    yield "suspended", found.suspended


def _value(one: Value) -> str:
    text = "(hidden)" if one.is_hidden else _shortened(json.dumps(one.value, ensure_ascii=False))
    origin = f"{one.origin}, line {one.line}" if one.line else one.origin
    return f"{visible(one.place).text}: {visible(text).text}  ({origin})"


def _shortened(text: str) -> str:
    return text if len(text) <= _VALUE_CHARACTERS else text[: _VALUE_CHARACTERS - 1] + "…"


def _file(one: FileShown) -> str:
    state = _STATES.get(one.state, one.state)
    return f"{visible(one.path).text}{f'  ({state})' if state else ''}"


def _step(one: Step) -> str:
    return f"{one.generation:>4}  {moment(one.applied_at)}  {one.command}: {', '.join(one.changes)}"


def _edge(edge: Edge, item: str) -> str:
    return f"{item}  ({HOW[edge.how]})"


def _parts(contents: Contents, style: Style) -> Iterator[list[str]]:
    routes = (f"{one.method} {one.path}{'' if one.needs_key else '  (no key needed)'}" for one in contents.routes)
    yield part("Routes", (visible(row).text for row in routes), style)
    yield part("Steps", (visible(row).text for row in contents.steps), style)
    yield part("Hooks", (visible(row).text for row in contents.hooks), style)


def _version(version: str, release: Release) -> str:
    yanked = "  withdrawn by its publisher" if release.yanked else ""
    return f"{version}  {release.released}  {release.size} bytes{yanked}"


def _of_offer(found: ShownOffer, style: Style) -> Iterator[list[str]]:
    one, contents = found.offered, found.contents
    yield [style.paint(f"{one.key.id}  {one.latest}".rstrip(), "bold")]
    state = f"{one.installed} is installed" if one.installed else "not installed"
    description = visible(contents.description).text if contents else ""
    rows = [("kind", str(one.key.kind)), ("description", description), ("state", state), ("catalog", str(one.catalog))]
    yield facts(rows, style)
    yield part("Versions", (_version(*version) for version in one.versions), style)
    if contents:
        yield part("Configuration", map(_value, contents.config), style)
        yield part("Files", (f"{visible(file.path).text}  {file.size} bytes" for file in contents.files), style)
        yield from _parts(contents, style)
    yield part("Not known", found.notes, style)
    yield part("Next", [f"llamagate add {one.key.id} catalog={shlex.quote(one.catalog.location)}"], style)
