"""What the sources of one command are read and fetched with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.fs.places import located
from reconciler.model.desired import Limits
from reconciler.model.home import Home
from reconciler.model.listener import Progress, no_progress
from reconciler.model.source import Source, SourceRules


class IndexJudge(Protocol):
    """Says which index of a catalog may be used. Both raise ``RefusedError`` for one that may not."""

    def check_index(self, location: str, data: bytes, signatures: bytes | None) -> None:
        """The index ``data`` of the catalog at ``location``, an absolute one, with the signatures beside it."""

    def check_fresh(self, location: str) -> None:
        """Whether something new may be pinned from the index that was checked last."""


class SourceContext(Struct, frozen=True, kw_only=True):
    """Relative locations start from ``base``, credentials come from ``variables``, ``home`` keeps what was fetched.

    ``offline``: nothing that is not on this machine is asked for anything. Where there is a ``judge``, signatures are
    asked for.
    """

    home: Home
    base: Path
    variables: Mapping[str, str]
    rules: SourceRules
    limits: Limits
    offline: bool = False
    progress: Progress = no_progress
    judge: IndexJudge | None = None

    def location(self, source: Source) -> str:
        """Where to look: an address as it stands, or an absolute path."""
        return source.location if source.is_address else str(located(self.base, source.location))

    def absolute(self, source: Source) -> Source:
        """``source`` as it means the same wherever it is written."""
        return replace(source, location=self.location(source))

    def check_may_ask(self, what: str) -> None:
        """``InputError`` where ``what`` would have to be fetched, and must not be."""
        if self.offline:
            raise InputError(
                f"{what} is not in the cache, and --offline forbids to fetch it",
                advice="run it without --offline once",
                code=ErrorCode.OFFLINE,
            )
