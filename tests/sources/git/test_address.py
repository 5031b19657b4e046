"""Which urls and refs git is given: rows 92 to 94 of the catalogue of bad inputs, and what is good."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.sources.git.address import Transport, git_url_problem, origin_of, ref_problem, transport_of
from tests.sources.git_servers import git

GOOD = {
    "https": ("https://example.org/x.git", Transport.HTTPS),
    "https-port": ("https://example.org:8443/a/b", Transport.HTTPS),
    "ssh": ("ssh://git@example.org/x.git", Transport.SSH),
    "ssh-port": ("ssh://example.org:22/~me/x", Transport.SSH),
    "ssh-ipv6": ("ssh://git@[2001:db8::1]/x", Transport.SSH),
    "ssh-short": ("git@example.org:team/x.git", Transport.SSH),
    "ssh-short-without-user": ("example.org:x", Transport.SSH),
    "http-to-this-machine": ("http://127.0.0.1:8080/x", Transport.HTTP),
    "http-to-localhost": ("http://localhost/x", Transport.HTTP),
    "http-to-this-machine-by-ipv6": ("http://[::1]:80/x", Transport.HTTP),
    "git-to-this-machine": ("git://127.0.0.2/x", Transport.GIT),
}
LOCAL = {
    "path": ("/srv/x.git", Transport.FILE),
    "relative-path": ("./x", Transport.FILE),
    "name": ("x", Transport.FILE),
    "path-with-a-space": ("/my repositories/x", Transport.FILE),
    "path-with-a-colon": ("./a:b", Transport.FILE),
    "row-94-file-url": ("file:///srv/x.git", Transport.FILE),
}
HELPERS = "git's remote helpers ('ext::' and the like) run programs; use https or ssh"
NO_LOCAL = "a git repository on this machine is taken only where policy.sources.local_git is true"
NO_SCHEME = "git urls are https or ssh; plain http and git only to this machine itself"
OPTION = "a git url does not start with '-'"
NO_HOST = "this git URL has no valid host"
NO_CONTROLS = "a git url has no control or invisible characters"
NO_QUERY = "a git url has no '?', no '#' and no space"
NO_URL = "this is not a git URL; write 'user@host:path', or use https or ssh"
CREDENTIALS = "credentials do not belong into a url; use 'auth'"
PASSWORD = "a password does not belong into a url; ssh uses keys"  # noqa: S105 - a message
BAD = {
    "empty": ("", "a git url is missing"),
    "row-92-ext": ("ext::sh -c touch% x", HELPERS),
    "row-92-ext-and-slashes": ("ext::https://example.org/x", HELPERS),
    "row-92-fd": ("fd::17", HELPERS),
    "row-92-any-helper": ("x::/y", HELPERS),
    "row-92-helper-in-a-scheme": ("ext://x/y", NO_SCHEME),
    "row-92-transport-with-plus": ("git+ssh://x/y", "write it without 'git+'"),
    "row-93-option": ("--upload-pack=touch", OPTION),
    "row-93-host-is-an-option": ("ssh://-oProxyCommand=touch/x", NO_HOST),
    "row-93-user-is-an-option": ("ssh://-oProxyCommand=x@host/y", NO_HOST),
    "row-93-short-host-is-an-option": ("git@-oProxyCommand=x:y", NO_URL),
    "row-93-path-is-an-option": ("host:-x", NO_URL),
    "row-93-git-host-is-an-option": ("git://-x/y", NO_HOST),
    "row-94-file-url": ("file:///srv/x.git", NO_LOCAL),
    "capitals": ("HTTPS://example.org/x", NO_SCHEME),
    "file-url-in-capitals": ("FILE:///srv/x.git", NO_SCHEME),
    "row-94-path": ("/srv/x.git", NO_LOCAL),
    "row-94-relative-path": ("../x", NO_LOCAL),
    "row-94-name": ("x", NO_LOCAL),
    "file-url-with-a-host": ("file://host/x", "a file url has three slashes: file:///folder"),
    "http": ("http://example.org/x", "plain http is taken only from this machine itself; use https or ssh"),
    "http-like-loopback": (
        "http://127.0.0.1.example.org/x",
        "plain http is taken only from this machine itself; use https or ssh",
    ),
    "git": ("git://example.org/x", "plain git is taken only from this machine itself; use https or ssh"),
    "ftp": ("ftp://example.org/x", NO_SCHEME),
    "password": ("https://me:secret@example.org/x", CREDENTIALS),
    "token": ("https://secret@example.org/x", CREDENTIALS),
    "empty-user": ("http://@127.0.0.1/x", CREDENTIALS),
    "ssh-password": ("ssh://git:secret@example.org/x", PASSWORD),
    "query": ("https://example.org/x?token=secret", NO_QUERY),
    "fragment": ("https://example.org/x#main", NO_QUERY),
    "no-host": ("https:///x", NO_HOST),
    "bad-port": ("https://example.org:99999/x", NO_HOST),
    "bad-host": ("https://exa_$mple/x", NO_HOST),
    "backslash": ("https://example.org\\@evil/x", CREDENTIALS),
    "broken-ipv6": ("https://[::1/x", NO_SCHEME),
    "short-with-a-space": ("git@host:a b", NO_URL),
    "ssh-without-a-path": ("ssh://host", "this git url names a host, but no repository there"),
    "space": ("https://example.org/a b", NO_QUERY),
    "newline": ("https://example.org/x\n", NO_CONTROLS),
    "escape": ("https://example.org/\x1b[2J", NO_CONTROLS),
    "invisible": ("https://exam\u200bple.org/x", NO_CONTROLS),
    "long": ("https://example.org/" + "x" * 2048, "a git url has at most 2048 characters"),
}


@pytest.mark.parametrize(("url", "transport"), GOOD.values(), ids=GOOD)
def test_a_good_url_is_taken(url: str, transport: Transport) -> None:
    assert git_url_problem(url, local=False) is None
    assert transport_of(url) is transport


@pytest.mark.parametrize(("url", "transport"), LOCAL.values(), ids=LOCAL)
def test_a_local_one_is_taken_where_that_is_allowed(url: str, transport: Transport) -> None:
    assert git_url_problem(url, local=True) is None
    assert transport_of(url) is transport


@pytest.mark.parametrize(("url", "problem"), BAD.values(), ids=BAD)
def test_a_bad_url_is_refused_and_not_quoted(url: str, problem: str) -> None:
    assert git_url_problem(url, local=False) == problem
    assert "secret" not in problem


@pytest.mark.parametrize("name", [name for name in BAD if not name.startswith("row-94")])
def test_what_is_bad_is_not_good_because_local_ones_are_allowed(name: str) -> None:
    url, problem = BAD[name]
    assert git_url_problem(url, local=True) == problem


@given(st.text())
def test_any_text_is_a_good_url_or_has_a_problem(text: str) -> None:
    if git_url_problem(text, local=True) is None:
        assert transport_of(text) in Transport
        assert text.isprintable()
        assert not text.startswith("-")


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin_of("https://example.org:8443/a/b") == "https://example.org:8443/"


REFS = {
    "branch": "main",
    "tag": "v1.2.3",
    "tag-of-a-package": "name/v1.2.3",
    "full": "refs/heads/feature/x",
    "head": "HEAD",
    "commit": "a" * 40,
    "short-commit": "a1b2c3d",
    "at": "a@b",
    "unicode": "größe",
}
BAD_REFS = {
    "empty": "",
    "row-93-option": "--upload-pack=x",
    "row-93-short-option": "-x",
    "two-dots": "a..b",
    "at": "@",
    "reflog": "main@{1}",
    "refspec": "a:b",
    "forced": "main^",
    "parent": "main~1",
    "glob": "refs/heads/*",
    "space": "a b",
    "newline": "a\nb",
    "escape": "a\x1b",
    "lock": "main.lock",
    "lock-inside": "a.lock/b",
    "dot-first": ".main",
    "dot-first-inside": "a/.b",
    "dot-last": "main.",
    "slash-last": "a/",
    "slash-first": "/a",
    "slash-twice": "a//b",
    "backslash": "a\\b",
}


@pytest.mark.parametrize("ref", REFS.values(), ids=REFS)
def test_a_good_ref_is_taken(ref: str) -> None:
    assert ref_problem(ref) is None


@pytest.mark.parametrize("ref", BAD_REFS.values(), ids=BAD_REFS)
def test_a_bad_ref_is_refused(ref: str) -> None:
    problem = ref_problem(ref)
    assert problem is not None
    assert problem.isprintable()


def test_the_message_shows_what_is_bad_in_a_ref() -> None:
    assert ref_problem("main~1") == "this is not a git ref: '~' is not allowed in it"
    assert ref_problem("-x") == "this is not a git ref: '-' is not allowed in it"
    assert ref_problem("a\x1bb") == "this is not a git ref: it is too long, or holds control or invisible characters"


@pytest.mark.parametrize(
    "ref", [*REFS.values(), *BAD_REFS.values()], ids=[*REFS, *(f"bad-{name}" for name in BAD_REFS)]
)
def test_git_itself_takes_no_other_refs(ref: str, tmp_path: Path) -> None:
    try:
        git("check-ref-format", f"refs/heads/{ref}", folder=tmp_path)
    except subprocess.CalledProcessError:
        assert ref_problem(ref) is not None
    else:
        assert ref_problem(ref) is None or ref.startswith("-") or ref == "@"
