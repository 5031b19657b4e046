"""What ``llamagate test`` does once the host is known to be installed, which this file loads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reconciler.cli import boot
from reconciler.cli.again import again
from reconciler.cli.host_flags import ModelFlags
from reconciler.cli.invocation import Invocation
from reconciler.cli.model_server import LaterModel
from reconciler.cli.output_file import write_output
from reconciler.cli.test_flags import TestFlags
from reconciler.cli.ui.against import Comparison, comparisons_document, comparisons_text
from reconciler.cli.ui.tests import junit, suites_document, suites_text
from reconciler.codes import ErrorCode
from reconciler.errors import ExitCode, InputError
from reconciler.host.against import run_against
from reconciler.host.at_hand import Surroundings
from reconciler.host.testing import Suite, run_suite
from reconciler.queries.checked_packages import Target, desired_at, wanted
from reconciler.queries.earlier import earlier, is_version


def run_tests(invocation: Invocation, flags: TestFlags) -> int:
    """Run the cases, show how they went; the exit code."""
    boot.raise_on_term()
    if flags.watch:
        return again(lambda: [one.place for one in _targets(invocation, flags)], lambda: _once(invocation, flags))
    return _once(invocation, flags)


def _once(invocation: Invocation, flags: TestFlags) -> int:
    around = Surroundings(invocation.env, invocation.named_file)
    model = LaterModel(invocation.env, ModelFlags(llm_url=flags.llm_url)) if flags.llm_url else None
    targets = _targets(invocation, flags)
    suites = [
        run_suite(around, one.place, wanted=lambda case: flags.only in case.name, model=model, name=one.name)
        for one in targets
    ]
    _check_any(suites, flags)
    compared = _compared(invocation, around, flags, [*zip(targets, suites, strict=True)], model)
    if flags.junit is not None:
        write_output(flags.junit, junit(suites))
    code = ExitCode.OK if all(one.passed for one in suites) else ExitCode.ERROR
    style = invocation.terminal.style
    document = suites_document(suites, coverage=flags.coverage)
    parts = [suites_text(suites, style, coverage=flags.coverage)]
    if flags.against is not None:
        document["against"] = comparisons_document(flags.against, compared)
        parts.append(comparisons_text(flags.against, compared, style))
    return invocation.answer(document, "\n\n".join(parts), code)


def _compared(
    invocation: Invocation,
    around: Surroundings,
    flags: TestFlags,
    suites: Sequence[tuple[Target, Suite]],
    model: LaterModel | None,
) -> list[Comparison]:
    """What differs from the earlier packages, where such are asked for."""
    if flags.against is None:
        return []
    item_id = flags.against.partition("@")[0] if is_version(flags.against) else None
    meant = [(at, suite) for at, suite in suites if item_id in (None, suite.item.definition.id)]
    if not meant:
        raise InputError(f"none of these packages is '{item_id}'", advice="name its folder", code=ErrorCode.NOT_FOUND)
    return [_comparison(invocation, around, flags.against, at, suite, model) for at, suite in meant]


def _comparison(
    invocation: Invocation, around: Surroundings, against: str, at: Target, suite: Suite, model: LaterModel | None
) -> Comparison:
    with earlier(invocation.env, invocation.file, around.desired, at.place, against) as content:
        differing = run_against(around, suite, at.place, content, model)
    return Comparison(package=suite.package, cases=len(suite.results), differing=tuple(differing))


def _targets(invocation: Invocation, flags: TestFlags) -> list[Target]:
    found = [*wanted(invocation.file, desired_at(invocation.file), flags.packages)]
    return [one for one in found if one.place.is_dir()]


def _check_any(suites: Sequence[Suite], flags: TestFlags) -> None:
    """Tests that test nothing do not pass."""
    if any(one.results or one.faults for one in suites):
        return
    if flags.only:
        raise InputError(f"no case has '{flags.only}' in its name")
    where = ", ".join(one.package for one in suites) or str(Path())
    raise InputError(f"there are no cases in {where}", advice="add tests/NAME.yaml with 'input' and 'expect'")
