"""Conditions of rules. A library evaluates them: comparisons and logic over values, no calls, no attributes of objects.

A placeholder in a condition stands for a value and never for a piece of the expression: what a caller sends can be
compared, and is not evaluated.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any, Final

from simpleeval import DEFAULT_OPERATORS, InvalidExpression, SimpleEval

from reconciler.host.decode import MAX_CONDITION_CHARACTERS
from reconciler.host.engine.state import RESERVED, State, check_placeholder
from reconciler.host.engine.weight import to_fill, to_judge
from reconciler.host.errors import StepValueError
from reconciler.host.items import Rule
from reconciler.model.config import Json, JsonObject
from reconciler.packages.steps import CONDITION_PLACEHOLDER

_PLACEHOLDER: Final = re.compile(CONDITION_PLACEHOLDER)
_ARITHMETIC: Final = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.UAdd, ast.USub)
_COMPARING: Final = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Not)
_NODES: Final = (ast.Constant, ast.Name, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.Subscript)


def cost_of(rules: tuple[Rule, ...], state: int) -> int:
    """How much work ``first_that_holds`` may be, over a state of that weight."""
    return sum(to_judge(rule.condition, state) + to_fill(rule.outputs, state) for rule in rules)


def first_that_holds(rules: tuple[Rule, ...], state: State, names: JsonObject) -> tuple[int, JsonObject] | None:
    """The first rule whose condition holds: its index, and its outputs, filled in; ``None`` where none does.

    ``names`` go before the state's values, but for those that are the host's own. A name that is not there is null,
    which equals nothing that a rule names.
    """
    for index, rule in enumerate(rules):
        if holds(rule.condition, state, names):
            return index, state.mapping(rule.outputs)
    return None


def holds(condition: str | bool, state: State, names: JsonObject) -> bool:
    """Whether ``condition`` is true. ``StepValueError`` where it cannot be evaluated, with these values or any."""
    if isinstance(condition, bool):
        return condition
    if len(condition) > MAX_CONDITION_CHARACTERS:
        raise StepValueError(f"a rule's condition has more than {MAX_CONDITION_CHARACTERS} characters")
    expression, placed = _with_names(condition, state)
    try:
        parsed = ast.parse(expression, mode="eval").body
        return bool(_evaluator(_names_of(state, names, placed)).eval(expression, previously_parsed=parsed))
    except (InvalidExpression, SyntaxError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise StepValueError(f"the rule {condition[:80]!r} cannot be evaluated: {_reason(error)}") from error
    except (RecursionError, MemoryError) as error:
        raise StepValueError(f"the rule {condition[:80]!r} is nested too deep") from error


def _names_of(state: State, names: JsonObject, placed: JsonObject) -> Callable[[ast.Name], Json]:
    """What the names in a condition stand for; called with the name's node."""
    known = {**state.known(), **{name: value for name, value in names.items() if name not in RESERVED}, **placed}

    def look_up(node: ast.Name) -> Json:
        if node.id not in placed:
            state.find(node.id)  # so that it is seen
        return known.get(node.id)

    return look_up


def _with_names(condition: str, state: State) -> tuple[str, JsonObject]:
    """``condition`` with a name in the place of each placeholder, and what these names stand for."""
    placed: JsonObject = {}

    def name(match: re.Match[str]) -> str:
        chosen = f"placeholder{len(placed)}"
        check_placeholder(match["path"])
        placed[chosen] = state.held(match["path"])
        return f" {chosen} "

    return _PLACEHOLDER.sub(name, condition).strip(), placed


def _evaluator(names: Callable[[ast.Name], Json]) -> Any:
    allowed = (*_ARITHMETIC, *_COMPARING)
    operators: dict[Any, Any] = {kind: does for kind, does in DEFAULT_OPERATORS.items() if kind in allowed}
    operators[ast.Mod] = _remainder
    evaluator = SimpleEval(operators=operators, functions={}, names=names)
    evaluator.nodes = {kind: does for kind, does in evaluator.nodes.items() if kind in _NODES}
    evaluator.nodes[ast.Attribute] = _entry(evaluator)
    evaluator.nodes[ast.List] = lambda node: [evaluator._eval(element) for element in node.elts]
    return evaluator


def _entry(evaluator: Any) -> Callable[[ast.Attribute], Json]:
    """``summary.level`` is the entry of a mapping: nothing here is an object with attributes of its own."""

    def entry(node: ast.Attribute) -> Json:
        holder = evaluator._eval(node.value)
        return holder.get(node.attr) if isinstance(holder, dict) else None

    return entry


def _remainder(one: Json, other: Json) -> Json:
    """Of numbers only: for a text, ``%`` would format it, to any length."""
    if not isinstance(one, int | float) or not isinstance(other, int | float):
        raise TypeError("'%' takes two numbers")
    result: Json = operator.mod(one, other)
    return result


def _reason(error: Exception) -> str:
    if isinstance(error, LookupError):
        return "it uses an operator or an entry that there is not"
    return "it is no expression" if isinstance(error, SyntaxError) else str(error)[:200]
