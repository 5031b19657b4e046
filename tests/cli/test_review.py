"""A plan in its forms, and the digest that each of them carries."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest

from reconciler.cli.ui.markdown import MAX_BYTES
from tests.cli.shell import Session
from tests.cli.test_exit_codes_and_messages import in_terminal

PROMPT = "templates/prompt.txt"


@pytest.fixture
def foo(session: Session) -> Session:
    """An extension that is listed and not installed."""
    session.extensions("foo")
    return session


def digest(session: Session) -> str:
    return str(session.plan()["digest"])


# The digest


@pytest.mark.parametrize("arguments", [(), ("--format", "markdown"), ("--json",), ("--format", "json"), ("--no-diff",)])
def test_every_form_has_the_digest(foo: Session, arguments: tuple[str, ...]) -> None:
    assert digest(foo) in foo.llamagate("plan", *arguments).out


def test_apply_does_the_plan_that_is_expected(foo: Session) -> None:
    foo.llamagate("apply", "--expect", digest(foo))
    assert foo.installed("foo").is_dir()


def test_it_refuses_another_one(foo: Session) -> None:
    before = digest(foo)
    foo.edit("packages/foo/manifest.yaml", "llm.chat", "file.write")
    failed = foo.llamagate("apply", "--expect", before, "--json", exits=9)
    assert failed.error["code"] == "plan-stale"
    assert digest(foo) in failed.error["message"]
    assert not foo.installed("foo").exists()
    foo.llamagate("apply", "--dry-run", "--expect", before, exits=9)
    foo.llamagate("apply", "--dry-run", "--expect", digest(foo))


@pytest.mark.parametrize("text", ["", "sha256:1", "x" * 64, "md5:" + "0" * 64])
def test_a_text_that_is_no_digest_is_a_mistake(foo: Session, text: str) -> None:
    foo.llamagate("apply", "--expect", text, exits=64)


def test_a_saved_plan_must_be_the_expected_one_too(foo: Session) -> None:
    foo.llamagate("plan", "--out", "plan.json")
    foo.llamagate("apply", "plan.json", "--expect", "0" * 64, exits=9)
    foo.llamagate("apply", "plan.json", "--expect", digest(foo))


def test_nobody_can_guess_a_value_from_it(session: Session) -> None:
    """It is shown to everybody who reads a pull request."""
    session.package("foo")
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {env: VALUE}}}}\n")
    session.variables["VALUE"] = "one"
    first = digest(session)
    session.variables["VALUE"] = "two"
    assert digest(session) == first
    session.desired("extensions: {foo: {source: ./packages/foo, config: {token: {env: OTHER}}}}\n")
    session.variables["OTHER"] = "one"
    assert digest(session) != first


# Without secrets


@pytest.fixture
def secret(session: Session) -> Session:
    """Two extensions whose values are not here."""
    session.package("foo")
    session.package("bar")
    session.desired(
        "extensions:\n"
        "  foo: {source: ./packages/foo, config: {token: {env: VALUE}}}\n"
        "  bar: {source: ./packages/bar, config: {token: {file: ./key}}}\n"
    )
    return session


def test_a_plan_without_secrets_needs_none_and_says_so(secret: Session) -> None:
    secret.llamagate("plan", exits=1)
    plan = secret.plan("--no-secrets")
    assert [action["id"] for action in plan["actions"]] == ["bar", "foo"]
    [warning] = plan["warnings"]
    assert warning["code"] == "values-unknown"
    assert "bar, foo" in warning["message"]


def test_its_digest_is_that_of_the_plan_with_them(secret: Session) -> None:
    expected = secret.plan("--no-secrets")["digest"]
    secret.variables["VALUE"] = "t0ken"
    secret.write("key", "k3y")
    secret.llamagate("apply", "--expect", expected)


def test_what_does_it_has_the_flags_of_the_plan(foo: Session) -> None:
    foo.package("bar", version="2.0.0")
    foo.desired("extensions: {foo: ./packages/foo, bar: ./packages/bar}\n", name="other file.yaml")
    flags = ("-f", "other file.yaml", "--only", "bar", "--only", "foo", "--allow-prune", "--overwrite")
    command = f"llamagate apply {shlex.join(flags)}"
    assert f"Run '{command}' to do it." in foo.llamagate("plan", *flags).out
    assert f"Run '{command}' to do it." in foo.llamagate("apply", "--dry-run", *flags).out
    assert f"\n{command} --expect sha256:" in foo.llamagate("plan", *flags, "--format", "markdown").out
    for shown in (foo.llamagate("plan", *flags, "--out", "a plan.json"), foo.llamagate("show", "a plan.json")):
        assert "Run 'llamagate apply 'a plan.json'' to do it." in shown.out
    said = foo.llamagate("plan", "--home", "elsewhere").out
    assert "Run 'llamagate apply --home elsewhere' to do it." in said
    said = foo.llamagate("plan", *flags, "--out", "p.json", "--no-secrets").out
    assert f"Run '{command}' to do it." in said


def test_nothing_changes_where_only_values_could(secret: Session) -> None:
    secret.variables["VALUE"] = "t0ken"
    secret.write("key", "k3y")
    secret.llamagate("apply")
    del secret.variables["VALUE"]
    (secret.project / "key").unlink()
    assert secret.plan("--no-secrets")["actions"] == []
    assert "No changes to what is known without secrets" in secret.llamagate("plan", "--no-secrets").out
    secret.package("foo", version="1.1.0")
    assert [action["id"] for action in secret.plan("--no-secrets")["actions"]] == ["foo"]


def test_one_that_is_saved_is_for_looking_at(secret: Session) -> None:
    secret.llamagate("plan", "--no-secrets", "--out", "plan.json")
    assert "1.0.0" in secret.llamagate("show", "plan.json").out
    assert "--no-secrets" in secret.llamagate("apply", "plan.json", exits=1).err


# A saved plan


@pytest.mark.parametrize(
    "arguments", [(), ("--stat",), ("--full",), ("--no-diff",), ("--format", "markdown"), ("--json",)]
)
def test_a_saved_plan_is_shown_as_it_was(foo: Session, arguments: tuple[str, ...]) -> None:
    foo.llamagate("plan", "--out", "plan.json")
    foo.package("gone")
    shown, planned = (foo.llamagate(*verb, *arguments).out for verb in (("show", "plan.json"), ("plan",)))
    if arguments == ("--json",):
        document = json.loads(shown)
        assert {key: document[key] for key in json.loads(planned) if key != "diff"} == foo.plan()
    else:
        assert shown.replace("apply plan.json'", "apply'") == planned


def test_one_of_an_older_version_is_shown(foo: Session) -> None:
    foo.llamagate("plan", "--out", "plan.json")
    document = json.loads((foo.project / "plan.json").read_text())
    del document["digest"], document["actions"][0]["marks"]
    document["warnings"] = ["something is strange"]
    foo.write("plan.json", json.dumps(document))
    said = foo.llamagate("show", "plan.json").out
    assert "something is strange" in said
    assert document["fingerprint"] in said


@pytest.mark.parametrize("arguments", [("--json", "--format", "markdown"), ("--format", "html")])
def test_forms_that_do_not_go_together(foo: Session, arguments: tuple[str, ...]) -> None:
    foo.llamagate("plan", *arguments, exits=64)


def test_errors_are_json_with_format_json(session: Session) -> None:
    assert session.llamagate("plan", "--format", "json", exits=1).error["code"] == "not-found"


# Markdown


def hostile_texts() -> list[str]:
    """What a package may write to get out of its fence, close its fold, link, or call somebody."""
    fences = ["```", "````", "`" * 9, "~~~", "   ```", "\t```", "```diff", "`` `", "`", "```\r"]
    folds = [
        "</details>",
        "</summary>",
        "<details open>",
        "<!-- x",
        "-->",
        "<script>x</script>",
        "<img src=x onerror=y>",
    ]
    folds += ["</code>", "</pre>", "<a href='http://evil'>", "<h1>x", "</DETAILS >", "&lt;/details&gt;", "<![CDATA["]
    calls = ["@everybody", "@org/team", "#123", "GH-1", "user@example.org", "http://evil.example/x", "www.evil.example"]
    marks = [
        "# head",
        "> quote",
        "- [ ] task",
        "| a | b |",
        "[x](http://evil)",
        "![x](http://evil)",
        "[x]: http://evil",
    ]
    marks += ["---", "===", "* * *", "**bold**", "$$x$$", "\\`", "a\\", ":tada:", "@@ -1 +1 @@", "{% raw %}", "--- a"]
    hidden = ["\u202e</details>", "\u2028```\u2028", "\x0b```", "\x0c```", "\x85```", "\u200b@x"]
    return fences + folds + calls + marks + hidden


HOSTILE = hostile_texts()


def outside(page: str) -> str:
    """The page without its fences, each of which must end where it was meant to."""
    kept, fence = [], ""
    for line in page.split("\n"):
        run = re.match("`{3,}", line)
        if fence:
            fence = "" if line == fence else fence
        elif run:
            fence = run[0]
        else:
            kept.append(line)
    assert not fence
    return "\n".join(kept)


def test_there_are_50_of_them() -> None:
    assert len(set(HOSTILE)) >= 50


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_of_a_package_gets_out_of_its_fence(session: Session, text: str) -> None:
    name = re.sub('[/\x00-\x1f\x7f-\x9f\u2028\u202e\u200b\\\\:*?"<>|]', "", text).strip(". ") or "x"
    session.package("foo", version="1.0.0", files={PROMPT: f"{text}\nplain\n{text}", f"{name}.md": f"{text}\n\n{text}"})
    version = json.dumps(f"1.0.0 {' '.join(text.split())}")
    session.edit("packages/foo/manifest.yaml", "version: 1.0.0", f"version: {version}")
    session.desired("extensions: {foo: ./packages/foo}\n")
    page = session.llamagate("plan", "--format", "markdown").out
    left = outside(page)
    left = re.sub(r"(`+).*?\1", "", re.sub(r"<code>[^<>]*</code>", "", left))
    assert re.sub(r"</?(details|summary|b)>", "", left).count("<") == 0
    assert left.count("<details>") == left.count("</details>") == 1
    assert "evil" not in left
    assert "@" not in left


def test_a_page_has_room_for_a_comment_and_counts_the_rest(session: Session) -> None:
    for item in (names := [f"e{number:03}" for number in range(50)]):
        session.package(item, files={PROMPT: f"{item} é\n" * 200})
    session.extensions(*names)
    for arguments in ((), ("--no-diff",), ("--full",)):
        page = session.llamagate("plan", "--format", "markdown", *arguments).out
        assert len(page.encode()) < MAX_BYTES
        assert page.rstrip().endswith("```")
    assert re.search(r"… and \d+ more items", page)


STEP = "steps: [{uses: llm.chat, with: {prompt: Hidden words}}]"
QUOTED = 'steps: [{uses: llm.chat, with: {prompt: "\ninputs: x\n  Hidden words"}}]'
LONG = "  # more\n" * 30


@pytest.mark.parametrize(
    "text",
    [
        f"{{name: foo, version: 1.0.0, description: x, type: workflow,\ninputs: [],\n {STEP}\n{LONG}}}\n",
        f' name: foo\n version: 1.0.0\n type: workflow\n description: "x\ninputs: x"\n {STEP}\n{LONG}',
        f"name: foo\nversion: 1.0.0\ntype: workflow\ndescription: x\n{QUOTED}\n{LONG}",
        f"name: foo\nversion: 1.0.0\ntype: workflow\ndescription: x\ninputs: []\r{STEP}\n{LONG}",
        f"name: foo\nversion: 1.0.0\ntype: workflow\ndescription: x\ninputs: []\u2028{STEP}\n{LONG}",
    ],
    ids=["in braces", "not at the edge", "in quotes", "a lone carriage return", "a line separator"],
)
def test_steps_are_shown_where_they_look_like_inputs(session: Session, text: str) -> None:
    session.write("packages/foo/manifest.yaml", text)
    session.desired("extensions: {foo: ./packages/foo}\n")
    assert "Hidden words" in session.llamagate("plan").out


def test_the_end_of_a_long_value_is_shown(session: Session) -> None:
    session.package("foo")
    manifest = session.project / "packages/foo/manifest.yaml"
    text = f"name: foo\nversion: 1.0.0\ntype: workflow\ndescription: x\n{STEP}\n"
    manifest.write_text(f"{text}config: {{model: small}}\n")
    session.extensions("foo")
    session.llamagate("apply")
    manifest.write_text(f"{text}config: {{model: {'x' * 90}.its-end}}\n")
    assert ".its-end" in session.llamagate("plan").out


def test_long_inputs_are_only_counted(session: Session) -> None:
    inputs = "".join(f"  - {{id: i{number}, type: string}}\n" for number in range(30))
    session.write(
        "packages/foo/manifest.yaml",
        f"name: foo\nversion: 1.0.0\ntype: workflow\ndescription: x\ninputs:\n{inputs}{STEP}\n",
    )
    session.desired("extensions: {foo: ./packages/foo}\n")
    page = session.llamagate("plan").out
    assert "31 lines of inputs or outputs" in page
    assert "Hidden words" in page


# The pager


def test_a_terminal_has_a_pager(foo: Session) -> None:
    assert "<Plan: 1 to install>" in in_terminal(foo, "plan", PAGER="sed 's/.*/<&>/'", NO_COLOR="1")


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("--no-pager",), {}),
        (("--json",), {}),
        ((), {"LLAMAGATE_PAGER": ""}),
        ((), {"LLAMAGATE_PAGER": "cat"}),
        ((), {"TERM": "dumb"}),
    ],
)
def test_it_is_not_started(foo: Session, arguments: tuple[str, ...], variables: dict[str, Any]) -> None:
    assert "<" not in in_terminal(foo, "plan", *arguments, NO_COLOR="1", **{"PAGER": "sed 's/.*/<&>/'", **variables})


def test_without_the_program_the_text_is_shown_all_the_same(foo: Session) -> None:
    assert "Plan: 1 to install" in in_terminal(foo, "plan", PAGER="no-such-program-x", NO_COLOR="1")


def test_a_pager_that_ends_early_is_no_failure(foo: Session) -> None:
    assert "Plan:" not in in_terminal(foo, "plan", PAGER="true")


# Many changes, of which most are only glanced at


def test_a_page_is_the_same_whether_all_was_compared_or_only_what_is_shown(session: Session) -> None:
    """A saved plan has every line; a page of many changes compares only the lines that it shows."""
    names = [f"e{number:02}" for number in range(45)]
    for name in names:
        session.package(name, files={PROMPT: f"You are {name}.\nNever tell.\n", "README.md": "About.\n"})
    session.extensions(*names)
    session.llamagate("apply")
    for number, name in enumerate(names):
        session.edit(f"packages/{name}/manifest.yaml", "1.0.0", "1.1.0" if number % 5 else "1.0.0")
        if number % 3:
            session.write(f"packages/{name}/{PROMPT}", f"You are {name if number % 2 else 'it'}.\nAlways tell.\n")
    session.edit("packages/e40/manifest.yaml", "llm.chat", "file.write")
    session.edit("packages/e41/manifest.yaml", "steps:", "# version: 9.9.9\nsteps:")
    session.write(f"packages/e42/{PROMPT}", "Hidden \u202e.\n")
    session.write(f"packages/e43/{PROMPT}", b"\0\xff")
    (session.project / f"packages/e44/{PROMPT}").chmod(0o755)
    session.desired(
        "policy: {max_prune: 100%}\nextensions:\n"
        + "".join(
            f"  {name}: {{source: ./packages/{name}{', config: {x: 1}' if name == 'e39' else ''}}}\n"
            for name in names[4:]
        )
    )
    page = same_page(session)
    for mark in ("e40: writes files", "e42: brings 1 character", "its prompt changes, but its version is still 1.0.0"):
        assert mark in page


def same_page(session: Session) -> str:
    """The page of a plan, which is that of the same plan when it was saved."""
    page = session.llamagate("plan").out
    session.llamagate("plan", "--out", "plan.json", "-q")
    assert session.llamagate("show", "plan.json").out.replace("apply plan.json'", "apply'") == page
    return page


OTHER_STEPS = """\
steps:
  - id: one
    uses: llm.chat
    with: {prompt: "Be kind to all."}
  - id: two
    uses: llm.chat
    with: {prompt: "Never tell."}
outputs:
  - {id: out, type: file, path: ./out.md}
"""
CHANGES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "the first two lines change places": ((PROMPT, "One.\nTwo.\n", "Two.\nOne.\n"),),
    "the last two do": ((PROMPT, "Two.\nThree.\n", "Three.\nTwo.\n"),),
    "wrapped otherwise": ((PROMPT, "Be brief\nand kind.\n", "Be brief and\nkind.\n"),),
    "an empty line": ((PROMPT, "One.\n", "One.\n\n"),),
    "a new paragraph": ((PROMPT, "Three.\n", "Three.\n\nFour.\n"),),
    "a paragraph less": ((PROMPT, "One.\nTwo.\nThree.\n\n", ""),),
    "no line feed at the end": ((PROMPT, "kind.\n", "kind."),),
    "what nobody sees": ((PROMPT, "kind", "ki\u200bnd"),),
    "what nobody sees goes": ((PROMPT, "Seen\u200b.", "Seen."),),
    "a letter beyond ASCII": ((PROMPT, "kind", "gütig"),),
    "line ends": ((PROMPT, "\n", "\r\n"),),
    "a value": (("manifest.yaml", "model: a", "model: b"),),
    "a value of the same name elsewhere": (("manifest.yaml", "  other:\n    model: a", "  other:\n    model: b"),),
    "a hidden value": (("manifest.yaml", "token: a", "token: b"),),
    "a step's prompt": (("manifest.yaml", "Be kind to all.", "Be kind to all, and brief."),),
    "another's": (("manifest.yaml", "Never tell.", "Always tell."),),
    "a step that writes": (("manifest.yaml", "id: two\n    uses: llm.chat", "id: two\n    uses: file.write"),),
    "an output moves": (("manifest.yaml", "./out.md", "./elsewhere.md"),),
    "a comment that looks like a key": (("manifest.yaml", "steps:", "# hooks: []\nsteps:"),),
    "an endpoint": (("manifest.yaml", "outputs:", "endpoints:\n  - {path: /x, method: GET}\noutputs:"),),
    "a hook": (("manifest.yaml", "outputs:", "hooks:\n  - {on: http.request, action: audit.log}\noutputs:"),),
}


def everything(session: Session, items: dict[str, tuple[tuple[str, str, str], ...]], version: str) -> None:
    """Install these, and then change each as it says, with a new version of every second."""
    for name in items:
        config = "config:\n  model: a\n  token: a\n  other:\n    model: a\n"
        prompt = "One.\nTwo.\nThree.\n\nBe brief\nand kind.\nSeen\u200b.\n"
        session.package(name, files={PROMPT: prompt, "README.md": "About.\n", "data/x.json": "{}\n"})
        text = (session.project / f"packages/{name}/manifest.yaml").read_text()
        session.write(f"packages/{name}/manifest.yaml", text.partition("config:")[0] + config + OTHER_STEPS)
    session.extensions(*items)
    session.llamagate("apply")
    for number, (name, edits) in enumerate(items.items()):
        for path, old, new in edits:
            file = session.project / f"packages/{name}/{path}"
            assert old in file.read_text(encoding="utf-8")
            file.write_bytes(file.read_text(encoding="utf-8").replace(old, new).encode())
        if number % 2:
            session.edit(f"packages/{name}/manifest.yaml", "1.0.0", version.format(number))


@pytest.mark.parametrize("version", ["1.1.0", "1.1.{}"], ids=["one version", "each its own"])
def test_whatever_changes_it_is_the_same_page(session: Session, version: str) -> None:
    """Each change in several items with a new version and several without, so that some are told as one."""
    items = {
        f"c{number:02}{twin}": edits for number, edits in enumerate(CHANGES.values()) for twin in ("", "-b", "-c", "-d")
    }
    everything(session, items, version)
    page = same_page(session)
    assert "answers without a key: GET /x" in page
    assert "brings 1 character that nobody sees" in page
    assert "writes files: ./out.md" in page


def test_so_it_is_where_files_come_and_go_or_were_changed_by_hand(session: Session) -> None:
    names = [f"e{number:02}" for number in range(24)]
    for name in names:
        session.package(name, files={PROMPT: "Never tell.\n", "old.md": f"Old {name}.\nStays.\n", "README.md": "x\n"})
    session.extensions(*names)
    session.llamagate("apply")
    for number, name in enumerate(names):
        session.edit(f"packages/{name}/manifest.yaml", "1.0.0", "1.0.1")
        if number % 4 == 0:
            session.write(f"packages/{name}/new.md", "New, and hid\u200bden.\n" if number % 8 else "New.\n")
        if number % 4 == 1:
            (session.project / f"packages/{name}/README.md").unlink()
        if number % 4 == 2:
            (session.project / f"packages/{name}/old.md").rename(session.project / f"packages/{name}/renamed.md")
        if number % 4 == 3:
            session.installed(name, PROMPT).write_text("By hand.\n")
    installs = [f"i{number:02}" for number in range(24)]
    for number, name in enumerate(installs):
        session.package(name, files={PROMPT: "Hid\u200bd\u200ben.\n" if number == 23 else "Tell.\n"})
    session.edit("packages/i22/manifest.yaml", "llm.chat", "file.write")
    session.extensions(*names, *installs, text="policy: {drift: {edited: heal}}\n")
    page = same_page(session)
    assert "i23: brings 2 characters" in page
    assert "i22: writes files" in page


def test_an_endpoint_that_was_text_before_is_marked_among_many(session: Session) -> None:
    """The old description is quoted, and goes on at the edge, where it looks like the entry that comes."""
    names = [f"e{number:02}" for number in range(24)]
    for number, name in enumerate(names):
        session.package(name, version=f"1.0.{number}")
    plain, endpoint = "description: An example", 'endpoints: [{path: /x, method: GET}] #"'
    manifest = session.project / "packages/e00/manifest.yaml"
    text = re.sub("(?m)^description:.*$", plain, manifest.read_text())
    manifest.write_text(text.replace(plain, f'description: "An example\n{endpoint}'))
    session.extensions(*names)
    session.llamagate("apply")
    for number, name in enumerate(names):
        session.edit(f"packages/{name}/manifest.yaml", f"1.0.{number}", f"1.1.{number}")
    manifest.write_text(manifest.read_text().replace('"An example', "An example"))
    assert "e00: answers without a key: GET /x" in same_page(session)


CLOSED, OPEN = (f"{{path: /x, method: GET, requires_auth: {word}}}" for word in ("true", "false"))
SIGNED = f"{OPEN.removesuffix('}')}, signature: {{header: X-Sum, secret: {{env: SUM}}}}}}"


@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        ([CLOSED], [OPEN, CLOSED], True),
        ([CLOSED, OPEN], [OPEN], True),
        ([CLOSED, OPEN], [OPEN, CLOSED], True),
        ([OPEN, CLOSED], [OPEN, CLOSED], False),
        ([OPEN], [CLOSED, OPEN], False),
        ([OPEN, OPEN], [OPEN], False),
        ([SIGNED], [OPEN], True),
        ([OPEN], [SIGNED], False),
        ([SIGNED], [SIGNED], False),
    ],
)
def test_an_endpoint_that_more_may_call_is_marked_whichever_of_two_is_served(
    session: Session, before: list[str], after: list[str], marked: bool
) -> None:
    session.package("foo")
    manifest = session.project / "packages/foo/manifest.yaml"
    text = manifest.read_text()
    manifest.write_text(f"{text}endpoints: [{', '.join(before)}]\n")
    session.extensions("foo")
    session.llamagate("apply")
    manifest.write_text(f"{text}endpoints: [{', '.join(after)}]\n# other\n")
    assert ("answers without a key: GET /x" in session.llamagate("plan").out) is marked


@pytest.mark.parametrize("closed", ["true", "yes"])
@pytest.mark.parametrize("opened", ["false", "no"])
def test_an_endpoint_is_opened_however_that_is_written(session: Session, closed: str, opened: str) -> None:
    endpoint = f"endpoints:\n  - {{path: /x, method: GET, requires_auth: {closed}}}\n"
    session.package("foo")
    text = (session.project / "packages/foo/manifest.yaml").read_text()
    session.write("packages/foo/manifest.yaml", text + endpoint)
    session.extensions("foo")
    session.llamagate("apply")
    session.edit("packages/foo/manifest.yaml", f"requires_auth: {closed}", f"requires_auth: {opened}")
    assert "answers without a key: GET /x" in session.llamagate("plan").out
