"""What ``check`` finds: in faulty packages the one mistake, in good ones nothing."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final

import pytest

from reconciler.codes import CheckCode
from reconciler.model.desired import Limits
from reconciler.observe.below import packages_below
from reconciler.packages.check.check import Known, Subject, check, subject
from reconciler.packages.check.finding import CHECKS, Finding
from reconciler.packages.folder import open_folder
from reconciler.packages.overlaid import Overlaid
from tests.packages.check.bases import BASES, RULES
from tests.packages.check.faulty import FAULTY, Faulty
from tests.packages.check.mutations import EXAMPLES, mutated, targets

_MARK: Final = "§"
_FOUND: Final = 0.95
_NOT_OF_ONE_PACKAGE: Final = {"LG111", "LG116"}
"""The lock, and bytes that are no text: they have tests of their own."""


def read(files: Mapping[str, str]) -> Subject:
    return subject(Overlaid(None, {path: text.encode() for path, text in files.items()}), name="pkg")


def found_in(files: Mapping[str, str]) -> list[Finding]:
    router = read(RULES).signature
    assert router is not None
    return check(read(files), Known(extensions={"router": router}, names_all=True))


def made(case: Faulty) -> tuple[dict[str, str], str | None]:
    """The files of a faulty package, and the place of its mark as ``file:line:column``."""
    files = dict(BASES[case.base])
    path = case.file or next(iter(files))
    text = files.get(path, "")
    assert not case.old or text.count(case.old) >= 1, case.old
    text = text.replace(case.old, case.new, 1) if case.old else case.new
    before, mark, _ = text.partition(_MARK)
    files[path] = text.replace(_MARK, "")
    place = f"{path}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}" if mark else None
    return files, place


@pytest.mark.parametrize("name", BASES)
def test_nothing_is_found_in_a_good_package(name: str) -> None:
    assert [str(one) for one in found_in(BASES[name])] == []


@pytest.mark.parametrize("case", FAULTY, ids=lambda case: f"{case.code}-{case.what}")
def test_the_one_mistake_is_found_where_it_is_and_nothing_else(case: Faulty) -> None:
    files, place = made(case)
    found = found_in(files)
    assert [str(one.code) for one in found] == [case.code], [str(one) for one in found]
    if place is not None:
        assert f"{found[0].inside}:{found[0].line}:{found[0].column}" == place


def test_there_are_sixty_faulty_packages_with_every_code() -> None:
    assert len(FAULTY) >= 60
    assert {case.code for case in FAULTY} | _NOT_OF_ONE_PACKAGE == {str(code) for code in CheckCode}
    assert [*CHECKS] == [*CheckCode]


def examples() -> dict[str, Subject]:
    places = packages_below(EXAMPLES)
    return {
        str(place): subject(open_folder(place, limits=Limits(), name=place.name), name=place.name) for place in places
    }


@pytest.mark.parametrize("slips", [60, pytest.param(1_000, marks=pytest.mark.long)])
def test_nothing_is_found_in_the_examples_and_slips_of_the_fingers_are(slips: int) -> None:
    whole = examples()
    known = Known(extensions={one.called: one.signature for one in whole.values() if one.signature}, names_all=True)
    assert [str(one) for each in whole.values() for one in check(each, known)] == []
    choices, missed = targets(), []
    for seed in range(slips):
        target, data, what = mutated(Random(seed), choices)  # noqa: S311 - a seed is what is wanted
        of = whole[str(target.package)]
        if not check(subject(Overlaid(of.content, data), name=of.name), known):
            missed.append(f"seed {seed}: {of.name}/{target.file}: {what}")
    assert len(missed) <= slips * (1 - _FOUND), missed
