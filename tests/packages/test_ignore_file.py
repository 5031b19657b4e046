"""The patterns of a ``.llamagateignore``: which paths they leave out, and how long they may take."""

from __future__ import annotations

import time

import pytest

from reconciler.model.ignore_file import IGNORE_FILE, MAX_IGNORE_BYTES, MAX_PATTERNS, PatternError, ignores

CASES = [
    ("*.log", ["a.log", "b/c.log", "x.log/", "x.log/y"], ["a.logs", "log"]),
    ("build/", ["build/", "build/a", "a/build/b"], ["build", "a/build", "rebuild/"]),
    ("/notes", ["notes", "notes/a"], ["a/notes", "notes.md"]),
    ("docs/draft", ["docs/draft", "docs/draft/a"], ["a/docs/draft", "docs/drafts"]),
    ("**/tmp/*.txt", ["tmp/a.txt", "x/y/tmp/a.txt"], ["tmp/b/a.txt", "tmp/a.md"]),
    ("data/**", ["data/a", "data/b/c", "data/b/"], ["data", "x/data/a"]),
    ("a/**/z", ["a/z", "a/b/z", "a/b/c/z/y"], ["z", "a/b/zz"]),
    ("?.[a-c]", ["x.a", "d/y.c"], ["x.d", "xx.a"]),
    ("# *", [], ["# a", "a"]),
    ("\t", [], ["a", "\t"]),
    ("*.md  ", ["a.md"], ["a.md  "]),
    ("*", ["a", "b/", "b/c"], [IGNORE_FILE]),
    ("A.txt", ["A.txt"], ["a.txt"]),
]


@pytest.mark.parametrize(("pattern", "named", "others"), CASES, ids=[case[0] for case in CASES])
def test_what_a_pattern_names(pattern: str, named: list[str], others: list[str]) -> None:
    found = ignores([pattern])
    assert [path for path in (*named, *others) if found.names(path)] == named


@pytest.mark.parametrize("pattern", ["!a", "a\\b", "../a", "a/../b", "./a", "/", "a//b", "**", "**/a/**"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(PatternError) as caught:
        ignores(["ok", pattern])
    assert caught.value.line == 2


@pytest.mark.parametrize("part", ["*a" * 60 + "b", "a/" * 15 + "*b", "[!a]" * 50, "?*" * 60 + "b"])
def test_no_pattern_takes_long(part: str) -> None:
    lines = [part] * min(MAX_PATTERNS, MAX_IGNORE_BYTES // len(part))
    path = "/".join(["a" * 60] * 16)
    found, before = ignores(lines), time.process_time()
    for number in range(100):
        assert not found.names(f"{path}/{number}")
    assert time.process_time() - before < 2
