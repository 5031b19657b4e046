"""``status.json``: what the watcher last did, read as a value."""

from __future__ import annotations

import json
from typing import Final

from reconciler.documents.sealed import check_schema
from reconciler.errors import NewerDocumentError
from reconciler.fs.bounded import read_start
from reconciler.model.home import Home
from reconciler.model.watched import WATCHED_SCHEMA, Watched

_WITHOUT_STATUS: Final = "use that version; or remove the file, and the watcher starts without the last commit"


def read_watched(home: Home) -> Watched | None:
    """What the watcher last said; ``None`` where none ran, or where it cannot be read.

    Only the commit that was followed last is missed then: the next one is taken whatever it descends from. That must
    not be so only because an older version runs again: ``NewerDocumentError`` where a newer one wrote the document.
    """
    try:
        document = json.loads(read_start(home.status))
        check_schema(document["schema"], name=str(home.status), known=WATCHED_SCHEMA)
        return Watched.from_document(document)
    except NewerDocumentError as error:
        raise NewerDocumentError(error.message, faults=error.faults, advice=_WITHOUT_STATUS) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
