"""JSON: what is refused, with its place, and what is not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from reconciler.documents import json_text
from reconciler.errors import InputError
from reconciler.model.config import Json

REFUSED = {
    "row-66-duplicate-key": (
        b'{"a": {"b": 1},\n "b": "}{",\n "\\u0062": 2}',
        "x.json:3:2: duplicate key 'b'; the first is in line 2",
    ),
    "innermost-duplicate": (b'[{"a": [{"x": 1, "x": 2}]}]', "x.json:1:18: duplicate key 'x'; the first is in line 1"),
    "not-a-number": (b'["NaN", NaN]', "x.json:1:9: NaN is not a finite number"),
    "infinity": (b'{"a": -Infinity}', "x.json:1:7: -Infinity is not a finite number"),
    "overflow": (b"[1,\n1e999]", "x.json:2:1: '1e999' is not a finite number"),
    "row-69-beyond-64-bits": (
        b'["9223372036854775808", 9223372036854775808]',
        "x.json:1:25: '9223372036854775808' does not fit 64 bits",
    ),
    "row-69-long-integer": (b"9" * 5000, f"x.json:1:1: '{'9' * 59}…' does not fit 64 bits"),
    "row-72-latin-1": (b'["\xe9"]', "x.json:1:3: byte 0xe9 is not UTF-8; save the file as UTF-8"),
    "row-72-nul": (b'["\0"]', "x.json:1:3: a NUL byte; save the file as UTF-8 text"),
    "row-72-utf-16": ("[]".encode("utf-16"), "x.json:1:1: this is UTF-16; save it as UTF-8"),
    "half-a-pair": (
        b'["\\\\ud800", "\\ud83d\\ude00",\n "\\ud83d"]',
        "x.json:2:3: not valid JSON: half of a surrogate pair",
    ),
    "cut-off": (b'{"a": [1,\n', "x.json:2:1: not valid JSON: Expecting value"),
    "empty": (b"", "x.json:1:1: not valid JSON: Expecting value"),
    "row-61-brackets": (b"[" * 1_000_000, "x.json: nested deeper than 64 levels"),
    "row-61-just-too-deep": (b"[" * 65 + b"]" * 65, "x.json: nested deeper than 64 levels"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused_with_its_place(data: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        json_text.load(data, name="x.json")
    assert caught.value.message == message
    assert [str(fault) for fault in caught.value.faults] == [message]


def test_the_size_is_bounded_before_anything_is_read() -> None:
    with pytest.raises(InputError, match=r"^x\.json: larger than 0\.5 MiB$"):
        json_text.load(b"\xff" * (2**19 + 1), name="x.json", max_bytes=2**19)


ACCEPTED: dict[str, tuple[bytes, Json]] = {
    "row-73-byte-order-mark": (b"\xef\xbb\xbf{}", {}),
    "escapes": (b'["\\ud83d\\ude00", "\\\\ud800", "\\/"]', ["😀", "\\ud800", "/"]),
    "numbers": (b"[1, -0, 1.0, 1e2, 9223372036854775807]", [1, 0, 1.0, 100.0, 2**63 - 1]),
    "deep": (b"[" * 3 + b"]" * 3, [[[]]]),
    "equal-keys-of-different-objects": (b'{"a": {"a": 1}, "b": {"a": 1}}', {"a": {"a": 1}, "b": {"a": 1}}),
}


@pytest.mark.parametrize(("data", "value"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_is_accepted(data: bytes, value: Json) -> None:
    assert repr(json_text.load(data, name="x.json")) == repr(value)


LONG = {
    "row-124-one-double-key": (b'{"x":[' + b'{"a":1},' * 125_000 + b'{}],"x":2}', "duplicate key 'x'"),
    "row-124-last-of-many-keys": (
        b"{" + b"".join(b'"%d":1,' % number for number in range(60_000)) + b'"7":1}',
        "duplicate key '7'",
    ),
    "a-word-at-the-end": (b"[" + b"1," * 500_000 + b"NaN]", "NaN is not a finite number"),
}


@pytest.mark.parametrize(("data", "message"), LONG.values(), ids=LONG.keys())
def test_a_long_text_is_refused_in_proportion_to_its_length(data: bytes, message: str) -> None:
    def refuse() -> None:
        with pytest.raises(InputError, match=message):
            json_text.load(data, name="x.json")

    # Two to five times as long on a quiet machine; a search through the rest at each key took thousands of times.
    assert _seconds(refuse) <= 100 * _seconds(lambda: json.loads(data))


def _seconds(work: Callable[[], object]) -> float:
    """Of processor time, the least of two."""
    found = []
    for _ in range(2):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)
