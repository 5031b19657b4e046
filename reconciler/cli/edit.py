"""``llamagate add`` and ``set``: change llamagate.yaml by command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Final

import typer
from msgspec.structs import replace

from reconciler.cli.flags import OfflineOption
from reconciler.cli.invocation import Invocation
from reconciler.cli.item import TYPES
from reconciler.cli.ui.style import Style
from reconciler.cli.ui.words import counted
from reconciler.commands.add import Added
from reconciler.commands.add import add as add_item
from reconciler.commands.edit import Edit, Edited
from reconciler.commands.set_ import Named, set_values
from reconciler.errors import UsageError
from reconciler.model.config import Json
from reconciler.model.ids import Kind

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be written; write nothing.")]
_MAX_WORDS: Final = 3


def add(
    invocation: Invocation,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[TYPE] ID SOURCE [RANGE]",
            show_default=False,
            help="SOURCE is a path, a URL, or KIND=PLACE: dir, zip, tar, http, git, catalog or oci. "
            "RANGE as npm writes it.",
        ),
    ],
    ref: Annotated[
        str,
        typer.Option("--ref", show_default=False, help="Of git: a branch, tag or commit. Of oci: a tag, or @sha256:…"),
    ] = "",
    path: Annotated[
        str, typer.Option("--path", metavar="FOLDER", show_default=False, help="The package's folder in the source.")
    ] = "",
    disabled: Annotated[bool, typer.Option("--disabled", help="List it as 'enabled: false'.")] = False,
    offline: OfflineOption = False,
    dry_run: DryRunOption = False,
) -> int:
    """List an item in llamagate.yaml, and pin it in the lock. Nothing is installed.

    Comments and everything else of the file stay as they are. 'apply' installs it.

    Example: llamagate add greeter ./packages/greeter
    Example: llamagate add greeter catalog=https://example.org/catalog "^1.2"
    Example: llamagate add greeter oci=registry.example.org/team/greeter "^1.2"
    Example: llamagate add intake https://example.org/x.git --ref v1.4.0 --path intake
    Exit codes: 0, 1, 5, 8, 9
    """
    kind = TYPES[words[0]] if len(words) > 2 and words[0] in TYPES else None
    named = words[1:] if kind else words
    if kind is Kind.MCP_SERVER:
        raise UsageError("a tool server has no package; list it below 'mcp_servers:' in llamagate.yaml")
    if not 2 <= len(named) <= _MAX_WORDS:
        raise UsageError(f"expected [TYPE] ID SOURCE [RANGE], got {counted(len(words), 'word')}")
    version = named[2] if len(named) == _MAX_WORDS else None
    enabled = False if disabled else None
    asked = Added(item_id=named[0], source=named[1], version=version, kind=kind, ref=ref, path=path, enabled=enabled)
    env, terminal = replace(invocation.env, offline=offline), invocation.terminal
    done = add_item(env, invocation.file, asked, terminal.notice, terminal.progress, dry_run=dry_run)
    return _answer(invocation, done, dry_run=dry_run)


def set_(
    invocation: Invocation,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[TYPE] ID [KEY=VALUE]...",
            show_default=False,
            help="An item that llamagate.yaml lists, and keys of its config; VALUE as in YAML.",
        ),
    ],
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="KEY", help="Take this key out; may be repeated.")
    ] = None,
    dry_run: DryRunOption = False,
) -> int:
    """Set values of an item's configuration in llamagate.yaml.

    Comments and everything else of the file stay as they are. 'apply' brings it
    about. {env: NAME} takes a value from a variable. 'stops[0]' is the first element
    of a list, the one behind the last adds one; '"a.b"' is a key with a dot.

    Example: llamagate set greeter greeting=hello
    Example: llamagate set greeter "token={env: GREETER_TOKEN}" model.name=mistral
    Example: llamagate set greeter --unset greeting
    Exit codes: 0, 1, 9
    """
    has_type = len(words) > 1 and words[0] in TYPES and "=" not in words[1]
    named = Named(words[has_type], TYPES[words[0]] if has_type else None)
    pairs = [_pair(text) for text in words[1 + has_type :]]
    if not pairs and not unset:
        raise UsageError("nothing to set; write KEY=VALUE, or --unset KEY")
    changes = [*pairs, *((key, None) for key in unset or ())]
    done = set_values(invocation.env, invocation.file, named, changes, invocation.terminal.notice, dry_run=dry_run)
    return _answer(invocation, done, dry_run=dry_run)


def _pair(text: str) -> tuple[str, str | None]:
    key, mark, value = text.partition("=")
    if not mark:
        raise UsageError(f"'{text}' is not KEY=VALUE")
    return key, value


def _answer(invocation: Invocation, done: Edited, *, dry_run: bool) -> int:
    for note in done.notes:
        invocation.terminal.notice(note)
    document = {**done.to_document(), "dry_run": dry_run}
    return invocation.answer(document, "\n".join(_lines(done, invocation.terminal.style, dry_run=dry_run)))


def _lines(done: Edited, style: Style, *, dry_run: bool) -> Iterator[str]:
    if not done.changed:
        yield f"{done.file} says so already."
        return
    for edit in done.edits:
        yield from _edit_lines(edit, style)
    yield from (f"  lock: {line}" for line in done.stale)
    names = " and ".join(str(one.path) for one in done.inputs if one.is_written)
    if dry_run:
        yield f"Dry run: {names} would be written. Run it without --dry-run to do it."
    else:
        yield f"Wrote {names}. Next: 'llamagate plan' shows what an apply would do."


def _edit_lines(edit: Edit, style: Style) -> Iterator[str]:
    if edit.change == "added":
        yield style.paint(f"  + {edit.key}: {_written(edit.after)}", "green")
    elif edit.change == "removed":
        yield style.paint(f"  - {edit.key}: {_written(edit.before)}", "red")
    else:
        yield style.paint(f"  ~ {edit.key}: {_written(edit.before)} → {_written(edit.after)}", "yellow")


def _written(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
