"""What a run of tests is asked for on the command line."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class TestFlags(Struct, frozen=True, kw_only=True):
    """``only`` is a text that the names of cases must hold."""

    packages: tuple[Path, ...] = ()
    only: str = ""
    junit: Path | None = None
    coverage: bool = False
    llm_url: str | None = None
    watch: bool = False
    against: str | None = None
