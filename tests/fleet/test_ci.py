"""The CI kit: its steps run as a forge runs them, against a forge that keeps comments."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.cli.shell import Session
from tests.conftest import PROJECT
from tests.docs.pages import command_in
from tests.fleet.forge import Forge, forge
from tests.fleet.tools import needs
from tests.sources.http_server import HttpServer

CI: Final = PROJECT / "integrations" / "ci"
ACTION: Final = CI / "github" / "action.yml"
TEMPLATE: Final = CI / "gitlab" / "llamagate.gitlab-ci.yml"


@dataclass
class Request:
    """A clone with a branch ``change`` from ``origin/main``, which has one extension."""

    session: Session
    forge: Forge

    def __post_init__(self) -> None:
        self.git("init", "--quiet", "--bare", "--initial-branch", "main", "../origin.git")
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("remote", "add", "origin", "../origin.git")
        (self.session.project / ".gitignore").write_text("llamagate-*.md\nllamagate-*.json\n")
        self.session.extensions("notes")
        self.session.llamagate("lock")
        self.commit("one")
        self.git("push", "--quiet", "origin", "main")
        self.git("switch", "--quiet", "--create", "change")
        command_in(self.session.base, fresh=True)

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.session.project, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def change(self, version: str, *, lock: bool = True) -> None:
        self.session.package("notes", version=version, files={"prompt.md": f"Be brief. {version}\n"})
        if lock:
            self.session.llamagate("lock")
        self.commit(version)

    def base_moves(self) -> None:
        self.git("switch", "--quiet", "main")
        self.session.package("other")
        self.session.extensions("notes", "other")
        self.session.llamagate("lock")
        self.commit("two")
        self.git("push", "--quiet", "origin", "main")
        self.git("switch", "--quiet", "change")

    @property
    def variables(self) -> dict[str, str]:
        return {
            "PATH": f"{self.session.base}/.venv/bin{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.session.base / "user"),
            "PYTHONPATH": str(PROJECT),
        }

    def bash(self, code: str, variables: dict[str, str], *, seconds: float = 120) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", code],
            cwd=self.session.project,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        return done.returncode, done.stdout + done.stderr

    def github(self, mode: str = "review", **more: str) -> tuple[int, str]:
        """The steps of the action, as a runner starts them."""
        outputs, summary = self.session.base / "outputs", self.session.base / "summary"
        outputs.write_text("")
        summary.write_text("")
        given = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ACTION.parent),
            "GITHUB_API_URL": self.forge.url,
            "GITHUB_OUTPUT": str(outputs),
            "GITHUB_REPOSITORY": "example/site",
            "GITHUB_STEP_SUMMARY": str(summary),
            **more,
        }
        expressions = {
            "inputs.file": "llamagate.yaml",
            "inputs.mode": mode,
            "inputs.token": "t0ken",
            "inputs.commenter": "github-actions[bot]",
            "github.event.pull_request.number": "7",
            "github.base_ref || github.event.repository.default_branch": "main",
        }
        said = ""
        for step in yaml.safe_load(ACTION.read_text())["runs"]["steps"]:
            if step.get("if"):
                continue  # llamagate is there already
            env = {name: _filled(text, expressions) for name, text in step["env"].items()}
            code, out = self.bash(step["run"], {**given, **env})
            said += out
            if code:
                return code, said
        return 0, said

    def gitlab(self) -> tuple[int, str]:
        job = yaml.safe_load(TEMPLATE.read_text())["llamagate-review"]
        given = {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": self.forge.url,
            "CI_PROJECT_ID": "12",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "LLAMAGATE_GITLAB_TOKEN": "t0ken",
        }
        expanded = {name: os.path.expandvars(text) for name, text in job["variables"].items()}
        expanded["LLAMAGATE_BASE"] = "origin/main"
        expanded["LLAMAGATE_REVIEW"] = str(CI / "review.py")
        steps = [step for step in (*job["before_script"], *job["script"]) if "install" not in step]
        return self.bash("\n".join(steps), {**given, **expanded})

    @property
    def digest(self) -> str:
        found = re.search(r"^digest=(sha256:[0-9a-f]{64})$", (self.session.base / "outputs").read_text(), re.MULTILINE)
        assert found
        return found[1]


def _filled(text: str, expressions: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: expressions[found[1]], text)


@pytest.fixture
def request_(tmp_path: Path) -> Iterator[Request]:
    with forge() as made:
        yield Request(Session(tmp_path), made)


def test_one_comment_that_is_edited_in_place(request_: Request) -> None:
    request_.change("1.1.0")
    code, said = request_.github()
    assert code == 0, said
    (body,) = request_.forge.comments.values()
    assert request_.digest in body
    assert "1.0.0" in body  # against the base, not as new
    assert "1.1.0" in body
    assert tempfile.gettempdir() not in body  # what a reader could not follow, and each run has another
    assert request_.forge.writes == ["POST /repos/example/site/issues/7/comments"]
    assert request_.forge.tokens == {"Bearer t0ken"}
    request_.github()
    assert len(request_.forge.writes) == 1  # nothing new, nothing written
    request_.change("1.2.0")
    request_.github()
    assert request_.forge.writes[1:] == ["PATCH /repos/example/site/issues/comments/1"]
    assert request_.digest in request_.forge.comments[1]
    assert request_.git("status", "--porcelain") == ""
    assert "change" in request_.git("branch", "--show-current")


def test_the_same_at_gitlab(request_: Request) -> None:
    """Also where somebody else wrote what looks like the plan."""
    request_.forge.comments[1], request_.forge.authors[1] = "<!-- llamagate review digest=x -->", "mallory"
    request_.change("1.1.0")
    code, said = request_.gitlab()
    assert code == 0, said
    request_.change("1.2.0")
    request_.gitlab()
    notes = "/projects/12/merge_requests/7/notes"
    assert request_.forge.writes == [f"POST {notes}", f"PUT {notes}/2"]
    assert request_.forge.tokens == {"t0ken"}


def test_a_stale_lock_and_a_finding_are_said_at_their_files(request_: Request) -> None:
    request_.session.edit("packages/notes/manifest.yaml", "uses: llm.chat", "uses: llm.chatt")
    request_.commit("a mistake")
    code, said = request_.github()
    assert code == 1
    assert "::error file=llamagate.lock.yaml::" in said
    assert re.search(r"::(error|warning) .*file=packages/notes/manifest.yaml", said), said


def test_the_base_has_moved(request_: Request) -> None:
    request_.change("1.1.0")
    assert request_.github()[0] == 0
    assert request_.github("confirm") == (0, "")
    request_.base_moves()
    code, said = request_.github("confirm")
    assert (code, "base has moved" in said) == (1, True)
    code, said = request_.github()
    assert code == 1
    assert "the base has moved: llamagate.lock.yaml, llamagate.yaml" in said


MOVES: Final = {
    "lock": ("llamagate.lock.yaml", "# other\n"),
    "file": ("llamagate.yaml", "# other\n"),
    "trust": ("llamagate.yaml", "trust: {signers: ./allowed_signers, require: signed}\n"),
}


def test_what_was_reviewed_has_moved(request_: Request) -> None:
    request_.session.write("allowed_signers", "ada@example.org ssh-ed25519 AAAA\n")
    request_.change("1.1.0")
    request_.github()
    for what, (name, text) in MOVES.items():
        before = (request_.session.project / name).read_text()
        (request_.session.project / name).write_text(before + text)
        code, said = request_.github("confirm")
        assert (code, f"{what} has moved" in said) == (1, True), said
        (request_.session.project / name).write_text(before)


def test_a_fork_without_rights_gets_the_summary(request_: Request) -> None:
    request_.forge.refuses = True
    request_.change("1.1.0")
    code, said = request_.github()
    assert code == 0, said
    assert request_.forge.comments == {}
    assert request_.digest in (request_.session.base / "summary").read_text()
    assert "::notice::this run may not comment (403)" in said


def test_a_secret_is_not_needed(request_: Request) -> None:
    request_.session.desired(
        "extensions:\n  notes:\n    source: ./packages/notes\n    config: {token: {env: NOTES_TOKEN}}\n"
    )
    request_.change("1.1.0")
    code, said = request_.github()
    assert code == 0, said


# What others write


def test_a_comment_of_somebody_else_is_not_the_plan(request_: Request) -> None:
    """It has the mark, and the digests that the request has now: nobody approved them."""
    request_.change("1.1.0")
    request_.github()
    forged = request_.forge.comments[1]
    request_.forge.authors[1] = "mallory"
    code, said = request_.github("confirm")
    assert (code, "no plan to confirm" in said) == (1, True)
    request_.forge.comments[1] = f"{forged} and more"
    request_.github()
    assert request_.forge.comments == {1: f"{forged} and more", 2: forged}
    request_.forge.authors[1] = ""  # the account is gone
    assert request_.github("confirm") == (0, "")


def test_no_token_of_the_run_is_shown_to_a_source_of_the_change(request_: Request) -> None:
    """The change names the variables, and the server."""
    with HttpServer() as server:
        names = (
            "GITHUB_TOKEN",
            "GH_ENTERPRISE_TOKEN",
            "ACTIONS_RUNTIME_TOKEN",
            "CI_JOB_TOKEN",
            "LLAMAGATE_GITLAB_TOKEN",
        )
        sources = [
            f"  notes{number}:\n    source: {{http: '{server.url(f'/{name}.zip')}', auth: {{header_env: {name}}}}}\n"
            for number, name in enumerate(names)
        ]
        request_.session.desired("extensions:\n" + "".join(sources))
        request_.commit("mine")
        code, said = request_.github(**dict.fromkeys(names[1:], "s3cret"))
        assert code == 1, said
        shown = [request.headers.get("authorization") for request in server.requests]
        assert set(shown) <= {None, "not known in CI"}, shown


@pytest.mark.parametrize("name", ["llamagate.yaml", "llamagate.lock.yaml"])
def test_a_file_that_is_a_link_is_not_read(request_: Request, name: str) -> None:
    """A message would quote what the runner keeps there."""
    kept = request_.session.base / "kept"
    kept.write_text("machine: [s3cret\n")
    (request_.session.project / name).unlink()
    (request_.session.project / name).symlink_to(kept)
    request_.commit("a link")
    code, said = request_.github()
    assert (code, "is a link" in said, "s3cret" in said) == (1, True, False), said


def test_text_of_a_package_is_no_command_to_the_runner(request_: Request) -> None:
    """A line of the log that begins with two colons, after spaces, too, is one; an output may be set by it."""
    request_.session.write("packages/notes/prompt.md", "one\n\n\n")
    request_.commit("with a line")
    request_.git("push", "--quiet", "origin", "HEAD:main")
    evil = "\n  ::set-output name=digest::sha256:evil\n::stop-commands::x\n##[add-mask]notes\n"
    request_.session.edit("packages/notes/manifest.yaml", "uses: llm.chat", f"uses: {json.dumps(evil)}")
    request_.session.write("packages/notes/prompt.md", evil)
    request_.session.llamagate("lock")
    request_.commit("mine")
    request_.forge.refuses = True  # with no summary the plan is in the log
    said = request_.github(GITHUB_STEP_SUMMARY="")[1]
    assert "::set-output name=digest" in said
    assert outputs_of(said) == {}
    request_.session.write("packages/notes/a\n::set-output name=digest::evil.md", evil)
    request_.commit("mine, too")
    assert outputs_of(request_.github()[1]) == {}


def outputs_of(log: str) -> dict[str, str]:
    """What the lines of a log set, as the runner of GitHub reads them."""
    found, stopped = {}, ""
    for line in map(str.strip, log.splitlines()):
        if stopped:
            stopped = "" if line == f"::{stopped}::" else stopped
        elif line.startswith("::stop-commands::"):
            stopped = line.removeprefix("::stop-commands::")
            assert re.fullmatch("[0-9a-f]{32}", stopped), line
        elif match := re.match(r"::([a-z-]+)[^:]*::|.*##\[([a-z-]+)", line):
            found[match[1] or match[2]] = line
    return {name: line for name, line in found.items() if name not in ("error", "warning", "notice")}


HOOKS: Final = yaml.safe_load((PROJECT / ".pre-commit-hooks.yaml").read_text())


def test_the_hooks_of_pre_commit(request_: Request) -> None:
    """The hooks as they are, but with the command of this checkout: to install them is a test of its own."""
    (program,) = needs("pre-commit")
    hooks = [{**hook, "language": "system"} for hook in HOOKS]
    request_.session.write(".pre-commit-config.yaml", json.dumps({"repos": [{"repo": "local", "hooks": hooks}]}))
    request_.change("1.1.0")
    command = f"{program} run --all-files --color never"
    code, said = request_.bash(command, {})
    assert code == 0, said
    assert said.count("Passed") == 3
    request_.change("1.2.0", lock=False)
    code, said = request_.bash(command, {})
    assert code == 1
    assert "is out of date" in said


@pytest.mark.long
def test_the_hooks_are_installed(request_: Request) -> None:
    (program,) = needs("pre-commit")
    command = f"{program} try-repo {PROJECT} --all-files --color never"
    variables = {"PYTHONPATH": "", "PATH": os.environ["PATH"]}
    code, said = request_.bash(command, variables, seconds=900)
    assert code == 0, said
    assert said.count("Passed") == len(HOOKS)
    request_.change("1.2.0", lock=False)
    code, said = request_.bash(command, variables, seconds=900)
    assert (code, "is out of date" in said) == (1, True), said


SCHEMAS: Final = {
    "vendor.github-actions": [ACTION],
    "vendor.github-workflows": sorted((CI / "github").glob("*.example.yml")),
    "vendor.gitlab-ci": [TEMPLATE],
    "vendor.renovate": [CI / "renovate" / "llamagate.json"],
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_it_is_what_the_forge_reads(schema: str) -> None:
    (program,) = needs("check-jsonschema")
    command = [program, "--builtin-schema", schema, *map(str, SCHEMAS[schema])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", [ACTION, *SCHEMAS["vendor.github-workflows"]], ids=lambda path: path.name)
def test_it_is_valid_for_the_validator_of_actions(file: Path) -> None:
    (program,) = needs("action-validator")
    done = subprocess.run([program, str(file)], capture_output=True, text=True, timeout=120, cwd=PROJECT)
    assert done.returncode == 0, done.stdout + done.stderr


PRESET: Final[Any] = json.loads((CI / "renovate" / "llamagate.json").read_text())

LISTED: Final = """\
apiVersion: llamagate/v1
extensions:
  meeting-notes:
    source: {catalog: "https://packages.example.org/catalog"}   # the team's
    version: "^1.2"
  local: ./packages/local
  other:
    source: {git: https://example.org/x.git}
    version: 2.x
modules:
  flow:
    source: {catalog: ../catalog}
    version: ~2.0.1  # until the summer
"""


def test_the_preset_finds_what_comes_from_a_catalog() -> None:
    """The expression means the same here as for Renovate, but for how a group is named."""
    (manager,) = PRESET["customManagers"]
    (text,) = manager["matchStrings"]
    found = re.findall(text.replace("(?<", "(?P<"), LISTED)
    assert found == [("meeting-notes", "^1.2"), ("flow", "~2.0.1")]
    assert re.search(manager["managerFilePatterns"][0].strip("/"), "hosts/llamagate.yaml")


@pytest.mark.long
def test_the_preset_is_valid_for_renovate(tmp_path: Path) -> None:
    """By its own validator (40 or newer): ``npm install --prefix build/fleet --ignore-scripts renovate@40``."""
    (program,) = needs("renovate-config-validator")
    preset = CI / "renovate" / "llamagate.json"
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LOG_LEVEL": "warn"}
    command = [program, "--strict", str(preset)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=variables)
    assert done.returncode == 0, done.stdout + done.stderr


GH: Final = """\
#!/bin/sh
# The forge's own command, as far as the workflow needs it: a request is made once, and edited from then on.
echo "$@" >> "$RUNNER_TEMP/gh.log"
case "$1 $2" in
"pr create") [ ! -e "$RUNNER_TEMP/request.md" ] || { echo 'a request is there already' >&2; exit 1; } ;;
esac
while [ "$1" != --body-file ]; do shift; done
cp "$2" "$RUNNER_TEMP/request.md"
"""


def test_the_update_workflow_asks_for_a_merge(request_: Request, tmp_path: Path) -> None:
    """All of its steps under bash: nothing to do, a first request, and the next day the same one with more in it."""
    steps = yaml.safe_load((CI / "github" / "update.example.yml").read_text())["jobs"]["update"]["steps"]
    runs = [step for step in steps if "run" in step and "pip install" not in step["run"]]
    assert [step["name"] for step in runs] == ["Move the pins", "Ask for a merge"]
    program = request_.session.base / ".venv" / "bin" / "gh"
    program.write_text(GH)
    program.chmod(0o755)
    catalog = request_.session.project / "catalog"

    def publish(version: str) -> None:
        request_.session.package("notes", version=version)
        shutil.copytree(request_.session.project / "packages" / "notes", catalog / f"notes-{version}")
        request_.session.llamagate("catalog", "build", catalog)

    def day() -> str:
        temporary = tmp_path / "runner"
        temporary.mkdir(exist_ok=True)
        shutil.rmtree(temporary / "home", ignore_errors=True)
        outputs = temporary / "outputs"
        outputs.write_text("")
        request_.git("switch", "--quiet", "main")
        for step in runs:
            if "changed == 'true'" in step.get("if", "") and "changed=true" not in outputs.read_text():
                continue
            variables = {"GITHUB_OUTPUT": str(outputs), "RUNNER_TEMP": str(temporary)}
            code, said = request_.bash(step["run"], variables)
            assert code == 0, said
        return outputs.read_text()

    request_.git("switch", "--quiet", "main")
    publish("1.0.0")
    request_.session.desired("extensions:\n  notes: {source: {catalog: ./catalog}, version: ^1}\n")
    request_.session.llamagate("lock")
    request_.commit("from a catalog")
    request_.git("push", "--quiet", "origin", "main")
    assert day() == "changed=false\n"
    for version in ("1.1.0", "1.2.0"):
        request_.git("switch", "--quiet", "main")
        publish(version)
        request_.commit(f"published {version}")
        request_.git("push", "--quiet", "origin", "main")
        assert day() == "changed=true\n"
        plan = (tmp_path / "runner" / "request.md").read_text()
        assert "1.0.0" in plan  # what is there, and not everything as new
        assert version in plan
        request_.git("fetch", "--quiet", "origin")
        assert f"1.{version[2]}.0" in request_.git("show", "origin/llamagate/update:llamagate.lock.yaml")
        assert request_.git("diff", "--name-only", "origin/main", "origin/llamagate/update") == "llamagate.lock.yaml"
    said = (tmp_path / "runner" / "gh.log").read_text().splitlines()
    assert [line.split()[1] for line in said] == ["create", "create", "edit"]


def test_a_private_repository_that_checkout_has_fetched(request_: Request) -> None:
    """Without credentials the base cannot be fetched again: what checkout brought is taken."""
    request_.change("1.1.0")
    request_.git("remote", "set-url", "origin", "../gone.git")
    code, said = request_.github()
    assert code == 0, said
    request_.git("update-ref", "-d", "refs/remotes/origin/main")
    assert request_.github()[0] != 0


@pytest.mark.parametrize("folder", ["my hosts", "--out", "a'b;$(touch x)", "-x"])
@pytest.mark.parametrize("verb", ["validate", "lock"])
def test_a_hook_takes_any_name_of_a_folder(request_: Request, verb: str, folder: str) -> None:
    (program,) = needs("pre-commit")
    hooks = [{**hook, "language": "system"} for hook in HOOKS if hook["id"] == f"llamagate-{verb}"]
    request_.session.write(".pre-commit-config.yaml", json.dumps({"repos": [{"repo": "local", "hooks": hooks}]}))
    for text, expected in (("apiVersion: llamagate/v1\n", 0), ("apiVersion: [\n", 1)):
        request_.session.write(f"./{folder}/llamagate.yaml", text)
        request_.commit("a folder")
        code, said = request_.bash(f"{program} run --all-files --color never", {})
        assert code == expected, said
        assert code == 0 or f"{folder}/llamagate.yaml:" in said
