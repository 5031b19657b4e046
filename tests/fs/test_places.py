"""Where a path of a file leads: as text it is the same as by ``pathlib``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.fs.places import located, located_text
from tests.support.laws import examples

parts = st.sampled_from(["", ".", "..", "a", "b.zip", ".c", "d.", "~", "~e"])
locations = st.lists(parts, min_size=1, max_size=5).map("/".join)


@examples(2)
@given(locations, st.sampled_from(["/", "/srv", "/srv/a/b", "relative"]))
def test_text_and_path_agree(location: str, base: str) -> None:
    assert located_text(base, location) == str(located(Path(base), location))


@pytest.mark.parametrize("location", ["./packages/a.zip", "packages/a", "a"])
def test_a_plain_path_starts_from_the_file(location: str) -> None:
    assert located_text("/srv", location) == f"/srv/{location.removeprefix('./')}"
