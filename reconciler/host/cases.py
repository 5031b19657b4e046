"""Test cases of a package: what goes in, what the model answers, and what must come out. Decoded and judged; pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field

from reconciler.errors import InputError
from reconciler.host.engine.run import Traced
from reconciler.host.mock import Answer, answers_of
from reconciler.host.schema import compiled
from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import did_you_mean

_CASE: Final = ("name", "description", "input", "mock", "expect")
_EXPECT: Final = ("output", "subset", "schema", "jsonpath", "error", "steps")
_OF_OUTPUT: Final = ("output", "subset", "schema", "jsonpath")
_STEP: Final = ("state", "error", "prompt", "output", "rule")
_STATES: Final = ("ran", "failed", "skipped")


class Case(Struct, frozen=True, kw_only=True):
    """``mock`` is ``None`` where a model is to be asked; ``expect`` holds at least one expectation."""

    name: str
    file: str
    given: JsonObject = field(default_factory=dict)
    mock: Json = None
    expect: JsonObject = field(default_factory=dict)

    def answers(self) -> list[Answer]:
        """The model's answers, each not used yet."""
        return [] if self.mock is None else answers_of(self.mock, file=self.file)


class Ended(Struct, frozen=True, kw_only=True):
    """How a run ended: ``data``, or the ``error``; the steps that it took, and the answers that nobody asked for."""

    data: JsonObject | None
    error: str | None
    steps: Sequence[Traced]
    unused: Sequence[Answer] = ()


def cases_in(document: Json, *, file: str) -> list[Case]:
    """The cases of a decoded file: one, a list of them, or a mapping with ``cases``. ``InputError`` for others."""
    rows = document.get("cases") if isinstance(document, dict) and "cases" in document else document
    rows = rows if isinstance(rows, list) else [rows]
    if isinstance(document, dict) and "cases" in document:
        _check_keys(document, ("cases", "description"), file)
    if not rows:
        raise InputError(f"{file}: there is no case")
    return [_case(row, file, index, len(rows)) for index, row in enumerate(rows)]


def _case(row: Json, file: str, index: int, count: int) -> Case:
    where = f"{file}: case {index + 1}" if count > 1 else file
    if not isinstance(row, dict):
        raise InputError(f"{where}: a case is a mapping with 'input' and 'expect'")
    _check_keys(row, _CASE, where)
    given, expect = row.get("input") or {}, row.get("expect")
    if not isinstance(given, dict):
        raise InputError(f"{where}: 'input' is a mapping")
    if not isinstance(expect, dict) or not expect:
        raise InputError(f"{where}: it expects nothing, so it tests nothing; add 'expect'")
    _check_expect(expect, where)
    name = row.get("name")
    mock = row.get("mock")
    if mock is not None:
        answers_of(mock, file=where)
    return Case(name=str(name) if name else f"case {index + 1}", file=file, given=given, mock=mock, expect=expect)


def _check_expect(expect: JsonObject, where: str) -> None:
    _check_keys(expect, _EXPECT, f"{where}: expect")
    _check_said(expect, f"{where}: expect")
    if "error" in expect and (of_output := [key for key in _OF_OUTPUT if key in expect]):
        raise InputError(f"{where}: what fails has no output; leave out expect.error or expect.{of_output[0]}")
    steps = expect.get("steps")
    if "steps" in expect and (not isinstance(steps, dict) or not steps):
        raise InputError(f"{where}: expect.steps is a mapping of steps by name")
    for name, wanted in (steps or {}).items() if isinstance(steps, dict) else ():
        _check_step(wanted, f"{where}: expect.steps.{name}")
    for key in ("schema", "subset"):
        if key in expect and (not isinstance(expect[key], dict) or not expect[key]):
            raise InputError(f"{where}: expect.{key} is a mapping, and not an empty one")
    paths = expect.get("jsonpath")
    if "jsonpath" in expect and (not isinstance(paths, dict) or not paths):
        raise InputError(f"{where}: expect.jsonpath is a mapping of paths to values")
    if isinstance(expect.get("schema"), dict):
        compiled(_mapping(expect, "schema"), name=f"{where}: expect.schema")


def _check_step(wanted: Json, where: str) -> None:
    if not isinstance(wanted, dict) or not wanted:
        raise InputError(f"{where} expects nothing; write 'state: ran'")
    _check_keys(wanted, _STEP, where)
    _check_said(wanted, where)
    if "rule" in wanted and type(wanted["rule"]) not in (int, type(None)):
        raise InputError(f"{where}.rule is the number of a rule, from 1, or null for none")
    if wanted.get("state", "ran") not in _STATES:
        raise InputError(f"{where}.state is one of {', '.join(_STATES)}")


def _check_said(wanted: JsonObject, where: str) -> None:
    """That each text that is expected can be missing."""
    error, prompts = wanted.get("error"), wanted.get("prompt")
    if "error" in wanted and error is not True and not (isinstance(error, str) and error):
        raise InputError(f"{where}.error is a text of the message, or true for any")
    prompts = prompts if isinstance(prompts, list) and prompts else [prompts]
    if "prompt" in wanted and not all(isinstance(one, str) and one for one in prompts):
        raise InputError(f"{where}.prompt is a text that the prompt holds, or a list of them")


def _check_keys(row: JsonObject, known: Collection[str], where: str) -> None:
    for key in row:
        if key not in known:
            raise InputError(f"{where}: unknown key '{key}'{did_you_mean(key, [*known])}; known are {', '.join(known)}")


def failures(case: Case, ended: Ended) -> list[str]:
    """What is not as the case expects, each with how it differs."""
    expect = case.expect
    found = [*_ends(expect, ended)]
    if ended.data is not None:
        found += _output(expect, ended.data)
    for name, wanted in _mapping(expect, "steps").items():
        if isinstance(wanted, dict):
            found += _step(name, wanted, ended.steps)
    if not found:
        found += [f"the mock answer for {one} is never used" for one in ended.unused]
    return found


def _ends(expect: JsonObject, ended: Ended) -> Iterator[str]:
    wanted = expect.get("error")
    if ended.error is not None and "error" not in expect:
        yield f"it failed: {ended.error}"
    elif "error" in expect:
        if ended.error is None:
            yield f"it did not fail; expected was the error {wanted!r}"
        elif isinstance(wanted, str) and wanted not in ended.error:
            yield f"it failed with another error:\n{texts_difference([wanted], [ended.error])}"


def _output(expect: JsonObject, data: JsonObject) -> Iterator[str]:
    if "output" in expect and not alike(expect["output"], data):
        yield f"the output differs:\n{difference(expect['output'], data)}"
    if "subset" in expect and not alike(lacking := part_of(expect["subset"], data), expect["subset"]):
        yield f"the output lacks what is expected:\n{difference(expect['subset'], lacking)}"
    if isinstance(expect.get("schema"), dict):
        problem = compiled(_mapping(expect, "schema"), name="expect.schema").problem(data)
        if problem:
            yield f"the output does not fit the schema: {problem}"
    for path, wanted in _mapping(expect, "jsonpath").items():
        found = _at_path(path, data)
        if not alike(found, wanted):
            yield f"{path}:\n{difference(wanted, found)}"


def _at_path(path: str, data: JsonObject) -> Json:
    from jsonpath import JSONPathEnvironment  # takes time to load
    from jsonpath.exceptions import JSONPathError

    found: list[Any]
    try:
        found = [*JSONPathEnvironment().findall(path, data)]
    except JSONPathError as error:
        return f"not a path: {error}"
    value: Json = found[0] if len(found) == 1 else found or None
    return value


def _step(name: str, wanted: JsonObject, steps: Sequence[Traced]) -> Iterator[str]:
    met = [one for one in steps if name in (one.event.name, one.event.uses, str(one.event.number))]
    if not met:
        names = [one.event.name or one.event.uses for one in steps]
        yield f"there is no step '{name}'{did_you_mean(name, names)}"
        return
    step = met[-1]
    state = wanted.get("state")
    if state is not None and state != step.event.state:
        why = f": {step.event.error}" if step.event.error else ""
        yield f"the step '{name}' {step.event.state}{why}; expected was {state}"
    error = wanted.get("error")
    if error is True and step.event.error is None:
        yield f"the step '{name}' did not fail"
    if isinstance(error, str) and error not in (step.event.error or ""):
        yield f"the step '{name}' has another error:\n{texts_difference([error], [step.event.error or 'none'])}"
    if "rule" in wanted and wanted["rule"] != (None if step.event.rule is None else step.event.rule + 1):
        held = "no rule" if step.event.rule is None else f"rule {step.event.rule + 1}"
        yield f"in the step '{name}' {held} holds; expected was {wanted['rule']}"
    prompts = [one.prompt for each in met for one in each.asked]
    for prompt in _texts(wanted.get("prompt")):
        if not any(prompt in one for one in prompts):
            sent = prompts[0].splitlines() if prompts else ["no prompt was sent"]
            yield f"the prompt of the step '{name}' lacks a text:\n{texts_difference([prompt], sent)}"
    if "output" in wanted and not alike(part_of(wanted["output"], step.event.result), wanted["output"]):
        yield f"the step '{name}' gives another output:\n{difference(wanted['output'], step.event.result)}"


def _texts(value: Json) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value] if isinstance(value, list) else []


def alike(one: Json, other: Json) -> bool:
    """Whether both are the same JSON value: 1 is 1.0, and it is not true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(below, other[key]) for key, below in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def part_of(wanted: Json, given: Json) -> Json:
    """What of ``given`` is at the places of ``wanted``: mappings by their keys, all else whole."""
    if isinstance(wanted, dict) and isinstance(given, dict):
        return {key: part_of(below, given[key]) for key, below in wanted.items() if key in given}
    return given


def difference(wanted: Json, given: Json) -> str:
    """Both as JSON, the lines that differ marked."""
    return texts_difference(_json(wanted), _json(given))


def _json(value: Json) -> list[str]:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True).splitlines()


def texts_difference(wanted: Sequence[str], given: Sequence[str]) -> str:
    """Both line by line, those that differ marked."""
    return "\n".join(f"  {line}" for line in difflib.ndiff([*wanted], [*given]) if not line.startswith("?"))


def _mapping(holder: Mapping[str, Json], key: str) -> JsonObject:
    value = holder.get(key)
    return value if isinstance(value, dict) else {}
