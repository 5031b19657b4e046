"""A plan as a reviewer reads it: what counts most first, equal changes as one. Every format is made from this value."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from reconciler.model.config import JsonObject
from reconciler.model.digest import Digest
from reconciler.model.ids import ItemKey
from reconciler.model.plan import Action, ActionKind, MarkCode, Plan

REPLACE: Final = "replace"
"""What happens to an item that llamagate did not install, or that somebody else changed: none of it is kept."""
ORDER: Final = (
    ActionKind.REMOVE,
    ActionKind.DOWNGRADE,
    REPLACE,
    ActionKind.UPDATE,
    ActionKind.CONFIGURE,
    ActionKind.REPAIR,
    ActionKind.INSTALL,
    ActionKind.ADOPT,
    ActionKind.DISABLE,
    ActionKind.ENABLE,
)
"""In which order a reviewer sees what happens."""
SEEN_FROM_THE_ACTION: Final = frozenset([MarkCode.REMOVES, MarkCode.DOWNGRADE, MarkCode.REPLACES])


class Changed(Struct, frozen=True, kw_only=True):
    """Items to which the same happens, in the same way; most often one."""

    what: str
    actions: tuple[Action, ...]

    @property
    def first(self) -> Action:
        """The one that is shown for all."""
        return self.actions[0]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(action.key.id for action in self.actions)

    @property
    def diff(self) -> JsonObject:
        """What changes inside each. Several that are removed had files of their own: nothing is said of those."""
        return {} if self.first.removes and len(self.actions) > 1 else self.first.diff


class Part(Struct, frozen=True, kw_only=True):
    """All to which one thing happens. ``versions`` says from which version to which, and how many items."""

    what: str
    count: int
    versions: tuple[tuple[tuple[str | None, str | None], int], ...]
    changes: tuple[Changed, ...]

    @property
    def with_all_files(self) -> tuple[Changed, ...]:
        """The changes, each removal by itself: for where the files of each are shown."""
        return tuple(
            Changed(what=self.what, actions=actions)
            for change in self.changes
            for actions in ([(one,) for one in change.actions] if change.first.removes else [change.actions])
        )


class Marked(Struct, frozen=True, kw_only=True):
    """What a reviewer must not miss, and of which items."""

    code: MarkCode
    message: str
    keys: tuple[ItemKey, ...]


class Review(Struct, frozen=True, kw_only=True):
    """``marked`` leaves out what ``parts`` begin with: removals and the like. ``saved_as``: see ``review``."""

    plan: Plan
    saved_as: Digest | None = None
    parts: tuple[Part, ...]
    marked: tuple[Marked, ...]

    @property
    def digest(self) -> Digest:
        """That of the plan. It covers all that is written, and is made only where it is shown."""
        return self.saved_as or self.plan.digest()

    @property
    def stale(self) -> tuple[str, ...]:
        """What of the lock is out of date, but for the items that change anyhow: each row begins with an id."""
        changing = {action.key.id for action in self.plan.actions}
        return tuple(row for row in self.plan.stale if row.partition(":")[0] not in changing)


def review(plan: Plan, *, digest: Digest | None = None) -> Review:
    """The review of ``plan``. ``digest`` is the one that it was saved with."""
    by_what: dict[str, list[Action]] = {what: [] for what in ORDER}
    for action in plan.actions:
        by_what[what_happens(action)].append(action)
    return Review(
        plan=plan,
        saved_as=digest,
        parts=tuple(_part(what, actions) for what, actions in by_what.items() if actions),
        marked=tuple(_marked(plan.actions)),
    )


MOST_CHANGES: Final = 20
"""Of one kind that are shown one by one, where not everything is."""


def shown_first(plan: Plan) -> frozenset[ItemKey]:
    """The items whose lines are shown, where not everything is."""
    changes = (change for part in review(plan, digest=Digest("")).parts for change in part.changes[:MOST_CHANGES])
    return frozenset(change.first.key for change in changes)


def what_happens(action: Action) -> str:
    """The name of what happens to an item: that of its action, or that it is replaced."""
    return REPLACE if any(mark.code is MarkCode.REPLACES for mark in action.marks) else str(action.action)


def _part(what: str, actions: list[Action]) -> Part:
    groups: dict[object, list[Action]] = {}
    for action in actions:
        groups.setdefault(_sameness(action), []).append(action)
    changes = [Changed(what=what, actions=tuple(group)) for group in groups.values()]
    return Part(
        what=what,
        count=len(actions),
        versions=tuple(Counter((one.from_version, one.to_version) for one in actions).most_common()),
        # What is marked must not be below the line from which changes are only counted.
        changes=tuple(sorted(changes, key=lambda one: not one.first.marks)),
    )


def _sameness(action: Action) -> object:
    """Equal for two changes exactly when they are told alike, but for the id and the lines that stay as they are."""
    # Of what is removed nobody compares what was in it.
    return told_of(action) if action.removes else (told_of(action), action.alike or alike(action.diff))


def told_of(action: Action) -> object:
    """What is told of an action besides what changes inside: two that differ in this are not told as one."""
    return (what_happens(action), action.key.kind, action.from_version, action.to_version, action.reasons, action.marks)


def alike(diff: JsonObject) -> str:
    """A text that is equal for two diffs exactly when the same lines and values change."""
    files = [_changed_in(file) for file in cast(list[dict[str, Any]], diff.get("files", []))]
    return hashlib.sha256(msgspec.json.encode((diff.get("manifest"), files))).hexdigest()


def _changed_in(file: dict[str, Any]) -> list[object]:
    rows = [(row["sign"], row["text"]) for hunk in file["hunks"] for row in hunk["rows"] if row["sign"] != " "]
    return [{key: value for key, value in file.items() if key != "hunks"}, rows]


def _marked(actions: Iterable[Action]) -> list[Marked]:
    found: dict[tuple[MarkCode, str], list[ItemKey]] = {}
    for action in actions:
        for mark in action.marks:
            if mark.code not in SEEN_FROM_THE_ACTION:
                found.setdefault((mark.code, mark.message), []).append(action.key)
    rows = [Marked(code=code, message=message, keys=tuple(keys)) for (code, message), keys in found.items()]
    return sorted(rows, key=lambda row: [*MarkCode].index(row.code))
