"""``python -m tests.benchmark.plot [--measure] FOLDER``: cost against size, as a picture.

``--measure`` writes ``FOLDER/cost-by-size.csv``, and ``FOLDER/cost-by-size.svg`` is drawn from that. It is written
here, line by line: a library that draws would be a large dependency of a small picture.
"""

from __future__ import annotations

import argparse
import csv
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmark.data import World, installed
from tests.benchmark.measure import alternate
from tests.benchmark.rows import SECONDS, importing, looking, plan_floor

_SIZES: Final = (10, 100, 1_000, 4_000)
_RUNS: Final = 3
_NAME: Final = "cost-by-size"
_WIDTH: Final = 720
_HEIGHT: Final = 420
_LEFT: Final = 60
_RIGHT: Final = 180
_TOP: Final = 30
_BOTTOM: Final = 50
_COLOURS: Final = ("#555555", "#0b6e99", "#b5541c", "#2e7d32", "#7b3fa0", "#a61e4d")

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Values from ``least`` to ``most`` on the way from ``start`` to ``end`` of the picture."""

    least: float
    most: float
    start: float
    end: float

    def place(self, value: float) -> float:
        part = math.log(value / self.least) / math.log(self.most / self.least)
        return round(self.start + part * (self.end - self.start), 1)

    def decades(self) -> Iterator[float]:
        """The powers of ten that are on it."""
        first, last = math.ceil(math.log10(self.least)), math.floor(math.log10(self.most))
        return (10.0**number for number in range(first, last + 1))


def picture(lines: Mapping[str, Sequence[Point]]) -> str:
    """The lines by name, each of some points: a size, and seconds."""
    points = [point for line in lines.values() for point in line]
    sizes, seconds = [point[0] for point in points], [point[1] for point in points]
    x = Axis(least=min(sizes), most=max(sizes), start=_LEFT, end=_WIDTH - _RIGHT)
    y = Axis(least=min(seconds) / 1.5, most=max(seconds) * 1.5, start=_HEIGHT - _BOTTOM, end=_TOP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
            'font-size="12" role="img">',
            "<title>Seconds of processor time against the number of installed items</title>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            *_grid(x, y),
            *_lines(lines, x, y),
            "</svg>\n",
        ]
    )


def _grid(x: Axis, y: Axis) -> Iterator[str]:
    for value in x.decades():
        at = x.place(value)
        yield f'<path d="M{at} {y.start}V{y.end}" stroke="#dddddd"/>'
        yield f'<text x="{at}" y="{y.start + 18}" text-anchor="middle">{value:,.0f}</text>'
    for value in y.decades():
        at = y.place(value)
        yield f'<path d="M{x.start} {at}H{x.end}" stroke="#dddddd"/>'
        yield f'<text x="{x.start - 8}" y="{at + 4}" text-anchor="end">{value:g} s</text>'
    yield f'<text x="{(x.start + x.end) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">installed items of 5 files</text>'
    yield f'<path d="M{x.start} {y.end}V{y.start}H{x.end}" fill="none" stroke="#888888"/>'


def _lines(lines: Mapping[str, Sequence[Point]], x: Axis, y: Axis) -> Iterator[str]:
    """Each with its name at its end; names that would touch are moved apart."""
    free = math.inf
    order = sorted(lines, key=lambda name: y.place(lines[name][-1][1]), reverse=True)
    for name in order:
        colour = _COLOURS[[*lines].index(name) % len(_COLOURS)]
        places = [(x.place(size), y.place(value)) for size, value in lines[name]]
        way = " L".join(f"{at} {up}" for at, up in places)
        yield f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{at}" cy="{up}" r="3" fill="{colour}"/>' for at, up in places)
        free = min(free - 15, places[-1][1] + 4)
        yield f'<text x="{places[-1][0] + 8}" y="{free:.1f}" fill="{colour}">{name}</text>'


def measured() -> dict[str, list[Point]]:
    """What each verb costs beside the floor, for some sizes."""
    lines: dict[str, list[Point]] = {"floor: load and stat": []}
    with tempfile.TemporaryDirectory(prefix="llamagate-plot-") as folder:
        for size in _SIZES:
            world = installed(Path(folder) / str(size), size)
            for name, seconds in _costs(world, Path(folder)):
                lines.setdefault(name, []).append((size, seconds))
    return lines


def _costs(world: World, folder: Path) -> Iterator[tuple[str, float]]:
    floor = plan_floor(world)
    for verb in ("plan", "status", "list", "verify"):
        subject, below = alternate(looking(world, verb), floor, _RUNS).medians(SECONDS.of)
        if verb == "plan":
            yield "floor: load and stat", below
        yield f"{verb}, nothing to do" if verb == "plan" else verb, subject
    yield "import of one package", alternate(importing(folder, world), floor, _RUNS).medians(SECONDS.of)[0]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.plot", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--measure", action="store_true", help="measure first; else the figures that are there count")
    options = parser.parse_args()
    figures = options.folder / f"{_NAME}.csv"
    if options.measure:
        rows = [(name, f"{size:g}", f"{value:.4f}") for name, line in measured().items() for size, value in line]
        with figures.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows([("line", "items", "seconds"), *rows])
    (options.folder / f"{_NAME}.svg").write_text(picture(read(figures)), "utf-8")


def read(figures: Path) -> dict[str, list[Point]]:
    """The lines that a file of figures holds."""
    lines: dict[str, list[Point]] = {}
    with figures.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            lines.setdefault(row["line"], []).append((float(row["items"]), float(row["seconds"])))
    return lines


if __name__ == "__main__":
    main()
