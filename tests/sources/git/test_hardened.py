"""Git runs nothing and asks nobody: rows 90, 98 and 99 of the catalogue of bad inputs, and what git is given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import InputError, UnreachableError
from reconciler.model.desired import Limits
from reconciler.packages.content import read
from reconciler.sources.git.repository import Repository
from tests.conftest import PROJECT
from tests.sources.git.conftest import refused
from tests.sources.git_servers import GitOverHttp, Hanging, Origin, answering, demanding, git, git_over_http

RepositoryAt = Callable[..., Repository]
SECRET = "tok-0123456789"  # noqa: S105 - what must not be seen
HEADER = f"Authorization: Bearer {SECRET}"
PATH = os.environ["PATH"]
IS_LINUX = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file that must not appear."""
    file = tmp_path / "canary"
    yield file
    assert not file.exists()


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


HOOKS = ("reference-transaction", "post-checkout", "post-merge", "post-index-change", "pre-auto-gc", "update")


def test_row_98_hooks_and_settings_of_a_copy_are_not_run(
    origin: Origin, served: GitOverHttp, repository: Repository, tmp_path: Path, canary: Path
) -> None:
    repository.bring([origin.commit({"f": "1"})])
    (copy,) = (tmp_path / "cache").glob("*.git")
    for hook in HOOKS:
        script(copy / "hooks" / hook, f"touch {canary}")
    evil = script(tmp_path / "evil", f"touch {canary}")
    for setting in ("core.fsmonitor", "core.sshCommand", "core.askPass", "core.gitProxy", "credential.helper"):
        git("config", setting, str(evil), folder=copy)
    git("config", "http.proxy", "http://127.0.0.1:1", folder=copy)
    commit = origin.commit({"f": "2", ".gitattributes": "* filter=evil\n"})
    repository.bring([commit])
    assert read(repository.open(commit, limits=Limits(), name="pkg"), "f") == b"2"
    served.before = demanding("Basic nobody")
    refused(lambda: repository.bring([origin.commit()]))


def test_row_94_a_copy_whose_settings_lead_elsewhere_is_not_followed(
    origin: Origin, served: GitOverHttp, repository: Repository, tmp_path: Path
) -> None:
    repository.bring([origin.commit()])
    (copy,) = (tmp_path / "cache").glob("*.git")
    git("config", f"url.{origin.path}.insteadOf", served.url("x"), folder=copy)
    error = refused(lambda: repository.bring([origin.commit()]))
    assert error.message == f"{served.url('x')}: git failed (\"transport 'file' not allowed\")"


def test_row_98_hooks_and_settings_of_a_folder_are_not_run(
    origin: Origin, repository_at: RepositoryAt, canary: Path
) -> None:
    for hook in (*HOOKS, "post-upload-pack", "pre-upload-pack"):
        script(origin.path / ".git" / "hooks" / hook, f"touch {canary}")
    commit = origin.git("commit-tree", "-m", "x", origin.tree(("100644", "f", origin.blob(b"x"))))
    (origin.path / ".git" / "refs" / "heads" / "main").write_text(f"{commit}\n")
    for setting in ("core.fsmonitor", "uploadpack.packObjectsHook", "filter.evil.smudge", "core.alternateRefsCommand"):
        origin.git("config", setting, f"touch {canary}; cat")
    repository = repository_at(str(origin.path), local=True)
    assert repository.refs().head == commit
    repository.bring([commit])
    assert read(repository.open(commit, limits=Limits(), name="pkg"), "f") == b"x"


def test_row_98_settings_of_the_user_and_the_environment_do_not_count(
    origin: Origin, served: GitOverHttp, repository_at: RepositoryAt, tmp_path: Path, canary: Path
) -> None:
    commit = origin.package("p")
    home = tmp_path / "users-home"
    touch = f"!touch {canary}"
    settings = f'[credential]\nhelper = "{touch}"\n[core]\naskPass = "{touch}"\nfsmonitor = "{touch}"\n'
    elsewhere = f'[url "http://127.0.0.1:1/"]\ninsteadOf = {served.url("x")}\n[http]\nproxy = http://127.0.0.1:1\n'
    for place in (home / ".gitconfig", home / "git" / "config"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(settings + elsewhere)
    variables = {
        "PATH": PATH,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_DIR": str(home),
        "GIT_TRACE": str(canary),
        **dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"), "http://127.0.0.1:1"),
        **dict.fromkeys(("GIT_SSH_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_PROXY_COMMAND"), f"touch {canary}"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.proxy",
        "GIT_CONFIG_VALUE_0": "http://127.0.0.1:1",
    }
    repository = repository_at(served.url("x"), variables=variables)
    assert repository.refs().head == commit
    repository.bring([commit])
    assert [entry.path for entry in repository.open(commit, "p", limits=Limits(), name="pkg").files] == [
        "manifest.yaml"
    ]


def test_row_99_a_password_in_the_users_netrc_is_not_used(
    origin: Origin, served: GitOverHttp, repository_at: RepositoryAt, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password hunter2!\n")
    (tmp_path / ".netrc").chmod(0o600)
    served.before = demanding("Basic " + b64encode(b"someone:hunter2!").decode())
    repository = repository_at(served.url("x"), variables={"PATH": PATH, "HOME": str(tmp_path)})
    assert "access is denied" in refused(repository.refs).message
    assert {request.headers.get("authorization") for request in served.requests} == {None}


def test_settings_of_a_repository_around_the_cache_do_not_count(
    origin: Origin, served: GitOverHttp, repository_at: RepositoryAt, tmp_path: Path
) -> None:
    around = Origin(tmp_path / "cache")
    around.git("config", "url.http://127.0.0.1:1/.insteadOf", served.url("x"))
    assert repository_at(served.url("x")).refs().head is None


def test_row_99_a_server_that_wants_a_password_is_left_at_once(
    origin: Origin, served: GitOverHttp, repository_at: RepositoryAt, canary: Path
) -> None:
    served.before = demanding("Basic nobody")
    variables = {"PATH": PATH, "GIT_ASKPASS": f"touch {canary}", "SSH_ASKPASS": f"touch {canary}", "DISPLAY": ":0"}
    repository = repository_at(served.url("x"), seconds=60, variables=variables)  # a prompt would wait for the time-out
    for call in (repository.refs, lambda: repository.bring(["1" * 40])):
        error = refused(call)
        assert type(error) is InputError
        assert error.message.startswith(f"{served.url('x')}: access is denied (")
        assert error.message.endswith('terminal prompts disabled")')
        assert error.advice == "give credentials that may read it"


def test_a_secret_header_goes_to_its_server(origin: Origin, served: GitOverHttp, repository_at: RepositoryAt) -> None:
    commit = origin.package("p")
    served.before = demanding(f"Bearer {SECRET}")
    repository = repository_at(served.url("x"), headers=(HEADER, "X-Team: a"))
    assert repository.refs().head == commit
    repository.bring([commit])
    assert {request.headers["authorization"] for request in served.requests} == {f"Bearer {SECRET}"}
    assert {request.headers["x-team"] for request in served.requests} == {"a"}


def test_a_secret_header_goes_nowhere_else(
    origin: Origin, served: GitOverHttp, repository_at: RepositoryAt, tmp_path: Path
) -> None:
    with git_over_http(tmp_path / "served") as other:
        served.before = answering(302, Location=other.url("x") + "/info/refs?service=git-upload-pack")
        error = refused(repository_at(served.url("x"), headers=(HEADER,)).refs)
        assert other.requests == []
    assert (
        error.message == f"{served.url('x')}: it answers with another address ('The requested URL returned error: 302')"
    )


def test_row_90_a_server_that_tells_the_secret_back_does_not_make_us_tell_it(
    served: GitOverHttp, repository_at: RepositoryAt
) -> None:
    password = b64encode(b"someone:hunter2!").decode()
    served.before = answering(500, f"bad {HEADER} {SECRET} hunter2!", kind="text/plain; charset=utf-8")
    repository = repository_at(served.url("x"), headers=(HEADER, f"Authorization: Basic {password}"))
    error = refused(repository.refs)
    assert [word for word in (SECRET, password, "hunter2!") if word in error.message] == []


@IS_LINUX
def test_row_90_a_secret_is_on_no_command_line_and_in_no_text(served: GitOverHttp, repository_at: RepositoryAt) -> None:
    served.before = hanging = Hanging()
    repository = repository_at(served.url("x"), headers=(HEADER,), seconds=600)
    assert SECRET not in repr(repository._rules)
    with subprocess.Popen(
        [sys.executable, "-c", ASKING.format(url=served.url("x"), header=HEADER)], cwd=PROJECT
    ) as asking:
        try:
            hanging.reached.wait()
            lines = command_lines(served.url("x"))
            assert len(lines) >= 2
            assert [line for line in lines if SECRET in line and "python" not in line] == []
        finally:
            asking.send_signal(signal.SIGINT)
            hanging.ends.set()


ASKING = """
import os, signal, tempfile
from pathlib import Path
from reconciler.sources.git.repository import Repository
from reconciler.sources.git.command import GitRules

signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
rules = GitRules(variables=dict(os.environ), headers=({header!r},), seconds=600)
with tempfile.TemporaryDirectory() as folder:
    try:
        Repository({url!r}, folder=Path(folder), rules=rules).refs()
    except KeyboardInterrupt:
        print("interrupted")
"""


def command_lines(word: str) -> list[str]:
    """The command lines of the running processes that have ``word`` in them, this one aside."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if word in line and process.name != str(os.getpid()):
            found.append(line)
    return found


def assert_all_end(word: str) -> None:
    """A process that was killed may be there for a moment."""
    for _ in range(500):
        if not (left := command_lines(word)):
            return
        time.sleep(0.01)
    assert left == []


@IS_LINUX
def test_git_ends_with_whoever_is_interrupted(served: GitOverHttp) -> None:
    served.before = hanging = Hanging()
    code = ASKING.format(url=served.url("x"), header=HEADER)
    with subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as asking:
        hanging.reached.wait()
        asking.send_signal(signal.SIGINT)
        printed, _ = asking.communicate()
    assert (asking.returncode, printed) == (0, "interrupted\n")
    assert_all_end(served.url("x"))
    hanging.ends.set()


@IS_LINUX
def test_git_ends_at_the_deadline_with_all_that_it_started(served: GitOverHttp, repository_at: RepositoryAt) -> None:
    served.before = hanging = Hanging()
    assert type(refused(repository_at(served.url("x"), seconds=0.5).refs)) is UnreachableError
    assert_all_end(served.url("x"))
    hanging.ends.set()


BRINGING = """
import os, sys
from pathlib import Path
from reconciler.sources.git.repository import Repository
from reconciler.sources.git.command import GitRules

url, folder, commit = sys.argv[1:]
Repository(url, folder=Path(folder), rules=GitRules(variables=dict(os.environ))).bring([commit])
"""


WEIGHING = """
import resource
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the memory has another unit")
def test_a_small_pack_with_a_huge_file_costs_git_no_memory(
    origin: Origin, served: GitOverHttp, repository_at: RepositoryAt, tmp_path: Path
) -> None:
    commit = origin.commit({"zeros": bytes(96 << 20)})
    bringing = [sys.executable, "-c", BRINGING + WEIGHING, served.url("x"), str(tmp_path / "cache"), commit]
    most_kib = int(subprocess.run(bringing, cwd=PROJECT, check=True, capture_output=True).stdout)
    assert most_kib < 64 << 10
    repository = repository_at(served.url("x"))
    error = refused(lambda: repository.open(commit, limits=Limits(), name="pkg"))
    assert error.message.startswith(f"pkg: entry 'zeros': has {96 << 20} bytes; ")


def test_a_fetch_that_was_killed_leaves_a_copy_that_can_be_used(
    origin: Origin, served: GitOverHttp, repository_at: RepositoryAt, tmp_path: Path
) -> None:
    first, second = origin.package("p"), origin.package("p", version="1.1.0")
    repository_at(served.url("x")).bring([first])
    served.before = hanging = Hanging("/git-upload-pack")
    bringing = [sys.executable, "-c", BRINGING, served.url("x"), str(tmp_path / "cache"), second]
    with subprocess.Popen(bringing, cwd=PROJECT) as running:
        hanging.reached.wait()
        running.kill()
    served.before = lambda _: False
    repository_at(served.url("x"), seconds=60).bring([second])
    hanging.ends.set()
    repository = repository_at(served.url("x"), offline=True)
    for commit in (first, second):
        assert len(repository.open(commit, "p", limits=Limits(), name="pkg").files) == 1


def test_ssh_is_the_users_but_asks_nothing(origin: Origin, repository_at: RepositoryAt, tmp_path: Path) -> None:
    commit = origin.package("p")
    log = tmp_path / "ssh.log"
    script(
        tmp_path / "bin" / "ssh", f'{{ printf "%s\\n" "$@"; env; }} >> {log}\nfor last; do :; done\nexec sh -c "$last"'
    )
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text('[url "file:///nowhere/"]\ninsteadOf = ssh://\n')
    variables = {"PATH": f"{tmp_path / 'bin'}:{PATH}", "HOME": str(home), "SSH_AUTH_SOCK": "/agent", "SECRET": "x"}
    repository = repository_at(f"ssh://git@example.org:2222{origin.path}", variables=variables, headers=(HEADER,))
    assert repository.refs().head == commit
    repository.bring([commit])
    assert [entry.path for entry in repository.open(commit, "p", limits=Limits(), name="pkg").files] == [
        "manifest.yaml"
    ]
    said = log.read_text().splitlines()
    expected = ["BatchMode=yes", "ConnectTimeout=15", "ClearAllForwardings=yes", "ForwardAgent=no", "git@example.org"]
    assert [word for word in [*expected, f"HOME={home}", "SSH_AUTH_SOCK=/agent"] if word not in said] == []
    assert said[said.index("-p") + 1] == "2222"
    assert [line for line in said if "SECRET" in line or SECRET in line] == []


def test_ssh_that_is_refused_is_told_in_its_own_words(repository_at: RepositoryAt, tmp_path: Path) -> None:
    script(tmp_path / "bin" / "ssh", 'echo "git@example.org: Permission denied (publickey)." >&2; exit 255')
    error = refused(repository_at("git@example.org:x", variables={"PATH": f"{tmp_path / 'bin'}:{PATH}"}).refs)
    assert error.message == "git@example.org:x: access is denied ('git@example.org: Permission denied (publickey).')"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    file, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    request = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext")
    command = ["openssl", "req", *request, "subjectAltName=IP:127.0.0.1", "-out", str(file), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + key.read_text())
    return file


def test_https_is_trusted_only_with_its_authority(
    origin: Origin, repository_at: RepositoryAt, tmp_path: Path, certificate: Path
) -> None:
    commit = origin.package("p")
    with git_over_http(tmp_path / "served", certificate=certificate) as served:
        blind = {"PATH": PATH, "GIT_SSL_NO_VERIFY": "1"}
        error = refused(repository_at(served.url("x"), headers=(HEADER,), variables=blind).refs)
        assert error.message.startswith(f"{served.url('x')}: its certificate is not trusted (")
        assert served.requests == []
        variables = {"PATH": PATH, "SSL_CERT_FILE": str(certificate)}
        repository = repository_at(served.url("x"), headers=(HEADER,), variables=variables)
        repository.bring([commit])
        (copy,) = (tmp_path / "cache").glob("*.git")
        git("config", "http.sslVerify", "false", folder=copy)
        untrusting = repository_at(served.url("x"), headers=(HEADER,))
        assert "its certificate is not trusted" in refused(lambda: untrusting.bring([origin.commit()])).message
        assert served.requests[0].headers["authorization"] == f"Bearer {SECRET}"


FORGED = {
    "row-96-dots": lambda origin: origin.tree(("40000", "..", origin.tree(("100644", "f", origin.blob(b"x"))))),
    "row-96-git": lambda origin: origin.tree(("40000", ".git", origin.tree(("100644", "f", origin.blob(b"x"))))),
    "row-96-slash": lambda origin: origin.tree(("100644", "a/b", origin.blob(b"x"))),
}


@pytest.mark.parametrize("make", FORGED.values(), ids=FORGED)
def test_git_itself_takes_no_forged_tree(
    origin: Origin, served: GitOverHttp, repository: Repository, make: Callable[[Origin], str]
) -> None:
    commit = origin.commit_tree(make(origin))
    error = refused(lambda: repository.bring([commit]))
    assert error.message.startswith(f"{served.url('x')}: holds objects that git calls malformed (")
    assert not repository.has(commit)
