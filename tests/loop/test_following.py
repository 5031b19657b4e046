"""GitOps: a home that follows a branch of a real repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cli.shell import Result, Session
from tests.loop.watcher import condition, state, watching
from tests.sources.git_servers import Origin, demanding, git_over_http
from tests.support.packages import MANIFEST


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    """A repository in which ``site/llamagate.yaml`` lists one package beside it."""
    made = Origin(tmp_path / "origin")
    publish(made, foo="1.0.0")
    return made


def publish(origin: Origin, **versions: str) -> str:
    """Commit packages with these versions, the file that lists them, and its lock."""
    with TemporaryDirectory() as folder:
        site = Session(Path(folder))
        for item, version in versions.items():
            site.package(item, version=version)
        site.extensions(*versions)
        site.llamagate("lock")
        shutil.rmtree(origin.path / "site", ignore_errors=True)
        shutil.copytree(site.project, origin.path / "site")
    return origin.commit()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    folder = tmp_path / "host"
    folder.mkdir()
    return Session(folder)


def follow(session: Session, origin: Origin, *arguments: object, exits: int = 0) -> Result:
    return session.llamagate("watch", "--once", "--repo", origin.path, "--path", "site", *arguments, exits=exits)


def version(session: Session, item: str = "foo") -> str:
    return str(session.registered()[item]["version"])


def test_what_is_followed_is_no_package(session: Session, origin: Origin) -> None:
    origin.commit({"site/.llamagateignore": "packages/\n!no pattern\n"})
    follow(session, origin)
    assert version(session) == "1.0.0"


def test_a_host_follows_each_commit(session: Session, origin: Origin) -> None:
    first = origin.git("rev-parse", "HEAD")
    follow(session, origin)
    assert version(session) == "1.0.0"
    second = publish(origin, foo="1.1.0", bar="1.0.0")
    follow(session, origin)
    assert (version(session), version(session, "bar")) == ("1.1.0", "1.0.0")
    third = publish(origin, bar="1.0.0")
    follow(session, origin)
    assert list(session.registered()) == ["bar"]
    assert [one["commit"] for one in state(session)["outcomes"]] == [third, second, first]
    assert state(session)["repository"] == f"{origin.path} main site"


def test_the_metrics_say_which_commit_is_wanted_and_which_one_runs(session: Session, origin: Origin) -> None:
    file = session.base / "llamagate.prom"
    good = origin.git("rev-parse", "HEAD")
    follow(session, origin, "--metrics-file", file)
    bad = origin.commit({"site/llamagate.yaml": "apiVersion: llamagate/v1\nextensions: {foo: ./nowhere}\n"})
    follow(session, origin, "--metrics-file", file, exits=1)
    text = file.read_text()
    (wanted,) = [line for line in text.splitlines() if line.startswith("llamagate_info{")]
    (running,) = [line for line in text.splitlines() if line.startswith("llamagate_applied_info{")]
    assert f'repository="{origin.path} main site",ref="main",commit="{bad}"' in wanted
    assert 'owner="default"' in wanted
    assert f'commit="{good}"' in running


def test_a_commit_that_cannot_be_applied_is_attempted_and_not_applied(session: Session, origin: Origin) -> None:
    good = origin.git("rev-parse", "HEAD")
    follow(session, origin)
    bad = origin.commit({"site/llamagate.yaml": "["})
    follow(session, origin, exits=1)
    assert state(session)["attempted"]["commit"] == bad
    assert state(session)["applied"]["commit"] == good
    assert version(session) == "1.0.0"
    publish(origin, foo="1.2.0")
    follow(session, origin)
    assert version(session) == "1.2.0"


def test_the_lock_must_fit(session: Session, origin: Origin) -> None:
    follow(session, origin)
    origin.commit({"site/packages/foo/manifest.yaml": MANIFEST.format(id="foo", version="9.9.9")})
    said = follow(session, origin, exits=4)
    assert "is out of date" in said.err
    assert version(session) == "1.0.0"


def test_history_that_was_rewritten_is_refused(session: Session, origin: Origin) -> None:
    first = origin.git("rev-parse", "HEAD")
    second = publish(origin, foo="1.1.0")
    follow(session, origin)
    origin.git("reset", "--hard", "--quiet", first)
    said = follow(session, origin, exits=5)
    assert said.err == (
        f"llamagate: {origin.path}: {first}, now main, does not descend from {second}, taken last; find out who "
        "rewrote the history; --allow-rewind accepts it\n"
    )
    assert version(session) == "1.1.0"
    assert condition(session, "Stalled") == ("True", "Rewound")
    follow(session, origin, exits=5)  # it is remembered
    follow(session, origin, "--allow-rewind")
    assert version(session) == "1.0.0"


@pytest.mark.parametrize("change", ["edited", "added", "not-executable", "removed"])
def test_what_someone_changed_in_the_files_that_were_laid_out_is_undone(
    session: Session, origin: Origin, change: str
) -> None:
    script = origin.path / "site" / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    origin.commit()
    follow(session, origin)
    laid_out = session.ours / "followed" / "tree"
    before = tree_of(laid_out)
    match change:
        case "edited":
            (laid_out / "llamagate.yaml").write_text("apiVersion: llamagate/v1\nextensions: {}\n")
        case "added":
            (laid_out / "extra").write_text("x")
        case "not-executable":
            (laid_out / "run.sh").chmod(0o644)
        case "removed":
            (laid_out / "run.sh").unlink()
    follow(session, origin)
    assert version(session) == "1.0.0"
    assert tree_of(laid_out) == before
    assert sorted(path.name for path in (session.ours / "followed").iterdir()) == ["tree"]


def tree_of(folder: Path) -> dict[str, tuple[bool, bytes]]:
    """Path → whether it is executable, and its content."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (bool(path.stat().st_mode & 0o100), path.read_bytes()) for path in files}


def test_files_that_are_laid_out_already_are_not_written_again(session: Session, origin: Origin) -> None:
    script = origin.path / "site" / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    origin.commit()
    follow(session, origin)
    before = (session.ours / "followed" / "tree").stat().st_ino
    follow(session, origin)
    assert (session.ours / "followed" / "tree").stat().st_ino == before


def test_while_a_repository_cannot_be_reached_its_last_commit_holds(session: Session, origin: Origin) -> None:
    with git_over_http(origin.path.parent) as served:
        url = served.url("origin")
        session.llamagate("watch", "--once", "--repo", url, "--path", "site")
    session.llamagate("watch", "--once", "--repo", url, "--path", "site", exits=1)
    assert condition(session, "Reconciling") == ("True", "Unreachable")
    shutil.rmtree(session.installed("foo"))
    session.llamagate("watch", "--once", "--repo", url, "--path", "site", exits=1)
    assert session.installed("foo").exists()  # by the commit that was taken last


def test_another_repository_begins_anew(session: Session, origin: Origin, tmp_path: Path) -> None:
    follow(session, origin)
    other = Origin(tmp_path / "other")
    follow(session, other, exits=1)
    publish(other, bar="1.0.0")
    follow(session, other)
    assert list(session.registered()) == ["bar"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--ref", "nowhere"], 1, "has no branch or commit 'nowhere'"),
        (["--ref", "-x"], 1, "--ref '-x': this is not a git ref: '-' is not allowed in it"),
        (["--path", "nowhere"], 1, "there is no such folder"),
        (["--allowed-signers", "none"], 1, "no such file of allowed signers"),
        (
            ["-f", "a/b.yaml"],
            64,
            "with --repo, --file is only the name of a file; give its folder in the repository with --path",
        ),
        (["-f", "other.yaml"], 1, "no such file; name one with -f"),
    ],
)
def test_what_cannot_be_followed(
    session: Session, origin: Origin, arguments: list[str], code: int, message: str
) -> None:
    said = follow(session, origin, *arguments, exits=code)
    assert message in said.err


def test_urls_that_git_is_not_given(session: Session) -> None:
    for url in ("ext::sh -c id", "-x", "https://user:pw@example.org/x.git"):
        said = session.llamagate("watch", "--once", f"--repo={url}", exits=1)
        assert "pw" not in said.err.replace("'user@host:path'", "")


def test_options_of_a_repository_need_one(session: Session) -> None:
    said = session.llamagate("watch", "--once", "--ref", "x", exits=64)
    assert "work only with --repo" in said.err


def test_a_watcher_takes_a_new_commit_by_itself(session: Session, origin: Origin) -> None:
    with watching(session, "--repo", origin.path, "--path", "site", "--interval", "1") as watcher:
        watcher.said("Applied", "install foo")
        publish(origin, foo="2.0.0")
        watcher.said("Applied", "update foo")
        shutil.rmtree(session.installed("foo"))
        watcher.said("Applied", "repair foo")
        assert watcher.end() == 0


def test_a_repository_that_wants_a_header_gets_it_and_nobody_reads_of_it(session: Session, origin: Origin) -> None:
    hidden = "t0k-of-the-repository"
    with git_over_http(origin.path.parent) as served:
        served.before = demanding(f"Bearer {hidden}")
        arguments = ("watch", "--once", "--repo", served.url("origin"), "--path", "site")
        session.llamagate(*arguments, exits=1)
        session.variables["REPO_HEADER"] = f"Authorization: Bearer {hidden}"
        said = session.llamagate(*arguments, "--repo-header-env", "REPO_HEADER")
    assert version(session) == "1.0.0"
    kept = [data for _, data in session.everything().values() if isinstance(data, bytes)]
    assert not [data for data in (*kept, said.err.encode()) if hidden.encode() in data]


# Signatures


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with two keys of one who signs, and of another."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    folder = tmp_path / "keys"
    folder.mkdir()
    for name in ("known", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    public = (folder / "known.pub").read_text()
    (folder / "signers").write_text(f"author {public}")
    return folder


def sign(origin: Origin, key: Path) -> None:
    """Sign the last commit with ``key``."""
    options = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={key}"]
    origin.git(*options, "commit", "--quiet", "--amend", "--no-edit", "-S")


def test_a_commit_that_is_signed_by_one_of_the_signers_is_taken(session: Session, origin: Origin, keys: Path) -> None:
    sign(origin, keys / "known")
    follow(session, origin, "--allowed-signers", keys / "signers")
    assert version(session) == "1.0.0"


@pytest.mark.parametrize("signer", ["nobody", "stranger"])
def test_any_other_commit_is_refused(session: Session, origin: Origin, keys: Path, signer: str) -> None:
    sign(origin, keys / "known")
    follow(session, origin, "--allowed-signers", keys / "signers")
    publish(origin, foo="6.6.6")
    if signer != "nobody":
        sign(origin, keys / signer)
    commit = origin.git("rev-parse", "HEAD")
    said = follow(session, origin, "--allowed-signers", keys / "signers", exits=5)
    assert said.err == (
        f"llamagate: {origin.path}: the commit {commit} is not signed by a key of {keys / 'signers'}; sign it, or add "
        "its signer's key to that file\n"
    )
    assert version(session) == "1.0.0"


@pytest.mark.parametrize(
    ("dates", "exits"),
    [
        ('valid-before="20240101"', 5),  # retired since: the commit's own date is before that
        ('valid-after="20990101"', 5),
        ('valid-before="20990101"', 0),
    ],
    ids=["retired", "not yet", "valid"],
)
def test_row_138_a_key_must_be_valid_now_too(
    session: Session, origin: Origin, keys: Path, dates: str, exits: int
) -> None:
    sign(origin, keys / "known")
    public = (keys / "known.pub").read_text()
    (keys / "signers").write_text(f"author {dates} {public}")
    said = follow(session, origin, "--allowed-signers", keys / "signers", exits=exits)
    assert ("signed by a key of" in said.err) == (exits == 5)


# Names


def test_row_137_a_tag_does_not_take_over_the_followed_branch(session: Session, origin: Origin) -> None:
    follow(session, origin)
    origin.git("checkout", "--quiet", "-b", "side")
    publish(origin, foo="6.6.6")
    origin.git("tag", "main")
    origin.git("checkout", "--quiet", "main")
    follow(session, origin)
    assert version(session) == "1.0.0"
    publish(origin, foo="2.0.0")
    follow(session, origin)
    assert version(session) == "2.0.0"


def test_a_tag_is_followed_by_its_full_name_alone(session: Session, origin: Origin) -> None:
    origin.git("tag", "v1")
    assert "refs/tags/v1" in follow(session, origin, "--ref", "v1", exits=1).err
    follow(session, origin, "--ref", "refs/tags/v1")
    assert version(session) == "1.0.0"
