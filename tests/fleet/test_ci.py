"""The CI kit: its steps run as a forge runs them, against a forge that keeps comments."""

from __future__ import annotations

import json
import os
import re
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
        command_in(self.session.base)

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

    def bash(self, code: str, variables: dict[str, str]) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", code],
            cwd=self.session.project,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            timeout=120,
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
    request_.change("1.1.0")
    code, said = request_.gitlab()
    assert code == 0, said
    request_.change("1.2.0")
    request_.gitlab()
    notes = "/projects/12/merge_requests/7/notes"
    assert request_.forge.writes == [f"POST {notes}", f"PUT {notes}/1"]
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


@pytest.mark.parametrize("what", MOVES)
def test_what_was_reviewed_has_moved(request_: Request, what: str) -> None:
    request_.session.write("allowed_signers", "ada@example.org ssh-ed25519 AAAA\n")
    request_.change("1.1.0")
    request_.github()
    name, text = MOVES[what]
    with (request_.session.project / name).open("a") as stream:
        stream.write(text)
    code, said = request_.github("confirm")
    assert (code, f"{what} has moved" in said) == (1, True), said


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
    for hook in HOOKS:
        code, said = request_.bash(f"{program} try-repo {PROJECT} {hook['id']} --all-files --color never", {})
        assert code == 0, said
        assert "Passed" in said


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


def test_the_update_workflow_moves_pins_and_says_so(request_: Request, tmp_path: Path) -> None:
    steps = yaml.safe_load((CI / "github" / "update.example.yml").read_text())["jobs"]["update"]["steps"]
    (move,) = [step["run"] for step in steps if step.get("id") == "move"]
    outputs = tmp_path / "outputs"
    for expected in ("false", "true"):
        outputs.write_text("")
        code, said = request_.bash(move, {"GITHUB_OUTPUT": str(outputs)})
        assert (code, outputs.read_text()) == (0, f"changed={expected}\n"), said
        request_.session.package("notes", version="1.1.0")
