"""What changes inside each package of a plan."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from msgspec.structs import replace

from reconciler.documents.yaml import text as yaml_text
from reconciler.model.config import JsonObject
from reconciler.model.ids import Kind
from reconciler.model.plan import Action
from reconciler.model.record import RecordItem
from reconciler.packages.content import OpenPackage, read
from reconciler.packages.realise import configured
from reconciler.planning.manifest_diff import Secrets, manifest_diff, secret_places
from reconciler.planning.marks import Contents, content_marks
from reconciler.reconcile.file_changes import InstalledFolder, file_changes
from reconciler.reconcile.proposal import Proposal


def explained(proposal: Proposal) -> Proposal:
    """With what changes inside each package: its files, and its manifest value by value. The old one is still there."""
    actions = tuple(_explained(proposal, action) for action in proposal.plan.actions)
    return replace(proposal, plan=replace(proposal.plan, actions=actions))


def _explained(proposal: Proposal, action: Action) -> Action:
    after, state = action.after, proposal.state
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
