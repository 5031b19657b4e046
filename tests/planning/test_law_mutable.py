"""Law: whole folders, as the default names them, are told from a path as any pattern of gitignore is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pathspec import PathSpec

from reconciler.planning.diff import mutable_matcher
from tests.support.laws import examples

folders = st.sampled_from(["var", "output", "Var", "a-b_0", "v"])
parts = folders | st.text("varoutp.-_0 \n", min_size=1, max_size=5).filter(lambda part: part not in (".", ".."))
paths = st.lists(parts, min_size=1, max_size=4).map("/".join)


@examples(4)
@given(st.lists(folders, max_size=3), paths)
def test_a_folder_with_all_below_it(names: list[str], path: str) -> None:
    patterns = tuple(f"{name}/**" for name in names)
    assert mutable_matcher(patterns)(path) is PathSpec.from_lines("gitignore", patterns).match_file(path)
