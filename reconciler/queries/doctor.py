"""Doctor: what goes wrong in practice, each with the command that repairs it. It changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, Literal

from msgspec.structs import replace

from reconciler.codes import FindingCode
from reconciler.errors import LlamagateError, NotDesiredError, RefusedError
from reconciler.fs import probe, swap
from reconciler.fs.places import is_same_file
from reconciler.gateway.call import Cause
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import PACKAGE_KINDS
from reconciler.model.servers import GATEWAY_FILE
from reconciler.observe import access
from reconciler.observe.home import is_there
from reconciler.observe.legacy import LEGACY_FOLDERS
from reconciler.observe.programs import programs
from reconciler.queries import doctor_items
from reconciler.queries.finding import Diagnosis, Finding, cure, no_access, note, problem, unreadable
from reconciler.reconcile.home_state import HomeState, read_home_state
from reconciler.reconcile.readers import TransactionState, transaction_state
from reconciler.reconcile.serving import gateway_of, look_at

_SPARE_WATCHES: Final = 100
"""Folders that other programs of the same user may watch."""


def diagnose(env: Environment, file: Path, folder: Path) -> Diagnosis:
    """Look at the home, at the gateway, and at ``folder``, from which a gateway may have been started."""
    home = Home(env.home)
    try:
        transaction: TransactionState | Literal["unknown"] = transaction_state(home)
    except (OSError, LlamagateError):
        transaction = "unknown"  # one of the checks says why
    checks = (partial(_home, home), partial(_access, home), partial(_interrupted, transaction), partial(_programs, env))
    findings = [finding for check in checks for finding in _found_by(check)]
    findings += _found_by(lambda: _of_state(read_home_state(env, file), folder))
    findings = sorted({str(finding): finding for finding in findings}.values(), key=lambda one: one.level != "problem")
    return Diagnosis(transaction=transaction, findings=tuple(findings))


def _of_state(state: HomeState, folder: Path) -> Iterator[Finding]:
    for check in _CHECKS:
        yield from _found_by(partial(check, state))
    yield from _found_by(partial(_hidden_file, state, folder))
    for name in LEGACY_FOLDERS:
        yield from _found_by(partial(doctor_items.legacy, state, folder / name))


def _found_by(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What ``check`` finds; or, where it may not look, that, as a finding too."""
    try:
        yield from check()
    except LlamagateError as error:
        yield unreadable(error)
    except OSError as error:
        yield no_access(error.filename or "the system", error.strerror or str(error))


def _file(state: HomeState) -> Iterator[Finding]:
    error = state.file_error
    if isinstance(error, NotDesiredError):
        yield note(FindingCode.GATEWAY_FILE, error.message, "nothing to do; with -f FILE a command takes another file")
    elif error is not None:
        yield unreadable(error)


def _home(home: Home) -> Iterator[Finding]:
    if not is_there(home):
        yield note(FindingCode.NO_HOME, f"there is no home at {home.root} yet", "'llamagate apply' creates it")
        return
    for folder in (home.root, home.ours, home.registry.parent, *(home.installed(kind) for kind in PACKAGE_KINDS)):
        if folder.is_dir() and not probe.may_write(folder):
            yield problem(FindingCode.NOT_WRITABLE, f"{folder} cannot be written to", cure(folder))
    for kind in PACKAGE_KINDS:
        yield from _mounts(home, home.installed(kind))


def _access(home: Home) -> Iterator[Finding]:
    """What other users may change."""
    try:
        access.refuse_foreign_links(home)
    except RefusedError as error:
        yield problem(FindingCode.FOREIGN_LINK, error.message, error.advice)
    for one in access.exposed(home):
        if one.why == "writable":
            yield problem(FindingCode.WORLD_WRITABLE, one.message, one.cure, one.path)
        else:
            yield (note if one.why == "home" else problem)(FindingCode.FOREIGN_OWNER, one.message, one.cure, one.path)


def _mounts(home: Home, installed: Path) -> Iterator[Finding]:
    if not installed.is_dir():
        return
    if probe.is_mount_point(installed):
        message = f"{installed} is a mount point, so no folder can be moved into it in one step"
        yield problem(FindingCode.MOUNT_POINT, message, f"mount the file system at {installed.parent} instead")
    elif not swap.same_filesystem(home.root, installed):
        message = f"{installed} is on another file system; new trees are staged beside it"
        yield note(FindingCode.OTHER_FILESYSTEM, message, "nothing to do, as long as there is room on both")


def _interrupted(state: TransactionState | Literal["unknown"]) -> Iterator[Finding]:
    if state == "interrupted":
        yield problem(FindingCode.INTERRUPTED, "a change was interrupted", "llamagate recover")
    elif state == "running":
        yield note(
            FindingCode.RUNNING, "a change is running, so the rest may be incomplete", "run it again when that is done"
        )


def _programs(env: Environment) -> Iterator[Finding]:
    """The gateway's program has the same name as ours."""
    found = programs(env.variables.get("PATH", ""))
    ours = next((one.path for one in found if one.is_ours), None)
    others = [str(one.path) for one in found if not one.is_ours]
    if ours is not None and others:
        message = f"'llamagate' starts {found[0].path}; {ours} is this program, {', '.join(others)} is another one"
        yield note(FindingCode.SAME_PROGRAM_NAME, message, "'lgate' always starts this program")


def _hold(state: HomeState) -> Iterator[Finding]:
    if state.record.hold is not None:
        yield note(FindingCode.HOLD, f"the watcher is paused: {state.record.hold.reason}", "llamagate resume")
    for one in state.record.suspensions:
        message = f"the watcher is paused for {one.what}: {one.reason}"
        yield note(FindingCode.SUSPENDED, message, f"llamagate resume {one.what if one.item else ''}".rstrip())


def _hidden_file(state: HomeState, folder: Path) -> Iterator[Finding]:
    """A gateway takes the configuration file of the folder that it is started in before that of its home."""
    has_servers = bool(state.record.servers or (state.file and state.file.desired.servers))
    here, ours = folder / GATEWAY_FILE, state.home.gateway_file
    if has_servers and here.is_file() and not is_same_file(here, ours):
        message = f"a gateway that is started in {folder} reads {here}, not {ours} with the tool servers"
        yield note(FindingCode.HIDDEN_FILE, message, "start the gateway in another folder", here)


def _gateway_file(state: HomeState) -> Iterator[Finding]:
    problem_of_it = state.gateway_file.problem if state.record.servers else ""
    if problem_of_it:
        message = f"the tool servers in the gateway's file are not known: {problem_of_it}"
        yield problem(FindingCode.UNREADABLE, message, "correct it there")


def _gateway(state: HomeState) -> Iterator[Finding]:
    gateway = gateway_of(state.env, state.gateway)
    if gateway is None or state.gateway.reload == "off":
        return
    found = look_at(gateway, state.record, state.registry, state.gateway_file)
    if found.state is Cause.UNREACHABLE:
        message = f"no gateway answers at {gateway.url}"
        fix = "start it, or set gateway.url; it reads what is installed when it starts"
        yield replace(note(FindingCode.GATEWAY, message, fix), gateway=gateway.url)
    elif found.state is Cause.NO_EXTENSIONS:
        message = f"the gateway at {gateway.url} has no extensions: gateways from version 0.11 on do not load them"
        yield note(FindingCode.GATEWAY_WITHOUT_EXTENSIONS, message, "run 'llamagate serve' to serve what is installed")
    elif found.state is Cause.KEY_REFUSED:
        message = f"the gateway at {gateway.url}: {found.notes[0]}"
        yield replace(problem(FindingCode.GATEWAY_KEY, message, "set the key and look again"), gateway=gateway.url)
    else:
        repair = (
            "restart the gateway" if found.state == "RestartNeeded" else "llamagate apply; else restart the gateway"
        )
        for text in found.notes:
            yield problem(FindingCode.NOT_SERVED, f"the gateway at {gateway.url}: {text}", repair)


def _watches(state: HomeState) -> Iterator[Finding]:
    limit, needed = probe.max_watches(), 3 * len(state.present) + _SPARE_WATCHES
    if limit is not None and limit < needed:
        message = f"this system watches {limit} folders at most, and a watcher may need {needed}"
        yield note(FindingCode.WATCH_LIMIT, message, f"sysctl fs.inotify.max_user_watches={2 * needed}")


_CHECKS: Final[tuple[Callable[[HomeState], Iterator[Finding]], ...]] = (
    _file,
    doctor_items.registry,
    doctor_items.folders,
    doctor_items.strange_names,
    doctor_items.copies,
    _hold,
    _gateway_file,
    _gateway,
    _watches,
)
