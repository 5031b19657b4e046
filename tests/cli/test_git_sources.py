"""Packages from git repositories, through the command line: refs, ranges over tags, pins, what is not trusted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
import yaml

from tests.cli.failures import warned
from tests.cli.shell import Session, snapshot
from tests.sources.git_servers import GitOverHttp, Origin, demanding, git_over_http
from tests.support.packages import MANIFEST


@pytest.fixture
def origin(session: Session) -> Origin:
    return Origin(session.base / "served" / "packages")


@pytest.fixture
def served(session: Session, origin: Origin) -> Iterator[GitOverHttp]:
    with git_over_http(session.base / "served") as serving:
        yield serving


def desire(session: Session, served: GitOverHttp, rest: str, *, version: str = "", item: str = "foo") -> None:
    more = f", version: '{version}'" if version else ""
    session.desired(f"extensions:\n  {item}: {{source: {{git: '{served.url('packages')}', {rest}}}{more}}}\n")


def pinned(session: Session, item: str = "foo") -> dict[str, str]:
    entries = yaml.safe_load((session.project / "llamagate.lock.yaml").read_text())["items"]
    found: dict[str, str] = next(entry["pin"] for entry in entries if entry["id"] == item)
    return found


def test_a_range_chooses_the_newest_tag_that_fits(session: Session, origin: Origin, served: GitOverHttp) -> None:
    commits = {}
    for version in ("1.0.0", "1.2.0", "1.10.0", "2.0.0", "1.11.0-rc.1"):
        commits[version] = origin.package("foo", version=version)
        origin.tag(f"v{version}", annotated=version == "1.10.0")
    desire(session, served, "path: foo", version="^1.2")
    session.llamagate("apply")
    assert session.registered()["foo"]["version"] == "1.10.0"
    assert pinned(session) == {"commit": commits["1.10.0"], "tag": "v1.10.0"}


def test_row_137_a_tag_and_a_branch_of_one_name_are_refused(
    session: Session, origin: Origin, served: GitOverHttp
) -> None:
    first = origin.package("foo", version="1.0.0")
    desire(session, served, "path: foo, ref: main")
    session.llamagate("lock")
    second = origin.package("foo", version="1.1.0")
    origin.tag("main", first)
    session.llamagate("apply")  # the pin decides
    refused = session.llamagate("lock", "--upgrade", exits=5)
    assert "refs/heads/main" in refused.err
    assert "refs/tags/main" in refused.err
    desire(session, served, "path: foo, ref: refs/heads/main")
    session.llamagate("lock")
    assert pinned(session)["commit"] == second


def test_a_tag_that_was_moved_is_noticed_by_its_full_name(
    session: Session, origin: Origin, served: GitOverHttp
) -> None:
    origin.package("foo", version="1.0.0")
    origin.tag("v1")
    desire(session, served, "path: foo, ref: refs/tags/v1")
    session.llamagate("lock")
    shutil.rmtree(session.home)
    origin.package("foo", version="1.1.0")
    origin.git("tag", "--force", "v1")
    assert "was moved" in session.llamagate("apply", exits=5).err


def test_tags_of_an_item_go_before_those_of_all(session: Session, origin: Origin, served: GitOverHttp) -> None:
    origin.package("foo", version="1.0.0")
    origin.tag("foo/v1.0.0")
    origin.package("foo", version="3.0.0")
    origin.tag("v3.0.0")
    origin.tag("bar/v2.0.0")
    desire(session, served, "path: foo", version=">=1")
    session.llamagate("apply")
    assert pinned(session)["tag"] == "foo/v1.0.0"


def test_the_range_may_stand_in_the_source(session: Session, origin: Origin, served: GitOverHttp) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        origin.package("foo", version=version)
        origin.tag(f"v{version}")
    desire(session, served, "path: foo, version: ~1")
    session.llamagate("apply")
    assert pinned(session)["tag"] == "v1.1.0"


def test_a_ref_goes_before_a_range(session: Session, origin: Origin, served: GitOverHttp) -> None:
    origin.package("foo", version="1.0.0")
    origin.tag("v1.0.0")
    commit = origin.package("foo", version="1.1.0")
    desire(session, served, "path: foo, ref: main", version="^1")
    session.llamagate("apply")
    assert pinned(session) == {"commit": commit}
    desire(session, served, "path: foo, ref: main", version="~1.0")
    failed = session.llamagate("apply", exits=1)
    assert "at main in foo holds version 1.1.0, which is not in the range '~1.0'" in failed.err


def test_no_tag_that_fits(session: Session, origin: Origin, served: GitOverHttp) -> None:
    for version in ("1.0.0", "1.1.0"):
        origin.package("foo", version=version)
        origin.tag(f"v{version}")
    desire(session, served, "path: foo", version="^2")
    failed = session.llamagate("apply", exits=1)
    place = f"{served.url('packages')} in foo"
    assert f"extensions.foo: {place} has no version of foo in the range '^2'; it has 1.1.0, 1.0.0\n" in failed.err


def test_without_a_ref_the_default_branch_is_taken(session: Session, origin: Origin, served: GitOverHttp) -> None:
    commit = origin.package("foo")
    desire(session, served, "path: foo")
    session.llamagate("apply")
    assert pinned(session) == {"commit": commit}


def test_a_branch_moves_on_only_when_it_is_asked_to(session: Session, origin: Origin, served: GitOverHttp) -> None:
    first = origin.package("foo", version="1.0.0")
    desire(session, served, "path: foo, ref: main")
    session.llamagate("apply")
    second = origin.package("foo", version="1.1.0")
    shutil.rmtree(session.home)
    session.llamagate("apply")
    assert pinned(session)["commit"] == first
    session.llamagate("lock", "--upgrade", "foo")
    assert pinned(session)["commit"] == second
    assert session.actions() == ["update foo"]


def test_a_tag_of_a_range_that_was_moved_is_refused(session: Session, origin: Origin, served: GitOverHttp) -> None:
    first = origin.package("foo", version="1.0.0")
    origin.tag("v1.0.0")
    desire(session, served, "path: foo", version="^1")
    session.llamagate("lock")
    second = origin.commit({"foo/extra.txt": "new"})
    origin.tag("v1.0.0")
    shutil.rmtree(session.home)
    failed = session.llamagate("apply", exits=5)
    assert f"the tag v1.0.0 was moved from {first}, which the lock pins, to {second}" in failed.err


def test_a_tag_that_says_another_version_than_the_package(
    session: Session, origin: Origin, served: GitOverHttp
) -> None:
    origin.package("foo", version="1.0.1")
    origin.tag("v1.0.0")
    desire(session, served, "path: foo", version="^1")
    assert warned(session.plan()) == ["foo other-version"]
    session.llamagate("apply")
    assert "up to date" in session.llamagate("outdated").out


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("ref: mian, path: foo", "has no branch, tag or commit 'mian'; did you mean 'main'?"),
        ("ref: main, path: fooo", "fooo"),
    ],
    ids=["ref", "path"],
)
def test_what_is_not_there_is_named(
    session: Session, origin: Origin, served: GitOverHttp, rest: str, message: str
) -> None:
    origin.package("foo")
    desire(session, served, rest)
    failed = session.llamagate("apply", exits=1)
    assert failed.err.startswith("llamagate: llamagate.yaml:3:3: extensions.foo: ")
    assert message in failed.err


def test_a_commit_that_is_not_there_is_the_fault_of_its_item_alone(
    session: Session, origin: Origin, served: GitOverHttp
) -> None:
    for item in ("foo", "bar", "baz", "tip"):
        origin.package(item)
        origin.tag(item)
    refs = {"foo": "foo", "bar": "ab" * 20, "baz": "bzz", "tip": "main"}
    lines = [
        f"  {item}: {{source: {{git: '{served.url('packages')}', path: {item}, ref: {ref}}}}}\n"
        for item, ref in refs.items()
    ]
    session.desired("extensions:\n" + "".join(lines))
    failed = session.llamagate("apply", "--json", exits=1)
    faults = {fault["path"]: fault["message"] for fault in failed.error["faults"]}
    assert sorted(faults) == ["extensions.bar", "extensions.baz"]
    assert "has no such commit" in faults["extensions.bar"]
    assert "has no branch, tag or commit 'bzz'" in faults["extensions.baz"]


def test_a_locked_commit_that_is_gone_says_what_to_do(session: Session, origin: Origin, served: GitOverHttp) -> None:
    origin.package("foo")
    desire(session, served, "path: foo")
    session.llamagate("lock")
    commit, gone = pinned(session)["commit"], "ab" * 20
    session.edit("llamagate.lock.yaml", commit, gone)
    shutil.rmtree(session.home)
    failed = session.llamagate("apply", exits=1)
    assert f"has no such commit ('upload-pack: not our ref {gone}'), which the lock pins\n" in failed.err
    assert "'llamagate lock --upgrade foo' pins what is there now" in failed.err
    session.llamagate("lock", "--upgrade", "foo")
    assert pinned(session)["commit"] == commit


def test_a_tag_of_a_range_that_is_gone_is_warned_of(session: Session, origin: Origin, served: GitOverHttp) -> None:
    origin.package("foo")
    origin.tag("v1.0.0")
    desire(session, served, "path: foo", version="^1")
    session.llamagate("lock")
    origin.git("tag", "--delete", "v1.0.0")
    shutil.rmtree(session.home)
    assert warned(session.llamagate("apply", "--json").json) == ["foo unlisted"]


def test_what_the_copy_holds_is_not_asked_for(session: Session, origin: Origin, served: GitOverHttp) -> None:
    origin.package("foo")
    desire(session, served, "path: foo")
    session.llamagate("lock")
    for cached in (session.ours / "cache").glob("*.zip"):
        cached.unlink()
    asked = len(served.requests)
    session.llamagate("apply", "--offline")
    session.llamagate("status")
    assert len(served.requests) == asked


def test_items_of_one_repository_cost_one_fetch(session: Session, origin: Origin, served: GitOverHttp) -> None:
    manifests = {f"item{n}/manifest.yaml": MANIFEST.format(id=f"item{n}", version="1.0.0") for n in range(40)}
    origin.commit(manifests)
    lines = ""
    for number in range(40):
        lines += f"  item{number}: {{source: {{git: '{served.url('packages')}', path: item{number}}}}}\n"
    session.desired(f"extensions:\n{lines}")
    session.llamagate("apply")
    assert len(session.registered()) == 40
    assert served.fetches == 1


def test_different_commits_of_one_repository_cost_one_fetch(
    session: Session, origin: Origin, served: GitOverHttp
) -> None:
    lines = ""
    for number in range(9):
        origin.package(f"item{number}")
        origin.tag(f"item{number}/v1.0.0")
        source = f"{{git: '{served.url('packages')}', path: item{number}}}"
        lines += f"  item{number}: {{source: {source}, version: ^1}}\n"
    session.desired(f"extensions:\n{lines}")
    session.llamagate("apply")
    assert len(session.registered()) == 9
    assert served.fetches == 1


def test_credentials_go_to_git_and_nowhere_else(session: Session, origin: Origin, served: GitOverHttp) -> None:
    origin.package("foo")
    hidden = "hidden-t0ken"
    served.before = demanding(f"Bearer {hidden}")
    session.variables["AUTHORIZATION"] = f"Bearer {hidden}"
    desire(session, served, "path: foo")
    assert "extensions.foo: " in session.llamagate("apply", exits=1).err
    desire(session, served, "path: foo, auth: {header_env: AUTHORIZATION}")
    said = [session.llamagate("plan", "--json"), session.llamagate("apply", "-v"), session.llamagate("status")]
    traces = [result.out + result.err for result in said]
    traces += [str(content) for _, content in (snapshot(session.home) | snapshot(session.project)).values()]
    assert [trace for trace in traces if hidden in trace] == []


@pytest.mark.parametrize("url", ["../served/packages", "file://{path}", "{path}"], ids=["relative", "file", "absolute"])
def test_a_repository_of_this_machine_must_be_allowed(session: Session, origin: Origin, url: str) -> None:
    origin.package("foo")
    source = f"{{git: '{url.format(path=origin.path)}', path: foo}}"
    session.desired(f"extensions:\n  foo: {{source: {source}}}\n")
    failed = session.llamagate("apply", exits=1)
    assert "policy.sources.local_git" in failed.err
    session.desired(f"extensions:\n  foo: {{source: {source}}}\npolicy: {{sources: {{local_git: true}}}}\n")
    session.llamagate("apply", "--offline")
    assert session.installed("foo").is_dir()


@pytest.mark.parametrize(
    "url", ["ext::sh -c 'touch pwned'", "http://example.org/x.git", "ftp://example.org/x", "fd::17"]
)
def test_what_git_must_not_be_given(session: Session, url: str) -> None:
    session.desired(f'extensions:\n  foo: {{source: {{git: "{url}"}}}}\n')
    failed = session.llamagate("apply", exits=1)
    assert failed.err.startswith("llamagate: llamagate.yaml:3:3: extensions.foo: ")
    assert not (session.project / "pwned").exists()
