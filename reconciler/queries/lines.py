"""In which line of the desired state each value of an item is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reconciler.documents.yaml import text as yaml_text
from reconciler.model.config import Json
from reconciler.model.desired import place_of
from reconciler.model.ids import ItemKey
from reconciler.queries.contents import Place
from reconciler.reconcile.home_state import HomeState
from reconciler.store.desired_file import DesiredFile


def setting_lines(state: HomeState, key: ItemKey) -> Mapping[Place, int]:
    """The line of each setting of a tool server."""
    if state.file is None:
        return {}
    places = [place for place in _places(state.file.server(key.id), ()) if place]
    return _lines(state.file, place_of(key), places)


def config_lines(state: HomeState, key: ItemKey) -> Mapping[Place, int]:
    """The line of each value of its configuration."""
    entry = state.file.entry(key) if state.file else None
    config = entry.get("config") if isinstance(entry, dict) else None
    if state.file is None or not isinstance(config, dict):
        return {}
    return _lines(state.file, (*place_of(key), "config"), [*_places(config, ())])


def _lines(file: DesiredFile, start: Place, places: Iterable[Place]) -> Mapping[Place, int]:
    """The line of each of the ``places`` below ``start``."""
    below = {place: (*start, *place) for place in places}
    found = yaml_text.locate_all(file.data, [*below.values()])
    return {place: found[whole][0] for place, whole in below.items()}


def _places(value: Json, place: Place) -> Iterator[Place]:
    yield place
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _places(below, (*place, key))
