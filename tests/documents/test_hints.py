"""Beginners' mistakes: each row of the table, by the text that shows it, as the reader or the schema reports it."""

from __future__ import annotations

import pytest

from reconciler.cli.ui.error import render_error
from reconciler.documents import schemas
from reconciler.documents.yaml.hints import MISTAKES, Hint, Said, hint_for
from reconciler.documents.yaml.text import load
from reconciler.errors import Fault, InputError

HEAD = "apiVersion: llamagate/v1\n"


def faults_in(text: str, schema: str = "desired-state") -> tuple[Fault, ...]:
    """Every fault of ``text``, as a file that a person wrote."""
    data = text.encode()
    try:
        value = load(data, name="f", text_keys=frozenset([(3, "version")]))
    except InputError as error:
        return error.faults
    return schemas.faults_of(value, schema, data=data, file="f")


# name of the row, text, line and column of the caret, what to write instead
ROWS = [
    ("tab", "extensions:\n\tfoo: ./foo\n", (2, 1), "indent with spaces"),
    ("tab", "a:\n  b: 1\n\t  c: 2\n", (3, 1), "indent with spaces"),
    ("braces", "prompt: {{person}} says\n", (1, 9), 'prompt: "{{person}} says"'),
    ("braces", "a:\n  - {{x}}\n", (2, 5), '- "{{x}}"'),
    ("braces", "name: {x} says\n", (1, 7), 'name: "{x} says"'),
    ("braces", "name: [draft] a title\n", (1, 7), 'name: "[draft] a title"'),
    ("braces", 'name: {{x}} says "hi"  # why\n', (1, 7), "name: '{{x}} says \"hi\"'"),
    ("indicator", "version: >=1.0\n", (1, 10), 'version: ">=1.0"'),
    ("indicator", "version: *\n", (1, 10), 'version: "*"'),
    ("indicator", "mutable:\n  - *.log\n", (2, 5), '- "*.log"'),
    ("indicator", "name: @team\n", (1, 7), 'name: "@team"'),
    ("indicator", "name: %team\n", (1, 7), 'name: "%team"'),
    ("alias or tag", "name: !important\n", (1, 7), 'if it is text, write name: "!important"'),
    ("alias or tag", "mutable:\n  - *logs\n", (2, 5), 'if it is text, write - "*logs"'),
    ("indicator", HEAD + "extensions:\n  a:\n    source: ./a\n    version: >1\n", (5, 14), 'version: ">1"'),
    ("indicator in braces", "foo: {source: ./foo, version: *}\n", (1, 31), 'version: "*"'),
    ("braces in braces", "with: {template: {{person}}, x: 1}\n", (1, 18), 'template: "{{person}}"'),
    ("merge conflict", "a:\n<<<<<<< HEAD\n  b: 1\n=======\n  b: 2\n>>>>>>> x\n", (3, 4), "merge conflict in line 2"),
    ("unclosed bracket", "a: 1\nb: {c: [x], d: 2\n", (3, 1), "the '{' in line 2 is not closed; write '}'"),
    ("unclosed bracket", "a: [x, y\nb: 2\n", (2, 2), "the '[' in line 1 is not closed; write ']'"),
    ("colon in a text", "prompt: Greet: everyone\n", (1, 9), 'prompt: "Greet: everyone"'),
    ("colon in a text", "prompt: Greet: {{x}}\n", (1, 9), 'prompt: "Greet: {{x}}"'),
    ("colon in braces", "config: {a: 1, note: b: c, d: 2}\n", (1, 22), 'note: "b: c"'),
    ("uneven indent", "a:\n    b: 1\n     c: 2\n", (3, 6), "by 5 spaces, the line above by 4"),
    ("uneven indent", "a:\n    b: 1\n   c: 2\n", (3, 4), "by 3 spaces, the line above by 4"),
    ("uneven indent", "a:\n  b: 1\n # a comment\n c: 2\n", (4, 2), "by 1 space, the line above by 2"),
    ("uneven indent", "a:\n  - b: 1\n   c: 2\n", (3, 4), "by 3 spaces, the line above by 4"),
    ("empty file", "", (1, 1), "the file is empty"),
    ("empty file", "# nothing yet\n", (1, 1), "the file has only comments"),
    ("list for a mapping", HEAD + "extensions:\n  - greeter: ./x\n", (2, 1), "write 'greeter: ./x' without '- '"),
    ("list for a mapping", HEAD + "extensions:\n  - name: hi\n    source: ./x\n", (2, 1), "write 'hi:' in place of"),
    ("list for a mapping", HEAD + "modules:\n  hi:\n    - source: ./x\n", (3, 3), "write 'source: ./x' without"),
    ("text for a mapping", HEAD + "extensions:\n  hi ./hi\n", (2, 1), "write 'hi: ./hi', with a colon and a space"),
    ("text for a mapping", HEAD + "extensions:\n  hi:./hi # own\n", (2, 1), "write 'hi: ./hi', with a colon"),
    ("percentage", HEAD + "policy: {max_prune: 50}\n", (2, 21), "write max_prune: 50%"),
    ("git+", HEAD + "extensions:\n  a: git+https://h/x.git\n", (3, 6), "write {git: https://h/x.git}"),
    ("file url", HEAD + "extensions:\n  a: file:///srv/x.zip\n", (3, 6), "without 'file://': /srv/x.zip"),
    ("space in an address", HEAD + "extensions:\n  a: {source: {http: 'https://h/x y.zip'}}\n", (3, 34), "write %20"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "text", "place", "words"), ROWS, ids=[f"{row[0]}-{n}" for n, row in enumerate(ROWS)])
def test_a_mistake_is_named_at_its_place_with_what_to_write(
    row: str, text: str, place: tuple[int, int], words: str
) -> None:
    [fault] = faults_in(text)
    assert words in fault.message, row
    assert (fault.line, fault.column) == place
    assert fault.source == text.split("\n")[place[0] - 1]


def test_every_row_is_tested() -> None:
    assert {mistake.name for mistake in MISTAKES} == {row[0] for row in ROWS}


@pytest.mark.parametrize(
    "text",
    [
        "prompt: |\n  Greet: {{x}}\n  \ttab in a text\n",
        'prompt: "{{x}}: y"\n',
        "a: {b: 1}\nc: [1, 2]\n",
        "a: >-\n  folded\n",
        "a:\n- b: 1\n  c: 2\n- d\n",
    ],
)
def test_good_text_has_no_fault(text: str) -> None:
    load(text.encode(), name="f")


@pytest.mark.parametrize(
    ("text", "place"),
    [('a: "x\nb: 1\n', (1, 4)), ("a: 1\n}\n", (2, 1))],
    ids=["a quote that is not closed", "a brace that was not opened"],
)
def test_a_mistake_that_no_row_knows_keeps_its_place(text: str, place: tuple[int, int]) -> None:
    [fault] = faults_in(text)
    assert (fault.line, fault.column) == place


def test_what_no_row_knows_stays_as_it_was_said() -> None:
    assert hint_for(Said("must be at least 1", "a", ["a: 0"], 0, 3)) == Hint("must be at least 1", 3)


def test_all_faults_still_come_at_once() -> None:
    text = HEAD + "policy: {max_prune: 50, prune: maybe}\nextensions:\n  a: git+https://h/x.git\n"
    assert {fault.line for fault in faults_in(text)} == {2, 4}
    assert len(faults_in(text)) == 3


def _shown(fault: Fault) -> list[str]:
    return render_error(InputError("no", faults=[fault]), with_source=True).split("\n")[2:]


CARETS = [
    ("\tfoo: 1", 1, ["    7 | →foo: 1", "        ^"]),
    ("日本: x: y", 5, ["    7 | 日本: x: y", "        " + " " * 6 + "^"]),
    ("a\x1b[31m: b", 2, ["    7 | a?[31m: b", "         ^"]),
    ("   ", 1, []),
]


@pytest.mark.parametrize(("source", "column", "lines"), CARETS)
def test_the_line_and_a_caret_below_the_place(source: str, column: int, lines: list[str]) -> None:
    assert _shown(Fault(message="m", file="f", line=7, column=column, source=source)) == lines


def test_a_long_line_is_cut_around_the_place() -> None:
    line, caret = _shown(Fault(message="m", file="f", line=7, column=5001, source="x" * 5000 + "!" + "y" * 5000))
    assert len(line) < 120
    assert line[caret.index("^")] == "!"


def test_without_a_terminal_there_is_no_source() -> None:
    fault = Fault(message="m", file="f", line=7, column=1, source="token: secret")
    assert "secret" not in render_error(InputError("no", faults=[fault]))
