"""``llamagate why``: why an item is there."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.cli.flags import ItemArgument
from reconciler.cli.invocation import Invocation
from reconciler.cli.item import typed
from reconciler.cli.ui.item_page import HOW
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.words import moment
from reconciler.queries.why import Listing, Why, read_why


def why(invocation: Invocation, words: ItemArgument) -> int:
    """Show why an item is there.

    It tells which file lists it, and what needs it.

    Example: llamagate why greeter
    Exit codes: 0, 1, 7, 8
    """
    kind, text = typed(words, "ID")
    found = read_why(invocation.env, invocation.named_file, text, kind)
    return invocation.answer(found.to_document(), render_why(found, invocation.terminal.style))


def render_why(found: Why, style: Style) -> str:
    """A line for the item, and below it each reason."""
    state = "is installed" if found.installed else "is not installed, but wanted"
    because = " because" if found.has_reason else ""
    lines = [style.paint(f"{found.key} {state}{because}", "bold"), *_reasons(found, "  ")]
    if not found.has_reason and found.installed:
        lines.append("  no file lists it, and nothing needs it: no apply updates or removes it")
        lines.append(f"  'llamagate remove {found.key.id}' removes it")
    if found.brought:
        brought = found.brought
        lines.append(f"  since generation {brought.generation}: {moment(brought.applied_at)}, '{brought.command}'")
    return "\n".join(lines)


def _reasons(found: Why, indent: str) -> Iterator[str]:
    if found.listing:
        yield f"{indent}{_listed(found.listing)}"
    for one in found.needed_by:
        again = " (see above)" if one.why.repeated else " …" if one.why.cut else ""
        yield f"{indent}{one.why.key} needs it ({HOW[one.how]}){again}"
        yield from () if one.why.repeated else _reasons(one.why, f"{indent}  ")


def _listed(listing: Listing) -> str:
    line = f":{listing.line}" if listing.line else ""
    return f"{listing.file}{line} lists it (owner {listing.owner})"
