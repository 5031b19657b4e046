"""What a full pass looked at when it found nothing to do: while none of it changes, there is nothing to do."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from reconciler.model.note import Note

UNCHANGED_SCHEMA: Final = 1


class Covered(Struct, frozen=True, kw_only=True):
    """All that decides what a pass over one desired state does.

    ``variables`` of the process, by name; ``contents`` are files whose bytes count (file, lock, record, registry,
    secrets); ``folders`` and ``archives`` are local sources, and what was packed for the cache: all absolute.
    Files of trust are among the ``contents``, whether they are there or not.
    ``places`` are folders of the home, ``inside`` those of items, and ``files`` what we installed, all below the home.
    """

    variables: tuple[str, ...]
    contents: tuple[str, ...]
    folders: tuple[str, ...]
    archives: tuple[str, ...]
    places: tuple[str, ...]
    inside: tuple[str, ...]
    files: tuple[str, ...]
    until: float = 0
    """Until when it holds, in seconds since 1970; 0: as long as nothing changes."""


class Unchanged(Struct, frozen=True, kw_only=True):
    """``digest`` is that of everything ``covered``; ``generation`` and ``warnings`` are of that plan.

    ``version`` is that of llamagate, whose rules say that there is nothing to do for ``file``.
    """

    schema: int
    version: str
    file: str
    generation: int
    warnings: tuple[Note, ...]
    digest: str
    covered: Covered
