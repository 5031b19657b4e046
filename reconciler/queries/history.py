"""History: the generations that are kept, and what each changed."""

from __future__ import annotations

from msgspec import Struct

from reconciler.model.config import JsonObject
from reconciler.model.environment import Environment
from reconciler.model.generation import Generation, GenerationItem, Unreadable
from reconciler.model.home import Home
from reconciler.reconcile.readers import check_there, steadily
from reconciler.store.state_files import read_generations, read_record


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """One generation, and how its list differs from the one before; ``None`` where either is not known any more."""

    number: int
    generation: Generation | Unreadable
    changes: tuple[str, ...] | None

    def to_document(self) -> JsonObject:
        one = self.generation if isinstance(self.generation, Generation) else None
        return {
            "generation": self.number,
            "list_of": one.list_of if one else None,
            "applied_at": one.applied_at if one else None,
            "command": one.command if one else None,
            "items": None if one is None else len(one.items),
            "changes": None if self.changes is None else [*self.changes],
        }


class History(Struct, frozen=True, kw_only=True):
    """Newest first. ``generation`` is the current one, 0 if nothing was applied yet."""

    generation: int
    entries: tuple[HistoryEntry, ...]

    def to_document(self) -> JsonObject:
        return {"generation": self.generation, "generations": [entry.to_document() for entry in self.entries]}


def read_history(env: Environment) -> History:
    """Every generation that is kept."""
    home = Home(env.home)
    check_there(home)
    return steadily(home, lambda: _history(home))


def _history(home: Home) -> History:
    generations = read_generations(home)
    before = dict(zip(generations, [None, *generations.values()], strict=False))  # inner ones of a run may be gone
    entries = [
        HistoryEntry(number=number, generation=one, changes=_changes(before[number], one))
        for number, one in reversed(generations.items())
    ]
    return History(generation=read_record(home)[0].generation, entries=tuple(entries))


def _changes(before: Generation | Unreadable | None, after: Generation | Unreadable) -> tuple[str, ...] | None:
    if isinstance(after, Unreadable) or (not isinstance(before, Generation) and after.number > 1):
        return None
    old = before.items if isinstance(before, Generation) else {}
    keys = sorted({*old, *after.items})
    return tuple(line for key in keys if (line := _change(old.get(key), after.items.get(key))))


def _change(old: GenerationItem | None, new: GenerationItem | None) -> str:
    if old is None or new is None:
        item = new or old
        return f"{'-' if new is None else '+'} {item.key.id} {item.version}" if item else ""
    words = difference(old, new)
    sign = " " if old.version != new.version else f" {new.version}: " if old.tree != new.tree else ": "
    return f"~ {new.key.id}{sign}{', '.join(words)}" if words else ""


def difference(old: GenerationItem | None, new: GenerationItem | None) -> tuple[str, ...]:
    """How an item differs between two generations, in words; nothing where it does not."""
    if old is None or new is None:
        return ("installed",) if new else ("removed",) if old else ()
    if old.version != new.version:
        return (f"{old.version} → {new.version}",)
    if old.tree != new.tree:
        return ("the package changed",)
    words = [
        *(["configured"] if old.config != new.config else []),
        *([f"enabled: {str(new.enabled).lower()}"] if old.enabled != new.enabled else []),
        *([f"owner {old.owner or 'nobody'} → {new.owner or 'nobody'}"] if old.owner != new.owner else []),
    ]
    return tuple(words)
