"""What changes inside each package of a plan."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Final, cast

from msgspec.structs import replace

from reconciler.documents.unseen import unseen_in
from reconciler.documents.yaml import text as yaml_text
from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import Kind
from reconciler.model.plan import Action
from reconciler.model.record import RecordItem
from reconciler.model.regex import regex
from reconciler.packages.content import OpenPackage, read
from reconciler.packages.realise import configured
from reconciler.planning.content.decoded import is_plain
from reconciler.planning.manifest_diff import Secrets, manifest_diff, secret_places
from reconciler.planning.marks import Contents, content_marks
from reconciler.planning.review import MOST_CHANGES, shown_first
from reconciler.planning.server_views import server_diff, server_files
from reconciler.reconcile.file_changes import InstalledFolder, file_changes
from reconciler.reconcile.proposal import Proposal


def explained(proposal: Proposal, *, is_whole: bool = True) -> Proposal:
    """With what changes inside each package: its files, and its manifest value by value. The old one is still there.

    Where it need not be ``is_whole``, files are compared line by line for those alone that are shown first; of the
    others only the marks are found, and which are alike.
    """
    if is_whole or len(proposal.plan.actions) <= MOST_CHANGES:
        actions = tuple(_explained(proposal, action) for action in proposal.plan.actions)
        return replace(proposal, plan=replace(proposal.plan, actions=actions))
    glanced = replace(proposal.plan, actions=tuple(_glanced(proposal, action) for action in proposal.plan.actions))
    first = shown_first(glanced)
    actions = tuple(
        # With the marks that it was sorted by.
        replace(action, diff=_explained(proposal, action).diff) if action.alike and action.key in first else action
        for action in glanced.actions
    )
    return replace(proposal, plan=replace(glanced, actions=actions))


def _glanced(proposal: Proposal, action: Action) -> Action:
    """``action`` with its marks, without its lines; as explained where only that tells them."""
    after, recorded = action.after, proposal.state.record.items.get(action.key)
    if action.key.kind is Kind.MCP_SERVER:
        return _explained(proposal, action)
    if after is None or not action.rewrites:
        return action if after else replace(action, alike="removed")
    if recorded is None or recorded.config or after.config or after.key.kind is Kind.MODULE:
        return _explained(proposal, action)
    opened = proposal.state.store.open(proposal.parts.resolved[after.key])
    folder = InstalledFolder(proposal.state.home.item(action.key))
    old, new = ({path: file.sha256 for path, file in one.files.items()} for one in (recorded, after))
    changed: list[tuple[str, list[str], list[str]]] = []
    for path in sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path)):
        before = folder.bytes_of(path, old[path]) if path in old else b""
        came = read(opened.content, path) if path in new and path in opened.package.hashes else b""
        if (
            before is None
            or not (is_plain(before) and is_plain(came))
            or (path in new and path not in opened.package.hashes)
        ):
            return _explained(proposal, action)
        changed.append((path, *_lines_of(before, came)))
    definition = after.manifest.definition
    is_bump = all(
        path != definition or ([*map(len, lines)] == [1, 1] and all(_VERSION.fullmatch(line[0]) for line in lines))
        for path, *lines in changed
    )
    if not is_bump or recorded.executables != after.executables or old.keys() != new.keys():
        return _explained(proposal, action)
    contents = Contents(
        before={},
        after={},
        files=[
            {"path": path, "change": "changed", "unseen": sum(map(unseen_in, came)), "hunks": []}
            for path, _, came in changed
        ],
    )
    kept = after.version if action.from_version == action.to_version else None
    marks = (*action.marks, *content_marks(contents, version=kept))
    return replace(action, marks=marks, alike=hashlib.sha256(repr(changed).encode()).hexdigest())


_VERSION: Final = regex(r"version: [0-9A-Za-z.+-]+")


def _lines_of(before: bytes, after: bytes) -> tuple[list[str], list[str]]:
    """The lines that only the one has, and those that only the other has, each as often as it has more of them."""
    old, new = (Counter(data.decode("utf-8", "backslashreplace").split("\n")) for data in (before, after))
    return sorted((old - new).elements()), sorted((new - old).elements())


def _explained(proposal: Proposal, action: Action) -> Action:
    after, state = action.after, proposal.state
    if action.key.kind is Kind.MCP_SERVER:
        return _explained_server(proposal, action)
    if not action.rewrites:
        return action
    recorded = state.record.items.get(action.key)
    folder = InstalledFolder(state.home.item(action.key))
    if after is None:
        secrets = secret_places(recorded.config) if recorded else frozenset()
        files = file_changes(proposal, action, None, folder, secrets)
        return replace(action, diff={"files": files} if files else {})
    found = proposal.parts.resolved[after.key]
    opened = state.store.open(found)
    if Path(found.source.location).is_relative_to(state.home.root):  # a backup holds values as they were
        secrets = frozenset([("config",)])
    else:
        secrets = secret_places(after.config) | (secret_places(recorded.config) if recorded else frozenset())
    before = folder.document((recorded or after).manifest.installed_definition)
    files = file_changes(proposal, action, opened, folder, secrets)
    # Where all is new, the lines of the manifest say it.
    manifest = _manifest_diff(proposal, after, opened, before, secrets) if before else {}
    parts: JsonObject = {"files": files, "manifest": manifest}
    contents = Contents(
        before={"": before, **{path: folder.document(path) for path in _brought(recorded)}},
        after={"": opened.package.document, **{path: _document(opened, path) for path in _brought(after)}},
        files=cast(list[JsonObject], files),
        manifest=cast(dict[str, JsonObject], manifest),
    )
    kept = after.version if action.from_version == action.to_version else None
    return replace(
        action,
        diff={part: value for part, value in parts.items() if value},
        marks=(*action.marks, *content_marks(contents, version=kept)),
    )


def _explained_server(proposal: Proposal, action: Action) -> Action:
    """With what changes in the settings of a tool server, and in the words of its tools."""
    recorded = proposal.state.record.servers.get(action.key)
    files = server_files(proposal.intent.servers.get(action.key), recorded)
    diff = server_diff(action, recorded, proposal.observed.server(action.key))
    parts: JsonObject = {"files": cast(Json, files), "manifest": diff}
    return replace(action, diff={part: value for part, value in parts.items() if value})


def _brought(item: RecordItem | None) -> list[str]:
    """The definitions of the extensions that a module brings."""
    if item is None or item.key.kind is not Kind.MODULE:
        return []
    return [path for path in item.files if path.startswith("extensions/") and path.endswith((".yaml", ".yml"))]


def _document(opened: OpenPackage, path: str) -> JsonObject:
    value = yaml_text.load(read(opened.content, path), name=path)
    return value if isinstance(value, dict) else {}


def _manifest_diff(
    proposal: Proposal, after: RecordItem, opened: OpenPackage, before: JsonObject, secrets: Secrets
) -> JsonObject:
    state = proposal.state
    config = after.config if state.values.missing(after.config) else state.values.filled(after.config)
    return manifest_diff(before, configured(opened.package.document, config), secrets)
