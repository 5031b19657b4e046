"""Rollback: bring back the list of an earlier generation."""

from __future__ import annotations

from pathlib import Path

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.environment import Environment
from reconciler.model.generation import Generation
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.proposal import Proposal
from reconciler.reconcile.rollback import propose_generation
from reconciler.store.state_files import generation_numbers, read_generation


def propose_rollback(env: Environment, file: Path, *, to: int | None, overwrite: bool) -> Proposal:
    """Plan to go back to generation ``to``; ``None`` is the list before the current one.

    ``InputError`` where the generation, or a package of it, is no longer kept.
    """
    state = read_home_state(env, file)
    generation = read_generation(state.home, to) if to is not None else _before(state)
    return propose_generation(state, generation, overwrite=overwrite)


def _before(state: HomeState) -> Generation:
    """The list before the current one: repairs make generations too, and they change no list."""
    if state.record.generation == 0:
        raise InputError("nothing to roll back: this home has no generations yet", code=ErrorCode.NOTHING_TO_ROLL_BACK)
    current = read_generation(state.home, state.record.generation)
    kept = [number for number in generation_numbers(state.home) if number < current.list_of]
    for number in reversed(kept or range(1, current.list_of)):
        earlier = read_generation(state.home, number)
        if earlier.list != current.list:
            return earlier
    raise InputError(
        f"generation {current.list_of} is the current one and the first one",
        code=ErrorCode.NOTHING_TO_ROLL_BACK,
    )
