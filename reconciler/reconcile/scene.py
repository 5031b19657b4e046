"""What a command starts from: the record, the registry, what is installed, and the desired state at hand."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.errors import Fault, InputError, LlamagateError, NotDesiredError
from reconciler.model.desired import DesiredItem, GatewaySettings, Policy
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.inputs import Input
from reconciler.model.package import Manifest
from reconciler.model.record import Record
from reconciler.model.registry import Registry
from reconciler.observe import manifest_at, present_items
from reconciler.planning.intent import Intent
from reconciler.planning.planner import make_plan
from reconciler.reconcile.inputs import input_digests
from reconciler.reconcile.looking import Carried, Looked, observed_for, package_warnings
from reconciler.sources.resolved import Resolved
from reconciler.store.desired_file import DesiredFile, read_desired
from reconciler.store.state_files import RegistryFile, read_record, read_registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """``path`` is where the desired state is looked for; ``file`` is ``None`` where there is none that can be used.

    ``file_error`` then says why not, if there is one.
    """

    env: Environment
    home: Home
    record: Record
    previous_record: bytes | None
    registry_file: RegistryFile
    present: frozenset[ItemKey]
    path: Path
    file: DesiredFile | None
    file_error: InputError | None = None

    @property
    def registry(self) -> Registry:
        """The registry; empty where its bytes cannot be read."""
        return self.registry_file.registry

    @property
    def policy(self) -> Policy:
        return self.file.desired.policy if self.file else Policy()

    @property
    def gateway(self) -> GatewaySettings:
        return self.file.desired.gateway if self.file else GatewaySettings()

    @property
    def file_warnings(self) -> tuple[str, ...]:
        """Why the file at hand is not used, and that the defaults are; nothing where it is used or there is none."""
        if self.file_error is None:
            return ()
        if isinstance(self.file_error, NotDesiredError):
            return (f"{self.file_error.message}; the default policy applies",)
        return (f"{self.path} cannot be used ({_first_fault(self.file_error)}); the default policy applies",)

    @property
    def known(self) -> frozenset[ItemKey]:
        """Every item that anyone knows of."""
        entries = (entry.key for entry in self.registry.entries.values())
        return frozenset((*self.record.items, *self.present, *entries))

    def base_intent(self) -> Intent:
        """The intent of a command that wants nothing yet."""
        return Intent(
            owner=None,
            file=str(self.path.absolute()),
            home=str(self.home.root),
            wanted={},
            policy=self.policy,
            scope=frozenset(),
            reload_required=self.gateway.reload == "required",
        )


def read_scene(env: Environment, path: Path, *, needs_file: bool = False) -> Scene:
    """Read it. ``path`` need not exist; what is there must be usable only where the command ``needs_file``."""
    home = Home(env.home)
    record, previous_record = read_record(home)
    file, error = _at_hand(path, record)
    if needs_file and error is not None:
        raise error
    return Scene(
        env=env,
        home=home,
        record=record,
        previous_record=previous_record,
        registry_file=read_registry(home),
        present=present_items(home),
        path=path,
        file=file,
        file_error=error,
    )


def _at_hand(path: Path, record: Record) -> tuple[DesiredFile | None, InputError | None]:
    """The desired state, if there is one, or why it cannot be used."""
    if not path.exists():
        return None, None
    try:
        return read_desired(path, known=record.documents), None
    except InputError as error:
        return None, error


def _first_fault(error: InputError) -> str:
    """What is wrong with a file, as part of a line that names it."""
    fault = error.faults[0] if error.faults else Fault(message=error.message)
    line = [f"line {fault.line}"] if fault.line is not None else []
    text = ": ".join([*line, str(replace(fault, file=None, line=None, column=None))])
    more = len(error.faults) - 1
    return f"{text}; {more} more" if more > 0 else text


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a file says of an item. ``item`` is ``None`` where the file cannot be read."""

    file: Path
    item: DesiredItem | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the plan of a command needs besides its intent; see ``Looked``. ``against``: what says otherwise, or may."""

    resolved: Mapping[ItemKey, Resolved]
    carried: Mapping[ItemKey, Carried]
    inputs: tuple[Input, ...] = ()
    list_of: int | None = None
    against: Spoken | None = None


NO_PARTS = Parts(resolved={}, carried={})


def planned(scene: Scene, intent: Intent, parts: Parts = NO_PARTS) -> Looked:
    """The plan of a command. One that a file contradicts is made, says so, and sets a hold."""
    observed = observed_for(scene.env, scene.record, scene.registry_file, intent)
    plan = make_plan(intent, scene.record, observed)
    plan = replace(plan, warnings=scene.file_warnings + plan.warnings + package_warnings(parts.resolved))
    if parts.against:
        contradicts = "contradicts" if parts.against.item else "may contradict"
        intent = replace(intent, hold=f"'{scene.env.command}' {contradicts} {parts.against.file}")
    if intent.hold:
        intent = replace(intent, hold_inputs=input_digests(scene.path, scene.record))
    if intent.hold and plan.changes and not plan.refusals:
        plan = replace(plan, warnings=(*plan.warnings, *_on_hold(scene, parts.against)))
    only_switches = not (intent.wanted or intent.removals)
    return Looked(
        home=scene.home,
        gateway=scene.gateway,
        record=scene.record,
        previous_record=scene.previous_record,
        intent=intent,
        observed=observed,
        plan=plan,
        resolved=parts.resolved,
        # What was found to fit the file may no longer, once a command has brought another package.
        documents=scene.record.documents if only_switches else {},
        inputs=parts.inputs,
        carried=parts.carried,
        list_of=parts.list_of,
    )


def _on_hold(scene: Scene, against: Spoken | None) -> Iterator[str]:
    if against and against.item is None:
        yield f"{against.file} may say otherwise; if so, the next apply puts it back"
    elif against:
        saving = "--save" if against.file == scene.path else f"--save with '-f {against.file}'"
        yield f"{against.file} says otherwise: the next apply puts it back; {saving} keeps it"
    yield "on hold: a watcher leaves everything alone until its input changes, or until 'llamagate resume'"


def find(scene: Scene, text: str, kind: Kind | None) -> ItemKey | None:
    """The item that ``text`` names, by id, else by name. ``InputError`` with the candidates where there are several."""
    known = sorted(key for key in scene.known if kind in (None, key.kind))
    named = [key for key in known if key.id == text] or [key for key in known if _name(scene, key) == text]
    if len(named) > 1:
        candidates = ", ".join(str(key) for key in named)
        raise InputError(f"'{text}' may be any of: {candidates}", advice="name the type and the id")
    return named[0] if named else None


def must_find(scene: Scene, text: str, kind: Kind | None) -> ItemKey:
    """``find``; ``InputError`` with the nearest id where there is no such item."""
    key = find(scene, text, kind)
    if key is None:
        raise InputError(not_installed(scene, text, kind))
    return key


def not_installed(scene: Scene, text: str, kind: Kind | None) -> str:
    """That no such item is installed, and which one may have been meant."""
    for key in scene.known if kind is not None else ():
        if key.id == text:
            return f"no {kind} '{text}' is installed, but an {key.kind} '{text}' is"
    known = sorted(key.id for key in scene.known if kind in (None, key.kind))
    near = difflib.get_close_matches(text, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"no {kind or 'item'} '{text}' is installed{hint}"


def manifest_of(scene: Scene, key: ItemKey) -> Manifest | None:
    """What an item says of itself, whoever installed it; ``None`` where there is no valid package."""
    recorded = scene.record.items.get(key)
    if recorded is not None:
        return recorded.manifest
    return manifest_at(scene.home.item(key), key.kind, key.id) if key in scene.present else None


def _name(scene: Scene, key: ItemKey) -> str | None:
    recorded, entry = scene.record.items.get(key), scene.registry.get(key)
    return recorded.manifest.name if recorded else entry.name if entry else None


def spoken(scene: Scene, key: ItemKey) -> Spoken | None:
    """The file that lists an item: the one at hand, else the one of the owner who installed it."""
    if scene.file is not None and (item := _listed(scene.file, key)):
        return Spoken(scene.path, item)
    recorded = scene.record.items.get(key)
    if recorded is None or recorded.owner is None:
        return None
    path = Path(scene.record.owners.get(recorded.owner, ""))
    if path == scene.path.absolute():
        is_broken = scene.file_error is not None and not isinstance(scene.file_error, NotDesiredError)
        return Spoken(scene.path, None) if is_broken else None  # else it does not list the item any more
    if not path.is_file():
        return None
    try:
        item = _listed(read_desired(path), key)
    except NotDesiredError:
        return None
    except LlamagateError:
        return Spoken(path, None)
    return Spoken(path, item) if item else None


def _listed(file: DesiredFile, key: ItemKey) -> DesiredItem | None:
    return next((item for item in file.desired.items if item.key == key), None)
