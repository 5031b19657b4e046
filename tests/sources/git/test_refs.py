"""What names mean in a repository."""

from __future__ import annotations

import pytest

from reconciler.sources.git.refs import Refs

A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "abc" + "d" * 37)
LISTING = f"""\
{A}\tHEAD
{A}\trefs/heads/main
{B}\trefs/heads/v2
{D}\trefs/heads/x
{"f" * 40}\trefs/pull/7/head
{C}\trefs/tags/v1
{A}\trefs/tags/v1^{{}}
{C}\trefs/tags/v2
{B}\trefs/tags/pkg/v1.0.0
"""
REFS = Refs.from_listing(LISTING)


@pytest.mark.parametrize(
    ("ref", "commit"),
    {
        "branch": ("main", A),
        "annotated tag: what it is put on": ("v1", A),
        "tag before branch": ("v2", C),
        "branch of that name": ("heads/v2", B),
        "tag with a slash": ("pkg/v1.0.0", B),
        "full name": ("refs/pull/7/head", "f" * 40),
        "head": ("HEAD", A),
        "commit that no name leads to": ("1" * 40, "1" * 40),
        "sha256 commit": ("1" * 64, "1" * 64),
        "start of a commit": ("b" * 7, B),
        "too short": ("b" * 6, None),
        "start of none": ("1" * 7, None),
        "capitals": ("B" * 7, None),
        "unknown": ("none", None),
    }.values(),
)
def test_a_ref_names_a_commit(ref: str, commit: str | None) -> None:
    assert REFS.resolve(ref) == commit


def test_the_start_of_two_commits_is_none() -> None:
    refs = Refs.from_listing(f"{'a' * 40}\trefs/heads/x\n{'a' * 39}b\trefs/heads/y\n")
    assert refs.resolve("a" * 7) is None
    assert refs.resolve("a" * 39) is None
    assert Refs.from_listing(f"{'a' * 40}\trefs/heads/x\n{'a' * 40}\trefs/heads/y\n").resolve("a" * 7) == "a" * 40


def test_tags_are_known_by_their_short_names() -> None:
    assert dict(REFS.tags) == {"v1": A, "v2": C, "pkg/v1.0.0": B}


def test_an_empty_repository_has_no_head() -> None:
    assert Refs.from_listing("").head is None


def test_lines_that_are_none_are_left_out() -> None:
    assert dict(
        Refs.from_listing(f"\nwarning\n{A} HEAD\n{A}\t\n{A}\trefs/heads/x\n{A[:39]}\ty\n{A}\ta\x1bb\n{A}\tc d").commits
    ) == {"refs/heads/x": A}
