"""A document that is made to take for ever takes a moment."""

from __future__ import annotations

import time

import pytest

from reconciler.packages.check.check import MAX_VALUES
from tests.packages.check.test_check import found_in

_HEAD = "name: a\nversion: 1.0.0\ndescription: d\ntype: workflow\n"
_STEPS = "steps:\n"
_CALL = "  - {uses: extension.call, with: {extension: b}}\n"


def asking(count: int) -> str:
    return "".join(f"  - {{uses: llm.chat, with: {{prompt: '{{{{inptu{one}}}}}'}}}}\n" for one in range(count))


def inputs(count: int) -> str:
    return "inputs:\n" + "".join(f"  - {{id: input{one}, type: string}}\n" for one in range(count))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(_HEAD + inputs(900) + _STEPS + asking(500), marks=pytest.mark.long),
        _HEAD + inputs(450) + _STEPS + _CALL + asking(250),
        _HEAD + _STEPS + asking(1) + "".join(f"versin{one}: 1\n" for one in range(MAX_VALUES // 3)),
        _HEAD + inputs(9_000) + _STEPS + asking(9_000),
    ],
    ids=["unknown", "behind a call", "keys", "too large"],
)
def test_many_names_do_not_take_their_square(text: str) -> None:
    started = time.process_time()
    found_in({"manifest.yaml": text})
    assert time.process_time() - started < 20
