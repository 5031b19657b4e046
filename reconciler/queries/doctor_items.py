"""What is wrong with the items of a home: registry and folders, names, copies that other tools left or load."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from reconciler.codes import FindingCode
from reconciler.errors import LlamagateError
from reconciler.fs import probe, tree
from reconciler.model.ids import PACKAGE_KINDS, ItemKey, id_problem
from reconciler.observe.home import manifest_at
from reconciler.observe.kept import lost_copies
from reconciler.observe.legacy import legacy_packages
from reconciler.queries.finding import Finding, cure, no_access, note, problem
from reconciler.reconcile.home_state import HomeState


def registry(state: HomeState) -> Iterator[Finding]:
    """Entries without a folder, at another place, or with fields that no one knows."""
    if state.registry_file.corrupt:
        message = f"{state.home.registry} cannot be read: {state.registry_file.corrupt}"
        yield problem(FindingCode.REGISTRY_CORRUPT, message, "llamagate sync")
        return
    for entry in state.registry.entries.values():
        key, path = entry.key, str(state.home.item(entry.key))
        if key not in state.present and not _is_link(state, key):
            yield problem(
                FindingCode.ENTRY_WITHOUT_FOLDER, f"{key} is registered, but not installed", "llamagate sync", key
            )
        elif key in state.present and entry.source_path != path:
            message = f"{key} is registered at {entry.source_path}, and is at {path}"
            yield problem(FindingCode.MOVED, message, "llamagate sync", key.id)
        if entry.extra:
            message = f"{key}: the registry holds unknown fields ({', '.join(sorted(entry.extra))})"
            yield note(
                FindingCode.UNKNOWN_FIELDS,
                message,
                "nothing to do; the gateway's own tool drops them when it writes",
                key,
            )


def _is_link(state: HomeState, key: ItemKey) -> bool:
    """Whether the item's folder is a link: each link has a finding of its own."""
    return id_problem(key.id) is None and state.home.item(key).is_symlink()


def folders(state: HomeState) -> Iterator[Finding]:
    """Folders that no gateway or no command can use, and those that are not managed."""
    ids = state.holders(state.registry)
    for key in sorted(state.present):
        yield from (no_access(where, "permission denied") for where in _closed(state, key))
        entry = state.registry.get(key)
        rival = ids.setdefault(key.id.casefold(), key)
        if rival != key:
            message = f"{key} has the same id as {rival}, and a gateway keeps only one"
            yield problem(FindingCode.SAME_ID, message, f"'llamagate remove {key}' keeps a backup")
        elif entry is None and not state.registry_file.corrupt:
            yield problem(
                FindingCode.FOLDER_WITHOUT_ENTRY, f"{key} is installed, but not registered", "llamagate sync", key
            )
        manifest = state.manifest_of(key)
        if manifest is None:
            fix = f"'llamagate validate {state.home.item(key)}' says why"
            yield problem(FindingCode.NO_PACKAGE, f"{key} is not a valid package", fix, key)
        elif manifest.name != key.id:
            message = f"{key} has the name '{manifest.name}': a gateway looks enablement up by name first"
            yield note(FindingCode.ID_AND_NAME, message, "give the package one name for both", key)
        if key not in state.record.items and entry is not None:
            yield note(
                FindingCode.UNMANAGED,
                f"{key} was not installed by llamagate",
                "llamagate sync, to let llamagate manage it",
                key,
            )


def _closed(state: HomeState, key: ItemKey) -> Iterator[str]:
    """The first folder of an item, or file of its package, that may not be read, if there is one."""
    folder, recorded = state.home.item(key), state.record.items.get(key)
    ours = recorded.files if recorded else {}
    try:
        files = (folder / node.path for node in tree.walk(folder) if node.path in ours)
        yield from islice((str(path) for path in files if not probe.may_open(path)), 1)
    except PermissionError as error:
        yield str(error.filename or folder)


def strange_names(state: HomeState) -> Iterator[Finding]:
    """What lies beside the items, and a gateway may take for one."""
    for kind in PACKAGE_KINDS:
        installed = state.home.installed(kind)
        for path in sorted(installed.iterdir()) if installed.is_dir() else ():
            if path.is_symlink():
                message = f"{path} is a link, which gateways skip"
                yield problem(FindingCode.LINK, message, "put the folder itself there", path)
            elif path.is_dir() and id_problem(path.name) and path.name != "backups":
                message = f"{path} has a name that no item can have, but a gateway loads a manifest in it"
                yield problem(FindingCode.STRANGE_NAME, message, "move it out of there")


def copies(state: HomeState) -> Iterator[Finding]:
    """What an update by the gateway's own tool left."""
    for key, copy in lost_copies(state.home).items():
        message = f"an update of {key} by the gateway's own tool left a copy at {copy}"
        fix = f"rm -r '{copy}'" if key in state.present else f"llamagate import '{copy}'"
        yield (note if key in state.present else problem)(FindingCode.LEFT_COPY, message, fix)


def legacy(state: HomeState, folder: Path) -> Iterator[Finding]:
    """Copies that a gateway started here would load where the installed item is missing or disabled."""
    try:
        packages = legacy_packages(folder) if folder.is_dir() else []
    except LlamagateError as error:
        yield problem(FindingCode.UNREADABLE, error.message, cure(folder))
        return
    for package in packages:
        found = next((one for kind in PACKAGE_KINDS if (one := manifest_at(package, kind, package.name))), None)
        if found is None:
            continue
        key = ItemKey(found.kind, found.id)
        entry = state.registry.get(key)
        if key not in state.present:
            message = f"{package} is not installed, but a gateway that is started in this folder loads it"
            yield note(FindingCode.LEGACY, message, f"llamagate migrate {folder}", package)
        elif entry is not None and not entry.enabled:
            message = f"{key} is disabled, but a gateway that is started in this folder loads {package}"
            fix = f"mv '{package}' '{folder.parent / f'{package.name}-disabled'}'"
            yield problem(FindingCode.LEGACY_SHADOW, message, fix, key.id)
