"""Setting and removing one entry: what the file says before, and what it says after."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.model.config import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``path`` is written with dots; a case without a value removes."""

    before: str
    path: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCase(Case):
    value: Json


def keys(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


REPLACED = {
    "text-by-text": SetCase(
        before="extensions:\n  urgency_router: ./packages/urgency_router          # shorthand\n",
        path="extensions.urgency_router",
        value="dist/urgency_router.zip",
        after="extensions:\n  urgency_router: dist/urgency_router.zip          # shorthand\n",
    ),
    "text-by-a-collection-on-its-line": SetCase(
        before="extensions:\n  foo: ./packages/foo   # why\n  bar: ./packages/bar\n",
        path="extensions.foo",
        value={"source": "./packages/foo", "enabled": False},
        after="extensions:\n  foo: {source: ./packages/foo, enabled: false}   # why\n  bar: ./packages/bar\n",
    ),
    "word": SetCase(
        before="extensions:\n  foo:\n    source: ./foo\n    enabled: true  # note\n    # end of foo\n",
        path="extensions.foo.enabled",
        value=False,
        after="extensions:\n  foo:\n    source: ./foo\n    enabled: false  # note\n    # end of foo\n",
    ),
    "what-readers-may-mistake-is-quoted": SetCase(
        before="extensions:\n  foo:\n    version: ^1.0 # range\n",
        path="extensions.foo.version",
        value="1.10",
        after='extensions:\n  foo:\n    version: "1.10" # range\n',
    ),
    "flow-by-flow": SetCase(
        before="extensions:\n  foo:\n    source: {zip: dist/foo-1.zip}       # dir | zip\n",
        path="extensions.foo.source",
        value={"dir": "./foo"},
        after="extensions:\n  foo:\n    source: {dir: ./foo}       # dir | zip\n",
    ),
    "flow-of-several-lines": SetCase(
        before="policy:\n  mutable: [var/**,   # logs\n    output/**]  # mutable\n  backups: 1\n",
        path="policy.mutable",
        value=["var/**", "yes"],
        after='policy:\n  mutable: [var/**, "yes"]  # mutable\n  backups: 1\n',
    ),
    "plain-text-of-several-lines": SetCase(
        before="owner: team\n  a\nextensions:\n", path="owner", value="b", after="owner: b\nextensions:\n"
    ),
    "entry-in-flow": SetCase(
        before="policy:\n  drift: {edited: report, missing: heal}             # each\n",
        path="policy.drift.edited",
        value="ignore",
        after="policy:\n  drift: {edited: ignore, missing: heal}             # each\n",
    ),
    "entry-of-json-stays-json": SetCase(
        before='{"extensions": {"foo": "./foo"},\n "modules": {}\n}\n',
        path="extensions.foo",
        value={"source": "./foo", "enabled": False},
        after='{"extensions": {"foo": {"source": "./foo", "enabled": false}},\n "modules": {}\n}\n',
    ),
    "null-in-flow": SetCase(
        before="gateway: {url: , reload}\n",
        path="gateway.url",
        value="http://x",
        after="gateway: {url: 'http://x' , reload}\n",
    ),
    "key-without-colon-in-flow": SetCase(
        before="gateway: {reload, url: x}\n",
        path="gateway.reload",
        value="off",
        after='gateway: {reload: "off", url: x}\n',
    ),
    "nothing-by-text": SetCase(
        before="owner:   # whose\nextensions:\n",
        path="owner",
        value="team-a",
        after="owner: team-a   # whose\nextensions:\n",
    ),
    "text-by-null": SetCase(before="owner: a # whose\n", path="owner", value=None, after="owner: null # whose\n"),
    "quoted-key": SetCase(before="'owner' : a # whose\n", path="owner", value="b", after="'owner' : b # whose\n"),
    "question-mark": SetCase(before="? owner\n: a # whose\n", path="owner", value="b", after="? owner\n: b # whose\n"),
    "block-by-block": SetCase(
        before=(
            "extensions:\n  foo:   # why\n    # where from\n    source: ./foo\n    # in\n    enabled: true # e\n"
            "  # about bar\n  bar: ./bar\n"
        ),
        path="extensions.foo",
        value={"source": "./new", "config": {"mutable": ["a"]}},
        after=(
            "extensions:\n  foo:   # why\n    # where from\n    source: ./new\n    config:\n      mutable:\n      - a\n"
            "  # about bar\n  bar: ./bar\n"
        ),
    ),
    "block-by-text": SetCase(
        before="extensions:\n  foo: # why\n    source: ./foo\n    enabled: true\n  bar: ./bar\n",
        path="extensions.foo",
        value="./foo",
        after="extensions:\n  foo: ./foo # why\n  bar: ./bar\n",
    ),
    "list-by-list": SetCase(
        before="policy:\n  mutable:\n    - var/**  # v\n    - output/**\n\n  backups: 1\n",
        path="policy.mutable",
        value=["log/**"],
        after="policy:\n  mutable:\n  - log/**\n\n  backups: 1\n",
    ),
    "list-by-an-empty-one": SetCase(
        before="policy:\n  mutable:\n  - var/**\n  backups: 1\n",
        path="policy.mutable",
        value=[],
        after="policy:\n  mutable: []\n  backups: 1\n",
    ),
    "literal-by-text": SetCase(
        before="config:\n  prompt: |-  # p\n    Say # this\n\n    twice\n\n  # m\n  model: x\n",
        path="config.prompt",
        value="short",
        after="config:\n  prompt: short  # p\n\n  # m\n  model: x\n",
    ),
    "literal-by-block": SetCase(
        before="config:\n  prompt: >2+ # p\n      Say\n  model: x\n",
        path="config.prompt",
        value={"env": "PROMPT"},
        after="config:\n  prompt: # p\n    env: PROMPT\n  model: x\n",
    ),
    "block-at-the-end-without-line-break": SetCase(
        before="owner: a\nextensions:\n  foo: ./foo",
        path="extensions",
        value={"bar": "./bar"},
        after="owner: a\nextensions:\n  bar: ./bar",
    ),
    "windows-lines-and-byte-order-mark": SetCase(
        before="\ufeffextensions:\r\n  foo: ./foo # é😀\r\n  bar: ./bar\r\n",
        path="extensions.foo",
        value="./é",
        after="\ufeffextensions:\r\n  foo: ./é # é😀\r\n  bar: ./bar\r\n",
    ),
}

ADDED = {
    "shorthand": SetCase(
        before="extensions:\n  foo: ./foo  # f\n\n# the modules\nmodules:\n  m: ./m\n",
        path="extensions.bar",
        value="./packages/bar",
        after="extensions:\n  foo: ./foo  # f\n  bar: ./packages/bar\n\n# the modules\nmodules:\n  m: ./m\n",
    ),
    "full-form": SetCase(
        before="extensions:\n  foo:\n    source: ./foo\n    config: {a: [1,\n      2]} # c\n\nmodules:\n  m: ./m\n",
        path="extensions.bar",
        value={"source": {"zip": "dist/bar.zip"}, "version": "1.2.0", "enabled": False},
        after=(
            "extensions:\n  foo:\n    source: ./foo\n    config: {a: [1,\n      2]} # c\n"
            '  bar:\n    source:\n      zip: dist/bar.zip\n    version: "1.2.0"\n    enabled: false\n'
            "\nmodules:\n  m: ./m\n"
        ),
    ),
    "in-the-file's-indentation": SetCase(
        before="extensions:\n    foo:\n        source: ./foo\n",
        path="extensions.bar",
        value={"source": "./bar"},
        after="extensions:\n    foo:\n        source: ./foo\n    bar:\n        source: ./bar\n",
    ),
    "in-a-file-that-is-indented-as-a-whole": SetCase(
        before="  extensions:\n     foo: ./foo\n",
        path="modules.m",
        value="./m",
        after="  extensions:\n     foo: ./foo\n  modules:\n     m: ./m\n",
    ),
    "key-of-an-entry": SetCase(
        before="extensions:\n  foo:\n    source: ./foo\n    # about its end\n\n  bar: ./bar\n",
        path="extensions.foo.enabled",
        value=False,
        after="extensions:\n  foo:\n    source: ./foo\n    enabled: false\n    # about its end\n\n  bar: ./bar\n",
    ),
    "before-comments-behind-the-last": SetCase(
        before="extensions:\n  foo: ./foo\n  # bar: ./bar\n\n# end\n",
        path="extensions.baz",
        value="./baz",
        after="extensions:\n  foo: ./foo\n  baz: ./baz\n  # bar: ./bar\n\n# end\n",
    ),
    "behind-comments-indented-below-the-last": SetCase(
        before="extensions:\n  foo: ./foo\n  # bar: ./bar\n\n# end\n",
        path="modules.m",
        value="./m",
        after="extensions:\n  foo: ./foo\n  # bar: ./bar\nmodules:\n  m: ./m\n\n# end\n",
    ),
    "into-an-empty-section": SetCase(
        before="modules:   # none yet\n\npolicy: {}\n",
        path="modules.m",
        value={"source": "./m"},
        after="modules:   # none yet\n  m:\n    source: ./m\n\npolicy: {}\n",
    ),
    "into-a-section-of-comments": SetCase(
        before="modules:\n  # By their ids.\n  #   intake: ./intake\n\n# p\npolicy: {}\n",
        path="modules.m",
        value="./m",
        after="modules:\n  # By their ids.\n  #   intake: ./intake\n  m: ./m\n\n# p\npolicy: {}\n",
    ),
    "into-an-empty-section-before-comments-of-the-next": SetCase(
        before="modules:\n# p\npolicy: {}\n",
        path="modules.m",
        value="./m",
        after="modules:\n  m: ./m\n# p\npolicy: {}\n",
    ),
    "into-empty-braces": SetCase(
        before="modules: {}  # none yet\npolicy: {}\n",
        path="modules.m.source",
        value="./m",
        after="modules:  # none yet\n  m:\n    source: ./m\npolicy: {}\n",
    ),
    "into-a-written-null": SetCase(
        before="modules: null # none\n", path="modules.m", value="./m", after="modules: # none\n  m: ./m\n"
    ),
    "into-a-section-that-is-not-there": SetCase(
        before="apiVersion: llamagate/v1\nextensions:\n  foo: ./foo\n...\n# behind\n",
        path="modules.m",
        value={"source": "./m", "depends_on": ["foo"]},
        after=(
            "apiVersion: llamagate/v1\nextensions:\n  foo: ./foo\n"
            "modules:\n  m:\n    source: ./m\n    depends_on:\n    - foo\n...\n# behind\n"
        ),
    ),
    "into-an-empty-file": SetCase(before="", path="modules.m", value="./m", after="modules:\n  m: ./m\n"),
    "into-a-file-of-comments": SetCase(
        before="# a\n---\n# b\n", path="modules.m", value="./m", after="# a\n---\n# b\nmodules:\n  m: ./m\n"
    ),
    "into-flow": SetCase(
        before="config: {report_interval: per_run, token: {env: REPORT_TOKEN}}  # c\n",
        path="config.token.default",
        value=["a, b", "no"],
        after="config: {report_interval: per_run, token: {env: REPORT_TOKEN, default: ['a, b', \"no\"]}}  # c\n",
    ),
    "into-flow-behind-a-comment": SetCase(
        before="config: {\n  a: 1   # one\n  }\n",
        path="config.b.c",
        value=2,
        after="config: {\n  a: 1, b: {c: 2}   # one\n  }\n",
    ),
    "into-empty-flow-in-flow": SetCase(
        before="{extensions: { }}\n", path="extensions.foo", value="./foo", after="{extensions: {foo: ./foo }}\n"
    ),
    "into-braces-around-a-comment": SetCase(
        before="extensions: { # none\n  }\n",
        path="extensions.foo",
        value="./foo",
        after="extensions: {foo: ./foo # none\n  }\n",
    ),
    "into-json": SetCase(
        before='{\n  "extensions": {},\n  "modules": {}\n}\n',
        path="extensions.foo",
        value={"source": "./foo"},
        after='{\n  "extensions": {"foo": {"source": "./foo"}},\n  "modules": {}\n}\n',
    ),
    "behind-a-literal": SetCase(
        before="extensions:\n  foo:\n    config:\n      prompt: |\n        Say # this\n\n\n# m\nmodules:\n",
        path="extensions.foo.config.model",
        value="x",
        after=(
            "extensions:\n  foo:\n    config:\n      prompt: |\n        Say # this\n      model: x\n\n\n# m\nmodules:\n"
        ),
    ),
    "behind-the-blank-lines-that-a-literal-keeps": SetCase(
        before="config:\n  prompt: |+\n    Say\n\n\n# m\nmodules:\n",
        path="config.model",
        value="x",
        after="config:\n  prompt: |+\n    Say\n\n\n  model: x\n# m\nmodules:\n",
    ),
    "before-a-literal-that-a-line-break-would-lengthen": SetCase(
        before="config:\n  a: 1\n  prompt: |\n    Say",
        path="config.model",
        value="x",
        after="config:\n  a: 1\n  model: x\n  prompt: |\n    Say",
    ),
    "without-line-break-at-the-end": SetCase(
        before="extensions:\n  foo: ./foo # f",
        path="extensions.bar",
        value={"source": "./bar"},
        after="extensions:\n  foo: ./foo # f\n  bar:\n    source: ./bar",
    ),
    "below-a-key-without-line-break": SetCase(
        before="modules:", path="modules.m", value="./m", after="modules:\n  m: ./m"
    ),
    "windows-lines-and-byte-order-mark": SetCase(
        before="\ufeff---\r\nextensions:\r\n  foo: ./foo\r\n\r\n# m\r\nmodules:\r\n",
        path="extensions.bar",
        value={"source": "./bar"},
        after="\ufeff---\r\nextensions:\r\n  foo: ./foo\r\n  bar:\r\n    source: ./bar\r\n\r\n# m\r\nmodules:\r\n",
    ),
    "key-that-needs-quotes": SetCase(
        before="extensions:\n  foo: ./foo\n",
        path="extensions.on",
        value="./on",
        after='extensions:\n  foo: ./foo\n  "on": ./on\n',
    ),
}


def check_set(case: SetCase) -> None:
    result = yaml_text.set_entry(case.before.encode(), keys(case.path), case.value, name="llamagate.yaml")
    assert result.decode() == case.after
    assert yaml_text.set_entry(result, keys(case.path), case.value, name="llamagate.yaml") == result


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("case", REPLACED.values(), ids=REPLACED.keys())
def test_a_value_is_replaced(case: SetCase) -> None:
    check_set(case)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("case", ADDED.values(), ids=ADDED.keys())
def test_an_entry_is_added(case: SetCase) -> None:
    check_set(case)


REMOVED = {
    "shorthand": Case(
        before="extensions:\n  # about foo\n  foo: ./foo # f\n\n  # about bar\n  bar: ./bar\n",
        path="extensions.foo",
        after="extensions:\n  # about foo\n\n  # about bar\n  bar: ./bar\n",
    ),
    "full-form": Case(
        before=(
            "extensions:\n  bar: ./bar\n  foo:\n    # where from\n    source: ./foo\n    enabled: false # off\n"
            "# m\nmodules:\n"
        ),
        path="extensions.foo",
        after="extensions:\n  bar: ./bar\n# m\nmodules:\n",
    ),
    "the-last-of-a-section": Case(
        before="extensions:  # by id\n  # f\n  foo:\n    source: ./foo\n\nmodules:\n",
        path="extensions.foo",
        after="extensions:  # by id\n  # f\n\nmodules:\n",
    ),
    "key-of-an-entry": Case(
        before="extensions:\n  foo:\n    source: ./foo\n    enabled: false # off\n    version: '1'\n",
        path="extensions.foo.enabled",
        after="extensions:\n  foo:\n    source: ./foo\n    version: '1'\n",
    ),
    "what-is-not-there": Case(before="extensions: # e", path="extensions.foo", after="extensions: # e"),
    "what-has-no-section": Case(before="owner: a\n", path="extensions.foo", after="owner: a\n"),
    "what-has-a-text-for-a-section": Case(before="extensions: a\n", path="extensions.foo", after="extensions: a\n"),
    "literal": Case(
        before="config:\n  prompt: |\n    Say # this\n\n    twice\n\n  model: x\n",
        path="config.prompt",
        after="config:\n\n  model: x\n",
    ),
    "with-blank-lines-that-a-literal-would-keep": Case(
        before="config:\n  a: |+\n    Say\n  b: 1\n\n  c: 2\n",
        path="config.b",
        after="config:\n  a: |+\n    Say\n  c: 2\n",
    ),
    "without-line-break-at-the-end": Case(
        before="owner: a\nextensions:\n  foo: ./foo", path="extensions", after="owner: a"
    ),
    "windows-lines-and-byte-order-mark": Case(
        before="\ufeffextensions:\r\n  foo: ./foo\r\n  bar: ./bar\r\n",
        path="extensions.foo",
        after="\ufeffextensions:\r\n  bar: ./bar\r\n",
    ),
    "flow-first": Case(before="a: {b: 1, c: 2} # x\n", path="a.b", after="a: {c: 2} # x\n"),
    "flow-last": Case(before="a: {b: 1, c: 2 } # x\n", path="a.c", after="a: {b: 1 } # x\n"),
    "flow-last-with-comma": Case(before="a: {b: 1, c: 2, }\n", path="a.c", after="a: {b: 1, }\n"),
    "flow-only": Case(before="a: { b: 1 } # x\n", path="a.b", after="a: {  } # x\n"),
    "flow-only-with-comma": Case(before="a: {b: 1,}\n", path="a.b", after="a: {}\n"),
    "flow-before-a-comment": Case(
        before="a: {\n  b: 1, # one\n  c: 2\n  }\n", path="a.b", after="a: {\n   # one\n  c: 2\n  }\n"
    ),
    "flow-behind-a-comment": Case(
        before="a: {\n  b: 1, # one\n  c: 2\n  }\n", path="a.c", after="a: {\n  b: 1, # one\n  \n  }\n"
    ),
    "flow-between-comments": Case(
        before="a: {b: 1, # one\n  c: 2, # two\n  }\n", path="a.c", after="a: {b: 1, # one\n   # two\n  }\n"
    ),
    "json": Case(
        before='{\n  "extensions": {\n    "foo": "./foo",\n    "bar": "./bar"\n  }\n}\n',
        path="extensions.foo",
        after='{\n  "extensions": {\n    "bar": "./bar"\n  }\n}\n',
    ),
}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("case", REMOVED.values(), ids=REMOVED.keys())
def test_an_entry_is_removed(case: Case) -> None:
    result = yaml_text.remove_entry(case.before.encode(), keys(case.path), name="llamagate.yaml")
    assert result.decode() == case.after
    assert yaml_text.remove_entry(result, keys(case.path), name="llamagate.yaml") == result


def test_an_equal_value_stays_as_written() -> None:
    data = b"extensions:\n  foo: {'source' : \"./foo\",\n    enabled: FALSE} # as written\n"
    assert yaml_text.set_entry(data, ("extensions", "foo"), {"enabled": False, "source": "./foo"}, name="x") == data


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", None])
def test_equal_in_python_is_not_equal_in_yaml(value: Json) -> None:
    for written in (b"true", b"1", b"1.0", b"'1'", b"null"):
        result = yaml_text.set_entry(b"a: {b: " + written + b"} # c\n", ("a", "b"), value, name="x")
        assert repr(yaml_text.load(result, name="x")) == repr({"a": {"b": value}})


REFUSED: dict[str, tuple[bytes, str, Json, str]] = {
    "shorthand-on-the-way": (
        b"extensions:\n  foo: ./foo\n",
        "extensions.foo.enabled",
        False,
        "llamagate.yaml:2:3: extensions.foo: expected a mapping",
    ),
    "list-at-the-top": (b"- a\n", "a", 1, "llamagate.yaml:1:1: expected a mapping at the top"),
    "malformed": (b"a: &x 1\n", "a", 1, "llamagate.yaml:1:4: a: anchors are not allowed: &x"),
    "text-that-is-no-unicode": (
        b"extensions:\n",
        "extensions.foo",
        "./caf\udce9",
        "llamagate.yaml: cannot write 'extensions.foo': its text is not Unicode",
    ),
    "block-behind-a-question-mark": (
        b"a: 1\n? foo\n: source: ./foo\n",
        "foo",
        {"source": "./bar", "enabled": False},
        "llamagate.yaml:2:3: cannot change 'foo' in place; write there by hand: foo: {source: ./bar, enabled: false}",
    ),
    "written-null-at-the-top": (
        b"~\n",
        "extensions.foo",
        "./foo",
        "llamagate.yaml:1:1: cannot change 'extensions.foo' in place; write there by hand: foo: ./foo",
    ),
}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("data", "path", "value", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_set_refuses(data: bytes, path: str, value: Json, message: str) -> None:
    with pytest.raises(InputError) as caught:
        yaml_text.set_entry(data, keys(path), value, name="llamagate.yaml")
    assert caught.value.message == message


def test_remove_refuses_what_would_turn_a_comment_into_text() -> None:
    data = b"config:\n  a: |\n    Say\n  b: 1\n     # deep\n  c: 2\n"
    with pytest.raises(InputError) as caught:
        yaml_text.remove_entry(data, ("config", "b"), name="llamagate.yaml")
    assert caught.value.message == "llamagate.yaml:4:3: cannot change 'config.b' in place; remove it by hand"


def test_every_line_of_our_own_file_but_the_added_ones_stays() -> None:
    data = (Path(__file__).parents[2] / "llamagate.yaml").read_bytes()
    result = yaml_text.set_entry(data, ("extensions", "new"), {"source": "./new"}, name="llamagate.yaml")
    added = [b"  new:\n", b"    source: ./new\n"]
    lines = result.splitlines(keepends=True)
    at = lines.index(added[0])
    assert lines[at - 1].startswith(b"  sentiment-task: ")
    assert b"".join(lines[:at] + lines[at + 2 :]) == data
    assert yaml_text.remove_entry(result, ("extensions", "new"), name="llamagate.yaml") == data


def test_the_cost_grows_with_the_size_and_no_faster() -> None:
    """Half a second; a minute if each entry or line looked at the others."""
    entries = [b"  e%d:\n    # c\n    source: {dir: ./x}  # d\n    config:\n" % at for at in range(2_500)]
    comments = b"  # none\n" * 10_000
    rest = b"\n" * 10_000 + b"owner: a\n"
    data = b"extensions:\n" + b"".join(entries) + b"modules:\n" + comments + rest
    began = time.process_time()
    result = yaml_text.set_entry(data, ("modules", "m"), "./m", name="x")
    result = yaml_text.set_entry(result, ("extensions", "e0", "config", "a"), 1, name="x")
    result = yaml_text.remove_entry(result, ("extensions", "e2499"), name="x")
    assert time.process_time() - began < 20
    wanted = [entries[0], b"      a: 1\n", *entries[1:-1]]
    assert result == b"extensions:\n" + b"".join(wanted) + b"modules:\n" + comments + b"  m: ./m\n" + rest
