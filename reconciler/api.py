"""What a program imports that embeds llamagate: open a home; plan, apply, status, list.

Only this module and what ``reconciler.host.__all__`` exports is stable. Nothing here prints, ends the process or reads
``os.environ``; every call blocks, opens what it needs and closes it. ``docs/api.md`` has examples.

Every failure that is expected is a ``LlamagateError``: its class and ``code`` say what happened, ``advice`` what to do,
``faults`` where, and ``may_pass`` whether the same call may succeed later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from reconciler.apply.recovery import Recovered
from reconciler.codes import ErrorCode
from reconciler.commands.apply import Shown
from reconciler.commands.apply import apply as apply_file
from reconciler.errors import (
    BusyError,
    Fault,
    InputChangedError,
    InputError,
    LlamagateError,
    LockStaleError,
    NeedsRecoveryError,
    NewerDocumentError,
    NotDesiredError,
    NotReloadedError,
    PlanStaleError,
    RefusedError,
    RolledBackError,
    StorageError,
    UnreachableError,
)
from reconciler.model.environment import GATEWAY_VARIABLE, Environment, gateway_url_problem
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.listener import Listener
from reconciler.model.note import Note
from reconciler.model.plan import Action, ActionKind, Change, Drift, Plan, Refusal
from reconciler.model.record import Hold, Suspension
from reconciler.observe.items import ListedItem
from reconciler.planning.intent import Allowances
from reconciler.queries.list import read_list
from reconciler.queries.plan import read_plan
from reconciler.queries.status import Status, read_status
from reconciler.reconcile.options import Options

__all__ = [
    "Action",
    "ActionKind",
    "ApplyResult",
    "BusyError",
    "Change",
    "Drift",
    "Environment",
    "Fault",
    "Hold",
    "InputChangedError",
    "InputError",
    "Installation",
    "ItemKey",
    "Kind",
    "ListedItem",
    "Listener",
    "LlamagateError",
    "LockStaleError",
    "NeedsRecoveryError",
    "NewerDocumentError",
    "NotDesiredError",
    "NotReloadedError",
    "PassOptions",
    "Plan",
    "PlanStaleError",
    "Recovered",
    "Refusal",
    "RefusedError",
    "RolledBackError",
    "Status",
    "StorageError",
    "Suspension",
    "UnreachableError",
    "open_home",
]

_NO_VARIABLES: Final[Mapping[str, str]] = MappingProxyType({})
_DEFAULT_HOME: Final = ".llamagate"


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _no_notice(_line: str) -> None:
    """For callers that show none."""


_SILENT: Final = Listener(wait=300.0, notice=_no_notice)


class PassOptions(Struct, frozen=True, kw_only=True):
    """What a plan or an apply covers, and what it may do beyond the file's policy; as the flags of ``llamagate apply``.

    ``only``: items, each as ``ID`` or ``KIND/ID``; these and what they depend on, empty is everything. ``locked``: the
    lock is not changed. ``offline``: no source on another machine is asked. ``allow_prune``: more removals than
    ``policy.max_prune``. ``overwrite``: files that were edited by hand. ``take_over``: items of another owner, named in
    the same way; ``None`` is every item.
    """

    only: Collection[str] = ()
    locked: bool = False
    offline: bool = False
    allow_prune: bool = False
    overwrite: bool = False
    take_over: Collection[str] | None = ()

    def _for(self, file: Path) -> Options:
        taken = None if self.take_over is None else frozenset(self.take_over)
        allowances = Allowances(prune=self.allow_prune, overwrite=self.overwrite, take_over=taken)
        return Options(file=file, only=frozenset(self.only), locked=self.locked, allowances=allowances)


class ApplyResult(Struct, frozen=True, kw_only=True):
    """What an apply did. ``generation`` is the current one now.

    ``recovered``: what was done first about a change that a crash had cut off. ``warnings``: what is strange, each with
    its code; its text is for people.
    ``gateway`` says how the running gateway took the change, empty where none was asked. ``error`` is ``None``, or why
    it is not served: ``NotReloadedError``, or ``RolledBackError`` where the change was taken back for that.
    """

    plan: Plan
    generation: int
    recovered: Recovered
    warnings: tuple[Note, ...]
    gateway: tuple[str, ...]
    error: LlamagateError | None


class Installation(Struct, frozen=True, kw_only=True):
    """One LlamaGate home. It holds nothing open, and may be used by several threads; see ``open_home``."""

    home: Path
    variables: Mapping[str, str]
    clock: Callable[[], datetime]
    caller: str

    def __repr__(self) -> str:
        """Without the variables, which may be secret."""
        return f"Installation(home={self.home!r}, caller={self.caller!r})"

    @property
    def environment(self) -> Environment:
        """What a pass begins with now. ``reconciler.host.HostSettings`` takes it."""
        return self._environment(offline=False)

    def plan(self, file: Path | str, options: PassOptions = PassOptions()) -> Plan:
        """What an apply of the desired state ``file`` would do; nothing is changed, and the lock is not written.

        Refusals are in the plan. ``InputError``: the file, its lock, the home or a package is malformed or missing.
        ``LockStaleError``: only with ``locked``. ``RefusedError``: bytes that are not what the lock pins.
        ``UnreachableError``: a source. ``StorageError``: the system. ``BusyError``, ``NeedsRecoveryError``: a change is
        under way, or was cut off.
        """
        return read_plan(self._environment(offline=options.offline), options._for(_existing(file)))

    def apply(
        self,
        file: Path | str,
        options: PassOptions = PassOptions(),
        *,
        expected: Plan | None = None,
        listener: Listener = _SILENT,
    ) -> ApplyResult:
        """Make the home as ``file`` says: all of it, or nothing. The lock is written beside the file.

        ``expected`` is a plan that was shown: what is done must be the same, else ``PlanStaleError``. ``listener.wait``
        is how many seconds to wait for another writer, then ``BusyError``; its ``notice`` and ``progress`` are called.

        Raises as ``plan`` does, with nothing changed; also ``RefusedError`` where the plan has refusals, and
        ``InputChangedError`` where the file is written again and again. ``RolledBackError``: the change failed and was
        undone. ``NeedsRecoveryError``: it can neither be finished nor undone. What goes wrong after the change is in
        the outcome.
        """
        env = self._environment(offline=options.offline)
        saved = Shown(expected.fingerprint()) if expected else None
        done = apply_file(env, options._for(_existing(file)), listener, saved=saved)
        if done.plan.refusals:
            faults = [Fault(message=refusal.message, path=str(refusal.key)) for refusal in done.plan.refusals]
            raise RefusedError("; ".join(fault.message for fault in faults), faults=faults)
        reloads = [reload for reload in (done.reload, done.gone_back and done.gone_back.reload) if reload]
        return ApplyResult(
            plan=done.plan,
            generation=done.generation,
            recovered=done.recovered,
            warnings=(*done.plan.warnings, *done.warnings),
            gateway=tuple(line for reload in reloads for line in (reload.message, *reload.notes)),
            error=done.reload_error,
        )

    def status(self, file: Path | str | None = None) -> Status:
        """Whether the home is as ``file`` says; without a file, whether it is as it was installed.

        Answers also while a change is under way or was cut off (``transaction``), and where a source does not answer
        (``unreachable``). Else errors are those of ``plan``.
        """
        return read_status(self.environment, None if file is None else _existing(file))

    def list(self) -> tuple[ListedItem, ...]:
        """Every item of the home, also of other programs, sorted by kind and id. ``InputError``, ``StorageError``."""
        return read_list(self._environment(offline=True))

    def _environment(self, *, offline: bool) -> Environment:
        return Environment(
            home=self.home,
            is_own_home=self.home == _default_home(self.variables),
            variables=self.variables,
            now=self.clock(),
            command=self.caller,
            offline=offline,
            gateway=self._gateway(),
        )

    def _gateway(self) -> str | None:
        url = self.variables.get(GATEWAY_VARIABLE)
        if url and (problem := gateway_url_problem(url)):
            raise InputError(f"{GATEWAY_VARIABLE}: {problem}")
        return url or None


def open_home(
    path: Path | str | None = None,
    *,
    variables: Mapping[str, str] = _NO_VARIABLES,
    clock: Callable[[], datetime] = _utc_now,
    caller: str = "reconciler.api",
) -> Installation:
    """The home at ``path``, which need not exist yet.

    Without a path: ``LLAMAGATE_HOME`` of the variables, else ``.llamagate`` in their ``HOME``; ``~`` is not expanded.
    ``variables``: what ``env:`` in files and credentials are read from, and what git is started with (``PATH``,
    ``HOME``); give ``os.environ`` to do as the command does. They are copied. ``clock`` gives the time, with its zone.
    ``caller`` is the name that other writers see while they wait. ``InputError`` where no home is known.

    A gateway is notified where the file names one, and in the home ``~/.llamagate`` at the default address.
    """
    variables = dict(variables)
    place = path or variables.get("LLAMAGATE_HOME") or _default_home(variables)
    if place is None:
        raise InputError(
            "no home is given: pass a path, or variables with LLAMAGATE_HOME or HOME", code=ErrorCode.NOT_SET
        )
    return Installation(home=Path(place).absolute(), variables=variables, clock=clock, caller=caller)


def _default_home(variables: Mapping[str, str]) -> Path | None:
    user = variables.get("HOME")
    return Path(user, _DEFAULT_HOME).absolute() if user else None


def _existing(file: Path | str) -> Path:
    path = Path(file)
    if not path.exists():
        raise InputError.at("no such file", file=path, code=ErrorCode.NOT_FOUND)
    return path
