"""What is measured against what, and the bound of each."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Final, Protocol

from tests.benchmark import floor as floors
from tests.benchmark import serving, streaming, watching
from tests.benchmark.data import (
    Changing,
    World,
    changed,
    copied,
    empty,
    installed,
    large_package,
    named_folders,
    new_package,
    one_package,
    small_packages,
)
from tests.benchmark.measure import Cost, Pairs, Program, alternate, llamagate
from tests.benchmark.signed import from_catalog
from tests.packages.check.bases import BASES
from tests.packages.check.test_check import found_in

_MIB: Final = 2**20


@dataclass(frozen=True)
class Worlds:
    """All data, below ``folder``, each part made when it is first needed."""

    folder: Path
    pairs: dict[tuple[Program, Program], Pairs] = field(default_factory=dict)

    @cached_property
    def nine(self) -> World:
        return installed(self.folder / "installed-9", 9)

    @cached_property
    def thousand(self) -> World:
        return installed(self.folder / "installed-1000", 1_000)

    @cached_property
    def five_thousand(self) -> World:
        return installed(self.folder / "installed-5000", 5_000)

    @cached_property
    def ten_thousand(self) -> World:
        return installed(self.folder / "installed-10000", 10_000)

    @cached_property
    def watched_400(self) -> World:
        return installed(self.folder / "watched-400", 400)

    @cached_property
    def watched_4000(self) -> World:
        return installed(self.folder / "watched-4000", 4_000)

    @cached_property
    def signed(self) -> World:
        return from_catalog(self.folder / "signed-1000", 1_000, signed=True)

    @cached_property
    def unsigned(self) -> World:
        return from_catalog(self.folder / "unsigned-1000", 1_000, signed=False)

    @cached_property
    def changed(self) -> World:
        return changed(self.folder / "changed-3000", 3_000)

    @cached_property
    def named(self) -> World:
        return named_folders(self.folder / "named-1000", 1_000)

    @cached_property
    def without_a_model(self) -> Path:
        return one_package(self.folder)

    @cached_property
    def fresh(self) -> World:
        return small_packages(self.folder / "fresh-1000", 1_000)

    def measured(self, subject: Program, floor: Program, runs: int) -> Pairs:
        """Both in turn; once for all figures of the same two."""
        both = (subject, floor)
        if both not in self.pairs:
            self.pairs[both] = alternate(subject, floor, runs)
        return self.pairs[both]

    @cached_property
    def one_mib(self) -> World:
        return large_package(self.folder / "one-mib", _MIB)

    @cached_property
    def forty_mib(self) -> World:
        return large_package(self.folder / "forty-mib", 40 * _MIB)


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the things that are measured, and how it is written."""

    of: Callable[[Cost], float]
    text: str


SECONDS: Final = Figure(lambda cost: cost.seconds, "{:.3f} s")
PEAK: Final = Figure(lambda cost: cost.mib, "{:.1f} MiB")
WRITTEN: Final = Figure(lambda cost: cost.written, "{:.2f} MB")


class Row(Protocol):
    """A claim."""

    @property
    def name(self) -> str: ...

    def cells(self, worlds: Worlds, runs: int) -> tuple[str, ...]:
        """The line of the table."""


def _cells(name: str, figures: tuple[str, str], ratio: float, bound: float) -> tuple[str, ...]:
    return (name, *figures, f"{ratio:.2f}", f"{bound:g}", "met" if ratio <= bound else "missed")


@dataclass(frozen=True, slots=True)
class Ratio:
    """The claim that ``figure`` of ``subject`` is at most ``bound`` times that of ``floor``."""

    name: str
    figure: Figure
    bound: float
    subject: Callable[[Worlds], Program]
    floor: Callable[[Worlds], Program]

    def cells(self, worlds: Worlds, runs: int) -> tuple[str, ...]:
        times = 1 if self.figure is PEAK else runs  # memory is the same each time
        pairs = worlds.measured(self.subject(worlds), self.floor(worlds), times)
        one, other = pairs.medians(self.figure.of)
        figures = self.figure.text.format(one), self.figure.text.format(other)
        return _cells(self.name, figures, pairs.ratio(self.figure.of), self.bound)


@dataclass(frozen=True, slots=True)
class Written:
    """The claim that ``subject`` writes at most ``bound`` MB."""

    name: str
    bound: float
    subject: Callable[[Worlds], Program]

    def cells(self, worlds: Worlds, runs: int) -> tuple[str, ...]:
        program = self.subject(worlds)
        one, _ = alternate(program, program, 1).medians(WRITTEN.of)
        return _cells(self.name, (WRITTEN.text.format(one), "1 MB"), one, self.bound)


@dataclass(frozen=True, slots=True)
class Running:
    """The claim that a process that goes on needs at most ``bound`` times another figure."""

    name: str
    text: str
    bound: float
    measure: Callable[[Worlds], tuple[float, float]]

    def cells(self, worlds: Worlds, runs: int) -> tuple[str, ...]:
        one, other = self.measure(worlds)
        return _cells(self.name, (self.text.format(one), self.text.format(other)), one / other, self.bound)


def looking(world: World, verb: str, *more: str) -> Program:
    """A verb that changes nothing."""
    return Program(command=(*world.command(verb), *more), cwd=world.root)


def looking_at_all(world: World, verb: str) -> Program:
    """The same, where it is not known that nothing changed."""

    def forget() -> None:
        (world.home / "reconciler" / "unchanged.json").unlink(missing_ok=True)

    return Program(command=world.command(verb), cwd=world.root, prepare=forget)


def _applying(world: World) -> Program:
    return Program(command=world.command("apply"), cwd=world.root, prepare=world.empty_home)


def changing(world: World) -> Program:
    """``apply`` with another configuration of one item each time."""
    return Program(command=world.command("apply"), cwd=world.root, prepare=Changing(world))


def _rewrite_floor(world: World) -> Program:
    target = world.root / "rewritten"
    return _floor("rewrite", world.home, target, cwd=world.root, prepare=partial(empty, target))


def importing(folder: Path, world: World) -> Program:
    """Into a copy of the world's home, below ``folder``."""
    home, package = folder / "imported", new_package(folder)
    command = llamagate("import", str(package), "--home", str(home))
    return Program(command=command, cwd=folder, prepare=partial(copied, world.home, home))


def _version(worlds: Worlds) -> Program:
    return Program(command=llamagate("--version"), cwd=worlds.folder)


def _package(verb: str, worlds: Worlds) -> Program:
    """A verb on a package, wherever that is."""
    return Program(command=llamagate(verb, str(worlds.without_a_model)), cwd=worlds.folder)


def _completing(worlds: Worlds) -> Program:
    command = llamagate("__complete", "bash", "--home", str(worlds.named.home), "why", "item-")
    return Program(command=command, cwd=worlds.folder)


def _typer(worlds: Worlds) -> Program:
    return _floor("start", cwd=worlds.folder)


def plan_floor(world: World) -> Program:
    """What any program would load and look at for a plan."""
    return _floor("plan", world.desired, world.lock, world.home, world.packages, cwd=world.root)


def _unzip_floor(worlds: Worlds) -> Program:
    target = worlds.folder / "unzipped"
    return _floor("unzip", worlds.fresh.packages, target, cwd=worlds.folder, prepare=partial(empty, target))


def _sha256sum(world: World) -> Program:
    """Of the files that ``verify`` reads."""
    places = (
        f"'{world.home}/extensions/installed' '{world.home}/reconciler/cache' '{world.home}/reconciler/generations'"
    )
    return Program(command=("/bin/sh", "-c", f"find {places} -type f -print0 | xargs -0 sha256sum"), cwd=world.root)


def _floor(name: str, *arguments: Path, cwd: Path, prepare: Callable[[], None] = lambda: None) -> Program:
    return Program(command=(sys.executable, str(floors.__file__), name, *map(str, arguments)), cwd=cwd, prepare=prepare)


def _edit(worlds: Worlds) -> tuple[float, float]:
    """At 4,000 items, without one ``stat`` of every file; and at 400."""
    (one, _), (other, _) = watching.edits(worlds.watched_4000), watching.edits(worlds.watched_400)
    return one.seconds - watching.stat_seconds(worlds.watched_4000), other.seconds


def _grown(worlds: Worlds) -> tuple[float, float]:
    after, before = watching.edits(worlds.watched_4000)
    return after.mib, before


def _host_start(worlds: Worlds) -> tuple[float, float]:
    return serving.start_seconds(worlds.five_thousand), serving.start_seconds(worlds.thousand)


def _checked(worlds: Worlds) -> tuple[float, float]:
    """All checks of 50 packages, read from memory, and a second."""
    packages = [{**base, "README.md": f"Number {number}.\n"} for number in range(10) for base in BASES.values()]
    start = time.process_time()
    for files in packages:
        found_in(files)
    return time.process_time() - start, 1


def _kept_for_ever(worlds: Worlds) -> tuple[float, float]:
    """A hundred generations of 1,000 items, and 1 MB."""
    folder = worlds.thousand.home / "reconciler" / "generations"
    return 100 * max(path.stat().st_size for path in folder.iterdir()) / 1e6, 1


def _request(asked: serving.Asked, worlds: Worlds) -> tuple[float, float]:
    host, bare, _ = serving.compared(worlds.folder, asked)
    return host * 1e6, bare * 1e6


def _wait(worlds: Worlds) -> tuple[float, float]:
    return serving.compared(worlds.folder, serving.ONE)[2] * 1e3, 1


def _stream_seconds(worlds: Worlds) -> tuple[float, float]:
    host, bare, _ = streaming.compared(worlds.folder)
    return host.seconds / streaming.CHUNKS * 1e6, bare.seconds / streaming.CHUNKS * 1e6


def _first_chunk(worlds: Worlds) -> tuple[float, float]:
    host, bare, _ = streaming.compared(worlds.folder)
    return host.wait * 1e3, bare.wait * 1e3


def _stream_memory(worlds: Worlds) -> tuple[float, float]:
    host, _, long = streaming.compared(worlds.folder)
    return long.mib, host.mib


ROWS: Final[tuple[Row, ...]] = (
    Ratio("start of --version / a bare typer app", SECONDS, 1.1, _version, _typer),
    *(
        Ratio(
            f"start of {verb}, 9 items / a bare typer app",
            SECONDS,
            bound,
            partial(lambda verb, on: looking(on.nine, verb), verb),
            _typer,
        )
        for verb, bound in {"list": 1.4, "plan": 1.6, "status": 2.1, "apply": 2.1}.items()
    ),
    Ratio("completion, 1,000 items / a bare typer app", SECONDS, 0.5, _completing, _typer),
    Ratio(
        "run of one package, no model / validate", SECONDS, 1.5, partial(_package, "run"), partial(_package, "validate")
    ),
    Running("check of 50 packages / 1 s", "{:.2f} s", 1, _checked),
    Ratio(
        "plan, no-op, 1,000 items / load and stat",
        SECONDS,
        0.8,
        lambda on: looking(on.thousand, "plan"),
        lambda on: plan_floor(on.thousand),
    ),
    Ratio(
        "plan, no-op, 10,000 items / load and stat",
        SECONDS,
        0.6,
        lambda on: looking(on.ten_thousand, "plan"),
        lambda on: plan_floor(on.ten_thousand),
    ),
    Ratio(
        "plan, no-op, 1,000 signed items / not signed",
        SECONDS,
        1.1,
        lambda on: looking(on.signed, "plan"),
        lambda on: looking(on.unsigned, "plan"),
    ),
    Ratio(
        "plan, in full, 1,000 signed items / not signed",
        SECONDS,
        1.5,
        lambda on: looking_at_all(on.signed, "plan"),
        lambda on: looking_at_all(on.unsigned, "plan"),
    ),
    Ratio(
        "plan, 3,000 updates, shown / not shown",
        SECONDS,
        1.3,
        lambda on: looking(on.changed, "plan"),
        lambda on: looking(on.changed, "plan", "--no-diff"),
    ),
    Ratio(
        "import of one zip, 9 items / a bare typer app", SECONDS, 2.1, lambda on: importing(on.folder, on.nine), _typer
    ),
    Ratio(
        "import of one zip, 1,000 items / 9",
        SECONDS,
        1.1,
        lambda on: importing(on.folder, on.thousand),
        lambda on: importing(on.folder, on.nine),
    ),
    Written("written by that import, 1,000 items", 2.2, lambda on: importing(on.folder, on.thousand)),
    Ratio("apply, 1,000 zips / hash, unzip, sync", SECONDS, 1.3, lambda on: _applying(on.fresh), _unzip_floor),
    Ratio("peak memory of that apply / a bare typer app", PEAK, 3, lambda on: _applying(on.fresh), _typer),
    Ratio(
        "peak memory of apply, one package, 40 MiB / 1 MiB",
        PEAK,
        1.1,
        lambda on: _applying(on.forty_mib),
        lambda on: _applying(on.one_mib),
    ),
    Ratio(
        "verify, 1,000 items / sha256sum of the same files",
        SECONDS,
        5,
        lambda on: looking(on.thousand, "verify"),
        lambda on: _sha256sum(on.thousand),
    ),
    *(
        Ratio(
            f"peak memory of {verb}, 10,000 items / load and stat",
            PEAK,
            2,
            partial(lambda verb, on: looking(on.ten_thousand, verb), verb),
            lambda on: plan_floor(on.ten_thousand),
        )
        for verb in ("plan", "status", "list")
    ),
    *(
        Ratio(
            f"{verb}, 5,000 items / 1,000",
            SECONDS,
            6,
            partial(lambda verb, on: looking(on.five_thousand, verb), verb),
            partial(lambda verb, on: looking(on.thousand, verb), verb),
        )
        for verb in ("status", "sync", "verify")
    ),
    Ratio(
        "one change, 10,000 items / read and write record and registry",
        SECONDS,
        1.5,
        lambda on: changing(on.ten_thousand),
        lambda on: _rewrite_floor(on.ten_thousand),
    ),
    Running("100 generations of 1,000 items / 1 MB", "{:.2f} MB", 5, _kept_for_ever),
    Running("watch: one edit, 4,000 items less a stat of all / 400", "{:.3f} s", 2, _edit),
    Running("watch: memory after some edits, 4,000 items / before", "{:.1f} MiB", 1.1, _grown),
    Running("serve: start, 5,000 items / 1,000", "{:.3f} s", 6, _host_start),
    Running("serve: the list / a bare Starlette app", "{:.0f} µs", 1 / 0.9, partial(_request, serving.LIST)),
    Running("serve: one item / a bare Starlette app", "{:.0f} µs", 1 / 0.9, partial(_request, serving.ONE)),
    Running("serve: rules executed / a bare Starlette app", "{:.0f} µs", 2, partial(_request, serving.EXECUTE)),
    Running("serve: the median wait, kept alive / 1 ms", "{:.2f} ms", 20, _wait),
    Running("serve: a chunk of a stream / a bare streaming proxy", "{:.0f} µs", 1.15, _stream_seconds),
    Running("serve: the first chunk / a bare streaming proxy", "{:.2f} ms", 1.5, _first_chunk),
    Running("serve: memory after 20 more streams / before", "{:.1f} MiB", 1.05, _stream_memory),
)
