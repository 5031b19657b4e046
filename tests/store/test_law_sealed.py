"""Law: not one bit of a document of ours can change unnoticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.documents.sealed import seal, unseal
from reconciler.errors import InputError
from tests.support.laws import examples

DATA = seal({"schema": 1, "items": [{"id": "a", "enabled": True, "n": 10, "text": "é\ud800"}]})
DAMAGED = "record.json: it is damaged: its content does not have the digest that it was written with"


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        unseal(data, name="record.json", schema=1)
    return str(caught.value)


@pytest.mark.parametrize("bit", range(8))
def test_every_single_flipped_bit_is_noticed(bit: int) -> None:
    for index in range(len(DATA)):
        flipped = DATA[:index] + bytes([DATA[index] ^ 1 << bit]) + DATA[index + 1 :]
        assert refused(flipped) == DAMAGED, index


def test_every_cut_is_noticed() -> None:
    for length in range(len(DATA)):
        assert refused(DATA[:length]) == DAMAGED


@pytest.mark.parametrize("more", [b"\n", b" ", b"x", DATA], ids=["line", "space", "letter", "twice"])
def test_what_is_added_is_noticed(more: bytes) -> None:
    assert refused(DATA + more) == DAMAGED
    assert refused(more + DATA) == DAMAGED


@examples(3)
@given(st.binary(max_size=200))
def test_bytes_of_others_are_no_document_of_ours(data: bytes) -> None:
    assert refused(data) == DAMAGED


@pytest.mark.parametrize(
    ("schema", "found"), [(2, "schema 2"), (10**30, f"schema {10**30}"), ("1", "schema 1"), (None, "schema None")]
)
def test_what_a_newer_version_wrote_is_refused(schema: int | str | None, found: str) -> None:
    message = refused(seal({"schema": schema}))
    assert message == f"record.json: a newer llamagate wrote it ({found}, this version knows 1)"
