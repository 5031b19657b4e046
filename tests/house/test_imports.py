"""Imports inside functions: each is listed, with a reason. That there are no circles, import-linter sees to."""

from __future__ import annotations

from tests.house.imports import found, listed


def test_each_import_in_a_function_is_listed() -> None:
    names = {(file, name) for file, imports in found().items() for name in imports}
    known = {(file, name) for file, imports in listed().items() for name in imports}
    advice = "import it at the top of the file; else 'python -m tests.house.imports' writes the list again"
    assert (sorted(names - known), sorted(known - names)) == ([], []), advice


def test_each_has_a_reason() -> None:
    assert [(file, name) for file, imports in listed().items() for name, why in imports.items() if not why] == []
