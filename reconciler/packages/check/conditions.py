"""Rules: their conditions, the order in which they are asked, and the names of what they give."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from typing import Final

from reconciler.codes import CheckCode
from reconciler.documents.yaml.places import Path
from reconciler.model.config import Json, JsonObject
from reconciler.model.regex import regex
from reconciler.packages.check.document import Document, texts
from reconciler.packages.check.found import Found, at_value, misspelt_key
from reconciler.packages.check.near import meant, near, nearest
from reconciler.packages.check.scope import Scope, in_condition, in_value
from reconciler.packages.steps import CONDITION_PLACEHOLDER, OWN_NAMES

_PLACEHOLDER: Final = regex(CONDITION_PLACEHOLDER)
_CONDITIONS: Final = ("condition", "if")
_RESULTS: Final = ("outputs", "then")
_HELD: Final = "placeholder"


def in_rules(document: Document, value: Json, path: Path, scope: Scope, declared: Collection[str]) -> Iterator[Found]:
    """``declared`` are the outputs that rules can give; none where nobody says."""
    rules = [(index, rule) for index, rule in enumerate(value if isinstance(value, list) else [])]
    always: int | None = None
    seen: dict[str, int] = {}
    for index, rule in rules:
        if not isinstance(rule, dict):
            continue
        key, condition = _condition(rule)
        place = (*path, index, key) if key else (*path, index)
        if always is not None:
            yield _unreachable(document, (*path, index), f"rule {always + 1} before it always holds")
        elif condition is False or condition == "false":
            yield _unreachable(document, place, "its condition is never true")
        elif isinstance(condition, str) and condition in seen:
            yield _unreachable(document, place, f"rule {seen[condition] + 1} has the same condition")
        if always is None and condition in (True, "true", "True") and _is_whole(rule):
            always = index
        if isinstance(condition, str):
            seen.setdefault(condition, index)
            yield from _in_condition(document, condition, place, scope)
        yield from _results(document, rule, (*path, index), declared)
        for name in _RESULTS:
            yield from in_value(document, rule.get(name), (*path, index, name), scope)


def _condition(rule: JsonObject) -> tuple[str, Json]:
    key = next((key for key in _CONDITIONS if key in rule), "")
    return key, rule[key] if key else True


def _is_whole(rule: JsonObject) -> bool:
    """Not one whose condition is only misspelt, which is said as that."""
    return any(key in rule for key in _CONDITIONS) or not any(near(key, _CONDITIONS) for key in rule)


def _unreachable(document: Document, place: Path, why: str) -> Found:
    return at_value(document, CheckCode.UNREACHABLE_RULE, place, f"this rule is never reached: {why}")


def _in_condition(document: Document, condition: str, place: Path, scope: Scope) -> Iterator[Found]:
    yield from in_condition(document, condition, place, scope)
    expression = _PLACEHOLDER.sub(f" {_HELD} ", condition).strip()
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = getattr(error, "msg", "") or "it is nested too deep"
        hint = "; write == to compare" if re.search(r"[^=!<>]=[^=]", expression) else ""
        yield at_value(document, CheckCode.BAD_CONDITION, place, f"this condition cannot be read: {why}{hint}")
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield at_value(document, CheckCode.BAD_CONDITION, place, "a condition calls no functions")
            return
    yield from _names(document, tree, place, scope)


def _names(document: Document, tree: ast.AST, place: Path, scope: Scope) -> Iterator[Found]:
    """Names without braces. Those of a summary are known only when it is there."""
    if scope.more or "summary" in scope.names:
        return
    known = scope.names | {*OWN_NAMES, _HELD, "True", "False", "None"}
    for name in dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name)):
        if name not in known:
            message = f"the condition compares '{name}', which no input and no earlier step gives"
            yield Found(
                code=CheckCode.UNKNOWN_NAME,
                message=message + meant(near(name, scope.names)),
                text=document,
                span=document.within(place, name),
                path=place,
                fix=nearest(name, scope.names),
            )


def _results(document: Document, rule: JsonObject, path: Path, declared: Collection[str]) -> Iterator[Found]:
    """Results whose name is nearly that of a declared output which the rule does not give."""
    for holder in _RESULTS:
        given = rule.get(holder)
        if not isinstance(given, dict):
            continue
        for name in given:
            lacking = [one for one in declared if one not in given]
            found = [] if name in declared else near(name, lacking)
            if found and not _is_used(document, name):
                message = f"no output is called '{name}'{meant(found)}"
                only = nearest(name, lacking)
                yield misspelt_key(document, (*path, holder, name), message, meant=found[0], fix=only)


def _is_used(document: Document, name: str) -> bool:
    """Whether something else in the document means this name."""
    word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    return any(word.search(text) for _, text in texts(document.value, ()))
