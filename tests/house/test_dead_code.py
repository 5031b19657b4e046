"""Two kinds of dead code that vulture does not find: fields that nobody reads, and parameters that nobody gives.

Both go by names alone. A name that is used for something else as well hides what is dead; nothing that is alive is
called dead but what ``ALIVE`` lists. What verbs of the command line take is given by typer, and what ``api.py`` takes
by other programs; neither is looked at.
"""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

from tests.conftest import PROJECT

ALIVE: Final = {
    "Stamp.ctime_ns": "stamps are compared as a whole",
    "RecordedFile.ctime_ns": "stamps are compared as a whole",
    "RegistryEntry.absent": "says which keys are not written",
    "Watched.started_at": "status.json is for others",
    "ModuleRecord.completed_at": "part of the host's answer",
    "ModuleRecord.module": "part of the host's answer",
    "ModuleRecord.started_at": "part of the host's answer",
    "StepRecord.milliseconds": "part of the host's answer",
}

Node = TypeVar("Node", bound=ast.AST)
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def modules() -> dict[str, ast.Module]:
    """File → its code."""
    files = sorted((PROJECT / "reconciler").rglob("*.py"))
    return {path.relative_to(PROJECT / "reconciler").as_posix(): ast.parse(path.read_text()) for path in files}


@functools.cache
def nodes(file: str) -> dict[type[ast.AST], list[ast.AST]]:
    """The nodes of a file by their kinds: to walk through all takes longest."""
    found: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
    for node in ast.walk(modules()[file]):
        found[type(node)].append(node)
    return found


def of_kind(kind: type[Node], *files: str) -> Iterator[Node]:
    """The nodes of one kind in these files, else in all."""
    for file in files or modules():
        yield from nodes(file).get(kind, [])  # type: ignore[misc]


def is_value(node: ast.ClassDef) -> bool:
    """Whether its fields are what it is made of."""
    marks = [ast.unparse(mark) for mark in (*node.decorator_list, *node.bases)]
    return any(mark.startswith("dataclass") or mark in ("NamedTuple", "Struct") for mark in marks)


def test_each_field_is_read() -> None:
    """Being written into a document is not being read."""
    codecs = [node for node in of_kind(ast.FunctionDef) if node.name.endswith("to_document")]
    written = {id(node) for codec in codecs for node in ast.walk(codec)}
    reads = {node.attr for node in of_kind(ast.Attribute) if isinstance(node.ctx, ast.Load) and id(node) not in written}
    fields = {
        f"{node.name}.{line.target.id}": line.target.id
        for node in of_kind(ast.ClassDef)
        if is_value(node)
        for line in node.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    }
    assert sorted(name for name, short in fields.items() if short not in reads and name not in ALIVE) == []


@dataclass
class Calls:
    """What the calls of one name give: so many by place, and these by name. ``all``: whatever they are asked for."""

    places: int = 0
    names: set[str] = field(default_factory=set)
    all: bool = False


def calls() -> dict[str, Calls]:
    """By the name of what is called, wherever it is from; a subclass is made like its base."""
    found: dict[str, Calls] = defaultdict(Calls)
    for file in modules():
        names = [alias for node in of_kind(ast.ImportFrom, file) for alias in node.names]
        real = {alias.asname: alias.name for alias in names if alias.asname}
        for node in of_kind(ast.Call, file):
            called, given = last_name(node.func), node.args
            if called == "partial" and given:
                called, given = last_name(given[0]), given[1:]
            one = found[real.get(called, called)]
            one.places = max(one.places, len(given))
            one.names |= {keyword.arg for keyword in node.keywords if keyword.arg}
            one.all |= any(isinstance(part, ast.Starred) for part in given)
            one.all |= any(keyword.arg is None for keyword in node.keywords)
    return found


def last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def optional_parameters() -> Iterator[tuple[str, str, int | None]]:
    """What is called, a parameter that has a default, and how many arguments by place reach it."""
    for file, tree in modules().items():
        for holder in holders(tree) if not file.startswith(("cli/", "api.py")) else ():
            class_name = holder.name if isinstance(holder, ast.ClassDef) else ""
            for node in ast.iter_child_nodes(holder):
                if isinstance(node, Function):
                    called = class_name if class_name and node.name == "__init__" else node.name
                    bound = bool(class_name) and "staticmethod" not in map(last_name, node.decorator_list)
                    yield from ((called, *each) for each in defaults(node.args, bound=bound))


def holders(tree: ast.AST) -> Iterator[ast.AST]:
    """What has definitions in it: no expression has."""
    yield tree
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.expr):
            yield from holders(node)


def defaults(arguments: ast.arguments, *, bound: bool) -> Iterator[tuple[str, int | None]]:
    places = [*arguments.posonlyargs, *arguments.args]
    for at in range(len(places) - len(arguments.defaults), len(places)):
        yield places[at].arg, at + 1 - bound
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            yield argument.arg, None


def test_each_optional_parameter_is_given() -> None:
    given = calls()
    heirs: dict[str, list[str]] = defaultdict(list)
    for node in of_kind(ast.ClassDef):
        for base in node.bases:
            heirs[last_name(base)].append(node.name)
    dead = []
    for called, name, place in optional_parameters():
        found = [given[one] for one in (called, *heirs[called])]
        is_given = any(one.all or name in one.names or (place and one.places >= place) for one in found)
        if not is_given and f"{called}.{name}" not in ALIVE:
            dead.append(f"{called}.{name}")
    assert sorted(dead) == []
