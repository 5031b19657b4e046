"""What changes inside each package of a plan."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import cast

from msgspec.structs import replace

from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import Kind
from reconciler.model.plan import Action
from reconciler.model.record import RecordItem
from reconciler.packages.content import OpenPackage, read
from reconciler.packages.document import as_read
from reconciler.packages.realise import configured
from reconciler.planning.manifest_diff import Secrets, manifest_diff, secret_places
from reconciler.planning.marks import Contents, content_marks
from reconciler.planning.review import MOST_CHANGES, shown_first, told_of
from reconciler.planning.server_views import server_diff, server_files
from reconciler.reconcile.file_changes import InstalledFolder, file_changes
from reconciler.reconcile.glance import glanced
from reconciler.reconcile.proposal import Proposal


def explained(proposal: Proposal, *, is_whole: bool = True) -> Proposal:
    """With what changes inside each package: its files, and its manifest value by value. The old one is still there.

    Where it need not be ``is_whole``, files are compared line by line for those alone that are shown first; of the
    others only the marks are found, and which are alike.
    """
    if is_whole or len(proposal.plan.actions) <= MOST_CHANGES:
        actions = tuple(_explained(proposal, action) for action in proposal.plan.actions)
        return replace(proposal, plan=replace(proposal.plan, actions=actions))
    told = Counter(map(told_of, proposal.plan.actions))
    actions = tuple(_glanced(proposal, action, is_alone=told[told_of(action)] == 1) for action in proposal.plan.actions)
    plan = replace(proposal.plan, actions=actions)
    first = shown_first(plan)
    actions = tuple(
        # With the marks that it was sorted by.
        replace(action, diff=_explained(proposal, action).diff) if action.key in first and not action.diff else action
        for action in plan.actions
    )
    return replace(proposal, plan=replace(plan, actions=actions))


def _glanced(proposal: Proposal, action: Action, *, is_alone: bool) -> Action:
    """``action`` with its marks and what it is alike to; with its lines where only those tell."""
    if action.after is None and action.removes and action.key.kind is not Kind.MCP_SERVER:
        return action
    return glanced(proposal, action, is_alone=is_alone) or _explained(proposal, action)


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
    return replace(
        action,
        diff={part: value for part, value in parts.items() if value},
        marks=(*action.marks, *content_marks(contents, version=action.kept_version)),
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
    return as_read(read(opened.content, path), name=path)


def _manifest_diff(
    proposal: Proposal, after: RecordItem, opened: OpenPackage, before: JsonObject, secrets: Secrets
) -> JsonObject:
    state = proposal.state
    config = after.config if state.values.missing(after.config) else state.values.filled(after.config)
    return manifest_diff(before, configured(opened.package.document, config), secrets)
