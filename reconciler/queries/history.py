"""History: the generations that are kept, and what each changed."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from reconciler.model.config import JsonObject
from reconciler.model.environment import Environment
from reconciler.model.generation import Generation, GenerationItem, Unreadable
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.servers import ServerItem, changed_settings
from reconciler.planning.reasons import owner_change
from reconciler.reconcile.readers import check_there, steadily
from reconciler.store.state_files import read_generation, read_generations, read_record


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
            "by": (one.user or None) if one else None,
            "message": (one.message or None) if one else None,
            "items": None if one is None else len(one.items) + len(one.servers),
            "changes": None if self.changes is None else [*self.changes],
        }


class History(Struct, frozen=True, kw_only=True):
    """Newest first. ``generation`` is the current one, 0 if nothing was applied yet."""

    generation: int
    entries: tuple[HistoryEntry, ...]

    def to_document(self) -> JsonObject:
        return {"generation": self.generation, "generations": [entry.to_document() for entry in self.entries]}


class SinceItem(Struct, frozen=True, kw_only=True):
    """An item as a generation has it, and the oldest generation that is kept since which it is the same."""

    item: GenerationItem | ServerItem
    since: int

    def to_document(self) -> JsonObject:
        item = self.item
        return {
            **item.key.to_document(),
            "version": item.version,
            "enabled": item.enabled,
            "owner": item.owner,
            "since": self.since,
        }


class GenerationShown(Struct, frozen=True, kw_only=True):
    """One generation with all of its items. ``before`` is the one before it, 0 where that is not kept."""

    entry: HistoryEntry
    generation: Generation
    items: tuple[SinceItem, ...]
    current: int
    before: int

    def to_document(self) -> JsonObject:
        return {**self.entry.to_document(), "items": [one.to_document() for one in self.items]}


def read_generation_shown(env: Environment, number: int) -> GenerationShown:
    """Generation ``number``. ``InputError`` where it is not kept, or cannot be read."""
    home = Home(env.home)
    check_there(home)
    return steadily(home, lambda: _generation_shown(home, number))


def _generation_shown(home: Home, number: int) -> GenerationShown:
    one = read_generation(home, number)
    history = _history(home)
    entry = next(entry for entry in history.entries if entry.number == number)
    older = [found.generation for found in history.entries if found.number < number]
    listed: dict[ItemKey, GenerationItem | ServerItem] = {**one.items, **one.servers}
    items = tuple(SinceItem(item=listed[key], since=_since(one, older, key)) for key in sorted(listed))
    before = older[0].number if older and isinstance(older[0], Generation) else 0
    return GenerationShown(entry=entry, generation=one, items=items, current=history.generation, before=before)


def _since(one: Generation, older: Sequence[Generation | Unreadable], key: ItemKey) -> int:
    since = one.number
    for before in older:
        if not isinstance(before, Generation) or _differs(before, one, key):
            break
        since = before.number
    return since


def _differs(before: Generation, one: Generation, key: ItemKey) -> bool:
    words = difference(before.items.get(key), one.items.get(key))
    return bool(words or server_difference(before.servers.get(key), one.servers.get(key)))


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
    rows = [_change(old.get(key), after.items.get(key)) for key in keys]
    servers = before.servers if isinstance(before, Generation) else {}
    keys = sorted({*servers, *after.servers})
    rows += [_server_change(key, servers.get(key), after.servers.get(key)) for key in keys]
    return tuple(row for row in rows if row)


def _server_change(key: ItemKey, old: ServerItem | None, new: ServerItem | None) -> str:
    if old is None or new is None:
        return f"{'-' if new is None else '+'} {key.id}"
    words = server_difference(old, new)
    return f"~ {key.id}: {', '.join(words)}" if words else ""


def server_difference(old: ServerItem | None, new: ServerItem | None) -> tuple[str, ...]:
    """How a tool server differs between two generations, in words; nothing where it does not."""
    if old is None or new is None:
        return ("installed",) if new else ("removed",) if old else ()
    changed = changed_settings(old.settings, new.settings)
    words = [
        *([f"{', '.join(changed)} changed"] if changed else []),
        *([f"enabled: {str(new.enabled).lower()}"] if old.enabled != new.enabled else []),
        *([owner_change(old.owner, new.owner)] if old.owner != new.owner else []),
    ]
    return tuple(words)


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
        *_modes(old, new),
        *(["configured"] if old.config != new.config else []),
        *([f"enabled: {str(new.enabled).lower()}"] if old.enabled != new.enabled else []),
        *([owner_change(old.owner, new.owner)] if old.owner != new.owner else []),
    ]
    return tuple(words)


def _modes(old: GenerationItem, new: GenerationItem) -> list[str]:
    """The files that may be run from now on, or no longer, where both generations know which may."""
    if old.executables is None or new.executables is None or old.executables == new.executables:
        return []
    return ["the executable bit of files changed"]
