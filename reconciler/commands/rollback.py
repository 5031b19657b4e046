"""Rollback: bring back the list of an earlier generation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import InputError
from reconciler.model.environment import Environment
from reconciler.model.generation import Generation
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.proposal import Proposal
from reconciler.reconcile.rollback import propose_generation
from reconciler.store.state_files import read_generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """What is asked for. ``to`` is ``None`` for the list before the one in force."""

    to: int | None = None
    overwrite: bool = False


def propose_rollback(env: Environment, file: Path, asked: Rollback) -> Proposal:
    """Plan it. ``InputError`` where the generation, or a package of it, is no longer kept."""
    state = read_home_state(env, file)
    generation = read_generation(state.home, asked.to) if asked.to is not None else _before(state)
    return propose_generation(state, generation, overwrite=asked.overwrite)


def _before(state: HomeState) -> Generation:
    """The list before the one in force: repairs make generations too, and they change no list."""
    if state.record.generation == 0:
        raise InputError("nothing was applied here yet, so that there is nothing to go back to")
    in_force = read_generation(state.home, state.record.generation)
    for number in range(in_force.list_of - 1, 0, -1):
        earlier = read_generation(state.home, number)
        if earlier.list != in_force.list:
            return earlier
    raise InputError(f"generation {in_force.list_of} is in force, and there was none before it")
