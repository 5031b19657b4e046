"""What ``docker login`` and ``podman login`` keep, and the helpers that keep it for them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from reconciler.codes import ErrorCode
from reconciler.errors import InputError, UnreachableError
from reconciler.sources.oci.login import Login, login_for
from reconciler.sources.oci.reference import repository
from tests.sources.registries import basic

PLACE = repository("registry.example.org/team/foo")


class User:
    """A user with a home, and helpers on the path."""

    def __init__(self, base: Path) -> None:
        self.base = base
        (base / "bin").mkdir()
        self.variables = {"HOME": str(base), "PATH": f"{base / 'bin'}:/usr/bin:/bin"}

    def file(self, path: str, document: Any) -> Path:
        place = self.base / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(document if isinstance(document, str) else json.dumps(document))
        place.chmod(0o600)
        return place

    def helper(self, name: str, script: str) -> None:
        place = self.base / "bin" / f"docker-credential-{name}"
        place.write_text(f"#!/bin/sh\n{script}\n")
        place.chmod(0o755)

    def login(self, text: str = "", seconds: float = 10) -> Login | None:
        return login_for(repository(text) if text else PLACE, self.variables, seconds=seconds)


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path)


def auths(**keys: str) -> dict[str, Any]:
    return {"auths": {key: {"auth": value} for key, value in keys.items()}}


DOCKER, PODMAN = ".docker/config.json", ".config/containers/auth.json"


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("registry.example.org", "registry.example.org/team/foo"),
        ("registry.example.org/team", "registry.example.org/team/foo"),
        ("registry.example.org/team/foo", "registry.example.org/team/foo"),
        ("https://registry.example.org", "registry.example.org/team/foo"),
        ("https://registry.example.org/v1/", "registry.example.org/team/foo"),
        ("localhost:5000", "localhost:5000/foo"),
        ("https://index.docker.io/v1/", "docker.io/team/foo"),
    ],
)
def test_the_names_under_which_a_registry_is_kept(user: User, key: str, place: str) -> None:
    user.file(DOCKER, {"auths": {key: {"auth": basic()}}})
    found = user.login(place)
    assert found is not None
    assert found.basic == f"Basic {basic()}"
    assert basic() not in repr(found)


@pytest.mark.parametrize(
    "key", ["registry.example.org:5000", "example.org", "registry.example.org/team/fo", "evil.org"]
)
def test_another_registry_is_no_match(user: User, key: str) -> None:
    user.file(DOCKER, {"auths": {key: {"auth": basic()}}})
    assert user.login() is None


def test_the_most_exact_name_wins(user: User) -> None:
    keys = ["registry.example.org", "registry.example.org/team", "registry.example.org/team/foo"]
    user.file(DOCKER, {"auths": {key: {"auth": basic(key)} for key in keys}})
    found = user.login()
    assert found is not None
    assert found.basic == f"Basic {basic(keys[-1])}"


def test_which_file_is_read(user: User) -> None:
    """As podman and docker do it: their variables before their folders."""
    host = PLACE.host
    user.file(DOCKER, auths(**{host: basic("docker")}))
    assert _user(user) == "docker"
    user.file(PODMAN, auths(**{host: basic("podman")}))
    assert _user(user) == "podman"
    user.variables["XDG_RUNTIME_DIR"] = str(user.base / "run")
    user.file("run/containers/auth.json", auths(**{host: basic("runtime")}))
    assert _user(user) == "runtime"
    user.variables["REGISTRY_AUTH_FILE"] = str(user.file("named.json", auths(**{host: basic("named")})))
    assert _user(user) == "named"
    user.variables["REGISTRY_AUTH_FILE"] = str(user.base / "nothing.json")
    user.variables["DOCKER_CONFIG"] = str(user.file("elsewhere/config.json", auths(**{host: basic("moved")})).parent)
    assert _user(user) == "moved"
    assert login_for(PLACE, {}, seconds=1) is None


def _user(user: User) -> str:
    found = user.login()
    assert found is not None
    return next(name for name in ("docker", "podman", "runtime", "named", "moved") if found.basic.endswith(basic(name)))


def test_a_file_that_others_can_read(user: User) -> None:
    path = user.file(DOCKER, auths(**{PLACE.host: basic()}))
    path.chmod(0o644)
    with pytest.raises(InputError, match="open to every user") as failed:
        user.login()
    assert "chmod 600" in failed.value.advice
    user.file(DOCKER, {"credHelpers": {"other.example.org": "x"}}).chmod(0o644)
    assert user.login() is None


@pytest.mark.parametrize(
    "document",
    ["s3cret", "[]", '{"auths": {"registry.example.org": {"auth": "s3cret"}}}', '{"auths": {"a": 1, "a": 2}}'],
)
def test_a_damaged_file_is_named_and_not_quoted(user: User, document: str) -> None:
    path = user.file(DOCKER, document)
    with pytest.raises(InputError) as failed:
        user.login()
    assert failed.value.code is ErrorCode.CREDENTIALS
    assert str(path) in failed.value.message
    assert "s3cret" not in f"{failed.value.message} {failed.value.faults}"


@pytest.mark.skipif(os.name != "posix", reason="scripts of a shell")
class TestHelpers:
    def test_the_one_for_the_registry_comes_first(self, user: User) -> None:
        user.helper("exact", 'cat > "$HOME/asked"; echo \'{"Username": "exact", "Secret": "s"}\'')
        user.helper("all", 'echo \'{"Username": "all", "Secret": "s"}\'')
        user.file(DOCKER, {"credsStore": "all", "credHelpers": {PLACE.host: "exact"}})
        found = user.login()
        assert found is not None
        assert found.basic == f"Basic {basic('exact', 's')}"
        assert (user.base / "asked").read_text() == PLACE.host
        other = user.login("other.example.org/foo")
        assert other is not None
        assert other.basic == f"Basic {basic('all', 's')}"

    def test_an_identity_token(self, user: User) -> None:
        user.helper("x", 'echo \'{"Username": "<token>", "Secret": "t0k"}\'')
        user.file(DOCKER, {"credsStore": "x"})
        found = user.login()
        assert found is not None
        assert (found.identity, found.basic) == ("t0k", "")

    def test_what_it_does_not_know_is_in_the_file(self, user: User) -> None:
        user.helper("x", "echo credentials not found in native keychain; exit 1")
        user.file(DOCKER, {"credsStore": "x", **auths(**{PLACE.host: basic()})})
        found = user.login()
        assert found is not None
        assert found.basic == f"Basic {basic()}"

    @pytest.mark.parametrize(
        "script",
        [
            "echo s3cret; exit 1",
            "echo s3cret",
            "echo s3cret >&2; exit 1",
            "echo s3cret >&2",
            'echo \'{"Username": "s3cret"}\'',
        ],
    )
    def test_one_that_fails_is_named_and_not_quoted(
        self, user: User, script: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        user.helper("x", script)
        user.file(DOCKER, {"credsStore": "x"})
        with pytest.raises(InputError, match="docker-credential-x") as failed:
            user.login()
        assert "s3cret" not in f"{failed.value.message} {failed.value.faults} {capfd.readouterr()}"

    @pytest.mark.parametrize("name", ["missing", "../x", "a b", ""])
    def test_one_that_is_not_there(self, user: User, name: str) -> None:
        user.file(DOCKER, {"credHelpers": {PLACE.host: name}})
        with pytest.raises(InputError) as failed:
            user.login()
        assert failed.value.code is ErrorCode.MISSING_PROGRAM

    def test_one_that_prints_without_end(self, user: User) -> None:
        user.helper("flood", "exec cat /dev/zero")
        user.file(DOCKER, {"credsStore": "flood"})
        with pytest.raises(InputError, match="docker-credential-flood' prints more than 1 MiB"):
            user.login(seconds=60)

    def test_one_that_does_not_listen(self, user: User) -> None:
        user.helper("deaf", 'exec <&-; sleep 0.1; echo \'{"Username": "u", "Secret": "s"}\'')
        user.file(DOCKER, {"credsStore": "deaf"})
        assert user.login() is not None

    def test_one_that_hangs_is_ended_with_what_it_started(self, user: User) -> None:
        user.helper("slow", 'sleep 100 & echo $! > "$HOME/child"; wait')
        user.file(DOCKER, {"credsStore": "slow"})
        began = time.monotonic()
        with pytest.raises(UnreachableError, match="docker-credential-slow"):
            user.login(seconds=0.5)
        assert time.monotonic() - began < 50  # half of what it sleeps
        child = Path("/proc", (user.base / "child").read_text().strip(), "stat")
        end = time.monotonic() + 50
        while child.exists() and child.read_text().rpartition(")")[2].split()[0] != "Z" and time.monotonic() < end:
            time.sleep(0.01)
        assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"
