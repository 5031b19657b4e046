"""How a verb says which flags it has.

A verb is a function. Its parameters are its own flags, but for those whose type is a group: a ``Struct`` whose fields
are flags. ``Invocation`` is the group that every verb takes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from inspect import Parameter, Signature, signature
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from reconciler.cli.shared_flags import SharedFlags


def flagged(verb: Callable[..., int], *, first: Callable[[], None] = lambda: None) -> Callable[..., int]:
    """``verb`` as typer takes it, each flag a parameter: its own first, then those of its groups, the last group first.
    ``first`` is called before it.

    The group is ``Any`` here, and so is what typer makes of the command line: the signature of ``verb`` has the types.
    """
    taken = signature(verb, eval_str=True).parameters
    groups: dict[str, Any] = {name: one.annotation for name, one in taken.items() if _is_group(one.annotation)}
    own = [one for name, one in taken.items() if name not in groups]
    shared = [flag for group in reversed(groups.values()) for flag in _flags(group)]

    def run(**given: Any) -> int:
        made = {
            name: group(**{flag: given.pop(flag) for flag in group.__struct_fields__}) for name, group in groups.items()
        }
        first()
        with _around(made.values()):
            return verb(**made, **given)

    run.__signature__ = Signature([*own, *shared])  # type: ignore[attr-defined]
    run.__doc__ = verb.__doc__
    return run


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Struct)


def _around(groups: Iterable[Any]) -> AbstractContextManager[object]:
    """What is around the verb: the first group's, which every verb has, knows it."""
    return next((group.running() for group in groups if isinstance(group, SharedFlags)), nullcontext())


def _flags(group: Any) -> list[Parameter]:
    return [
        Parameter(one.name, Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type) for one in fields(group)
    ]
