"""``llamagate list``: what is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.item import TYPES
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.table import table
from reconciler.errors import UsageError
from reconciler.model.config import JsonObject
from reconciler.model.ids import Kind, did_you_mean
from reconciler.model.version import in_order
from reconciler.observe.items import ListedItem
from reconciler.queries.list import read_list

_SERVE_ONLY: Final = "serve only"
_COLUMNS: Final[Mapping[str, Callable[[ListedItem], str]]] = {
    "kind": lambda item: str(item.key.kind),
    "id": lambda item: item.key.id,
    "version": lambda item: item.version,
    "enabled": lambda item: "yes" if item.enabled else "no",
    "owner": lambda item: item.owner or "",
    "state": lambda item: _SERVE_ONLY if _is_serve_only(item) else item.state,
    "source": lambda item: item.source,
    "name": lambda item: item.name,
    "dialect": lambda item: str(item.dialect or ""),
    "path": lambda item: item.path,
}
_USUAL: Final = ("kind", "id", "version", "enabled", "owner", "state", "source")


def list_(
    invocation: Invocation,
    types: Annotated[
        str | None,
        typer.Argument(metavar="[TYPES]", help="extensions (ext), agentic-modules (modules, am) or mcp-servers (mcp)."),
    ] = None,
    columns: Annotated[
        str, typer.Option("--columns", metavar="NAME,...", help=f"The columns: {', '.join(_COLUMNS)}.")
    ] = ",".join(_USUAL),
    sort: Annotated[
        str | None, typer.Option("--sort", metavar="NAME", help="Sort by this column; -NAME: the other way round.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="name", help="name: only the ids, one a line.")
    ] = None,
) -> int:
    """List what is installed, also by other programs.

    Example: llamagate list
    Example: llamagate list extensions --json
    Example: llamagate list --columns id,version --sort -version
    Example: llamagate list -o name
    Exit codes: 0, 1
    """
    if types is not None and types not in TYPES:
        raise UsageError(f"'{types}' is not a type; use extensions, agentic-modules or mcp-servers")
    if output not in (None, "name"):
        raise UsageError(f"'{output}' is not a form; use -o name, or --json")
    chosen = [_column(name.strip()) for name in columns.split(",")]
    by = _column(sort.removeprefix("-")) if sort else ""
    items = read_list(invocation.env, invocation.named_file)
    shown = [item for item in items if types is None or item.key.kind is TYPES[types]]
    if sort:
        shown = _sorted(shown, by, backwards=sort.startswith("-"))
    document: JsonObject = {"items": [item.to_document() for item in shown]}
    if output:
        return invocation.answer(document, "\n".join(item.key.id for item in shown))
    return invocation.answer(document, render_list(shown, invocation.terminal.style, chosen))


def _column(name: str) -> str:
    if name not in _COLUMNS:
        advice = f"the columns are {', '.join(_COLUMNS)}"
        raise UsageError(f"there is no column '{name}'{did_you_mean(name, _COLUMNS)}", advice=advice)
    return name


def _sorted(items: Sequence[ListedItem], by: str, *, backwards: bool) -> list[ListedItem]:
    """The items by what the column shows; versions by their order."""
    ranks = {version: rank for rank, version in enumerate(in_order({item.version for item in items}))}
    key = (lambda item: ranks[item.version]) if by == "version" else _COLUMNS[by]
    return sorted(items, key=key, reverse=backwards)


def render_list(items: Sequence[ListedItem], style: Style, columns: Sequence[str] = _USUAL) -> str:
    """A table of the items."""
    if not items:
        return "Nothing is installed."
    rows = ([_COLUMNS[name](item) or "-" for name in columns] for item in items)
    note = f"{_SERVE_ONLY}: 'llamagate serve' runs it; a gateway does not"
    is_noted = "state" in columns and any(map(_is_serve_only, items))
    return "\n".join([table([[name.upper() for name in columns], *rows], style), *([note] if is_noted else [])])


def _is_serve_only(item: ListedItem) -> bool:
    """Whether no gateway runs it: those with extensions load none in the task dialect, and run no installed module."""
    return item.state == "installed" and (not item.loadable or item.key.kind is Kind.MODULE)
