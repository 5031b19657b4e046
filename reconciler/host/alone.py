"""Run one item without a server: the engine and its limits are the host's, and nothing is installed."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, field

from reconciler.errors import InputError
from reconciler.fs.tree import remove_tree
from reconciler.host.engine.files import ItemFiles
from reconciler.host.engine.modules import run_module
from reconciler.host.engine.run import (
    Budget,
    Model,
    Reply,
    Run,
    RunLimits,
    Services,
    Tools,
    within,
)
from reconciler.host.engine.trace import Overheard, OverheardTools, Trace
from reconciler.host.engine.workflow import execute
from reconciler.host.items import Extension, Item, Module
from reconciler.host.workers import Workers
from reconciler.model.config import JsonObject


class Scratch(Struct):
    """Where items read and write files: each in a copy of its folder, which is made when it is first used.

    ``here``: in the folder itself.
    """

    base: Path
    is_mutable: Callable[[str], bool]
    limit: int
    here: bool = False
    copies: dict[Path, Path] = field(default_factory=dict)

    def of(self, item: Item) -> ItemFiles:
        """The files of ``item``."""
        folder = item.definition.folder
        if not self.here:
            if folder not in self.copies:
                self.copies[folder] = self.base / str(len(self.copies))
                shutil.copytree(folder, self.copies[folder], ignore=shutil.ignore_patterns(".git"))
            folder = self.copies[folder]
        return ItemFiles(folder=folder, is_mutable=self.is_mutable, limit=self.limit)

    def written(self) -> dict[str, Path]:
        """The files of the copies that differ from what was copied, by their path in the item."""
        found = {}
        for folder, copy in self.copies.items():
            for path in sorted(copy.rglob("*")):
                inside = path.relative_to(copy)
                if path.is_file() and _differs(folder / inside, path):
                    found[inside.as_posix()] = path
        return found


def _differs(one: Path, other: Path) -> bool:
    return not one.is_file() or one.read_bytes() != other.read_bytes()


@contextmanager
def scratch(is_mutable: Callable[[str], bool], *, here: bool, limits: RunLimits) -> Iterator[Scratch]:
    """A place for files that is gone afterwards."""
    base = Path(tempfile.mkdtemp(prefix="llamagate-run-"))
    try:
        yield Scratch(base, is_mutable, limits.file, here)
    finally:
        remove_tree(base)


class Bench(Struct, frozen=True, kw_only=True):
    """What a run is given: the items that can be called, the model, the tool servers, and where files go."""

    extensions: Mapping[str, Extension]
    modules: Mapping[str, Module]
    model: Model
    tools: Tools | None = None
    scratch: Scratch
    default_model: str
    limits: RunLimits
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    trace_id: str = ""


async def run_alone(bench: Bench, item: Extension | Module, given: JsonObject, trace: Trace) -> JsonObject:
    """What the item gives; of a module, its final output. ``RunError`` where it fails."""
    workers = Workers(seconds=bench.limits.piece)
    trace_id = bench.trace_id or uuid.uuid4().hex
    services = Services(
        extensions=bench.extensions,
        modules=bench.modules,
        model=Overheard(model=bench.model, trace=trace),
        workers=workers,
        limits=bench.limits,
        default_model=bench.default_model,
        files_of=bench.scratch.of,
        now=bench.now,
        answered=_nobody,
        execute=execute,
        witness=trace,
        tools=OverheardTools(tools=bench.tools, trace=trace) if bench.tools else None,
    )
    run = Run(services=services, trace_id=trace_id, budget=Budget(bench.limits.calls), own={})
    try:
        return await _run(run, bench, item, given)
    finally:
        workers.close()


async def _run(run: Run, bench: Bench, item: Extension | Module, given: JsonObject) -> JsonObject:
    if isinstance(item, Module):
        record = await run_module(run, item, given, seconds=bench.limits.seconds)
        if record.error is not None:
            raise record.error
        return record.output
    if item.type != "workflow":
        raise InputError(f"{item.name} is of type {item.type}: it runs when its event happens, and not by itself")
    async with within(bench.limits.seconds, f"the extension '{item.name}'"):
        return await execute(run, item, given)


def _nobody(_reply: Reply, _trace_id: str) -> None:
    """No observer is told of answers: nothing is installed here."""
