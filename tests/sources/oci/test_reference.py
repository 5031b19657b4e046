"""How repositories in registries are written, and what that means."""

from __future__ import annotations

import pytest

from reconciler.errors import InputError
from reconciler.model.source import Source, SourceKind
from reconciler.sources.oci.challenge import Challenge, challenge_of
from reconciler.sources.oci.reference import digest_in, is_version, reference, repository, tag_of, versions_of

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("registry.example.org/team/name", "https://registry.example.org/v2/team/name"),
        ("registry.example.org:5000/name", "https://registry.example.org:5000/v2/name"),
        ("Registry.Example.org/a__b/c-d.e", "https://Registry.Example.org/v2/a__b/c-d.e"),
        ("localhost:5000/name", "http://localhost:5000/v2/name"),
        ("127.0.0.1:5000/name", "http://127.0.0.1:5000/v2/name"),
        ("[::1]:5000/name", "http://[::1]:5000/v2/name"),
        ("10.0.0.1:5000/name", "https://10.0.0.1:5000/v2/name"),
        ("localhost.example.org/name", "https://localhost.example.org/v2/name"),
        ("docker.io/name", "https://registry-1.docker.io/v2/library/name"),
        ("docker.io/team/name", "https://registry-1.docker.io/v2/team/name"),
    ],
)
def test_where_a_repository_answers(text: str, base: str) -> None:
    """Plain http is for this machine alone."""
    assert repository(text).base == base


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "registry.example.org",
        "team/name",
        "registry.example.org/",
        "registry.example.org/Team/name",
        "registry.example.org/team//name",
        "registry.example.org/../name",
        "registry.example.org/team/name:1.2.0",
        "https://registry.example.org/team/name",
        "user@registry.example.org/team/name",
        "registry.example.org/team/name?x",
        "registry.example.org/team/" + "n" * 255,
    ],
)
def test_what_is_no_repository(text: str) -> None:
    with pytest.raises(InputError):
        repository(text)


@pytest.mark.parametrize(
    ("text", "host", "name", "tag"),
    [
        ("127.0.0.1:5000/team/name:1.2.0_b1", "127.0.0.1:5000", "team/name", "1.2.0_b1"),
        ("oci://registry.example.org/name", "registry.example.org", "name", ""),
    ],
)
def test_a_place_to_push_to(text: str, host: str, name: str, tag: str) -> None:
    place, found = reference(text)
    assert (place.host, place.name, found) == (host, name, tag)


@pytest.mark.parametrize("text", ["registry.example.org/name:", "registry.example.org/name:.x", f"r.org/n@{DIGEST}"])
def test_what_is_no_place_to_push_to(text: str) -> None:
    with pytest.raises(InputError):
        reference(text)


def test_tags_and_versions() -> None:
    """A tag has no '+'."""
    assert tag_of("1.2.0+b.1") == "1.2.0_b.1"
    found = versions_of(["1.2.0_b.1", "v1.3.0", "latest", "1.2", "sha256-abc", "foo/1.0.0"], "foo")
    assert found == {"1.2.0+b.1": "1.2.0_b.1", "1.3.0": "v1.3.0"}
    assert all(map(is_version, ["v1.2.0", "1.2.0_b.1"]))
    assert not any(map(is_version, ["latest", "1.2", "", "@" + DIGEST]))


def test_digests_in_refs() -> None:
    assert digest_in(f"@{DIGEST}") == DIGEST
    assert [digest_in(text) for text in ("1.2.0", DIGEST, "@sha256:abc", "@sha512:" + "a" * 64)] == [None] * 4


@pytest.mark.parametrize(
    ("text", "location", "ref"),
    [
        ("oci://registry.example.org/team/name", "registry.example.org/team/name", ""),
        ("OCI://localhost:5000/name:1.2.0", "localhost:5000/name", "1.2.0"),
        (f"oci://localhost:5000/name@{DIGEST}", "localhost:5000/name", f"@{DIGEST}"),
        (f"oci://r.org/name:1.2.0@{DIGEST}", "r.org/name", f"@{DIGEST}"),
    ],
)
def test_the_shorthand(text: str, location: str, ref: str) -> None:
    source = Source.from_document(text)
    assert source == Source(SourceKind.OCI, location, ref)
    assert Source.from_document(source.to_document()) == source
    assert str(source) == f"{location}{ref if ref.startswith('@') else f':{ref}' if ref else ''}"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (
            'Bearer realm="https://a.org/token",service="a.org",scope="repository:x:pull,push"',
            Challenge(realm="https://a.org/token", service="a.org", scope="repository:x:pull,push"),
        ),
        ('BEARER realm=https://a.org/t , service = "s"', Challenge(realm="https://a.org/t", service="s")),
        ('Basic realm="x"', Challenge()),
        ('Basic realm="x", Bearer realm="https://a.org/t"', Challenge(realm="https://a.org/t")),
        ("Bearer", None),
        ("Negotiate", None),
        ("", None),
    ],
)
def test_challenges(header: str, found: Challenge | None) -> None:
    assert challenge_of(header) == found
