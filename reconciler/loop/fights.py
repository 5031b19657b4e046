"""Fights: someone puts an item wrong again each time it is put right. Pure: the time comes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.model.ids import ItemKey
from reconciler.model.plan import Action, Plan

LIMIT: Final = 5
"""Equal repairs in a row after which the watcher stops repairing an item."""


class Streak(Struct, frozen=True, kw_only=True):
    """How often in a row the same was done to an item, and when last."""

    deed: str
    count: int
    last_at: float


class Fights(Struct, frozen=True, kw_only=True):
    """What was done to each item while the input stayed the same.

    ``window`` is how many seconds may pass between two repairs in a row: a look in between found it right.
    ``generation`` is the current one when the watcher last looked.
    """

    window: float
    input: str = ""
    generation: int = 0
    streaks: Mapping[ItemKey, Streak] = field(default_factory=dict)

    def after(self, now: float, *, input_digest: str, plan: Plan, generation: int) -> Fights:
        """What is known after a pass that carried out ``plan``."""
        before = self.streaks if input_digest == self.input else {}
        streaks = {item: streak for item, streak in before.items() if now - streak.last_at <= self.window}
        for action in plan.actions:
            deed, item = _deed(action, plan), action.key
            old = streaks.get(item)
            count = old.count + 1 if old is not None and old.deed == deed else 1
            streaks[item] = Streak(deed=deed, count=count, last_at=now)
        return replace(self, input=input_digest, generation=generation, streaks=streaks)

    @property
    def lost(self) -> tuple[ItemKey, ...]:
        """The items that are not worth another repair."""
        return tuple(sorted(item for item, streak in self.streaks.items() if streak.count >= LIMIT))

    def without(self, item: ItemKey) -> Fights:
        """Someone else has taken over ``item``."""
        return replace(self, streaks={other: streak for other, streak in self.streaks.items() if other != item})


def _deed(action: Action, plan: Plan) -> str:
    drift = [f"{row.path} {row.change}" for row in plan.drift if row.key == action.key]
    return f"{action.action} {action.from_version} {action.to_version} {drift}"
