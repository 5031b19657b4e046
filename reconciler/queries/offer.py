"""Show an item that is not installed: as a catalog has it."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, LlamagateError
from reconciler.model.desired import DesiredItem
from reconciler.model.ids import Kind, did_you_mean
from reconciler.model.listener import Progress
from reconciler.model.package import Package
from reconciler.queries.catalogs import Offered, context_for, offered
from reconciler.queries.contents import contents_of
from reconciler.queries.graph import Graph, graph_of
from reconciler.queries.shown import ShownOffer
from reconciler.reconcile.home_state import HomeState
from reconciler.resolve.choose import choose
from reconciler.sources.remotes import Remotes


def show_offer(
    state: HomeState, text: str, kind: Kind | None, catalogs: Sequence[str], progress: Progress
) -> ShownOffer:
    """The item that ``text`` names, with what is in its newest version. ``InputError`` where no catalog has it."""
    graph = graph_of(state)
    try:
        found = offered(state, catalogs, progress)
    except InputError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        found = ()
    one = next((one for one in found if one.key.id == text and kind in (None, one.key.kind)), None)
    if one is None:
        raise _unknown(text, kind, graph, found)
    if not one.latest or not state.home.root.is_dir():
        return ShownOffer(offered=one, contents=None)
    try:
        return ShownOffer(offered=one, contents=contents_of(_fetched(state, one, progress)))
    except LlamagateError as error:
        return ShownOffer(offered=one, contents=None, notes=(error.message,))


def _unknown(text: str, kind: Kind | None, graph: Graph, found: Sequence[Offered]) -> InputError:
    keys = {*(node.key for node in graph.nodes), *(one.key for one in found)}
    others = sorted(key for key in keys if key.id == text)
    near = f", but {others[0]} is" if others else did_you_mean(text, {key.id for key in keys})
    where = "installed, listed or in a catalog of the file" if found else "installed or listed"
    return InputError(
        f"no {kind or 'item'} '{text}' is {where}{near}",
        advice="'llamagate list' shows what is installed, 'llamagate search' what catalogs have",
        code=ErrorCode.NOT_FOUND,
    )


def _fetched(state: HomeState, one: Offered, progress: Progress) -> Package:
    """The newest version; it is kept in the cache, from which an install takes it."""
    item = DesiredItem(key=one.key, source=one.catalog, fetching=one.fetching)
    remote = Remotes(context_for(state, progress)).of(item)
    return state.store.open(state.store.fetch(item, choose(remote.offers(item), item), remote)).package
