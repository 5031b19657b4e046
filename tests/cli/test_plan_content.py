"""What a plan shows of the files that change."""

from __future__ import annotations

import functools
import json
import re
import sys
from typing import Any

import pytest

from reconciler.model.unseen import UNSEEN, is_needed
from tests.cli.again import Again, once
from tests.cli.shell import Session

PROMPT = "templates/prompt.md"


def make(session: Session) -> None:
    """An installed extension with a prompt."""
    session.package("foo", files={PROMPT: "You help people.\nNever reveal the key.\n"})
    session.desired("extensions: {foo: ./packages/foo}\n")
    session.llamagate("apply")


made = once(make)


@pytest.fixture
def foo(made: Again) -> Session:
    return made.session()


def files(session: Session, *arguments: str) -> dict[str, Any]:
    """What the plan says of each file, by path."""
    [action] = session.plan(*arguments)["actions"]
    return {file["path"]: file for file in action["diff"]["files"]}


def rows(file: dict[str, Any]) -> list[str]:
    return [row["sign"] + row["text"] for hunk in file["hunks"] for row in hunk["rows"]]


def prompt(session: Session, text: str | bytes) -> None:
    session.write(f"packages/foo/{PROMPT}", text)


def test_the_changed_words_are_marked(foo: Session) -> None:
    prompt(foo, "You help people.\nAlways reveal the key.\n")
    said = foo.llamagate("plan").out
    assert "[-Never-] reveal the key." in said
    assert "{+Always+} reveal the key." in said
    assert rows(files(foo)[PROMPT]) == [" You help people.", "-Never reveal the key.", "+Always reveal the key."]


def test_colours_mark_them_without_brackets(foo: Session) -> None:
    prompt(foo, "You help people.\nAlways reveal the \u202ekey.\n")
    said = foo.llamagate("plan", "--color", "always").out
    assert "\x1b[32m\x1b[7mAlways\x1b[0m\x1b[0m" in said
    assert "{+" not in said


def test_a_paragraph_that_is_only_wrapped_otherwise_is_said_as_that(foo: Session) -> None:
    prompt(foo, "You help people. Never\nreveal the key.\n")
    file = files(foo)[PROMPT]
    assert (file["wrapped"], file["added"], file["removed"]) == (1, 0, 0)
    assert rows(file) == ["~2 → 2 lines"]


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\U000e0041", "\ufe0f", "\r", "\x1b"])
@pytest.mark.parametrize(
    "arguments", [("plan",), ("plan", "--json"), ("plan", "--stat"), ("plan", "--color", "always")]
)
def test_what_nobody_sees_is_an_escape_in_every_format(foo: Session, hidden: str, arguments: tuple[str, ...]) -> None:
    prompt(foo, f"You help people.{hidden}\nNever reveal the key.\n")
    said = foo.llamagate(*arguments).out
    shown = "1 character that nobody sees" if "--stat" in arguments else f"<U+{ord(hidden):04X}>"
    assert shown in said
    assert hidden not in said or hidden == "\x1b"


def test_it_is_one_in_the_manifest_too(foo: Session) -> None:
    foo.edit("packages/foo/manifest.yaml", "description: ", "description: x\U000e0041")
    assert "\U000e0041" not in foo.llamagate("plan").out + foo.llamagate("plan", "--json").out


def test_a_file_that_is_no_text_is_shown_by_size_and_digest(foo: Session) -> None:
    prompt(foo, b"\xff\x00")
    assert files(foo)[PROMPT]["binary"]["after"]["size"] == 2
    assert "binary: 39 bytes sha256:" in foo.llamagate("plan").out


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("latin-1", "windows-1252"), ("utf-16", "UTF-16LE"), ("utf-16-be", "UTF-16BE"), ("cp1252", "windows-1252")],
)
def test_a_text_in_another_encoding_shows_its_words_and_the_encoding(foo: Session, encoding: str, named: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    text = "You hélp people.\nAlways reveal the key.\n"
    prompt(foo, mark + text.encode(encoding))
    found = files(foo)[PROMPT]
    assert found["encoding"] == ["UTF-8", named]
    assert rows(found) == [
        "-You help people.",
        "-Never reveal the key.",
        "+You hélp people.",
        "+Always reveal the key.",
    ]
    said = foo.llamagate("plan").out
    assert f"(+2 -2, encoding UTF-8 → {named})" in said
    assert "{+Always+} reveal" in said
    foo.llamagate("apply")
    prompt(foo, mark + text.replace("Always", "Never").encode(encoding))
    assert files(foo)[PROMPT]["encoding"] == [named]
    assert "[-Always-] reveal" in foo.llamagate("plan").out


def test_another_encoding_alone_is_said(foo: Session) -> None:
    prompt(foo, "You help people.\nNever reveal the key.\n".encode("utf-16"))
    assert f"{PROMPT} (encoding UTF-8 → UTF-16LE)" in foo.llamagate("plan").out


def test_other_line_ends_alone_are_said_and_no_line_is_shown(foo: Session) -> None:
    text = b"You help people.\nNever reveal the key.\n"
    windows = text.replace(b"\n", b"\r\n")
    for before, after, said in (
        (text, windows, "only line ends LF → CRLF"),
        (windows, text, "only line ends CRLF → LF"),
    ):
        prompt(foo, before)
        foo.llamagate("apply", "-q")
        prompt(foo, after)
        assert rows(files(foo)[PROMPT]) == []
        assert f"{PROMPT} ({said})" in foo.llamagate("plan").out
        assert [mark["code"] for mark in foo.plan()["actions"][0]["marks"]] == ["prompt-without-version"]


def test_with_other_line_ends_the_words_that_change_are_shown(foo: Session) -> None:
    prompt(foo, b"You help people.\r\nAlways reveal the key.\r\n")
    found = files(foo)[PROMPT]
    assert rows(found) == [" You help people.", "-Never reveal the key.", "+Always reveal the key."]
    assert found["line_ends"] == ["LF", "CRLF"]
    assert "unseen" not in found


RENAMED = "templates/system.md"


class TestRenames:
    """A file with another name is one that changes: what changes in it is not lost among what stays."""

    def rename(self, foo: Session, old: str = "", new: str = "") -> None:
        path = foo.project / "packages/foo" / PROMPT
        path.with_name("system.md").write_text(path.read_text().replace(old, new) if old else path.read_text())
        path.unlink()

    def test_it_is_named_with_both_names(self, foo: Session) -> None:
        self.rename(foo)
        assert files(foo) == {RENAMED: {"path": RENAMED, "change": "changed", "hunks": [], "renamed_from": PROMPT}}
        assert f"~ {PROMPT} → {RENAMED} (renamed)" in foo.llamagate("plan").out
        assert [mark["code"] for mark in foo.plan()["actions"][0]["marks"]] == ["prompt-without-version"]

    def test_its_changed_words_are_marked(self, foo: Session) -> None:
        self.rename(foo, "Never", "Always")
        assert rows(files(foo)[RENAMED]) == [
            " You help people.",
            "-Never reveal the key.",
            "+Always reveal the key.",
        ]
        assert "(+1 -1, renamed)" in foo.llamagate("plan").out
        foo.llamagate("apply", "-q")
        [item] = foo.llamagate("diff", "@1", "@2", "--json").json["items"]
        assert [file.get("renamed_from") for file in item["diff"]["files"]] == [PROMPT]

    def test_a_file_with_other_content_is_another_file(self, foo: Session) -> None:
        self.rename(foo, "You help people.\nNever reveal the key.\n", "Sing.\nDance.\nNever reveal it.\n")
        assert {path: file["change"] for path, file in files(foo).items()} == {PROMPT: "removed", RENAMED: "added"}

    def test_of_several_each_is_paired_once(self, foo: Session) -> None:
        for name in ("a", "b"):
            foo.write(f"packages/foo/{name}.md", f"One.\nTwo.\nThree {name}.\n")
        foo.llamagate("apply", "-q")
        for name in ("a", "b"):
            (foo.project / f"packages/foo/{name}.md").rename(foo.project / f"packages/foo/new-{name}.md")
            foo.edit(f"packages/foo/new-{name}.md", "One", "Uno")
        found = {path: file["renamed_from"] for path, file in files(foo).items()}
        assert found == {"new-a.md": "a.md", "new-b.md": "b.md"}


def test_full_shows_20_000_lines(foo: Session) -> None:
    prompt(foo, "".join(f"line {number} of it\n" for number in range(20_000)))
    foo.llamagate("apply", "-q")
    prompt(foo, "".join(f"line {number} of them\n" for number in range(20_000)))
    said = foo.llamagate("plan", "--full").out
    assert "+ line 19999 of them" in said
    assert said.count(" of them") == 20_000


def test_a_file_that_may_be_run_from_now_on_is_named(foo: Session) -> None:
    (foo.project / "packages/foo" / PROMPT).chmod(0o755)
    assert files(foo)[PROMPT] == {"path": PROMPT, "change": "changed", "hunks": [], "mode": ["644", "755"]}
    assert "(mode 644 → 755)" in foo.llamagate("plan").out


def test_stat_shows_counts_and_no_lines(foo: Session) -> None:
    prompt(foo, "You help people.\n")
    said = foo.llamagate("plan", "--stat").out
    assert f"~ {PROMPT} (+0 -1)" in said
    assert "Never" not in said


def test_no_diff_shows_nothing_of_it(foo: Session) -> None:
    prompt(foo, "You help people.\n")
    assert PROMPT not in foo.llamagate("plan", "--no-diff").out
    assert foo.plan("--no-diff")["actions"][0]["diff"] == {}


def test_an_item_has_40_lines_and_full_shows_all(foo: Session) -> None:
    prompt(foo, "".join(f"line {number}\n" for number in range(100)))
    said = foo.llamagate("plan").out
    assert "… and 63 more lines (--full shows all, --stat counts)" in said
    assert "+ line 99" not in said
    assert "+ line 99" in foo.llamagate("plan", "--full").out


def test_new_files_do_not_push_those_that_change_off_the_page(foo: Session) -> None:
    prompt(foo, "You help people.\nAlways reveal the key.\n")
    foo.write("packages/foo/a.md", "filler\n" * 100)
    foo.write("packages/foo/b.md", "filler\n")
    said = foo.llamagate("plan").out
    assert "{+Always+} reveal the key." in said
    assert "… and 66 more lines, 1 more file (--full shows all, --stat counts)" in said


def test_of_a_line_that_is_too_long_the_change_is_shown(foo: Session) -> None:
    prompt(foo, "word " * 5000 + "\n")
    foo.llamagate("apply")
    prompt(foo, "word " * 2500 + "\u202eEvil " + "word " * 2500 + "\n")
    said = foo.llamagate("plan").out
    before, after = (line for line in said.splitlines() if "left out" in line)
    assert before.startswith("          - …word word word word word")
    assert after.startswith("          + …word word word word {+<U+202E>Evil+} word")
    assert after.endswith(" … 24613 of 25013 characters left out")
    assert len(after) < 500
    assert "left out" not in foo.llamagate("plan", "--full").out


def test_a_line_that_is_new_as_a_whole_has_no_marked_words(foo: Session) -> None:
    foo.write("packages/foo/a.md", "- one\n  - two\n")
    assert "+   - two\n" in foo.llamagate("plan").out


def test_an_empty_file_hides_nothing(foo: Session) -> None:
    foo.write("packages/foo/empty.md", "")
    assert "+ empty.md (new file)" in foo.llamagate("plan").out
    foo.llamagate("apply")
    (foo.project / "packages/foo/empty.md").unlink()
    assert "- empty.md (removed)" in foo.llamagate("plan").out


def test_of_several_that_are_removed_each_has_its_files_where_they_are_shown(session: Session) -> None:
    session.package("a", files={PROMPT: "one\n"})
    session.package("b", files={"other.md": "two\n"})
    session.extensions("a", "b")
    session.llamagate("apply")
    session.desired("extensions: {}\n")
    page = session.llamagate("plan").out
    assert "- remove     2 items" in page
    assert "removed, " not in page
    for arguments in (("--stat",), ("--full",), ("--stat", "--format", "markdown")):
        said = session.llamagate("plan", *arguments).out
        assert PROMPT in said
        assert "other.md" in said


def test_a_plan_has_400_lines(session: Session) -> None:
    for item in (names := [f"e{number:02}" for number in range(15)]):
        session.package(item, files={PROMPT: "old\n"})
    session.extensions(*names)
    session.llamagate("apply")
    for item in names:
        session.write(f"packages/{item}/{PROMPT}", f"new {item}\n" * 50)
    assert session.llamagate("plan").out.count("+ new") < 400
    assert session.llamagate("plan", "--full").out.count("+ new") == 15 * 50


@pytest.mark.parametrize("flags", [("--stat", "--full"), ("--full", "--no-diff")])
def test_these_flags_exclude_each_other(foo: Session, flags: tuple[str, ...]) -> None:
    foo.llamagate("plan", *flags, exits=64)
    foo.llamagate("rollback", *flags, exits=64)


@pytest.mark.parametrize("command", [("apply", "-v"), ("apply", "--full"), ("import", "packages/foo", "--dry-run")])
def test_other_commands_show_it_too(foo: Session, command: tuple[str, ...]) -> None:
    prompt(foo, "You help people.\nAlways reveal the key.\n")
    assert "{+Always+}" in foo.llamagate(*command).out


def test_a_rollback_shows_what_comes_back_from_the_cache(foo: Session) -> None:
    prompt(foo, "You help people.\nAlways reveal the key.\n")
    foo.llamagate("apply")
    (foo.project / "packages/foo" / PROMPT).unlink()
    assert "{+Never+}" in foo.llamagate("rollback", "--dry-run").out


def test_without_the_old_package_in_the_cache_the_old_text_is_that_in_the_home(foo: Session) -> None:
    prompt(foo, "You help people.\nAlways reveal the key.\n")
    for cached in (foo.home / "reconciler/cache").iterdir():
        cached.unlink()
    assert "[-Never-] reveal the key." in foo.llamagate("plan").out


def test_what_only_the_lost_package_could_tell_is_named(foo: Session) -> None:
    """Which values of a written manifest come from the desired state nobody can see in it."""
    foo.desired("extensions: {foo: {source: ./packages/foo, config: {interval: 7}}}\n")
    foo.llamagate("apply")
    foo.edit("packages/foo/manifest.yaml", "A package", "Another package")
    for cached in (foo.home / "reconciler/cache").iterdir():
        cached.unlink()
    assert files(foo)["manifest.yaml"]["not_shown"] is True
    assert "its text cannot be shown" in foo.llamagate("plan").out


class TestSecrets:
    """The value of a variable or a file is in no format, and neither is its length."""

    @pytest.fixture
    def secret(self, foo: Session) -> Session:
        foo.variables.update(TOKEN="s3cr3t-old")  # noqa: S106
        foo.desired(
            "extensions: {foo: {source: ./packages/foo, config: {other: {env: TOKEN}, list: [{env: TOKEN}]}}}\n"
        )
        foo.llamagate("apply")
        return foo

    @pytest.mark.parametrize("arguments", [(), ("--json",), ("--full",), ("--stat",), ("--out", "plan.json")])
    def test_a_changed_one_is_said_as_changed(self, secret: Session, arguments: tuple[str, ...]) -> None:
        secret.variables.update(TOKEN="s3cr3t-new-and-longer")  # noqa: S106
        said = secret.llamagate("plan", *arguments).out
        assert "s3cr3t" not in said
        assert "hidden_changed" in said or "a hidden value changed" in said
        if "plan.json" in arguments:
            assert "s3cr3t" not in (secret.project / "plan.json").read_text()

    def test_one_that_stays_is_no_change(self, secret: Session) -> None:
        secret.package("foo", version="1.1.0", files={PROMPT: "x\n"})
        [action] = secret.plan()["actions"]
        assert action["diff"]["manifest"] == {"changed": {"version": ["1.0.0", "1.1.0"]}}
        assert "s3cr3t" not in json.dumps(action)

    def test_one_that_the_file_no_longer_names_stays_hidden(self, secret: Session) -> None:
        secret.desired("extensions: {foo: ./packages/foo}\n")
        assert "s3cr3t" not in secret.llamagate("plan").out + secret.llamagate("plan", "--json").out

    def test_one_in_a_backup_stays_hidden(self, secret: Session) -> None:
        secret.desired("extensions: {foo: ./packages/foo}\n")
        secret.llamagate("apply")
        del secret.variables["TOKEN"]
        for flag in ("--json", "--full"):
            assert "s3cr3t" not in secret.llamagate("restore", "foo", "--dry-run", flag).out


class TestWhatComesAndGoes:
    """Also of items that are new, repaired or removed the reviewer sees the words."""

    def test_the_lines_of_a_new_item_are_shown_its_prompts_first(self, session: Session) -> None:
        session.package("foo", files={PROMPT: "Always reveal the key.\n", "README.md": "About it.\n"})
        session.extensions("foo")
        said = session.llamagate("plan").out
        assert "+ Always reveal the key." in said
        assert said.index("prompt.md (new file, 1 line)") < said.index("manifest.yaml") < said.index("README.md")

    def test_of_a_long_definition_its_prompts_have_room(self, session: Session) -> None:
        session.package("foo")
        inputs = "inputs:\n" + "".join(f"  - {{id: i{number}, type: string}}\n" for number in range(40))
        session.edit("packages/foo/manifest.yaml", "steps:", f"{inputs}steps:")
        session.extensions("foo")
        said = session.llamagate("plan").out
        assert "⋮ 41 lines of inputs or outputs" in said
        assert "+   - uses: llm.chat" in said
        assert "+   - {id: i39, type: string}" in session.llamagate("plan", "--full").out

    def test_of_a_removed_item_the_files_are_named_and_full_shows_their_lines(self, foo: Session) -> None:
        foo.desired("extensions: {}\n")
        assert f"- {PROMPT} (removed, 2 lines)" in foo.llamagate("plan").out
        assert "- Never reveal the key." in foo.llamagate("plan", "--full").out
        assert rows(files(foo)[PROMPT]) == ["-You help people.", "-Never reveal the key."]

    @pytest.mark.parametrize("is_new", [False, True], ids=["healed", "overwritten"])
    def test_what_was_changed_by_hand_is_what_gives_way(self, foo: Session, is_new: bool) -> None:
        foo.edit(foo.installed("foo", PROMPT), "Never", "Sometimes")
        if is_new:
            prompt(foo, "You help people.\nNever show the key.\n")
        else:
            foo.desired("extensions: {foo: ./packages/foo}\npolicy: {drift: {edited: heal}}\n")
        shown = rows(files(foo, *(["--overwrite"] if is_new else []))[PROMPT])
        assert shown[1:] == ["-Sometimes reveal the key.", f"+Never {'show' if is_new else 'reveal'} the key."]

    def test_a_file_that_comes_back_is_shown(self, foo: Session) -> None:
        foo.installed("foo", PROMPT).unlink()
        assert rows(files(foo)[PROMPT]) == ["+You help people.", "+Never reveal the key."]

    def test_an_extension_that_a_module_brings_is_looked_at_too(self, session: Session) -> None:
        session.module("bar", "brought")
        brought = "name: brought\nversion: 1.0.0\ndescription: x\ntype: workflow\nsteps:\n  - uses: file.write\n"
        session.write("packages/bar/extensions/brought.yaml", brought)
        session.desired("modules: {bar: ./packages/bar}\n")
        [action] = session.plan()["actions"]
        assert [mark["code"] for mark in action["marks"]] == ["file-write"]


class TestEdits:
    """``status --diff`` shows what was changed by hand as a plan shows a change."""

    def test_the_changed_words_are_marked(self, foo: Session) -> None:
        foo.edit(foo.installed("foo", PROMPT), "Never", "Always")
        said = foo.llamagate("status", "--diff", "foo").out
        assert "[-Never-] reveal the key." in said
        assert "{+Always+} reveal the key." in said
        [file] = foo.llamagate("status", "--diff", "foo", "--json").json["diff"]["files"]
        assert rows(file) == [" You help people.", "-Never reveal the key.", "+Always reveal the key."]

    def test_what_nobody_sees_is_an_escape(self, foo: Session) -> None:
        foo.edit(foo.installed("foo", PROMPT), "Never", "Ne\u200bver")
        assert "Ne<U+200B>ver" in foo.llamagate("status", "--diff", "foo").out


# Every character that nobody sees


@functools.cache
def hidden() -> tuple[str, ...]:
    """All of them, but those that no YAML and no line can hold."""
    codes = (code for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    return tuple(chr(code) for code in codes if UNSEEN.match(chr(code)) and chr(code) not in "\x00\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--full"),
        ("plan", "--full", "--color", "always"),
        ("plan", "--full", "--format", "markdown"),
        ("plan", "--json"),
        ("apply", "--dry-run", "--full"),
        ("import", "packages/foo", "--dry-run", "--full"),
        ("plan", "--out", "plan.json"),
        ("apply", "--full"),
    ],
    ids=" ".join,
)
def test_no_character_that_nobody_sees_is_in_any_format(foo: Session, arguments: tuple[str, ...]) -> None:
    """In a prompt, in a value and in a key of the manifest, in the version, and in what is taken out again."""
    foo.desired("extensions: {foo: {source: ./packages/foo, config: {}}}\n")
    words = [f"a{character}b" for character in hidden()]
    prompt(foo, "".join(f"{' '.join(words[at : at + 10])}\n" for at in range(0, len(words), 10)))
    every = [f"a\\U{ord(character):08x}b" for character in hidden()]
    value, key = (f'"{"".join(some)}"' for some in (every, every[-20:]))
    foo.edit("packages/foo/manifest.yaml", "  interval: 5", f"  interval: 5\n  x: {value}\n  {key}: 1")
    foo.edit("packages/foo/manifest.yaml", "version: 1.0.0", 'version: "1.0.0 \\u202e\\u200b"')
    said = foo.llamagate(*arguments)
    shown = said.out + said.err
    if "plan.json" in arguments:
        shown += (foo.project / "plan.json").read_text() + foo.llamagate("show", "plan.json", "--full").out
    shown = re.sub("\x1b\\[[0-9]+m", "", shown)
    assert not [found[0] for found in UNSEEN.finditer(shown) if not is_needed(found)]
    if "--json" not in arguments:
        assert "<U+202E>" in shown
