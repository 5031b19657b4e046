"""Worlds in terse notation, what a plan says of them, and what becomes of them when it is applied.

A file's content is one letter, which also stands for its sha256: ``{"manifest.yaml": "a"}``. ``->`` is a link, a path
that ends with ``/`` an empty folder. An item is named ``a``, or ``module a``. What a case leaves out is as it should
be: the disk holds what the record says, and the registry too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import WarningCode
from reconciler.model.desired import DEFAULT_OWNER, Policy
from reconciler.model.digest import tree_digest
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.note import Note
from reconciler.model.observed import ABSENT, Observed, ObservedItem, Presence
from reconciler.model.package import Dialect, Manifest
from reconciler.model.plan import Action, Plan
from reconciler.model.record import Hold, Record, RecordedFile, RecordItem
from reconciler.model.registry import Registry, RegistryEntry
from reconciler.model.source import Source, SourceKind
from reconciler.planning import intents as verbs
from reconciler.planning.intent import Allowances, Backup, Intent, Pause, Rules, Speaker, Target
from reconciler.planning.next_state import next_record, registry_edits
from reconciler.planning.planner import make_plan

Notation = Mapping[str, Any]
"""What a case gives, as it stands in its file."""

HOME: Final = "/home/u/.llamagate"
FILE: Final = "/srv/llamagate.yaml"
NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_CAREFUL: Final = {"downgrade": False, "overwrite": False}
LONG_AGO: Final = "2025-01-01T00:00:00.000000000Z"

_GIVEN: Final = frozenset(
    [
        *("record", "file", "disk", "registry", "policy", "allow", "only", "owner", "owners", "hold", "corrupt"),
        *("reload", "command"),
    ]
)
_ITEM: Final = frozenset(
    [
        *("files", "package", "version", "name", "owner", "enabled", "config", "depends_on", "requires"),
        *("dialect", "builtin", "enabled_default"),
    ]
)


class World(Struct, frozen=True, kw_only=True):
    """Everything that the planner is given."""

    intent: Intent
    record: Record
    observed: Observed

    def plan(self) -> Plan:
        return make_plan(self.intent, self.record, self.observed)

    def applied(self) -> World:
        """The world after its plan, which must hold no refusal."""
        plan = self.plan()
        assert not plan.refusals
        record = next_record(self.record, plan, self.intent, {})
        edits, _ = registry_edits(plan, self.intent, self.observed, NOW)
        items = dict(self.observed.items)
        for action in plan.actions:
            items[action.key] = swapped(self.observed.item(action.key), action)
        registry = self.observed.registry.edited(edits)
        return World(intent=self.intent, record=record, observed=observed(registry, items))


def world(given: Notation) -> World:
    """The world that ``given`` describes."""
    assert set(given) <= _GIVEN, set(given) - _GIVEN
    record = _record(given)
    items = {recorded.key: folder({path: kept.sha256 for path, kept in recorded.files.items()}) for recorded in record}
    items |= {key(name): folder(found) for name, found in given.get("disk", {}).items()}
    entries = {item.key.id: entry(item.key, item.manifest.name, item.version, item.enabled) for item in record}
    for name, facts in given.get("registry", {}).items():
        entries.pop(key(name).id, None)
        entries |= {key(name).id: _entry(key(name), facts)} if facts is not None else {}
    return World(
        intent=_intent(given),
        record=Record(
            generation=7,
            hold=Hold(reason=given["hold"], generation=7) if "hold" in given else None,
            owners=given.get("owners", {DEFAULT_OWNER: FILE}),
            items={item.key: item for item in record},
        ),
        observed=observed(Registry(entries=entries), items, given.get("corrupt")),
    )


def key(name: str) -> ItemKey:
    """``a`` or ``module a``."""
    kind, _, item_id = name.rpartition(" ")
    return ItemKey(Kind.MODULE if kind == "module" else Kind.EXTENSION, item_id)


def folder(files: Mapping[str, str] | str) -> ObservedItem:
    """An item's folder; ``missing`` and ``link`` in its place say that there is none."""
    if isinstance(files, str):
        return {"missing": ABSENT, "link": ObservedItem(presence=Presence.OTHER)}[files]
    parents = {parent for path in files for parent in _parents(path)}
    return ObservedItem(
        presence=Presence.FOLDER,
        files={path: RecordedFile(text) for path, text in files.items() if text not in ("->", "")},
        links=frozenset(path for path, text in files.items() if text == "->"),
        folders=frozenset(parents | {path.rstrip("/") for path in files if path.endswith("/")}),
    )


def observed(registry: Registry, items: Mapping[ItemKey, ObservedItem], corrupt: str | None = None) -> Observed:
    present = frozenset(name for name, found in items.items() if found.presence is Presence.FOLDER)
    return Observed(registry=registry, items=items, present=present, corrupt=corrupt)


def entry(item: ItemKey, name: str, version: str, enabled: bool) -> RegistryEntry:
    return RegistryEntry(
        key=item,
        name=name,
        version=version,
        enabled=enabled,
        installed_at=LONG_AGO,
        last_updated_at=LONG_AGO,
        source_path=f"{HOME}/{item.kind.folder}/installed/{item.id}",
    )


def said(plan: Plan) -> dict[str, list[str]]:
    """What ``plan`` tells people, a line a row; without the parts that are empty."""
    rows = {
        "actions": [f"{action.action} {action.key.id}: {'; '.join(action.reasons)}" for action in plan.actions],
        "drift": [f"{row.key.id}: {row.path} {row.change}" for row in plan.drift],
        "refusals": [f"{refusal.key.id}: {refusal.code}: {refusal.message}" for refusal in plan.refusals],
        "warnings": [str(warning) for warning in plan.warnings],
    }
    return {part: lines for part, lines in rows.items() if lines}


def on_disk(found: ObservedItem) -> dict[str, str] | str:
    """``found`` in the notation of ``folder``, without the folders."""
    if found.presence is not Presence.FOLDER:
        return "missing" if found.presence is Presence.ABSENT else "link"
    return {path: file.sha256 for path, file in found.files.items()} | dict.fromkeys(found.links, "->")


def swapped(found: ObservedItem, action: Action) -> ObservedItem:
    """What stands in an item's place after ``action``: the transaction's rule for what is written and what carried."""
    if not action.rewrites:
        return found
    if action.after is None:
        return ABSENT
    assert action.keep <= action.after.files.keys(), "what is kept is the package's"
    new = {path: RecordedFile(file.sha256) for path, file in action.after.files.items() if path not in action.keep}
    in_the_way = action.brought.union(*(_parents(path) for path in action.brought))
    carried = {path for path in (*found.files, *found.links, *found.folders) if path not in in_the_way}
    assert not carried & new.keys(), "a carried file would replace one of the package"
    assert not any(parent in new for path in carried for parent in _parents(path)), "a file where a folder is needed"
    kept = {path: file for path, file in found.files.items() if path in carried}
    parents = {parent for path in new for parent in _parents(path)}
    return ObservedItem(
        presence=Presence.FOLDER,
        files={**new, **kept},
        links=found.links & carried,
        folders=(found.folders & carried) | parents,
    )


def _parents(path: str) -> Iterable[str]:
    parts = path.rstrip("/").split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _intent(given: Notation) -> Intent:
    return _of_command(given) if "command" in given else _of_file(given)


def _of_command(given: Notation) -> Intent:
    """``{remove: a, force: true}``: a verb with what it is about, and its options."""
    (verb, about), *rest = given["command"].items()
    options = dict(rest)
    record = {item.key: item for item in _record(given)}
    owner = options.pop("owner", None)
    base = Intent(
        speaker=Speaker(owner=None, file=FILE),
        home=HOME,
        rules=_rules(given, Allowances()),
        scope=frozenset(),
    )
    if verb in ("remove", "enable", "disable"):
        if verb == "remove":
            others = options.get("others", {}).items()
            modules = [_manifest(ItemKey(Kind.MODULE, name), {"requires": needs}) for name, needs in others]
            base = replace(base, others=tuple(modules))
            return verbs.to_remove(base, key(about), force=options.get("force", False))
        return verbs.to_switch(base, key(about), enabled=verb == "enable")
    notes = [Note(WarningCode.LEFT_OUT, "a note")]
    wanted = [_from_package(key(name), item or {}, record, owner) for name, item in about.items()]
    return {
        "import": lambda: verbs.to_import(base, wanted[:1], _as_record(record), **{**_CAREFUL, **options}),
        "roll back": lambda: verbs.to_roll_back(base, wanted, _as_record(record), number=3, overwrite=False),
        "restore": lambda: verbs.to_restore(base, replace(wanted[0], backup=Backup(5, frozenset(wanted[0].files)))),
        "sync": lambda: verbs.to_sync(base, wanted, map(key, options.get("gone", [])), notes),
        "migrate": lambda: verbs.to_migrate(base, wanted, notes),
    }[verb]()


def _from_package(name: ItemKey, item: Notation, record: Mapping[ItemKey, RecordItem], owner: str | None) -> Target:
    """What a command wants of a package: what is recorded of the item's owner and configuration stays."""
    recorded = record.get(name)
    wanted = _wanted(name, {fact: value for fact, value in item.items() if fact != "owner"})
    kept = owner or item.get("owner", recorded.owner if recorded else None)
    return replace(wanted, owner=kept, config=item.get("config", recorded.config if recorded else {}))


def _as_record(items: Mapping[ItemKey, RecordItem]) -> Record:
    return Record(generation=7, items=items)


def _of_file(given: Notation) -> Intent:
    allow = given.get("allow", {})
    take_over = allow.get("take_over", [])
    only = given.get("only")
    allowances = Allowances(
        prune=allow.get("prune", False),
        overwrite=allow.get("overwrite", False),
        take_over=None if take_over == "all" else frozenset(take_over),
    )
    return Intent(
        speaker=Speaker(owner=given.get("owner", DEFAULT_OWNER), file=FILE),
        home=HOME,
        rules=_rules(given, allowances),
        targets={
            key(name): replace(_wanted(key(name), item or {}), owner=given.get("owner", DEFAULT_OWNER))
            for name, item in given.get("file", {}).items()
        },
        scope=None if only is None else frozenset(key(name) for name in only),
        pause=Pause(ends=True),
    )


def _rules(given: Notation, allowances: Allowances) -> Rules:
    policy = Policy.from_document(given.get("policy", {}))
    return Rules(policy=policy, allowances=allowances, reload_required=given.get("reload") == "required")


def _wanted(name: ItemKey, item: Notation) -> Target:
    assert set(item) <= _ITEM - {"owner"}, item
    files = item.get("files", {"manifest.yaml": "a"})
    return Target(
        key=name,
        source=Source(SourceKind.DIR, f"/srv/{name.id}"),
        source_stamp="",
        owner=None,
        manifest=_manifest(name, item),
        tree=tree_digest(item.get("package", files)),
        config=item.get("config", {}),
        files=files,
        enabled=item.get("enabled"),
        depends_on=tuple(item.get("depends_on", ())),
    )


def _record(given: Notation) -> list[RecordItem]:
    return [_recorded(key(name), item or {}) for name, item in given.get("record", {}).items()]


def _recorded(name: ItemKey, item: Notation) -> RecordItem:
    assert set(item) <= _ITEM, item
    wanted = _wanted(name, {fact: value for fact, value in item.items() if fact != "owner"})
    return RecordItem(
        key=name,
        owner=item.get("owner", DEFAULT_OWNER),
        source=wanted.source,
        source_stamp="",
        tree=wanted.tree,
        config=wanted.config,
        enabled=item.get("enabled", True),
        manifest=wanted.manifest,
        files={path: RecordedFile(text) for path, text in wanted.files.items()},
        depends_on=wanted.depends_on,
    )


def _manifest(name: ItemKey, item: Notation) -> Manifest:
    dialect = Dialect(item.get("dialect", "gateway"))
    return Manifest(
        kind=name.kind,
        id=name.id,
        name=item.get("name", name.id),
        version=item.get("version", "1.0.0"),
        dialect=dialect,
        definition="manifest.yaml",
        loadable=dialect is not Dialect.TASK,
        builtin=item.get("builtin", False),
        enabled_default=item.get("enabled_default", True),
        requires=tuple(item.get("requires", ())),
    )


def _entry(name: ItemKey, facts: Notation) -> RegistryEntry:
    right = entry(name, name.id, facts.get("version", "1.0.0"), facts.get("enabled", True))
    return replace(right, **{fact: facts[fact] for fact in facts if fact in ("name", "source_path", "extra")})
