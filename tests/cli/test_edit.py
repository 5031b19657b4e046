"""Add, set and upgrade: the file is changed in place, and nothing but what was asked for."""

from __future__ import annotations

import tarfile

import pytest
import yaml

from tests.cli.parcels import zipped
from tests.cli.shell import Session
from tests.sources.git_servers import Origin, git_over_http
from tests.sources.http_server import HttpServer

TEXT = """\
# top
apiVersion: llamagate/v1
extensions:

  a:   ./packages/a   # first
  b:
    # how
    source: {dir: ./packages/b}
    config: {interval: 5, "n": [1,  2]}   # odd spaces
policy: {backups: 2}
"""


@pytest.fixture
def file(session: Session) -> Session:
    for item in ("a", "b", "c"):
        session.package(item)
    session.write("llamagate.yaml", TEXT)
    return session


def text(session: Session) -> str:
    return (session.project / "llamagate.yaml").read_text()


def test_all_but_the_entry_stays_byte_for_byte(file: Session) -> None:
    added = TEXT.replace("odd spaces\n", "odd spaces\n  c: ./packages/c\n")
    file.llamagate("add", "c", "packages/c")
    assert text(file) == added
    file.llamagate("set", "b", "interval=6")
    assert text(file) == added.replace("interval: 5", "interval: 6")
    file.llamagate("set", "b", "--unset", "n")
    assert text(file) == added.replace('interval: 5, "n": [1,  2]', "interval: 6")


def test_a_dry_run_writes_nothing(file: Session) -> None:
    file.llamagate("apply")
    before = file.everything()
    for verb in (("add", "c", "packages/c"), ("set", "b", "interval=7"), ("upgrade",)):
        file.llamagate(*verb, "--dry-run")
    assert file.everything() == before


@pytest.mark.parametrize("kind", ["dir", "zip", "tar", "http", "git", "catalog"])
def test_an_item_of_every_kind_of_source_is_added_pinned_and_installed(session: Session, kind: str) -> None:
    session.package("foo")
    (session.project / "served").mkdir()
    zipped(session, "foo", "served/foo.zip")
    with tarfile.open(session.project / "foo.tar", "w") as archive:
        archive.add(session.project / "packages/foo", "foo")
    origin = Origin(session.base / "repositories" / "packages")
    origin.package("foo", version="1.0.0")
    session.llamagate("catalog", "build", "packages")
    with HttpServer(folder=session.project / "served") as web, git_over_http(session.base / "repositories") as git:
        words = {
            "dir": ["packages/foo"],
            "zip": ["served/foo.zip"],
            "tar": ["tar=foo.tar"],
            "http": [web.url("/foo.zip")],
            "git": [f"git={git.url('packages')}", "--ref", "main", "--path", "foo"],
            "catalog": ["{catalog: packages}", "^1"],
        }
        session.llamagate("add", "foo", *words[kind])
        session.llamagate("apply", "--locked")
    listed = yaml.safe_load((session.project / "llamagate.lock.yaml").read_text())["items"]
    assert [one["id"] for one in listed] == ["foo"]
    assert session.installed("foo", "manifest.yaml").exists()


def test_a_module_goes_where_modules_are(file: Session) -> None:
    file.module("m", "a")
    file.llamagate("add", "m", "packages/m")
    assert text(file).endswith("policy: {backups: 2}\nmodules:\n  m: ./packages/m\n")


def test_a_path_is_that_of_the_current_folder(file: Session) -> None:
    file.write("deploy/llamagate.yaml", "apiVersion: llamagate/v1\n")
    file.llamagate("add", "c", "packages/c", "-f", "deploy/llamagate.yaml")
    said = (file.project / "deploy/llamagate.yaml").read_text()
    assert yaml.safe_load(said)["extensions"]["c"] == str(file.project / "packages/c")


def test_what_cannot_be_used_is_not_written(file: Session) -> None:
    file.llamagate("apply")
    before = file.everything()
    wrong = ["add d packages/c", "add d packages/none", "add c packages/c ^9", "add A packages/a", "set nobody x=1"]
    for words in wrong:
        file.llamagate(*words.split(), exits=1)
    file.llamagate("add", "c", "packages/c", "nonsense range", exits=1)
    for words in ("add c {svn:x}", "add c dir=", "add c", "set a x", "set a x=[1", "set a .=1"):
        file.llamagate(*words.split(), exits=64)
    file.llamagate("add", "c", "", exits=64)
    assert file.everything() == before


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1),
        ("true", True),
        ("hello world", "hello world"),
        ("'1'", "1"),
        ("[1, 2]", [1, 2]),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_a_value_is_read_as_yaml(file: Session, written: str, value: object) -> None:
    file.llamagate("set", "a", f"deep.key={written}")
    assert yaml.safe_load(text(file))["extensions"]["a"]["config"] == {"deep": {"key": value}}


def edits(file: Session, *arguments: str) -> list[list[object]]:
    found = file.llamagate("set", "b", *arguments, "--json").json["edits"]
    return [[one["change"], one["key"], one["before"], one["after"]] for one in found]


def test_null_is_a_value_and_not_none(file: Session) -> None:
    assert edits(file, "x=null") == [["added", "config.x", None, None]]
    assert edits(file, "interval=null") == [["changed", "config.interval", 5, None]]
    assert "~ config.interval: null → 6" in file.llamagate("set", "b", "interval=6").out
    assert edits(file, "--unset", "x") == [["removed", "config.x", None, None]]
    assert edits(file, "--unset", "x") == []
    assert yaml.safe_load(text(file))["extensions"]["b"]["config"] == {"interval": 6, "n": [1, 2]}


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        (["n[0]=7"], {"interval": 5, "n": [7, 2]}),
        (["n[2]=7"], {"interval": 5, "n": [1, 2, 7]}),
        (["n[1].a=7", "n[1].b[0]=8"], None),
        (["n[1]={a: 6}", "n[1].a=7", "n[1].b=[]", "n[1].b[0]=8"], {"interval": 5, "n": [1, {"a": 7, "b": [8]}]}),
        (["--unset", "n[0]"], {"interval": 5, "n": [2]}),
        (["--unset", "n[5]"], {"interval": 5, "n": [1, 2]}),
        (['"a.b"=1', '"a.b[0]"=2', 'c."d.e"=3'], {"interval": 5, "n": [1, 2], "a.b": 1, "a.b[0]": 2, "c": {"d.e": 3}}),
        (["n[3]=7"], None),
        (["interval[0]=7"], None),
        (["[0]=7"], None),
        (["a..b=7"], None),
        (["a.=7"], None),
        (["n[x]=7"], None),
        (["n[0]x=7"], None),
        (['"a"b=7'], None),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_elements_of_lists_and_keys_with_dots(file: Session, arguments: list[str], config: object) -> None:
    done = file.run("set", "b", *arguments)
    if config is None:
        assert (done.code, text(file)) == (64, TEXT), done.err
    else:
        assert yaml.safe_load(text(file))["extensions"]["b"]["config"] == config, done.err


def test_a_type_may_be_before_the_id(file: Session) -> None:
    file.llamagate("set", "extension", "b", "interval=9")
    assert "interval: 9" in text(file)
    assert "lists no agentic-module 'b'" in file.llamagate("set", "module", "b", "interval=9", exits=1).err
    assert "'b' is not KEY=VALUE" in file.llamagate("set", "a", "b", "interval=9", exits=64).err


@pytest.mark.parametrize("words", [("bad id", "packages/c"), ("b.c", "packages/c"), ("c", "packages/c", "^^")])
def test_an_error_names_no_line_of_a_text_that_was_not_written(file: Session, words: tuple[str, ...]) -> None:
    failed = file.llamagate("add", *words, exits=1)
    assert "llamagate.yaml:" not in failed.err
    assert text(file) == TEXT


def test_a_literal_secret_is_not_shown_and_said(file: Session) -> None:
    said = file.llamagate("set", "a", "api_key=planted-5ecret")
    assert "planted" not in said.out + said.err
    assert "{env: NAME}" in said.err
    said = file.llamagate("set", "a", "api_key={env: A_KEY}", "--json")
    assert said.json["edits"] == [
        {"key": "config.api_key", "change": "changed", "before": "(hidden)", "after": {"env": "A_KEY"}},
    ]


def test_a_secret_inside_of_a_value_is_said_as_that(file: Session) -> None:
    said = file.llamagate("set", "a", "login={token: planted-5ecret, url: x}", "--json")
    assert "planted" not in said.out + said.err
    assert "'login.token={env: NAME}'" in said.err
    said = file.llamagate("set", "a", "login={token: {env: A_KEY}}", "--json")
    assert said.json["edits"][0]["after"] == {"token": {"env": "A_KEY"}}
    assert "sounds like a secret" not in said.err


def catalog(session: Session, *versions: str) -> None:
    for version in versions:
        for item in ("a", "b"):
            session.package(item, version=version)
        session.llamagate("catalog", "build", "packages")


def test_an_upgrade_moves_the_named_pin_alone_in_one_generation(session: Session) -> None:
    catalog(session, "1.0.0")
    session.desired("extensions: {a: {source: {catalog: packages}}, b: {source: {catalog: packages}}}\n")
    session.llamagate("apply")
    catalog(session, "1.1.0")
    session.llamagate("upgrade", "a")
    assert {item: one["version"] for item, one in session.registered().items()} == {"a": "1.1.0", "b": "1.0.0"}
    assert session.record()["generation"] == 2
    session.llamagate("upgrade")
    assert {item: one["version"] for item, one in session.registered().items()} == {"a": "1.1.0", "b": "1.1.0"}
    assert session.llamagate("upgrade", "--json").json["changes"] is False


def test_an_upgrade_that_is_refused_leaves_lock_and_home(session: Session) -> None:
    catalog(session, "1.0.0")
    session.desired("extensions: {a: {source: {catalog: packages}}}\n")
    session.llamagate("apply")
    catalog(session, "1.1.0")
    session.installed("a", "manifest.yaml").write_text("name: a\nversion: 1.0.0\n")
    lock = (session.project / "llamagate.lock.yaml").read_bytes()
    assert session.llamagate("upgrade", "--json", exits=5).json["refusals"][0]["code"] == "conflict"
    assert (session.project / "llamagate.lock.yaml").read_bytes() == lock
    session.llamagate("upgrade", "--dry-run", exits=5)


def test_an_upgrade_never_goes_down_unasked(session: Session) -> None:
    catalog(session, "1.0.0")
    older = (session.project / "packages/index.json").read_bytes()
    catalog(session, "1.1.0")
    session.desired("extensions: {a: {source: {catalog: packages}}}\n")
    session.llamagate("apply")
    session.write("packages/index.json", older)
    assert session.llamagate("upgrade", "--json", exits=5).error["code"] == "older-than-pin"
    session.llamagate("upgrade", "--allow-downgrade")
    assert session.registered()["a"]["version"] == "1.0.0"
