"""Run the test cases of a package, with the engine and the limits of the host."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.documents import json_text
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, LlamagateError
from reconciler.fs.bounded import read_start
from reconciler.host import defaults
from reconciler.host.alone import Bench, run_alone, scratch
from reconciler.host.at_hand import AtHand, Surroundings, at_hand
from reconciler.host.cases import Case, Ended, cases_in, failures
from reconciler.host.engine.run import Model, Question, Reply, RunLimits, ToolReply, ToolRequest, Traced
from reconciler.host.engine.trace import Trace
from reconciler.host.errors import ModelError, ToolError
from reconciler.host.items import Extension, Module
from reconciler.host.mock import Mock
from reconciler.model.config import Json, JsonObject

MAX_BYTES: Final = 2**22
_PAIR: Final = re.compile(r"sample_input_(\d+)\.json")


class Result(Struct, frozen=True, kw_only=True):
    """How a case went; without ``failures`` it passed."""

    case: Case
    failures: tuple[str, ...]
    steps: tuple[Traced, ...]
    data: JsonObject | None
    seconds: float
    error: str | None = None

    @property
    def passed(self) -> bool:
        return not self.failures


class Unreached(Struct, frozen=True, kw_only=True):
    """``missed`` are the steps and rules of a package that no case reached, in words; ``total`` is how many it has."""

    missed: tuple[str, ...]
    total: int


class Suite(Struct, frozen=True, kw_only=True):
    """The cases of one package, and how they went. ``faults``: files of cases that cannot be used."""

    package: str
    item: Extension | Module
    results: tuple[Result, ...]
    faults: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.faults and all(one.passed for one in self.results)


def read_cases(folder: Path) -> tuple[list[Case], list[str]]:
    """The cases in ``tests/`` of a package, and what is wrong with those that cannot be used."""
    cases: list[Case] = []
    faults: list[str] = []
    tests = folder / "tests"
    for path in sorted(tests.iterdir()) if tests.is_dir() else ():
        name = f"tests/{path.name}"
        try:
            if path.suffix in (".yaml", ".yml") and path.is_file():
                cases += cases_in(_loaded(path, name), file=name)
            elif match := _PAIR.fullmatch(path.name):
                cases.append(_published(tests, path, match[1]))
        except LlamagateError as error:
            faults.append(error.message if name in error.message else f"{name}: {error.message}")
    return cases, faults


def _published(tests: Path, path: Path, number: str) -> Case:
    """``sample_input_1.json`` goes with ``expected_1.json``, and with ``answers_1.json`` where a model is asked."""
    name = f"tests/{path.name}"
    expected, answers = tests / f"expected_{number}.json", tests / f"answers_{number}.json"
    if not expected.is_file():
        raise InputError(f"{name}: there is no tests/{expected.name} beside it")
    row: JsonObject = {
        "name": f"sample {number}",
        "input": _loaded(path, name),
        "expect": {"subset": _loaded(expected, f"tests/{expected.name}")},
    }
    if answers.is_file():
        row["mock"] = _loaded(answers, f"tests/{answers.name}")
    return cases_in(row, file=name)[0]


def _loaded(path: Path, name: str) -> Json:
    try:
        data = read_start(path, MAX_BYTES)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from error
    return json_text.load(data, name=name) if path.suffix == ".json" else yaml_text.load(data, name=name)


def run_suite(
    around: Surroundings, folder: Path, *, wanted: Callable[[Case], bool], model: Model | None, name: str
) -> Suite:
    """Run the cases of the package in ``folder``. ``model`` answers those without a mock, where there is one."""
    found = at_hand(around, str(folder))
    cases, faults = read_cases(folder)
    results = [run_case(around, found, case, model) for case in cases if wanted(case)]
    return Suite(package=name, item=found.item, results=tuple(results), faults=tuple(faults))


def run_case(around: Surroundings, found: AtHand, case: Case, model: Model | None) -> Result:
    """One run, and what of it is not as it should be."""
    trace, limits, started = Trace(), RunLimits(), time.monotonic()
    answers = case.answers()
    mock, nobody = Mock(answers, lambda: trace.current), _Nobody()
    data, failed = None, None
    with scratch(around.is_mutable, here=False, limits=limits) as files:
        bench = Bench(
            extensions=found.extensions,
            modules=found.modules,
            model=mock if case.mock is not None else model or nobody,
            tools=mock if case.mock is not None else nobody,
            scratch=files,
            default_model=defaults.MODEL,
            limits=limits,
        )
        try:
            data = asyncio.run(run_alone(bench, found.item, case.given, trace))
        except LlamagateError as error:
            failed = error.message
    ended = Ended(data=data, error=failed, steps=trace.steps, unused=mock.unused)
    return Result(
        case=case,
        failures=tuple(failures(case, ended)),
        steps=tuple(trace.steps),
        data=data,
        seconds=time.monotonic() - started,
        error=failed,
    )


class _Nobody:
    """Stands where a case has no mock: no model may be asked, and no tool called."""

    async def ask(self, _question: Question) -> Reply:
        raise ModelError("the case has no 'mock', and asks a model", advice="add one, or give --llm-url")

    async def call(self, _request: ToolRequest) -> ToolReply:
        raise ToolError("the case has no 'mock', and calls a tool", advice="add one with the tool's answer")


def unreached(suite: Suite) -> Unreached:
    """What no case reached: steps that never began, rules that never held."""
    begun = {
        (one.event.item, one.event.number)
        for result in suite.results
        for one in result.steps
        if one.event.state != "skipped"
    }
    held = {
        (one.event.item, one.event.number, one.event.rule)
        for result in suite.results
        for one in result.steps
        if one.event.rule is not None
    }
    steps = [*_steps_of(suite.item)]
    rules = [*_rules_of(suite.item)]
    missed = [words for item, number, words in steps if (item, number) not in begun]
    missed += [words for item, number, rule, words in rules if (item, number, rule) not in held]
    return Unreached(missed=tuple(missed), total=len(steps) + len(rules))


def _steps_of(item: Extension | Module) -> Iterator[tuple[str, int, str]]:
    if isinstance(item, Module):
        for number, one in enumerate(item.steps, 1):
            yield item.name, number, f"{item.name}: step {number} ({one.name or one.extension})"
        for below in {id(one): one for one in item.bundled.values()}.values():
            yield from _steps_of(below)
        return
    for number, step in enumerate(item.steps, 1):
        yield item.name, number, f"{item.name}: step {number} ({step.name or step.uses})"
    if item.task is not None:
        yield item.name, 1, f"{item.name}: its task"


def _rules_of(item: Extension | Module) -> Iterator[tuple[str, int, int, str]]:
    if isinstance(item, Module):
        for below in {id(one): one for one in item.bundled.values()}.values():
            yield from _rules_of(below)
        return
    for number, conditions in _rule_steps(item):
        for index, condition in enumerate(conditions):
            yield item.name, number, index, f"{item.name}: rule {index + 1} of step {number} ({condition})"


def _rule_steps(item: Extension) -> Iterator[tuple[int, Sequence[object]]]:
    if item.task is not None:
        yield 1, [rule.condition for rule in item.task.rules]
    for number, step in enumerate(item.steps, 1):
        if step.uses == "rules.evaluate":
            rules = {**step.config, **step.arguments}.get("rules")
            rows = [row for row in rules if isinstance(row, dict)] if isinstance(rules, list) else []
            yield number, [row.get("if", row.get("condition", True)) for row in rows]
