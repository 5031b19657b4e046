"""A repository by its url, over real servers: what it offers, what is brought, and what becomes of a bad copy."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from reconciler.errors import BusyError, InputError, StorageError, UnreachableError
from reconciler.fs.file_lock import exclusive
from reconciler.model.desired import Limits
from reconciler.packages.content import read
from reconciler.sources.git.copy import copy_path, unneeded_copies
from reconciler.sources.git.failure import UnknownCommitError
from reconciler.sources.git.repository import Repository
from tests.sources.git.conftest import refused
from tests.sources.git_servers import GitOverHttp, Hanging, Origin, answering, git, git_daemon

RepositoryAt = Callable[..., Repository]
NOWHERE = "1" * 40


def paths(repository: Repository, commit: str, path: str = "") -> list[str]:
    return [entry.path for entry in repository.open(commit, path, limits=Limits(), name="pkg").files]


def copy_in(tmp_path: Path) -> Path:
    """The only copy in the cache."""
    (copy,) = (path for path in (tmp_path / "cache").glob("*.git") if not path.stem.endswith("-history"))
    return copy


def test_refs_are_read_in_one_exchange(origin: Origin, served: GitOverHttp, repository: Repository) -> None:
    first = origin.package("p")
    origin.tag("v1.0.0", annotated=True)
    second = origin.package("p", version="1.1.0")
    origin.tag("p/v1.1.0")
    refs = repository.refs()
    assert (refs.head, refs.resolve("main")) == (second, second)
    assert dict(refs.tags) == {"v1.0.0": first, "p/v1.1.0": second}
    assert [request.method for request in served.requests] == ["GET", "POST"]
    assert not (served.root.parent / "cache" / "objects").exists()


def test_a_repository_without_commits_offers_nothing(origin: Origin, repository: Repository) -> None:
    assert (repository.refs().head, dict(repository.refs().commits)) == (None, {})


def test_only_the_commit_comes_and_not_its_history(origin: Origin, repository: Repository, tmp_path: Path) -> None:
    first = origin.commit({"f": "old"})
    second = origin.commit({"f": "new"})
    repository.bring([second])
    assert paths(repository, second) == ["f"]
    assert (repository.has(second), repository.has(first)) == (True, False)
    assert sorted(path.name for path in copy_in(tmp_path).iterdir()) == ["HEAD", "config", "objects", "refs", "shallow"]


def test_a_commit_that_no_name_leads_to_comes_by_its_id(origin: Origin, repository: Repository) -> None:
    first = origin.commit({"f": "old"})
    origin.commit({"f": "new"})
    repository.bring([first])
    assert read(repository.open(first, limits=Limits(), name="pkg"), "f") == b"old"


def test_many_items_of_one_repository_cost_one_fetch(
    origin: Origin, served: GitOverHttp, repository: Repository
) -> None:
    commits = [origin.package(f"p{number}") for number in range(40)]
    repository.bring(commits)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda each: paths(repository, each[1], f"p{each[0]}"), enumerate(commits)))
    assert found == [["manifest.yaml"]] * 40
    assert served.fetches == 1


def test_what_is_there_is_not_fetched_again(origin: Origin, served: GitOverHttp, repository: Repository) -> None:
    first, second = origin.commit({"f": "1"}), origin.commit({"f": "2"})
    repository.bring([first])
    before = len(served.requests)
    repository.bring([first])
    assert len(served.requests) == before
    repository.bring([first, second])
    assert served.fetches == 2
    repository.bring([])


def test_many_at_once_fetch_once(origin: Origin, served: GitOverHttp, repository_at: RepositoryAt) -> None:
    commit = origin.package("p")

    def bring(_: int) -> list[str]:
        repository = repository_at(served.url("x"))
        repository.bring([commit])
        return paths(repository, commit, "p")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(bring, range(8))) == [["manifest.yaml"]] * 8
    assert served.fetches == 1


def test_another_process_that_fetches_for_too_long_is_named(
    origin: Origin, served: GitOverHttp, repository_at: RepositoryAt, tmp_path: Path
) -> None:
    commit = origin.package("p")
    repository_at(served.url("x")).bring([commit])
    lock = copy_in(tmp_path).with_suffix(".lock")
    with exclusive(lock, command="x", wait=0, notice=lambda _: None):
        error = refused(lambda: repository_at(served.url("x"), seconds=0.1).bring([origin.commit()]))
    assert type(error) is BusyError
    assert error.message == f"another process was still fetching into {copy_in(tmp_path)} after 0.1 s"


def test_the_daemon_of_git_serves_too(origin: Origin, repository_at: RepositoryAt) -> None:
    first = origin.package("p")
    second = origin.package("p", version="1.1.0")
    with git_daemon(origin.path.parent) as url:
        repository = repository_at(f"{url}/x")
        assert repository.refs().head == second
        repository.bring([first, second])
        assert paths(repository, first, "p") == ["manifest.yaml"]
        error = refused(repository_at(f"{url}/y").refs)
    assert error.message.startswith(f"{url}/y: there is no such repository (")


@pytest.mark.parametrize("form", ["{}", "file://{}", "{}/.git"])
def test_a_folder_serves_where_that_is_allowed(origin: Origin, repository_at: RepositoryAt, form: str) -> None:
    first = origin.package("p")
    origin.package("p", version="1.1.0")
    repository = repository_at(form.format(origin.path), local=True)
    assert repository.refs().resolve("main") == origin.git("rev-parse", "main")
    repository.bring([first])
    assert paths(repository, first, "p") == ["manifest.yaml"]


def test_row_94_a_folder_is_refused_where_it_is_not_allowed(origin: Origin, repository_at: RepositoryAt) -> None:
    error = refused(lambda: repository_at(str(origin.path)))
    assert error.message == "a git repository on this machine is taken only where policy.sources.local_git is true"


def test_a_repository_with_sha256_ids(tmp_path: Path, served: GitOverHttp, repository_at: RepositoryAt) -> None:
    origin = Origin(tmp_path / "served" / "y", object_format="sha256")
    commit = origin.package("p")
    repository = repository_at(served.url("y"))
    assert repository.refs().head == commit
    repository.bring([commit])
    assert paths(repository, commit, "p") == ["manifest.yaml"]


def test_a_repository_whose_ids_become_others_is_taken_anew(
    tmp_path: Path, origin: Origin, served: GitOverHttp, repository: Repository
) -> None:
    repository.bring([origin.commit()])
    origin.path.rename(tmp_path / "old")
    commit = Origin(origin.path, object_format="sha256").package("p")
    repository.bring([commit])
    assert paths(repository, commit, "p") == ["manifest.yaml"]


@pytest.mark.parametrize("kind", ["old", "dumb"])
def test_a_server_that_gives_out_only_branches_and_tags_is_asked_for_all_of_them(
    origin: Origin, served: GitOverHttp, repository: Repository, kind: str
) -> None:
    first, second = origin.package("p"), origin.package("p", version="1.1.0")
    origin.package("q")
    origin.tag("v1.1.0", second)
    origin.git("update-server-info")
    setattr(served, kind, True)
    assert repository.refs().tags["v1.1.0"] == second
    repository.bring([second])
    repository.bring([first, second])
    assert paths(repository, first, "p") == ["manifest.yaml"]
    error = refused(lambda: repository.bring([NOWHERE]))
    assert error.message == f"{served.url('x')}: no branch or tag leads to the commit {NOWHERE}"


def test_a_commit_that_is_nowhere_is_named(origin: Origin, served: GitOverHttp, repository: Repository) -> None:
    commit = origin.package("p")
    error = refused(lambda: repository.bring([commit, NOWHERE]))
    assert type(error) is UnknownCommitError
    assert error.message == f"{served.url('x')}: has no such commit ('upload-pack: not our ref {NOWHERE}')"
    assert not repository.has(commit)


@pytest.mark.parametrize("commit", ["main", "--upload-pack=x", NOWHERE[:39], NOWHERE.replace("1", "A"), ""])
def test_row_93_what_is_no_whole_id_is_never_given_to_git(repository: Repository, commit: str) -> None:
    for call in (lambda: repository.bring([commit]), lambda: repository.open(commit, limits=Limits(), name="p")):
        assert refused(call).message == f"{commit!r} is not a whole commit id (40 or 64 hex digits)"


def test_row_97_a_moved_tag_leaves_the_locked_commit_as_it_was(origin: Origin, repository: Repository) -> None:
    old = origin.commit({"f": "old"})
    origin.tag("v1")
    locked = repository.refs().tags["v1"]
    new = origin.commit({"f": "new"})
    origin.tag("v1")
    assert (locked, repository.refs().tags["v1"]) == (old, new)
    repository.bring([locked])
    assert read(repository.open(locked, limits=Limits(), name="pkg"), "f") == b"old"


def test_row_97_a_locked_commit_that_was_thrown_away_is_refused(origin: Origin, repository: Repository) -> None:
    old = origin.commit({"f": "old"})
    origin.git("commit", "--quiet", "--amend", "--message", "another")
    origin.git("reflog", "expire", "--expire=now", "--all")
    origin.git("gc", "--quiet", "--prune=now")
    assert type(refused(lambda: repository.bring([old]))) is UnknownCommitError


OTHERS = {
    "404": (answering(404), InputError, "there is no such repository (\"repository '{url}/' not found\")"),
    "403": (answering(403), InputError, "access is denied ('The requested URL returned error: 403')"),
    "500": (answering(500), UnreachableError, "is not reached ('The requested URL returned error: 500')"),
    "503": (answering(503), UnreachableError, "is not reached ('The requested URL returned error: 503')"),
    "429": (answering(429), UnreachableError, "is not reached ('The requested URL returned error: 429')"),
    "redirect": (
        answering(301, Location="http://127.0.0.1:1/x"),
        InputError,
        "it answers with another address ('The requested URL returned error: 301')",
    ),
    "a-page": (
        answering(200, "<html>\n<body>\n", kind="text/html"),
        InputError,
        "there is no such repository ('{url}/info/refs not valid: is this a git repository?')",
    ),
}


@pytest.mark.parametrize(("answer", "kind", "message"), OTHERS.values(), ids=OTHERS)
def test_what_the_server_answers_is_told_apart(
    served: GitOverHttp, repository: Repository, answer: Callable[..., bool], kind: type, message: str
) -> None:
    served.before = answer
    for call in (repository.refs, lambda: repository.bring([NOWHERE])):
        error = refused(call)
        assert type(error) is kind
        assert error.message == f"{served.url('x')}: {message.format(url=served.url('x'))}"


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_server_that_fails_once_is_asked_again(
    origin: Origin, served: GitOverHttp, repository: Repository, at: int
) -> None:
    commit, asked = origin.commit({"f": "x"}), count()
    served.before = lambda handler: next(asked) == at and answering(503)(handler)
    assert repository.refs().head == commit
    repository.bring([commit])
    assert repository.has(commit)


def test_nobody_listens(free_port: int, repository_at: RepositoryAt) -> None:
    for scheme in ("http", "git", "ssh"):
        error = refused(repository_at(f"{scheme}://127.0.0.1:{free_port}/x").refs)
        assert type(error) is UnreachableError
        assert error.message.startswith(f"{scheme}://127.0.0.1:{free_port}/x: is not reached (")


@pytest.mark.parametrize("where", ["/info/refs?service=git-upload-pack", "/git-upload-pack"])
def test_a_server_that_does_not_answer_is_left_at_the_deadline(
    origin: Origin, served: GitOverHttp, repository_at: RepositoryAt, where: str
) -> None:
    served.before = hanging = Hanging(where)
    error = refused(repository_at(served.url("x"), seconds=0.5).refs)
    hanging.ends.set()
    assert type(error) is UnreachableError
    assert error.message == f"{served.url('x')}: git was not done after 0.5 s"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can bound the files of a running process")
def test_a_pack_that_is_too_large_is_cut_off(
    origin: Origin, served: GitOverHttp, repository_at: RepositoryAt, tmp_path: Path
) -> None:
    commit = origin.commit({"f": bytes(range(256)) * 4096, "g": b"".join(b"%d" % n for n in range(200_000))})
    error = refused(lambda: repository_at(served.url("x"), size=10_000).bring([commit]))
    assert error.message == f"{served.url('x')}: sends more than one fetch may bring ('write error: File too large')"
    assert list(copy_in(tmp_path).glob("objects/pack/*")) == []
    repository_at(served.url("x")).bring([commit])


def test_offline_only_what_is_there_can_be_read(
    origin: Origin, served: GitOverHttp, repository: Repository, repository_at: RepositoryAt
) -> None:
    commit = origin.package("p")
    repository.bring([commit])
    before = len(served.requests)
    offline = repository_at(served.url("x"), offline=True)
    offline.bring([commit])
    assert offline.has(commit)
    assert paths(offline, commit, "p") == ["manifest.yaml"]
    for call in (offline.refs, lambda: offline.bring([NOWHERE]), lambda: paths(offline, NOWHERE)):
        error = refused(call)
        assert error.message == f"{served.url('x')} is needed, and --offline forbids to ask it"
        assert error.advice == "run the command without --offline"
    assert len(served.requests) == before


def test_without_git_one_line_says_so(repository_at: RepositoryAt, tmp_path: Path) -> None:
    error = refused(repository_at("https://example.org/x", variables={"PATH": str(tmp_path)}).refs)
    assert (
        error.message
        == "https://example.org/x needs the program git, which is not installed; install git 2.32 or newer"
    )


def test_a_commit_that_was_not_brought_comes_when_it_is_opened(
    origin: Origin, served: GitOverHttp, repository: Repository
) -> None:
    first, second = origin.commit({"f": "1"}), origin.commit({"g": "2"})
    repository.bring([first])
    assert paths(repository, second) == ["f", "g"]
    assert (served.fetches, repository.has(first), repository.has(second)) == (2, True, True)


def test_a_failure_that_nobody_knows_costs_no_copy(origin: Origin, served: GitOverHttp, repository: Repository) -> None:
    commit = origin.commit({"f": "1"})
    repository.bring([commit])
    served.before = answering(418)
    error = refused(lambda: repository.bring([NOWHERE]))
    assert error.message == f"{served.url('x')}: git failed ('The requested URL returned error: 418')"
    assert paths(repository, commit) == ["f"]


def test_a_cache_that_cannot_be_made_is_named(served: GitOverHttp, repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    assert type(refused(lambda: repository.bring([NOWHERE]))) is StorageError
    assert type(refused(repository.refs)) is StorageError


def truncate(copy: Path) -> None:
    for pack in copy.glob("objects/pack/*.pack"):
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes()[:-30])


def flip(copy: Path) -> None:
    for pack in copy.glob("objects/pack/*.pack"):
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 0x55
        pack.chmod(0o644)
        pack.write_bytes(data)


def empty(copy: Path) -> None:
    for pack in copy.glob("objects/pack/*"):
        pack.unlink()


def exchange(copy: Path) -> None:
    """Another, well-formed file under the id of each: nothing that git itself looks at."""
    (pack,) = copy.glob("objects/pack/*.pack")
    objects = pack.read_bytes()
    empty(copy)
    git("unpack-objects", "-q", folder=copy, given=objects)
    evil = git("hash-object", "-w", "--stdin", folder=copy, given=b"evil")
    listed = git("cat-file", "--batch-all-objects", "--batch-check", folder=copy).splitlines()
    for oid in (line.split()[0] for line in listed if " blob " in line and not line.startswith(evil)):
        victim = copy / "objects" / oid[:2] / oid[2:]
        victim.chmod(0o644)
        victim.write_bytes((copy / "objects" / evil[:2] / evil[2:]).read_bytes())


def in_the_way(copy: Path) -> None:
    copy.rename(copy.with_name("away"))
    copy.write_text("?")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "pack-cut-short": truncate,
    "pack-flipped": flip,
    "pack-gone": empty,
    "files-exchanged": exchange,
    "no-head": lambda copy: (copy / "HEAD").unlink(),
    "no-config": lambda copy: (copy / "config").write_text("[core"),
    "no-refs": lambda copy: (copy / "refs").rename(copy / "fers"),
    "bad-shallow": lambda copy: (copy / "shallow").write_text("?\n"),
    "bad-ref": lambda copy: next(copy.glob("refs/pins/*")).write_text("?\n"),
    "file-in-the-way": in_the_way,
    "left-locks": lambda copy: [(copy / name).write_text("") for name in ("shallow.lock", "config.lock", "HEAD.lock")],
    "left-pack": lambda copy: (copy / "objects" / "pack" / "tmp_pack_x").write_bytes(b"PACK"),
    "half-made": lambda copy: (copy.with_suffix(".new") / "objects").mkdir(parents=True),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_copy_is_mended(
    origin: Origin, served: GitOverHttp, repository_at: RepositoryAt, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    first, second = origin.commit({"f": "1" * 99}), origin.commit({"f": "2" * 99, "g": "3"})
    repository_at(served.url("x")).bring([first])
    damage(copy_in(tmp_path))
    repository = repository_at(served.url("x"))
    repository.bring([second])
    assert paths(repository, second) == ["f", "g"]
    assert paths(repository, first) == ["f"]
    assert read(repository.open(first, limits=Limits(), name="pkg"), "f") == b"1" * 99
    left = [path.name for path in copy_in(tmp_path).rglob("*") if path.name.endswith(".lock") or "tmp_" in path.name]
    assert left == []


@pytest.mark.parametrize("damage", [truncate, flip, empty, exchange], ids=["cut-short", "flipped", "gone", "exchanged"])
def test_a_copy_that_is_damaged_meanwhile_is_mended_while_others_read(
    origin: Origin, repository: Repository, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    commit = origin.commit({"f": "x" * 1000})
    repository.bring([commit])
    damage(copy_in(tmp_path))
    start = threading.Barrier(4)

    def look(_: int) -> list[str]:
        start.wait()
        return paths(repository, commit)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(look, range(4))) == [["f"]] * 4


def test_copies_that_nobody_needs_are_removed(
    tmp_path: Path, origin: Origin, served: GitOverHttp, repository_at: RepositoryAt
) -> None:
    commit, folder, urls = origin.package("p"), tmp_path / "cache", [served.url("x"), str(origin.path)]
    for url in urls:
        repository_at(url, local=True).bring([commit])
    assert not repository_at(urls[0]).is_ancestor(NOWHERE, commit)
    gone = copy_path(folder, urls[1])
    taken = exclusive(gone.with_suffix(".lock"), command="x", wait=0, notice=lambda _: None)
    with taken, unneeded_copies(folder, keep=urls[:1]) as found:
        assert found == []
    with unneeded_copies(folder, keep=urls[:1]) as found:
        assert found == [gone]
        shutil.rmtree(gone)
    with unneeded_copies(folder, keep=urls[:1]) as found:
        assert found == []
    assert [repository_at(url, local=True).has(commit) for url in urls] == [True, False]
    assert copy_path(folder, urls[0], history=True).is_dir()
    with unneeded_copies(tmp_path / "none", keep=()) as found:
        assert found == []
    repository_at(urls[1], local=True).bring([commit])
    assert paths(repository_at(urls[1], local=True), commit, "p") == ["manifest.yaml"]


def test_history_tells_what_comes_from_what(
    origin: Origin, served: GitOverHttp, repository: Repository, tmp_path: Path
) -> None:
    first = origin.commit({"f": "1"})
    middle = [origin.commit({"f": str(number)}) for number in range(80)]
    last = origin.commit({"f": "2"})
    origin.git("checkout", "--quiet", "-b", "side", first)
    side = origin.commit({"f": "3"})
    repository.bring([last, side])
    assert repository.is_ancestor(first, last)
    assert repository.is_ancestor(middle[40], last)
    assert repository.is_ancestor(last, last)
    assert not repository.is_ancestor(last, first)
    assert not repository.is_ancestor(last, side)
    assert not repository.is_ancestor(side, last)
    assert not repository.is_ancestor(NOWHERE, last)
    assert type(refused(lambda: repository.is_ancestor(first, NOWHERE))) is UnknownCommitError
    before = len(served.requests)
    assert repository.is_ancestor(first, last)
    assert len(served.requests) == before


@pytest.mark.parametrize("kind", ["old", "dumb"])
def test_history_of_a_server_that_gives_out_only_branches(
    origin: Origin, served: GitOverHttp, repository: Repository, kind: str
) -> None:
    first, second = origin.package("p"), origin.package("p", version="1.1.0")
    origin.package("q")
    origin.git("update-server-info")
    setattr(served, kind, True)
    assert repository.is_ancestor(first, second)
    assert not repository.is_ancestor(second, first)


@pytest.mark.parametrize("damage", [truncate, flip, empty], ids=["cut-short", "flipped", "gone"])
def test_a_damaged_history_is_mended(
    origin: Origin, served: GitOverHttp, repository: Repository, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    first, second = origin.commit({"f": "1"}), origin.commit({"f": "2"})
    assert repository.is_ancestor(first, second)
    (history,) = (tmp_path / "cache").glob("*-history.git")
    damage(history)
    assert repository.is_ancestor(first, second)
    assert not repository.is_ancestor(second, first)
