"""``status.json``: what the watcher last did, read as a value."""

from __future__ import annotations

import json

from reconciler.fs.bounded import read_start
from reconciler.model.home import Home
from reconciler.model.watched import WATCHED_SCHEMA, Watched


def read_watched(home: Home) -> Watched | None:
    """What the watcher last said; ``None`` where none ran, or where it cannot be read.

    Only the commit that was followed last is missed then: the next one is taken whatever it descends from.
    """
    try:
        document = json.loads(read_start(home.status))
        return Watched.from_document(document) if document["schema"] == WATCHED_SCHEMA else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
