"""What is found of a change at a glance: its marks, and which changes are alike. Lines are compared for those shown.

It is for the usual change of a package: text files that come, go or change, and entries of the manifest. What is not
usual is looked at whole (``explain``), so that the marks are the same, however an item is looked at.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, cast

from msgspec import Struct
from msgspec.structs import replace

from reconciler.documents.yaml import text as yaml_text
from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import Kind
from reconciler.model.plan import Action
from reconciler.model.record import RecordItem
from reconciler.packages.content import OpenPackage, read
from reconciler.packages.document import as_read
from reconciler.planning.content.glance import glanced_change, hides_nothing
from reconciler.planning.manifest_diff import MASK, manifest_diff
from reconciler.planning.marks import Contents, content_marks, reach_of
from reconciler.planning.review import alike
from reconciler.reconcile.file_changes import InstalledFolder
from reconciler.reconcile.proposal import Proposal

_ALONE: Final = "alone"


def glanced(proposal: Proposal, action: Action, *, is_alone: bool) -> Action | None:
    """``action`` with its marks and what it is alike to; ``None`` where that takes more than a glance.

    One that ``is_alone`` is alike to no other, whatever changes in it.
    """
    if action.after is None or not action.rewrites or not _is_usual(proposal, action, action.after):
        return None
    found = _changed(proposal, action, action.after)
    if found is None or not all(hides_nothing(found.after(path)) for path in found.paths if path in found.new):
        return None
    is_whole = not is_alone or action.kept_version is not None
    before, after = found.documents(is_whole=is_whole)
    # Where all is new, the lines of the manifest say it.
    manifest = manifest_diff(*_where_they_differ(before, after)) if before and is_whole else {}
    files = [*map(found.named if is_alone else found.change, found.paths)]
    if None in files or MASK in repr(manifest):
        return None
    contents = Contents(
        before={"": before},
        after={"": after},
        files=cast(list[JsonObject], files),
        manifest=cast(dict[str, JsonObject], manifest),
    )
    parts: JsonObject = {"files": cast(Json, files), "manifest": manifest}
    return replace(
        action,
        marks=(*action.marks, *content_marks(contents, version=action.kept_version)),
        alike=_ALONE if is_alone else alike({part: value for part, value in parts.items() if value}),
    )


def _is_usual(proposal: Proposal, action: Action, after: RecordItem) -> bool:
    """Whether the files are those of the package: on the disk as they were written, and with no configuration."""
    recorded = proposal.state.record.items.get(action.key)
    there = proposal.observed.item(action.key).files
    for item in (recorded, after):
        if item and (item.config or item.manifest.definition != after.manifest.installed_definition):
            return False
    if action.key.kind is Kind.MODULE or _is_below(after.source.location, str(proposal.state.home.root)):
        return False
    if recorded is None:
        return not there.keys() & after.files.keys()
    as_written = all(
        path in action.keep or (path in there and there[path].sha256 == file.sha256)
        for path, file in recorded.files.items()
    )
    return as_written and recorded.executables == after.executables


def _is_below(location: str, root: str) -> bool:
    """Whether a source may be one of our own copies, which hold values as they were."""
    return os.path.normpath(location).startswith(os.path.normpath(root))


class _Changed(Struct, frozen=True, kw_only=True):
    """A package, in the ``folder`` where it is installed and as it comes: the digests, and the paths that differ."""

    folder: InstalledFolder
    opened: OpenPackage
    old: Mapping[str, str]
    new: Mapping[str, str]
    paths: tuple[str, ...]

    def after(self, path: str) -> bytes:
        return read(self.opened.content, path)

    def named(self, path: str) -> JsonObject:
        """That a file differs, and no more."""
        change = "changed" if path in self.old and path in self.new else "added" if path in self.new else "removed"
        return {"path": path, "change": change, "hunks": []}

    def change(self, path: str) -> JsonObject | None:
        """What changes in a file; ``None`` where a glance does not tell."""
        before = self.folder.bytes_of(path, self.old[path]) if path in self.old else None
        if path in self.old and before is None:
            return None
        return glanced_change(path, before, self.after(path) if path in self.new else None)

    def documents(self, *, is_whole: bool) -> tuple[JsonObject, JsonObject]:
        """The manifest before and after; of the one before only what marks rest on, where not all is wanted.

        Most of its values are those of the new one, and are not read again.
        """
        path, after = self.opened.package.manifest.definition, self.opened.package.document
        if path not in self.paths:
            return after, after
        data = self.folder.bytes_of(path, self.old[path]) if path in self.old else None
        if data is None:
            return self.folder.document(path), after
        keys = None if is_whole else reach_of(after)
        try:
            found = yaml_text.changed_entries(data.decode(), self.after(path).decode(), after, _entry, keys)
        except UnicodeDecodeError:
            found = None
        return self.folder.document(path) if found is None else found, after


def _changed(proposal: Proposal, action: Action, after: RecordItem) -> _Changed | None:
    recorded = proposal.state.record.items.get(action.key)
    opened = proposal.state.store.open(proposal.parts.resolved[action.key])
    old = {path: file.sha256 for path, file in recorded.files.items()} if recorded else {}
    new = {path: file.sha256 for path, file in after.files.items()}
    comes_and_goes = new.keys() - old.keys() and old.keys() - new.keys()
    if new != opened.package.hashes or comes_and_goes:  # one may be the other, under another name
        return None
    return _Changed(
        folder=InstalledFolder(proposal.state.home.item(action.key)),
        opened=opened,
        old=old,
        new=new,
        paths=tuple(sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))),
    )


@lru_cache(maxsize=512)
def _entry(text: str) -> JsonObject:
    """One entry of a manifest. Packages that change together have many in common; no value is ever changed."""
    return as_read(text.encode(), name="manifest")


def _where_they_differ(before: JsonObject, after: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Both without the entries whose value is one and the same."""
    same = [key for key, value in before.items() if key in after and after[key] is value]
    old, new = ({key: value for key, value in one.items() if key not in same} for one in (before, after))
    return old, new
