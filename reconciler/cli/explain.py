"""``llamagate explain``: what a key or a code means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Final

import typer

from reconciler.cli.help import EXIT_CODES
from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.facts import facts, part, wrapped
from reconciler.cli.ui.style import Style
from reconciler.model.config import Json
from reconciler.queries.explain import CodeMeaning, KeyMeaning, Meanings
from reconciler.queries.explain import explain as explain_word

_DOCUMENTS: Final = {
    "desired-state": "llamagate.yaml",
    "lock": "llamagate.lock.yaml",
    "extension-manifest": "manifest.yaml of an extension",
    "extension-packaging": "extension.yaml of an extension",
    "module-manifest": "agenticmodule.yaml of a module",
    "module-packaging": "module.yaml of a module",
    "catalog": "index.json of a catalog",
    "registry": "installed.json of the gateway",
    "plan": "plan --json",
    "trust": "trust.yaml of a host",
}


def explain(
    invocation: Invocation,
    word: Annotated[
        str,
        typer.Argument(
            metavar="KEY|CODE",
            show_default=False,
            help="A key, alone or with those above it; a code of an error, refusal or warning; an exit code.",
        ),
    ],
) -> int:
    """Explain a key of a file, or a code that a message ends with.

    Example: llamagate explain policy.max_prune
    Example: llamagate explain conflict
    Exit codes: 0, 1
    """
    found = _exit_code(word) or explain_word(word)
    return invocation.answer(found.to_document(), render_meanings(found, invocation.terminal.style))


def _exit_code(word: str) -> Meanings | None:
    cause = {str(code): meaning for code, meaning in EXIT_CODES.items()}.get(word)
    if cause is None:
        return None
    code = CodeMeaning(code=word, kind="exit code", exit="", cause=cause, cure="")
    return Meanings(word=word, codes=(code,), keys=())


def render_meanings(found: Meanings, style: Style) -> str:
    """A paragraph for each."""
    pages = [_code(one, style) for one in found.codes] + [_key(one, style) for one in found.keys]
    return "\n\n".join("\n".join(lines) for lines in pages)


def _code(one: CodeMeaning, style: Style) -> list[str]:
    cause = "meaning" if one.kind == "exit code" else "cause"
    rows = [("exit code", one.exit), (cause, one.cause), ("what to do", one.cure)]
    return [f"{style.paint(one.code, 'bold')}  ({one.kind})", *facts(rows, style)]


def _key(one: KeyMeaning, style: Style) -> list[str]:
    document = _DOCUMENTS[one.schema]
    head = f"{style.paint(one.key or document, 'bold')}  ({document})"
    said = (f"  {line}" for line in wrapped(one.description or one.title, style, indent=2))
    return [head, *said, *facts([*_facts(one)], style), *_keys(one, style)]


def _facts(one: KeyMeaning) -> Iterator[tuple[str, str]]:
    yield "type", one.type
    yield "required", "yes" if one.required else ""
    yield "default", "" if one.default is None else _written(one.default)
    yield "values", ", ".join(map(_written, one.values))
    yield "examples", ", ".join(map(_written, one.examples))


def _keys(one: KeyMeaning, style: Style) -> list[str]:
    width = max((len(key) for key, _ in one.keys), default=0)
    return part("Keys", (f"{key:<{width}}  {title}" for key, title in one.keys), style)


def _written(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
