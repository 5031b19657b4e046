"""What changed since the gateway was notified last: by this pass, and by passes that it missed."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from reconciler.errors import LlamagateError
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.package import Manifest
from reconciler.model.record import Record, Route
from reconciler.observe.home import present_items
from reconciler.store.state_files import read_generation


class Changed(Struct, frozen=True, kw_only=True):
    """One item that changed. ``manifests`` are what it said of itself before and says now, as far as that is known.

    ``before`` is what was installed, where that is known and its files changed; ``had_endpoints`` is of that.
    """

    key: ItemKey
    manifests: tuple[Manifest, ...] = ()
    before: Route | None = None
    had_endpoints: bool = False
    is_by_pass: bool = False
    """Whether this pass changed it, and not one that the gateway missed."""
    is_gone: bool = False

    @property
    def is_extension(self) -> bool:
        return self.key.kind is Kind.EXTENSION

    @property
    def name(self) -> str:
        """The name by which a gateway knows it."""
        return self.manifests[0].name if self.manifests else self.key.id

    @property
    def is_cold(self) -> bool:
        """Whether it waits for a restart of the gateway: old and new package must both permit a reload."""
        return any(not manifest.hot_reload for manifest in self.manifests)


def changed_since(home: Home, record: Record, by_pass: Mapping[ItemKey, Changed], since: int) -> tuple[Changed, ...]:
    """What changed since generation ``since``. What this pass did, ``by_pass``, the pass knows best.

    But where the generation before is not ``since``, what was installed then is what the gateway has.
    """
    listed = _listed(home, record, since)
    there = present_items(home) | record.items.keys()
    changes = {**listed, **by_pass}
    for key in by_pass.keys() & listed.keys() if since < record.generation - 1 else ():
        changes[key] = replace(by_pass[key], before=listed[key].before or by_pass[key].before)
    return tuple(replace(one, is_gone=key not in there) for key, one in changes.items())


def _listed(home: Home, record: Record, since: int) -> Mapping[ItemKey, Changed]:
    """How the list differs from that of generation ``since``; every item where that is not kept any more.

    A repair changes no list: the pass that made it names what it changed.
    """
    try:
        then = read_generation(home, since).packages if since else {}
        now = read_generation(home, record.generation).packages
    except LlamagateError:
        return {key: Changed(key=key, manifests=(item.manifest,)) for key, item in record.items.items()}
    found = {}
    for key in then.keys() | now.keys():
        if then.get(key) != now.get(key):
            item, before = record.items.get(key), then.get(key)
            found[key] = Changed(
                key=key,
                manifests=(item.manifest,) if item else (),
                before=Route(version=before.version, manifest="") if before else None,
            )
    return found
