"""Which driver serves which kind of source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.model.source import SourceKind
from reconciler.sources.dir import DirSource
from reconciler.sources.protocol import SourceDriver
from reconciler.sources.zip import ZipSource

DRIVERS: Final[Mapping[SourceKind, SourceDriver]] = {
    SourceKind.DIR: DirSource(),
    SourceKind.ZIP: ZipSource(),
}
