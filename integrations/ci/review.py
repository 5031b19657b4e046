#!/usr/bin/env python3
"""Review a change of llamagate.yaml in CI: check it, make its plan against the base, and keep one comment with it.

Run in the checkout of a pull or merge request, whose history reaches the base. Only Python's standard library and the
commands ``llamagate`` and ``git`` are used. What it is told comes from variables: see ``Settings``.

Exit codes: 0 the plan can be approved; 1 a check failed, or what was reviewed is no longer what would be merged.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

MARK = "<!-- llamagate review"
SECONDS = 30
LINK = "120000 "
"""The mode of a link, as git lists it."""
MOST_SAID = 2000
"""Characters of an error that the comment quotes."""

OF_THE_RUN = re.compile(
    r"(GITHUB|GH)(_ENTERPRISE)?_TOKEN|(LLAMAGATE_)?GITLAB_TOKEN|ACTIONS_.*|CI_JOB_(TOKEN|JWT.*)|CI_\w*(PASSWORD|_URL)"
)
"""What lets this run act at the forge. The change may name any variable as the credentials of a source of its own."""


class ReviewError(Exception):
    """What ends the review, and why."""


class Settings:
    """What the forge says in its variables, and the action or template in ours."""

    def __init__(self, variables):
        self.file = Path(variables.get("LLAMAGATE_FILE") or "llamagate.yaml")
        self.base = variables.get("LLAMAGATE_BASE") or "origin/main"
        self.mode = variables.get("LLAMAGATE_MODE") or "review"
        self.outputs = variables.get("GITHUB_OUTPUT")
        self.summary = variables.get("GITHUB_STEP_SUMMARY")
        self.forge = forge_of(variables)


# The plan


def run(*command, folder=None, variables=None):
    """A program's exit code, output and errors. It knows the variables of the run, but not its tokens."""
    kept = {name: value for name, value in os.environ.items() if not OF_THE_RUN.fullmatch(name)}
    given = {**kept, **(variables or {})}
    done = subprocess.run([*map(str, command)], cwd=folder, env=given, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def git(*arguments):
    code, out, err = run("git", *arguments)
    if code:
        raise ReviewError(f"git {' '.join(arguments)}: {err.strip()}")
    return out.strip()


def lock_of(file):
    return file.with_name(f"{file.stem}.lock.yaml")


def unset(text):
    """A value for each variable that a file names and that is not set: the same for the base and the change."""
    names = re.findall(r"\benv:\s*['\"]?([A-Za-z_][A-Za-z0-9_]*)", text)
    return {name: "not known in CI" for name in names if OF_THE_RUN.fullmatch(name) or not os.environ.get(name)}


def plan(settings):
    """The plan of the change as Markdown, and its digest: what a home does that is as the base says."""
    with tempfile.TemporaryDirectory() as folder:
        tree, home = Path(folder, "tree"), Path(folder, "home")
        git("worktree", "add", "--quiet", "--detach", tree.as_posix(), settings.base)
        try:
            return planned(settings, tree, home)
        finally:
            git("worktree", "remove", "--force", tree.as_posix())


def planned(settings, tree, home):
    """Both are looked at in one folder: for llamagate that is one file that changes."""
    place = ["--home", home, "--file", tree / settings.file]
    head = git("rev-parse", "HEAD")
    texts = [git("show", f"{head}:{settings.file.as_posix()}")]
    had_one = (tree / settings.file).exists()
    if had_one:
        texts.append((tree / settings.file).read_text("utf-8"))
    variables = {**unset("\n".join(texts)), "LLAMAGATE_URL": ""}
    notes = []
    if had_one:
        code, _, err = run("llamagate", "apply", "--locked", "--quiet", *place, variables=variables)
        if code:
            notes.append(f"The base cannot be installed here, so that everything is shown as new:\n\n{indented(err)}")
    run("git", "checkout", "--quiet", "--detach", head, folder=tree)
    command = ["llamagate", "plan", "--locked", *place]
    code, out, err = run(*command, "--json", "--no-diff", variables=variables)
    if not out or "error" in json.loads(out):
        raise ReviewError(err.strip() or out)
    text = run(*command, "--format", "markdown", variables=variables)[1]
    shown = "\n\n".join([*notes, text.strip()])
    for here in (f" --home {home.as_posix()}", f"{tree.as_posix()}/"):  # of this run only
        shown = shown.replace(here, "")
    return shown, json.loads(out)["digest"], code == 0


def indented(text):
    """Text of others in Markdown, where it is nothing but text."""
    return "\n".join(f"    {line}" for line in text.strip()[:MOST_SAID].splitlines())


# What a reviewer approves


def digests(settings):
    """What the plan rests on, each as one word: the commit of the base, and the contents of file, lock and signers."""
    file = settings.file
    found = {"base": git("rev-parse", settings.base), "file": digest(file), "lock": digest(lock_of(file))}
    signers = re.search(r"^\s*(?:trust:.*)?\bsigners:\s*([^\s,}]+)", file.read_text("utf-8"), re.MULTILINE)
    found["trust"] = digest(file.parent / signers[1].strip("'\"")) if signers else "none"
    return found


def digest(path):
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" if path.is_file() else "none"


def check_is_no_link(settings):
    for file in (settings.file, lock_of(settings.file)):
        if git("ls-tree", "HEAD", "--", file.as_posix()).startswith(LINK):
            raise ReviewError(f"{file} is a link: messages would quote what it leads to on this machine")


def moved(settings):
    """What the base changed of the file, its lock and its packages since the change left it."""
    fork = git("merge-base", settings.base, "HEAD")
    folder = settings.file.parent.as_posix()
    return git("diff", "--name-only", fork, settings.base, "--", folder).splitlines()


def comment(text, plan_digest, found):
    rest = " ".join(f"{key}={value}" for key, value in found.items())
    return f"{MARK} digest={plan_digest} {rest} -->\n## What a merge would change\n\n{text}\n\nPlan: `{plan_digest}`\n"


def marked(body):
    """What stands in the first line of a comment."""
    return dict(word.split("=", 1) for word in body.splitlines()[0].split() if "=" in word)


# The forges


class Forge:
    """One comment of a request: found by its mark and its author, edited in place. Others can write the mark, too."""

    def __init__(self, url, headers, notes):
        self._url, self._headers, self._notes = url.rstrip("/"), headers, notes

    def find(self):
        """Its address and its text; ``None`` where there is none."""
        for page in range(1, 11):
            found = self._call("GET", f"{self._notes}?per_page=100&page={page}")
            for one in found:
                if one["body"].startswith(MARK) and self.is_ours(one):
                    return self.address(one), one["body"]
            if len(found) < 100:
                break
        return None

    def keep(self, body):
        """Edit the comment, or write the first one."""
        found = self.find()
        if found is None:
            self._call("POST", self._notes, body)
        elif found[1] != body:
            self._call(self.edits_with, found[0], body)

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps({"body": body}).encode()
        headers = {"Content-Type": "application/json", **self._headers}
        request = urllib.request.Request(f"{self._url}{path}", data, headers, method=method)  # noqa: S310 - from the forge
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            return json.load(answer)


class GitHub(Forge):
    edits_with = "PATCH"

    def __init__(self, variables, number):
        headers = {"Authorization": f"Bearer {variables['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"}
        self._repository = f"/repos/{variables['GITHUB_REPOSITORY']}/issues"
        self._commenter = variables.get("LLAMAGATE_COMMENTER") or "github-actions[bot]"
        super().__init__(variables["GITHUB_API_URL"], headers, f"{self._repository}/{number}/comments")

    def address(self, one):
        return f"{self._repository}/comments/{one['id']}"

    def is_ours(self, one):
        return one["user"] is not None and one["user"]["login"] == self._commenter  # an account may be gone


class GitLab(Forge):
    edits_with = "PUT"

    def __init__(self, variables):
        request = f"/projects/{variables['CI_PROJECT_ID']}/merge_requests/{variables['CI_MERGE_REQUEST_IID']}"
        token = {"PRIVATE-TOKEN": variables["LLAMAGATE_GITLAB_TOKEN"]}
        super().__init__(variables["CI_API_V4_URL"], token, f"{request}/notes")
        self._id = None

    def address(self, one):
        return f"{self._notes}/{one['id']}"

    def is_ours(self, one):
        if self._id is None:
            self._id = self._call("GET", "/user")["id"]
        return one["author"]["id"] == self._id


def forge_of(variables):
    """The forge, where it says which request this is and has a token for us; else ``None``."""
    if variables.get("CI_MERGE_REQUEST_IID") and variables.get("LLAMAGATE_GITLAB_TOKEN"):
        return GitLab(variables)
    number = variables.get("LLAMAGATE_PULL_REQUEST")
    return GitHub(variables, number) if number and variables.get("GITHUB_TOKEN") else None


# The command


def say(message, *, kind="error", file=None):
    """A line of the log; where the forge is GitHub, an annotation of the file."""
    if os.environ.get("GITHUB_ACTIONS"):
        at = f" file={file}" if file else ""
        escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        print(f"::{kind}{at}::{escaped}")
    else:
        print(f"{kind}: {file or ''} {message}")


def quote(text):
    """Print text of others. In the log of GitHub a line of it may be a command, which sets an output or hides text."""
    if text and os.environ.get("GITHUB_ACTIONS"):
        end = secrets.token_hex(16)
        text = f"::stop-commands::{end}\n{text.rstrip()}\n::{end}::\n"
    print(text, end="")


def checked(settings):
    """Whether the file, its lock and its packages are right; what is not is said where it is."""
    place, good = ["--file", settings.file], True
    for verb, options, file in (
        ("validate", [], settings.file),
        ("lock", ["--check"], lock_of(settings.file)),
    ):
        code, _, err = run("llamagate", verb, *options, *place)
        if code:
            say(err.strip(), file=file)
            good = False
    style = ["--format", "github"] if os.environ.get("GITHUB_ACTIONS") else []
    code, out, err = run("llamagate", "check", *style, *place)
    print(out, end="")
    quote(err)
    if os.environ.get("GITLAB_CI"):
        quality(settings)
    return good and not code


def quality(settings):
    """The findings as GitLab shows them in the lines of a merge request."""
    found = json.loads(run("llamagate", "check", "--json", "--file", settings.file)[1]).get("findings", [])
    names = {"error": "major", "warning": "minor", "note": "info"}
    report = [
        {
            "description": one["message"],
            "check_name": one["code"],
            "fingerprint": hashlib.sha256(json.dumps(one, sort_keys=True).encode()).hexdigest(),
            "severity": names[one["severity"]],
            "location": {"path": one["file"], "lines": {"begin": one["line"] or 1}},
        }
        for one in found
    ]
    Path("llamagate-quality.json").write_text(json.dumps(report), "utf-8")


def review(settings):
    """Check, plan, comment. Red where a check fails, the plan is refused or the base has moved."""
    check_is_no_link(settings)
    good = checked(settings)
    text, plan_digest, permitted = plan(settings)
    if not permitted:
        say("the plan is refused; the comment says why", file=settings.file)
    if changed := moved(settings):
        say(f"the base has moved: {', '.join(changed)}; merge or rebase, so that the plan is the one that is merged")
    body = comment(text, plan_digest, digests(settings))
    Path("llamagate-review.md").write_text(body, "utf-8")
    publish(settings, body)
    if settings.outputs:
        with Path(settings.outputs).open("a", encoding="utf-8") as stream:
            stream.write(f"digest={plan_digest}\n")
    return good and permitted and not changed


def publish(settings, body):
    """Keep the comment. Without the right to, as in a fork, the summary of the job has it."""
    try:
        if settings.forge is not None:
            settings.forge.keep(body)
            return
        reason = "this run has no token for comments"
    except urllib.error.HTTPError as error:
        if error.code not in (401, 403, 404):
            raise
        reason = f"this run may not comment ({error.code})"
    say(f"{reason}; the plan is in the summary of the job", kind="notice")
    if settings.summary:
        with Path(settings.summary).open("a", encoding="utf-8") as stream:
            stream.write(body)
    else:
        quote(body)


def confirm(settings):
    """Whether what the comment was made from is still so: run it before a merge, or when the base moves."""
    found = settings.forge.find() if settings.forge is not None else None
    if found is None:
        say("there is no plan to confirm; run the review first")
        return False
    before, now = marked(found[1]), digests(settings)
    other = [key for key, value in now.items() if before.get(key) != value]
    for key in other:
        say(f"{key} has moved since the plan was made: {before.get(key)} → {now[key]}; run the review again")
    return not other


def main():
    settings = Settings(os.environ)
    try:
        good = {"review": review, "confirm": confirm}[settings.mode](settings)
    except ReviewError as error:
        say(str(error))
        good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
