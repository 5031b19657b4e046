"""Laws of editing in place, over documents with comments that know which characters belong to which entry."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from reconciler.documents.yaml import text as yaml_text
from reconciler.model.config import Json, JsonObject
from tests.documents.strategies import values
from tests.support.laws import examples

Keys = tuple[str, ...]

many = examples(1.5)

INLINE = [
    "./packages/foo",
    "1.10",
    "'it''s # no comment'",
    '"a\\tb"',
    "[1, {x: y}, 'z']",
    "{dir: ./foo, 'on': [no]}",
    "{a: 1,   # in flow\n     b: [2,\n\n     3]}",
    "'two\n     lines'",
    "plain\n     and more",
    "null",
]
LITERALS = [
    "|\n{deeper}text # no comment\n\n{deeper}key: 1",
    ">-\n{deeper}folded\n{deeper}  more",
    "|2-  # strip\n{deeper}x",
]
FRAMES = [("", ""), ("# top\n", "\n"), ("%YAML 1.2\n---\n", "...\n# behind\n"), ("--- # start\n\n", "# end\n")]
KEYS = ["foo", "bar-1", "a_b", "on", "x y", "1.5", "é"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The characters of an entry: its lines, or those of a value on the key's line."""

    start: int
    end: int


@dataclass(slots=True)
class Written:
    """A document in the making: its text, what it means, and what belongs to its entries."""

    text: str = ""
    lines: dict[Keys, Own] = field(default_factory=dict)
    inline: dict[Keys, Own] = field(default_factory=dict)

    def add(self, text: str) -> Own:
        start, self.text = len(self.text), self.text + text
        return Own(start=start, end=len(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    written: Written
    value: JsonObject
    literals: bool

    @property
    def data(self) -> bytes:
        return self.written.text.encode()


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Two or three levels of mappings in block style, with comments, blank lines and every form of value."""
    head, tail = draw(st.sampled_from(FRAMES))
    written = Written(text=head)
    step = draw(st.integers(1, 4))
    literals = draw(st.booleans())
    write_mapping(draw, written, (), step, literals)
    written.add(tail)
    value = yaml_text.load(written.text.encode(), name="x")
    assert isinstance(value, dict)
    return Document(written=written, value=value, literals=literals)


def write_mapping(draw: st.DrawFn, written: Written, path: Keys, step: int, literals: bool) -> None:
    margin = " " * step * len(path)
    for key in draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True)):
        deep = "" if literals else f"{margin} # deep\n"
        written.add(draw(st.sampled_from(["", "", "\n", f"{margin}# about it: {{x}}\n", f"\n{margin}# b\n\n", deep])))
        write_entry(draw, written, (*path, key), step, literals)


def write_entry(draw: st.DrawFn, written: Written, path: Keys, step: int, literals: bool) -> None:
    margin = " " * step * (len(path) - 1)
    start = len(written.text)
    written.add(margin + ("'{}':" if path[-1] in ("on", "1.5") else "{}:").format(path[-1]))
    comment = draw(st.sampled_from(["", "   # why", " # 'quoted: {x'"]))
    forms = ["inline", "inline", "empty", "list", "literal" if literals else "inline"]
    form = draw(st.sampled_from([*forms, *(["mapping", "mapping"] if len(path) < 3 else [])]))
    if form == "mapping":
        written.add(comment + "\n")
        write_mapping(draw, written, path, step, literals)
    elif form == "inline":
        written.add(" ")
        written.inline[path] = written.add(draw(st.sampled_from(INLINE)).replace("\n", "\n" + margin))
        written.add(comment + "\n")
    else:
        literal = draw(st.sampled_from(LITERALS)).format(deeper=margin + "  ")
        items = f"{comment}\n{margin}- 1\n{margin}# in\n{margin}-\n{margin}- x: 2"
        written.add({"empty": comment, "list": items, "literal": f" {literal}"}[form] + "\n")
    written.lines[path] = Own(start=start, end=len(written.text))


def at(value: Json, path: Keys) -> Json:
    for key in path:
        assert isinstance(value, dict)
        value = value[key]
    return value


def with_entry(value: Json, path: Keys, new: Json) -> JsonObject:
    before = value if isinstance(value, dict) else {}
    return {**before, path[0]: with_entry(before.get(path[0]), path[1:], new) if path[1:] else new}


def without_entry(value: Json, path: Keys) -> Json:
    """Without the entry; a mapping that is empty then is null."""
    assert isinstance(value, dict)
    below = {path[0]: without_entry(value[path[0]], path[1:])} if path[1:] else {}
    return {key: below.get(key, other) for key, other in value.items() if path[1:] or key != path[0]} or None


def loaded(data: bytes) -> Json:
    return yaml_text.load(data, name="x")


def exact(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def set_entry(data: bytes, path: Keys, value: Json) -> bytes:
    return yaml_text.set_entry(data, path, value, name="x")


def remove_entry(data: bytes, path: Keys) -> bytes:
    return yaml_text.remove_entry(data, path, name="x")


def is_insertion(before: str, after: str) -> bool:
    """Whether ``after`` is ``before`` with something put in at one place."""
    pairs = enumerate(zip(before, after, strict=False))
    common = next((index for index, (old, new) in pairs if old != new), min(len(before), len(after)))
    return len(after) >= len(before) and after.endswith(before[common:])


existing = documents().flatmap(
    lambda document: st.tuples(st.just(document), st.sampled_from([*document.written.lines]))
)


def places_for_more(document: Document) -> list[Keys]:
    """Where an entry can be added: mappings, and keys without a value."""
    return [(), *(path for path in document.written.lines if isinstance(at(document.value, path), dict | None))]


new_paths = st.sampled_from([("new",), ("no", "a b"), ("1", "new", "foo")])
absent = documents().flatmap(
    lambda document: st.tuples(st.just(document), st.sampled_from(places_for_more(document)), new_paths)
)


@many
@given(existing, values)
def test_set_changes_only_the_value(place: tuple[Document, Keys], value: Json) -> None:
    document, path = place
    before, result = document.written.text, set_entry(document.data, path, value)
    assert exact(loaded(result)) == exact(with_entry(document.value, path, value))
    assert set_entry(result, path, value) == result
    after = result.decode()
    if at(document.value, path) is None and path not in document.written.inline:
        assert is_insertion(before, after)
        return
    own = document.written.inline.get(path) or document.written.lines[path]
    assert after.startswith(before[: own.start])
    assert after.endswith(before[own.end :])


@many
@given(existing)
def test_setting_what_is_there_changes_nothing(place: tuple[Document, Keys]) -> None:
    document, path = place
    assert set_entry(document.data, path, at(document.value, path)) == document.data


@many
@given(absent, values)
def test_set_adds_lines_and_changes_none(place: tuple[Document, Keys, Keys], value: Json) -> None:
    document, parent, new = place
    path = parent + new
    result = set_entry(document.data, path, value)
    assert exact(loaded(result)) == exact(with_entry(document.value, path, value))
    assert set_entry(result, path, value) == result
    before, after = document.written.text, result.decode()
    null = document.written.inline.get(parent) if at(document.value, parent) is None else None
    if null:
        before = before[: null.start - 1] + before[null.end :]
    assert is_insertion(before, after)


@many
@given(absent, values)
def test_remove_undoes_set(place: tuple[Document, Keys, Keys], value: Json) -> None:
    document, parent, new = place
    result = remove_entry(set_entry(document.data, parent + new, value), (*parent, new[0]))
    if at(document.value, parent) is None:
        assert exact(loaded(result)) == exact(document.value)
    else:
        assert result == document.data


@many
@given(existing)
def test_remove_takes_the_entry_s_lines_and_no_others(place: tuple[Document, Keys]) -> None:
    document, path = place
    before, own = document.written.text, document.written.lines[path]
    result = remove_entry(document.data, path)
    assert result.decode() == before[: own.start] + before[own.end :]
    assert exact(loaded(result)) == exact(without_entry(document.value, path))
    assert remove_entry(result, path) == result


def framed(data: bytes) -> bytes:
    """As editors of Windows write it."""
    return b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")


@many
@given(existing, values)
def test_line_ends_and_byte_order_mark_are_kept(place: tuple[Document, Keys], value: Json) -> None:
    document, path = place
    assert set_entry(framed(document.data), path, value) == framed(set_entry(document.data, path, value))
    assert remove_entry(framed(document.data), path) == framed(remove_entry(document.data, path))


@many
@given(existing.filter(lambda place: not place[0].literals), values)
def test_a_line_break_missing_at_the_end_stays_missing(place: tuple[Document, Keys], value: Json) -> None:
    document, path = place
    open_end = document.data.removesuffix(b"\n")
    assert set_entry(open_end, path, value) + b"\n" == set_entry(document.data, path, value)
    assert set_entry(open_end, ("new", "path"), value) + b"\n" == set_entry(document.data, ("new", "path"), value)
    assert remove_entry(open_end, path) + b"\n" == (remove_entry(document.data, path) or b"\n")
