"""The page of errors explains each code that the program has, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import pytest

from reconciler import codes, errors
from reconciler.errors import LlamagateError
from reconciler.host import errors as _host_errors  # its classes are errors, too
from tests.docs.pages import chapter, page, rows

CHAPTERS: Final[dict[str, type[StrEnum]]] = {
    "Errors": codes.ErrorCode,
    "Faults": codes.FaultCode,
    "Refusals": codes.RefusalCode,
    "Warnings": codes.WarningCode,
    "Findings": codes.FindingCode,
    "Checks": codes.CheckCode,
}


def table(title: str) -> list[list[str]]:
    return [row for row in rows(chapter(page("errors.md"), title)) if row[0].startswith("`")]


@pytest.mark.parametrize("title", CHAPTERS)
def test_every_code_is_explained_and_no_other(title: str) -> None:
    assert [row[0].strip("`") for row in table(title)] == sorted(CHAPTERS[title])
    assert [row for row in table(title) if not all(row)] == []


def test_every_list_of_codes_has_a_chapter() -> None:
    kinds = [one for one in vars(codes).values() if isinstance(one, type) and issubclass(one, StrEnum)]
    assert [kind for kind in kinds if kind is not StrEnum] == list(CHAPTERS.values())


def kinds_of_error(base: type[LlamagateError] = LlamagateError) -> Iterator[type[LlamagateError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds_of_error(kind)


def test_the_exit_code_of_an_error_is_the_one_on_the_page() -> None:
    exits = {row[0].strip("`"): row[1].split(", ") for row in table("Errors")}
    kinds = [kind for kind in kinds_of_error() if kind.__module__ in (errors.__name__, _host_errors.__name__)]
    assert len(kinds) > 15
    assert [kind.__name__ for kind in kinds if f"{kind.exit_code:d}" not in exits[kind.code]] == []
