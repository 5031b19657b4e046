"""What changes inside each package of a plan."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import LlamagateError
from reconciler.model.config import JsonObject
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.plan import Action
from reconciler.model.record import RecordItem
from reconciler.packages.realise import configured
from reconciler.planning.manifest_diff import manifest_diff, secret_places
from reconciler.reconcile.proposal import Proposal


def explained(proposal: Proposal) -> Proposal:
    """With what changes inside each package: its files, and its manifest value by value. The old one is still there."""
    actions = tuple(replace(action, diff=_diff(proposal, action)) for action in proposal.plan.actions)
    return replace(proposal, plan=replace(proposal.plan, actions=actions))


def _diff(proposal: Proposal, action: Action) -> JsonObject:
    if not action.rewrites or action.after is None:
        return {}
    recorded = proposal.state.record.items.get(action.key)
    found = proposal.observed.item(action.key).files
    if not found:
        return {}
    before = {path: file.sha256 for path, file in (recorded.files if recorded else found).items()}
    after = {path: file.sha256 for path, file in action.after.files.items()}
    files: JsonObject = {
        "added": [*sorted(after.keys() - before.keys())],
        "changed": [*sorted(path for path in after.keys() & before.keys() if after[path] != before[path])],
        "removed": [*sorted(before.keys() - after.keys())] if recorded else [],
    }
    manifest = _manifest_diff(proposal, action.after, recorded)
    parts: JsonObject = {"files": {part: paths for part, paths in files.items() if paths}, "manifest": manifest}
    return {part: value for part, value in parts.items() if value}


def _manifest_diff(proposal: Proposal, after: RecordItem, recorded: RecordItem | None) -> JsonObject:
    opened = proposal.state.store.open(proposal.parts.resolved[after.key])
    installed = (recorded.manifest if recorded else after.manifest).installed_definition
    secrets = secret_places(after.config) | (secret_places(recorded.config) if recorded else frozenset())
    before = _document(proposal.state.home, after.key, installed)
    return manifest_diff(before, configured(opened.package.document, after.config), secrets)


def _document(home: Home, key: ItemKey, path: str) -> JsonObject:
    try:
        value = yaml_text.load((home.item(key) / path).read_bytes(), name=path)
    except (OSError, LlamagateError):
        return {}
    return value if isinstance(value, dict) else {}
