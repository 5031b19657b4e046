"""``llamagate.yaml``: what is read, and what is wrong with it, by file, line and column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import InputError, NotDesiredError
from reconciler.model.desired import Policy
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.source import Source, SourceKind
from reconciler.store.desired_file import read_desired
from tests.support.work import LINEAR, growth

HEAD = "apiVersion: llamagate/v1\n"
LONG = "x" * 300


def written(folder: Path, text: str) -> Path:
    path = folder / "llamagate.yaml"
    path.write_text(text, "utf-8")
    return path


def faults(folder: Path, text: str) -> list[str]:
    path = written(folder, text)
    with pytest.raises(InputError) as caught:
        read_desired(path)
    return [str(fault).removeprefix(f"{path}:") for fault in caught.value.faults]


TAKEN = "(ids ignore case and section)"
PATTERN = "an id has only letters, digits, '_' and '-'"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("extensions:\n  ..: ./a\n", [f"3:3: extensions['..']: {PATTERN}"]),
        ("extensions:\n  a/b: ./a\n", [f"3:3: extensions['a/b']: {PATTERN}"]),
        ("extensions:\n  CON: ./a\n", ["3:3: extensions.CON: this name is a device on Windows"]),
        ("modules:\n  lpt1: ./a\n", ["3:3: modules.lpt1: this name is a device on Windows"]),
        ("extensions:\n  Backups: ./a\n", ["3:3: extensions.Backups: the gateway uses this name for itself"]),
        (f"extensions:\n  {LONG}: ./a\n", [f"3:3: extensions.{LONG}: longer than 128 characters"]),
        (
            "extensions:\n  Foo: ./a\nmodules:\n  bar: ./b\n  foo: ./c\n",
            [f"6:3: modules.foo: duplicate id: the extension Foo already has this id {TAKEN}"],
        ),
        (
            "extensions:\n  foo: ./a\n  FOO: ./b\n",
            [f"4:3: extensions.FOO: duplicate id: the extension foo already has this id {TAKEN}"],
        ),
        (
            "extensions:\n  con: ./a\n  ok: ./b\nmodules:\n  backups: ./c\n  Con: ./d\n",
            [
                "3:3: extensions.con: this name is a device on Windows",
                "6:3: modules.backups: the gateway uses this name for itself",
                f"7:3: modules.Con: duplicate id: the extension con already has this id {TAKEN}",
            ],
        ),
        ("extensions:\n  a: ./a\n  a: ./b\n", ["4:3: extensions: duplicate key 'a'; the first is in line 3"]),
        (
            "extensions:\n  a: {source: ./a, version: newest}\n",
            ["3:20: extensions.a.version: 'newest' is not a version range; leave 'version' out to get the newest"],
        ),
        (
            "extensions:\n  a: {source: {catalog: c, version: newest}}\n",
            [
                "3:28: extensions.a.source.version: "
                "'newest' is not a version range; leave 'version' out to get the newest"
            ],
        ),
        (
            "extensions:\n  a: {source: {catalog: c, version: ^1}, version: ^2}\n"
            "  b: {source: {catalog: c, version: ^1}, version: ^1}\n",
            ["3:28: extensions.a.source.version: there is another range beside 'source', '^2'; keep one of them"],
        ),
        (
            "extensions:\n  a: {source: ./a, enabled: no}\n",
            ["3:20: extensions.a.enabled: 'no' is text; use false"],
        ),
        (
            "extentions: {}\n",
            ["2:1: extentions: unknown field 'extentions'; did you mean 'extensions'?"],
        ),
    ],
    ids=[
        *("dots", "slash", "device", "device in modules", "backups", "300 characters", "twin in the other section"),
        *("twin by case", "all at once", "twice", "range", "range inside", "two ranges", "no boolean", "typing error"),
    ],
)
def test_faults(tmp_path: Path, text: str, found: list[str]) -> None:
    assert faults(tmp_path, HEAD + text) == found


def test_one_fault_is_the_message(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEAD}extensions:\n  CON: ./a\n")
    with pytest.raises(InputError) as caught:
        read_desired(path)
    assert str(caught.value) == f"{path}:3:3: extensions.CON: this name is a device on Windows"


def test_several_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEAD}extensions:\n  CON: ./a\n  aux: ./a\n")
    with pytest.raises(InputError) as caught:
        read_desired(path)
    assert str(caught.value) == f"{path}: 2 faults in the desired state"


def test_a_newer_format(tmp_path: Path) -> None:
    found = faults(tmp_path, "apiVersion: llamagate/v2\n")
    assert found == ["1:1: apiVersion: expected 'llamagate/v1', found 'llamagate/v2'"]


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "llamagate.yaml"
    with pytest.raises(InputError) as caught:
        read_desired(path)
    message = "no such file; name one with -f, or run 'llamagate init' to create one"
    assert str(caught.value) == f"{path}: {message}"


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_desired(tmp_path)
    assert str(caught.value) == f"{tmp_path}: this is a folder, not a file; name a file with -f, or rename the folder"


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"""\
{HEAD}owner: 1e3
extensions:
  short: ./packages/short
  zipped: dist/x.ZIP
  long:
    source: {{zip: packages/odd}}
    version: 1.10
    enabled: false
    config: {{on: 1, token: {{env: TOKEN}}}}
modules:
  m: {{source: ./m, depends_on: [short]}}
policy: {{prune: never, max_prune: 25%, drift: {{edited: heal}}, mutable: [x], allow_builtin: [short]}}
gateway: {{url: "http://127.0.0.1:1", reload: required}}
""",
    )
    desired = read_desired(path).desired
    short, zipped, long, module = desired.items
    assert desired.owner == "1e3"
    assert short.source == Source(SourceKind.DIR, "./packages/short")
    assert zipped.source == Source(SourceKind.ZIP, "dist/x.ZIP")
    assert (long.source, long.version, long.enabled) == (Source(SourceKind.ZIP, "packages/odd"), "1.10", False)
    assert long.config == {"on": 1, "token": {"env": "TOKEN"}}
    assert (module.key, module.depends_on, module.enabled) == (ItemKey(Kind.MODULE, "m"), ("short",), None)
    assert desired.policy == Policy(
        prune="never", max_prune=25, drift_edited="heal", mutable=("x",), allow_builtin=frozenset(["short"])
    )
    assert (desired.gateway.url, desired.gateway.reload) == ("http://127.0.0.1:1", "required")


@pytest.mark.parametrize("text", ["", "extensions:\nmodules:\n", "extensions: {}\n"], ids=["no", "null", "empty"])
def test_nothing_to_have(tmp_path: Path, text: str) -> None:
    assert read_desired(written(tmp_path, HEAD + text)).desired.items == ()


def test_what_is_known_is_not_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEAD}extensions: {{a: ./a}}\n")
    first = read_desired(path)
    again = read_desired(path, known={first.digest: first.document})
    assert (first.is_known, again.is_known) == (False, True)
    assert again.desired == first.desired


@pytest.mark.parametrize(
    ("text", "is_gateways"),
    [
        ("mcp: {enabled: true}\n", True),
        ("MCP:\n  enabled: true\n", True),
        ("port: 8080\nollama_host: http://localhost:11434\n", True),
        ("{mcp: {enabled: true}}\n", True),
        ("# YAML that we refuse\nmcp: &tools {enabled: yes}\nplugins: *tools\n", True),
        ("mcp:\n  servers: [\n", True),
        ("mcp: {enabled: true}\napiVersion: llamagate/v2\n", False),
        ("mcp: {enabled: true}\nextensions: {}\n", False),
        ("note: |\n  mcp: {}\nmodules: [\n", False),
        ("extentions: {}\n", False),
        ("- mcp: {}\n", False),
        ("", False),
    ],
)
def test_the_configuration_of_the_gateway_is_not_taken_for_a_broken_desired_state(
    tmp_path: Path, text: str, is_gateways: bool
) -> None:
    with pytest.raises(InputError) as caught:
        read_desired(written(tmp_path, text))
    assert isinstance(caught.value, NotDesiredError) is is_gateways


def test_the_file_is_read_once_for_all_that_is_wrong_with_it(tmp_path: Path) -> None:
    def of(count: int) -> Callable[[], object]:
        items = "".join(f'  item-{number}: {{source: ./a, version: "zz"}}\n' for number in range(count))
        return lambda: faults(tmp_path, f"{HEAD}extensions:\n{items}")

    assert growth(of, 50) <= LINEAR


def test_the_same_text_is_decoded_once_in_a_row(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEAD}extensions: {{a: ./a}}\n")
    before = read_desired(path)
    assert read_desired(path).document is before.document
    other = read_desired(written(tmp_path, f"{HEAD}extensions: {{b: ./b}}\n"))
    assert [item.key.id for item in other.desired.items] == ["b"]


KNOWN = """\
extensions:
  a: {source: ./a, enabled: true, config: {x: 1}}
  b: {source: ./b, version: ^1.0}
  c: ./c
modules:
  d: ./d
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("enabled: true", "enabled: 1"),
        ("./c", "1"),
        ("^1.0", "no range"),
        ("  c:", "  con:"),
        ("  c:", "  D:"),
        ("  d: ./d", "  B: ./d"),
        ("{source: ./b, ", "{sources: ./b, "),
        ("  c: ./c", "  c: ./c\n  c: ./c"),
        ("modules:", "module:"),
    ],
)
def test_what_is_known_of_others_hides_no_fault(tmp_path: Path, old: str, new: str) -> None:
    before = read_desired(written(tmp_path, HEAD + KNOWN))
    path = written(tmp_path, HEAD + KNOWN.replace(old, new))
    said = []
    for known in ({}, {before.digest: before.document}):
        with pytest.raises(InputError) as caught:
            read_desired(path, known=known)
        said.append((caught.value.message, caught.value.faults))
    assert said[0] == said[1]
