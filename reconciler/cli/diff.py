"""``llamagate diff``: what differs between two states of items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import typer
from msgspec.structs import replace

from reconciler.cli.diff_flags import FullOption, NoDiffOption, StatOption, detail_of
from reconciler.cli.flags import OfflineOption
from reconciler.cli.invocation import Invocation
from reconciler.cli.item import with_type
from reconciler.cli.plan import detailed_code
from reconciler.cli.ui.diff import DiffLines
from reconciler.cli.ui.diff_rows import diff_rows
from reconciler.cli.ui.plan import Page
from reconciler.cli.ui.words import counted
from reconciler.errors import ExitCode
from reconciler.queries.diff import Diff, DiffItem, read_diff

_LOOKS: Final = {"added": ("+", "green"), "changed": ("~", "yellow"), "removed": ("-", "red")}
_INDENT: Final = " " * 6


def diff(
    invocation: Invocation,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[[TYPE] ID|PACKAGE|@GEN|ID@VERSION]...",
            show_default=False,
            help="What to compare; a package is a path with a / or an archive. Without it: the home with the file.",
        ),
    ] = None,
    stat: StatOption = False,
    full: FullOption = False,
    no_diff: NoDiffOption = False,
    offline: OfflineOption = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 if anything differs.")
    ] = False,
) -> int:
    """Show what differs between two states of the home.

    Alone it compares the home with llamagate.yaml. An ID compares one item with the
    file, and shows what was changed by hand. @3 compares generation 3 with the home,
    @3 @5 two generations, ./packages/x what is installed with a package, and
    x@1.2.0 x@1.3.0 two versions.

    Example: llamagate diff
    Example: llamagate diff greeter
    Example: llamagate diff @3 @5
    Example: llamagate diff ./packages/greeter
    Example: llamagate diff greeter@1.2.0 greeter@1.3.0
    Exit codes: 0, 1, 2 something differs (with --detailed-exitcode), 5 refused; or an apply would be, 7, 8
    """
    env = replace(invocation.env, offline=offline)
    kind, named = with_type(words)
    found = read_diff(env, invocation.file, named, invocation.terminal.progress, kind=kind)
    terminal = invocation.terminal
    page = Page(style=terminal.style, columns=terminal.columns, detail=detail_of(stat=stat, full=full, no_diff=no_diff))
    code = ExitCode.REFUSED if found.refusals else ExitCode.OK
    if detailed_exitcode:
        differs = bool(found.items or found.drift)
        code = detailed_code(refused=bool(found.refusals), pending=differs, drift=False)
    return invocation.answer(found.to_document(), render_diff(found, page), code, is_long=True)


def render_diff(found: Diff, page: Page) -> str:
    """Each item that differs with what does, then a line that says how many."""
    style, diffs = page.style, DiffLines(page.detail)
    parts = ["\n".join(_items(found.items, page, diffs))]
    if found.drift:
        title = style.paint("Changed by hand since it was installed; an apply keeps it", "yellow")
        parts.append("\n".join([title, *_items(found.drift, page, diffs)]))
    if found.refusals:
        parts.append(f"{counted(found.refusals, 'refusal')}; 'llamagate plan' shows why")
    parts.append(style.paint(_summary(found), "bold"))
    return "\n\n".join(part for part in parts if part)


def _summary(found: Diff) -> str:
    where = f"from {found.before} to {found.after}"
    if not found.items:
        return f"No difference {where}." if not found.drift else f"Nothing else differs {where}."
    return f"{counted(len(found.items), 'item')} {'differs' if len(found.items) == 1 else 'differ'} {where}."


def _items(items: Sequence[DiffItem], page: Page, diffs: DiffLines) -> Iterator[str]:
    room = None if page.columns is None else page.columns - len(_INDENT)
    for item in items:
        sign, colour = _LOOKS[item.change]
        versions = " → ".join(dict.fromkeys(one for one in (item.from_version, item.to_version) if one))
        yield f"  {page.style.paint(f'{sign} {item.key.id}  {versions}  {item.key.kind}', colour)}"
        yield from (f"{_INDENT}{page.style.paint(reason, 'dim')}" for reason in item.reasons)
        yield from (f"{_INDENT}{row}".rstrip(" ") for row in diff_rows([*diffs.of(item.diff)], page.style, room))
