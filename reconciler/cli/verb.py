"""How a verb says which flags it has.

A verb is a function. Its parameters are its own flags, but for those whose type is a group: a dataclass whose fields
are flags. ``Invocation`` is the group that every verb takes first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def flagged(verb: Callable[..., int], *, first: Callable[[], None] = lambda: None) -> Callable[..., int]:
    """``verb`` as typer takes it, each flag a parameter: its own first, then those of its groups, the last group first.
    ``first`` is called before it.

    The group is ``Any`` here, and so is what typer makes of the command line: the signature of ``verb`` has the types.
    """
    taken = signature(verb, eval_str=True).parameters
    groups: dict[str, Any] = {name: one.annotation for name, one in taken.items() if is_dataclass(one.annotation)}
    own = [one for name, one in taken.items() if name not in groups]
    shared = [flag for group in reversed(groups.values()) for flag in _flags(group)]

    def run(**given: Any) -> int:
        made = {
            name: group(**{one.name: given.pop(one.name) for one in fields(group)}) for name, group in groups.items()
        }
        first()
        return verb(**made, **given)

    run.__signature__ = Signature([*own, *shared])  # type: ignore[attr-defined]
    run.__doc__ = verb.__doc__
    return run


def _flags(group: Any) -> list[Parameter]:
    types = get_type_hints(group, include_extras=True)
    return [
        Parameter(one.name, Parameter.KEYWORD_ONLY, default=one.default, annotation=types[one.name])
        for one in fields(group)
    ]
