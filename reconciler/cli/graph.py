"""``llamagate graph``: which item needs which."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Final, Literal, get_args

import typer

from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.item_page import HOW
from reconciler.cli.ui.style import Style
from reconciler.errors import UsageError
from reconciler.model.ids import ItemKey
from reconciler.queries.graph import Graph, Node, read_graph

Format = Literal["text", "mermaid", "dot"]
_DEEPEST: Final = 20
_NOTES: Final = {"installed": "", "listed": "not installed", "missing": "missing"}


def _format(value: str) -> str:
    if value not in get_args(Format):
        raise UsageError(f"'{value}' is not a format; use text, mermaid or dot")
    return value


def graph(
    invocation: Invocation,
    form: Annotated[
        str, typer.Option("--format", metavar="text|mermaid|dot", callback=_format, help="How to write it.")
    ] = "text",
) -> int:
    """Show which item needs which.

    Items that are only listed in llamagate.yaml are shown too.
        mermaid is for Markdown pages, dot for Graphviz.

    Example: llamagate graph
    Example: llamagate graph --format mermaid
    Exit codes: 0, 1, 7, 8
    """
    found = read_graph(invocation.env, invocation.named_file)
    style = invocation.terminal.style
    text = {"text": lambda: graph_text(found, style), "mermaid": lambda: _mermaid(found), "dot": lambda: _dot(found)}
    return invocation.answer(found.to_document(), text[form]())


def graph_text(found: Graph, style: Style) -> str:
    """Each item that nothing needs, and below it what it needs; what stands further up is not shown again."""
    if not found.nodes:
        return "Nothing is installed."
    shown: set[ItemKey] = set()
    lines = [line for node in found.nodes if not found.needed_by(node.key) for line in _tree(found, node, style, shown)]
    for node in found.nodes:
        if node.key not in shown:  # a circle has no top
            lines += _tree(found, node, style, shown)
    return "\n".join(lines)


def _tree(found: Graph, top: Node, style: Style, shown: set[ItemKey]) -> Iterator[str]:
    """Without recursion: a chain of items may be as long as one likes."""
    ahead = [(top.key, 0, "")]
    while ahead:
        key, depth, how = ahead.pop()
        needs = found.needs_of(key)
        again = "  (see above)" if key in shown and needs else ""
        yield f"{_indent(depth)}{_label(found.by_key[key], style)}{style.paint(how, 'dim')}{again}"
        if key not in shown:
            shown.add(key)
            ahead += [(edge.needs, depth + 1, f"  ({HOW[edge.how]})") for edge in reversed(needs)]


def _indent(depth: int) -> str:
    """Of a level. From some depth on it is a number: the lines would be longer than any terminal is wide."""
    return "    " * depth if depth <= _DEEPEST else f"{'    ' * _DEEPEST}[{depth}] "


def _label(node: Node, style: Style) -> str:
    note = style.paint(f"  {_NOTES[node.state]}", "yellow") if _NOTES[node.state] else ""
    version = f" {node.version}" if node.version else ""
    return f"{node.key.id}{version}{note}"


def _mermaid(found: Graph) -> str:
    """Names are ours and not the ids: some ids are words of the language."""
    names = {node.key: f"n{number}" for number, node in enumerate(found.nodes)}
    lines = ["graph LR"]
    for node in found.nodes:
        lines.append(f"    {names[node.key]}[{_quoted(_plain(node))}]")
    lines += [f"    {names[edge.item]} -->|{HOW[edge.how]}| {names[edge.needs]}" for edge in found.edges]
    return "\n".join(lines)


def _dot(found: Graph) -> str:
    lines = ["digraph llamagate {", "    rankdir=LR;", "    node [shape=box];"]
    lines += [f"    {_quoted(str(node.key))} [label={_quoted(_plain(node))}];" for node in found.nodes]
    lines += [
        f"    {_quoted(str(edge.item))} -> {_quoted(str(edge.needs))} [label={_quoted(HOW[edge.how])}];"
        for edge in found.edges
    ]
    return "\n".join([*lines, "}"])


def _plain(node: Node) -> str:
    note = f" ({_NOTES[node.state]})" if _NOTES[node.state] else ""
    return f"{node.key.id} {node.version}".rstrip() + note


def _quoted(text: str) -> str:
    return json.dumps(text.replace('"', "'").replace("\\", "/"), ensure_ascii=False)
