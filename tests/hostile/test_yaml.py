"""The bad inputs that YAML can be: each is refused with one clear line, or read as what it says."""

from __future__ import annotations

import re
import time
import tracemalloc

import pytest

from reconciler.documents import schemas
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.model.config import Json


def refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        yaml_text.load(data, name="x.yaml", text_keys=frozenset([(1, "version")]))
    assert [str(fault) for fault in caught.value.faults] == [caught.value.message]
    return caught.value.message


LAUGHS = b"a: &a [x, x]\nb: &b [*a, *a]\n"
MERGES = b"base: {a: 1}\nitem:\n  <<: {b: 2}\n"

REFUSED = {
    "row-62-billion-laughs": (LAUGHS, "x.yaml:1:4: a: anchors are not allowed: &a"),
    "row-62-alias": (b"a: *b\n", 'x.yaml:1:4: a: aliases are not allowed: *b; if it is text, write a: "*b"'),
    "row-63-merge-bomb": (MERGES, "x.yaml:3:3: item: merge keys are not allowed"),
    "row-64-recursive-alias": (b"a: &a\n  - *a\n", "x.yaml:1:4: a: anchors are not allowed: &a"),
    "row-65-python-tag": (
        b"a: !!python/object/apply:os.system [id]\n",
        "x.yaml:1:4: a: tags are not allowed: 'tag:yaml.org,2002:python/object/apply:os.system'",
    ),
    "row-65-string-tag": (b"- !!str 1\n", "x.yaml:1:3: [0]: tags are not allowed: 'tag:yaml.org,2002:str'"),
    "row-65-own-tag": (b"a: !x {}\n", "x.yaml:1:4: a: tags are not allowed: '!x'"),
    "row-66-duplicate-key": (
        b"a:\n  b: 1\n  c: 2\n  'b': 3\n",
        "x.yaml:4:3: a: duplicate key 'b'; the first is in line 2",
    ),
    "row-69-long-integer": (
        b"a: " + b"9" * 5000,
        "x.yaml:1:4: a: a number of 5000 characters; quote it if it is text",
    ),
    "row-69-beyond-64-bits": (
        b"a: 9223372036854775808",
        "x.yaml:1:4: a: 9223372036854775808 does not fit 64 bits; quote it if it is text",
    ),
    "row-69-below-64-bits": (
        b"- -9223372036854775809",
        "x.yaml:1:3: [0]: -9223372036854775809 does not fit 64 bits; quote it if it is text",
    ),
    "row-69-overflowing-float": (
        b"a: 1e400",
        "x.yaml:1:4: a: 1e400 is not a finite number; quote it if it is text",
    ),
    "row-69-infinity": (b"a: -.Inf", "x.yaml:1:4: a: -.Inf is not a finite number; quote it if it is text"),
    "row-69-nan": (b"a: .nan", "x.yaml:1:4: a: .nan is not a finite number; quote it if it is text"),
    "row-70-huge-hex": (
        b"a: 0x" + b"f" * 90000,
        "x.yaml:1:4: a: a number of 90002 characters; quote it if it is text",
    ),
    "row-70-hex-beyond-64-bits": (
        b"a: 0xffffffffffffffff",
        "x.yaml:1:4: a: 0xffffffffffffffff does not fit 64 bits; quote it if it is text",
    ),
    "row-72-nul": (b"a: 1\nb: \0", "x.yaml:2:4: a NUL byte; save the file as UTF-8 text"),
    "row-72-latin-1": (
        "a: ü\nb: é".encode() + b"\xe9",
        "x.yaml:2:5: byte 0xe9 is not UTF-8; save the file as UTF-8",
    ),
    "row-72-utf-16": ("a: 1".encode("utf-16"), "x.yaml:1:1: this is UTF-16; save it as UTF-8"),
    "row-72-utf-16-without-mark": ("a: 1".encode("utf-16-le"), "x.yaml:1:2: a NUL byte; save the file as UTF-8 text"),
    "row-72-control-character": (b"a: 1\nb: x\x1b[0m", "x.yaml:2:5: control character '\\x1b'"),
    "row-74-two-documents": (b"a: 1\n---\nb: 1\n", "x.yaml:2:1: a second document; only one is allowed"),
    "row-76-number-key": (b"a: {1: x}", "x.yaml:1:5: a: the key 1 is not text; quote it"),
    "row-76-float-key": (b"1.5: x", "x.yaml:1:1: the key 1.5 is not text; quote it"),
    "row-76-boolean-key": (b"true: x", "x.yaml:1:1: the key true is not text; quote it"),
    "row-76-null-key": (b"~: x", "x.yaml:1:1: the key ~ is not text; quote it"),
    "row-76-empty-key": (b"?\n: x", "x.yaml:1:2: the key null is not text; quote it"),
    "row-76-list-key": (b"? [a]\n: x", "x.yaml:1:3: a key must be text"),
    "row-76-mapping-key": (b"{{a: b}: x}", "x.yaml:1:2: a key must be text"),
    "row-77-many-values": (b"[" + b"1," * 300_000, "x.yaml:1:599994: more than 300000 keys and values"),
    "syntax": (b"a: b: c", "x.yaml:1:4: text with ': ' in it needs quotes: a: \"b: c\""),
    "syntax-tab": (
        b"a:\n\tb: 1",
        "x.yaml:2:1: this line starts with a tab; indent with spaces",
    ),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused_with_its_place(data: bytes, message: str) -> None:
    assert refusal(data) == message


READ: dict[str, tuple[bytes, Json]] = {
    "row-67-version": (b"version: 1.10", {"version": "1.10"}),
    "row-67-version-elsewhere-is-a-number": (b"a: {version: 1.10}", {"a": {"version": 1.1}}),
    "row-68-yes-no-on-off-are-text": (b"[yes, No, ON, off, y, n]", ["yes", "No", "ON", "off", "y", "n"]),
    "row-71-impossible-date": (b"a: 2024-02-31", {"a": "2024-02-31"}),
    "row-71-date": (b"a: 2024-01-01 10:00:00", {"a": "2024-01-01 10:00:00"}),
    "row-73-byte-order-mark": (b"\xef\xbb\xbfa: 1", {"a": 1}),
    "row-75-empty": (b"", None),
    "row-75-comments-only": (b"# nothing\n---\n...\n", None),
    "row-75-list": (b"- a", ["a"]),
    "row-76-words-of-other-dialects": (b"{on: 1, yes: 2, no: 3}", {"on": 1, "yes": 2, "no": 3}),
    "row-76-quoted": (b"{'1': a, \"true\": b, '<<': c}", {"1": "a", "true": "b", "<<": "c"}),
}


@pytest.mark.parametrize(("data", "value"), READ.values(), ids=READ.keys())
def test_is_read_as_what_it_says(data: bytes, value: Json) -> None:
    loaded = yaml_text.load(data, name="x.yaml", text_keys=frozenset([(1, "version")]))
    assert repr(loaded) == repr(value)


BOUNDED = {
    "row-61-brackets": (b"[" * 900, "x.yaml:1:65: " + "[0]" * 64 + ": nested deeper than 64 levels"),
    "row-61-dashes": (b"- " * 500_000, "x.yaml:1:129: " + "[0]" * 64 + ": nested deeper than 64 levels"),
    "row-61-braces": (b"{a: " * 250_000, "x.yaml:1:257: " + "a" + ".a" * 63 + ": nested deeper than 64 levels"),
    "row-61-questions": (b"? " * 500_000, "x.yaml:1:3: a key must be text"),
    "row-77-huge-scalar": (b"a: " + b"x" * 50_000_000, "x.yaml: larger than 4 MiB"),
}


@pytest.mark.parametrize(("data", "message"), BOUNDED.values(), ids=BOUNDED.keys())
def test_is_refused_in_bounded_time_and_memory(data: bytes, message: str) -> None:
    assert bounded_refusal(data) == message


def test_row_61_a_million_brackets() -> None:
    """Newer parsers look ahead to them all, and find them too deep before we do; the words are ours all the same."""
    assert re.fullmatch(r"x\.yaml:1:\d+:.* nested deeper than 64 levels", bounded_refusal(b"[" * 1_000_000))


def bounded_refusal(data: bytes) -> str:
    tracemalloc.start()
    start = time.process_time()
    try:
        message = refusal(data)
        assert time.process_time() - start < 10
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
        return message
    finally:
        tracemalloc.stop()


def test_depth_up_to_the_limit_is_read() -> None:
    assert yaml_text.load(b"[" * 64 + b"]" * 64, name="x.yaml") is not None


OWN = {
    "row-68-enabled-no": (
        b"extensions: {a: {source: x, enabled: no}}",
        "x.yaml:2:29: extensions.a.enabled: 'no' is text; use false",
    ),
    "row-68-enabled-On": (
        b"extensions: {a: {source: x, enabled: On}}",
        "x.yaml:2:29: extensions.a.enabled: 'On' is text; use true",
    ),
    "row-78-unknown-field": (
        b"extensions: {a: {source: x, verison: '1'}}",
        "x.yaml:2:29: extensions.a.verison: unknown field 'verison'; did you mean 'version'?",
    ),
    "row-78-unknown-at-the-top": (
        b"extension: {}",
        "x.yaml:2:1: extension: unknown field 'extension'; did you mean 'extensions'?",
    ),
    "row-78-nothing-near": (
        b"policy: {limits: {x: 1}}",
        "x.yaml:2:19: policy.limits.x: unknown field 'x'; known are archive, unpacked",
    ),
}


@pytest.mark.parametrize(("data", "message"), OWN.values(), ids=OWN.keys())
def test_own_documents_refuse(data: bytes, message: str) -> None:
    data = b"apiVersion: llamagate/v1\n" + data
    faults = schemas.faults_of(yaml_text.load(data, name="x.yaml"), "desired-state", data=data, file="x.yaml")
    assert [str(fault) for fault in faults] == [message]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "x.yaml:1:1: the file is empty", id="row-75-empty"),
        pytest.param(b"\n- a\n", "x.yaml:2:1: expected a mapping, found a list", id="row-75-list"),
    ],
)
def test_the_top_of_own_documents_is_a_mapping(data: bytes, message: str) -> None:
    faults = schemas.faults_of(yaml_text.load(data, name="x.yaml"), "desired-state", data=data, file="x.yaml")
    assert [str(fault) for fault in faults] == [message]


def test_row_79_no_pattern_of_a_package_is_run_or_compiled() -> None:
    schema: Json = {
        "type": "string",
        "pattern": "^(a+)+$",
        "patternProperties": {"(x+x+)+y": {"default": "x" * 50}, "(": {}},
        "default": "a" * 60 + "!",
        "examples": ["a" * 60 + "!"],
    }
    start = time.process_time()
    assert schemas.schema_faults({(): schema}, data=b"", file="extension.yaml") == ()
    assert time.process_time() - start < 2
