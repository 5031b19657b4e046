"""``llamagate check`` at the command line: fixes, formats, severities, standard input."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.cli.shell import Session
from tests.packages.check.bases import WORKFLOW
from tests.packages.check.faulty import FAULTY
from tests.packages.check.test_check import made
from tests.sources.git_servers import git


@pytest.fixture
def desk(session: Session) -> Path:
    """A good package in ``packages/desk``."""
    folder = session.project / "packages" / "desk"
    write(folder, WORKFLOW)
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def change(folder: Path, old: str, new: str, file: str = "manifest.yaml") -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))


def codes(session: Session, *arguments: str) -> list[str]:
    document = json.loads(session.run("check", "--json", *arguments).out)
    return [one["code"] for one in document["findings"]]


def test_a_fix_is_written_and_nothing_else(session: Session, desk: Path) -> None:
    before = (desk / "manifest.yaml").read_text()
    change(desk, "    on_error:", "    on_eror:")
    change(desk, "{{verdict}}", "{{ verdct }}")
    change(desk, "uses: summary.parse", 'uses: "summary.pars"')
    change(desk, "      template_id: sort", "      template_id: {{style}}  # which one")
    said = session.run("check", "packages/desk", "--fix")
    assert said.code == 0
    after = (desk / "manifest.yaml").read_text()
    expected = before.replace("{{verdict}}", "{{ verdict }}").replace("summary.parse", '"summary.parse"')
    assert after == expected.replace("      template_id: sort", '      template_id: "{{style}}"  # which one')
    assert session.run("check", "packages/desk").code == 0


@pytest.mark.parametrize(
    ("written", "fixed"),
    [
        ("{template_id: {{style}}}", '{template_id: "{{style}}"}'),
        ("{more: 1, template_id: {{ style }} }  # so", '{more: 1, template_id: "{{ style }}" }  # so'),
        ("{template_id: {{style}}, more: 1}", '{template_id: "{{style}}", more: 1}'),
        ("{template_id: {{style}} text}", None),
        ("{more: 1,\n      template_id: {{style}},\n      other: 1}", None),
    ],
)
def test_quotes_between_braces(session: Session, desk: Path, written: str, fixed: str | None) -> None:
    change(desk, "with:\n      template_id: sort", f"with: {written}")
    before = (desk / "manifest.yaml").read_text()
    session.run("check", "packages/desk", "--fix")
    after = (desk / "manifest.yaml").read_text()
    assert after == (before.replace(written, fixed) if fixed else before.replace("{{style}},", '"{{style}}",'))


def test_of_one_letter_any_other_may_be_meant(session: Session, desk: Path) -> None:
    change(desk, "id: style", "id: s")
    change(desk, "{{inputs.style}}", "{{t}}")
    document = json.loads(session.run("check", "packages/desk", "--json").out)
    found = [one for one in document["findings"] if "'t'" in one["message"]]
    assert [one["code"] for one in found] == ["LG106"]
    assert "did you mean" not in found[0]["message"]


@pytest.mark.parametrize("case", [case for case in FAULTY if case.base != "module"], ids=lambda case: case.what)
def test_a_fix_never_makes_it_worse(session: Session, case: object) -> None:
    files, _ = made(case)  # type: ignore[arg-type]
    folder = session.project / "pkg"
    write(folder, files)
    before = codes(session, "pkg")
    session.run("check", "pkg", "--fix")
    after = codes(session, "pkg")
    assert after in (before, [])


def test_a_fix_keeps_byte_order_marks_and_line_ends(session: Session, desk: Path) -> None:
    text = WORKFLOW["manifest.yaml"].replace("on_error:", "on_eror:").replace("\n", "\r\n")
    (desk / "manifest.yaml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    session.run("check", "packages/desk", "--fix")
    written = (desk / "manifest.yaml").read_bytes()
    assert written == b"\xef\xbb\xbf" + text.replace("on_eror:", "on_error:").encode()


def test_what_an_editor_holds_is_checked_with_the_files_beside_it(
    session: Session, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = WORKFLOW["manifest.yaml"].replace("template_id: sort", "template_id: sorting")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    document = json.loads(session.run("check", "-", "--stdin-name", "packages/desk/manifest.yaml", "--json").out)
    assert [(one["code"], one["file"], one["line"]) for one in document["findings"]] == [
        ("LG107", "packages/desk/manifest.yaml", 42)
    ]
    assert (desk / "manifest.yaml").read_text() == WORKFLOW["manifest.yaml"]


def test_sarif(session: Session, desk: Path) -> None:
    change(desk, "on_error:", "on_eror:")
    said = session.run("check", "packages/desk", "--format", "sarif")
    run = json.loads(said.out)["runs"][0]
    assert said.code == 1
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["LG101"]
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 76, "startColumn": 5, "endColumn": 12}


def test_commands_of_github_hold_no_line_of_their_own(session: Session, desk: Path) -> None:
    change(desk, "id: save", "id: save\n    conifg: {}")
    lines = session.run("check", "packages/desk", "--format", "github").out.splitlines()
    assert [line[:30] for line in lines] == ["::error file=packages/desk/man"]


def test_the_policy_rates_and_switches_off_and_tells_what_has_no_effect(session: Session, desk: Path) -> None:
    change(desk, "model: mistral:7b", "model: mistral")
    rules = [
        "{code: LG114, severity: error}",
        "{code: LG114, item: desk, severity: off}",
        "{code: LG112, severity: off, reason: none}",
    ]
    listed = "".join(f"    - {rule}\n" for rule in rules)
    session.desired(f"extensions: {{desk: ./packages/desk}}\npolicy:\n  check:\n{listed}")
    document = json.loads(session.run("check", "--json").out)
    found = [(one["code"], one["file"], one["path"]) for one in document["findings"]]
    assert found == [("LG121", "llamagate.yaml", "policy.check[1]"), ("LG120", "llamagate.yaml", "policy.check[2]")]


def test_severities_decide_the_exit_code(session: Session, desk: Path) -> None:
    change(desk, "model: mistral:7b", "model: mistral")
    assert session.run("check", "packages/desk").code == 0
    assert session.run("check", "packages/desk", "--fail-on", "note").code == 1


def test_content_that_changed_under_one_version(session: Session, desk: Path) -> None:
    session.desired("extensions: {desk: ./packages/desk}\n")
    session.run("lock")
    assert codes(session) == []
    change(desk, "Be kind.", "Be brief.", "docs/hints.md")
    assert codes(session) == ["LG111"]
    change(desk, "version: 1.0.0", "version: 1.0.1")
    assert codes(session) == []


def test_content_that_changed_under_one_version_since_a_commit(session: Session, desk: Path) -> None:
    against = ("--against", "main")
    for command in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "one")):
        git(*command, folder=session.project)
    assert codes(session, *against) == []
    change(desk, "Be kind.", "Be brief.", "docs/hints.md")
    assert codes(session, *against) == ["LG111"]
    assert "not that of 1.0.0 at main" in session.run("check", *against).out
    write(desk.with_name("new"), WORKFLOW)
    assert codes(session, "packages/new", *against) == []
    change(desk, "version: 1.0.0", "version: 1.0.1")
    assert codes(session, *against) == []
    assert session.run("check", "--against", "mian").code == 1


def test_a_template_that_is_not_utf8(session: Session, desk: Path) -> None:
    (desk / "templates" / "sort.txt").write_bytes(b"caf\xe9 {{letter}} {{tone}}")
    assert codes(session, "packages/desk") == ["LG116"]


def test_a_key_is_never_shown(session: Session, desk: Path) -> None:
    key = "sk-ant-" + "a1b2c3d4e5f6g7h8i9j0"
    change(desk, "Be kind.", f"Be kind: {key}", "docs/hints.md")
    for form in ("text", "json", "sarif", "github"):
        said = session.run("check", "packages/desk", "--format", form, "--color", "always")
        assert said.code == 1
        assert key not in said.out + said.err


def test_an_extension_that_is_installed_is_known(session: Session) -> None:
    session.package("notes")
    session.module("daily", "notes")
    assert codes(session, "packages/daily") == ["LG115"]
    session.run("import", "packages/notes")
    assert codes(session, "packages/daily") == []


def test_a_folder_without_packages_is_an_error(session: Session) -> None:
    (session.project / "empty").mkdir()
    assert session.run("check", "empty").code == 1


@pytest.mark.parametrize("verb", [("plan",), ("import", "packages/desk"), ("validate",), ("validate", "packages/desk")])
def test_an_error_is_a_warning_of_what_brings_the_package(session: Session, desk: Path, verb: tuple[str, ...]) -> None:
    change(desk, "uses: summary.parse", "uses: summary.prse")
    session.desired("extensions: {desk: ./packages/desk}\n")
    document = json.loads(session.run(*verb, "--json").out)
    found = [(one["code"], one["id"], one["message"].split(" ")[1]) for one in document["warnings"] if one["id"]]
    assert ("check", "desk", "LG102") in found


def test_what_does_not_change_is_not_checked(session: Session, desk: Path) -> None:
    change(desk, "uses: summary.parse", "uses: summary.prse")
    session.desired("extensions: {desk: ./packages/desk}\n")
    session.run("apply")
    assert json.loads(session.run("plan", "--json").out)["warnings"] == []
    session.package("other")
    session.desired("extensions: {desk: ./packages/desk, other: ./packages/other}\n")
    assert json.loads(session.run("plan", "--json").out)["warnings"] == []


def test_the_policy_counts_in_a_plan_too(session: Session, desk: Path) -> None:
    change(desk, "    requires_auth: true", "    requires_auth: false")
    rule = "{code: LG112, item: desk, severity: off, reason: inside only}"
    session.desired(f"extensions: {{desk: ./packages/desk}}\npolicy: {{check: [{rule}]}}\n")
    assert json.loads(session.run("plan", "--json").out)["warnings"] == []


def test_what_others_install_is_checked_before_they_get_it(session: Session, desk: Path) -> None:
    change(desk, "uses: summary.parse", "uses: summary.prse")
    (desk / "notes.md~").write_text("x")
    built = json.loads(session.run("catalog", "build", "packages", "--json").out)
    assert [one["code"] for one in built["warnings"]] == ["ignored-files", "check"]
    assert json.loads(session.run("catalog", "build", "packages", "--json").out)["warnings"] == []
    session.run("import", "packages/desk")
    exported = json.loads(session.run("export", "desk", "--out", "desk.zip", "--json").out)
    assert [one["code"] for one in exported["warnings"]] == ["check"]
