"""What changes inside each package of a plan."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from msgspec.structs import replace

from reconciler.model.config import JsonObject
from reconciler.model.plan import Action
from reconciler.model.record import RecordItem
from reconciler.packages.content import OpenPackage
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
    after = action.after
    if not action.rewrites or after is None:
        return action
    found = proposal.parts.resolved[after.key]
    recorded = proposal.state.record.items.get(after.key)
    opened = proposal.state.store.open(found)
    if Path(found.source.location).is_relative_to(proposal.state.home.root):  # a backup holds values as they were
        secrets: Secrets = frozenset([("config",)])
    else:
        secrets = secret_places(after.config) | (secret_places(recorded.config) if recorded else frozenset())
    folder = InstalledFolder(proposal.state.home.item(after.key))
    before = folder.document((recorded or after).manifest.installed_definition)
    files = file_changes(proposal, after, opened, folder, secrets)
    # Where all is new, the lines of the manifest say it.
    manifest = _manifest_diff(proposal, after, opened, before, secrets) if before else {}
    parts: JsonObject = {"files": files, "manifest": manifest}
    contents = Contents(
        before={"": before},
        after={"": opened.package.document},
        files=cast(list[JsonObject], files),
        manifest=cast(dict[str, JsonObject], manifest),
    )
    kept = after.version if action.from_version == action.to_version else None
    return replace(
        action,
        diff={part: value for part, value in parts.items() if value},
        marks=(*action.marks, *content_marks(contents, version=kept)),
    )


def _manifest_diff(
    proposal: Proposal, after: RecordItem, opened: OpenPackage, before: JsonObject, secrets: Secrets
) -> JsonObject:
    state = proposal.state
    config = after.config if state.values.missing(after.config) else state.values.filled(after.config)
    return manifest_diff(before, configured(opened.package.document, config), secrets)
