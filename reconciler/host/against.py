"""The same test cases on an earlier state of a package: which prompts, outputs and errors are other ones now."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from reconciler.host.at_hand import Surroundings, at_hand
from reconciler.host.cases import Case, alike, difference, texts_difference
from reconciler.host.engine.run import Model
from reconciler.host.testing import Result, Suite, run_case
from reconciler.packages.content import Content, read


class Differing(Struct, frozen=True, kw_only=True):
    """A case that goes another way now, and in what; each text has both sides, the earlier one first."""

    case: Case
    prompts: tuple[str, ...] = ()
    output: str | None = None
    error: str | None = None

    @property
    def texts(self) -> Iterator[str]:
        """What differs, each with a head."""
        yield from self.prompts
        yield from (text for text in (self.output, self.error) if text is not None)


def run_against(
    around: Surroundings, suite: Suite, place: Path, content: Content, model: Model | None
) -> list[Differing]:
    """Run the cases of ``suite``, of the package in ``place``, on ``content``; those that differ from what it gave."""
    with tempfile.TemporaryDirectory(prefix="llamagate-run-") as base:
        folder = Path(base) / place.resolve().name  # some packages are named by their folder
        for entry in content.files:
            (folder / entry.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / entry.path).write_bytes(read(content, entry.path))
        found = at_hand(around, str(folder))
        pairs = ((run_case(around, found, one.case, model), one) for one in suite.results)
        return [differing for before, now in pairs if (differing := _differing(before, now)) is not None]


def _differing(before: Result, now: Result) -> Differing | None:
    output = None
    if before.error is None and now.error is None and not alike(before.data, now.data):
        output = f"the output:\n{difference(before.data, now.data)}"
    error = None
    if before.error != now.error:
        sides = ([one.error] if one.error else ["it does not fail"] for one in (before, now))
        error = f"the error:\n{texts_difference(*sides)}"
    prompts = tuple(_prompts(before, now))
    if not prompts and output is None and error is None:
        return None
    return Differing(case=now.case, prompts=prompts, output=output, error=error)


def _prompts(before: Result, now: Result) -> Iterator[str]:
    """Step by step what is sent otherwise; a step that only one of both has, sends nothing in the other."""
    old, new = _sent(before), _sent(now)
    for name in dict.fromkeys([*old, *new]):
        if old.get(name, ()) != new.get(name, ()):
            sides = (_lines(one.get(name, ())) for one in (old, new))
            yield f"the prompt of the step '{name}':\n{texts_difference(*sides)}"


def _sent(result: Result) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for step in result.steps:
        name = step.event.name or step.event.uses
        found[name] = (*found.get(name, ()), *(one.prompt for one in step.asked))
    return {name: prompts for name, prompts in found.items() if prompts}


def _lines(prompts: Sequence[str]) -> list[str]:
    return [line for prompt in prompts for line in prompt.splitlines()] or ["no prompt is sent"]
