"""Where things lie in a LlamaGate home: the gateway's layout, and the folder of ours."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from reconciler.model.digest import Digest
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.servers import GATEWAY_FILE

STAGE_BESIDE = ".llamagate-stage"
"""The staging folder beside an ``installed`` that is on another filesystem than the home."""
DOCUMENT_SUFFIX = ".web"
_OURS = "reconciler"


class Home(Struct, frozen=True):
    """Paths below ``root``, which is absolute. Nothing here looks at the disk.

    What is asked for once an item is joined in one step: joining paths is a fair part of what a large pass does.
    """

    root: Path

    def installed(self, kind: Kind) -> Path:
        return self.root / kind.folder / "installed"

    def item(self, key: ItemKey) -> Path:
        return self.root.joinpath(key.kind.folder, "installed", key.id)

    @property
    def registry(self) -> Path:
        return self.root / "registry" / "installed.json"

    @property
    def gateway_file(self) -> Path:
        """The gateway's own configuration."""
        return self.root / GATEWAY_FILE

    @property
    def ours(self) -> Path:
        return self.root / _OURS

    @property
    def record(self) -> Path:
        return self.ours / "record.json"

    @property
    def pieces(self) -> Path:
        """What the record consists of."""
        return self.ours / "record"

    @property
    def generations(self) -> Path:
        return self.ours / "generations"

    def generation(self, number: int) -> Path:
        return self.generations / f"{number}.json.gz"

    def old_generation(self, number: int) -> Path:
        """Where a version had it that did not compress them."""
        return self.generations / f"{number}.json"

    @property
    def backups(self) -> Path:
        return self.ours / "backups"

    def backup(self, key: ItemKey, generation: int) -> Path:
        return self.root.joinpath(_OURS, "backups", key.kind, key.id, str(generation))

    @property
    def cache(self) -> Path:
        return self.ours / "cache"

    def cached(self, tree: Digest) -> Path:
        return self.root.joinpath(_OURS, "cache", f"{tree.removeprefix('sha256:')}.zip")

    @property
    def git_cache(self) -> Path:
        """Copies of the repositories that packages come from."""
        return self.cache / "git"

    def cached_document(self, name: str) -> Path:
        """A document of a web server, as it was last sent. A version that does not know of it drops it."""
        return self.cache / f"{name}{DOCUMENT_SUFFIX}"

    @property
    def stage(self) -> Path:
        return self.ours / "stage"

    @property
    def journal(self) -> Path:
        return self.ours / "journal"

    @property
    def journal_undo(self) -> Path:
        return self.ours / "journal.undo"

    @property
    def lock(self) -> Path:
        return self.ours / "lock"

    @property
    def confirm_lock(self) -> Path:
        """Held by the command whose change waits to be confirmed, for as long as it waits."""
        return self.ours / "confirm.lock"

    @property
    def watch_lock(self) -> Path:
        """Held by the one watcher of the home for as long as it runs."""
        return self.ours / "watch.lock"

    @property
    def followed(self) -> Path:
        """The files of the repository that a watcher follows, as its last commit has them."""
        return self.ours / "followed"

    @property
    def unchanged(self) -> Path:
        """What the last full pass looked at and found as it should be."""
        return self.ours / "unchanged.json"

    @property
    def status(self) -> Path:
        """What the watcher last did."""
        return self.ours / "status.json"
