"""Signed packages in a real registry, and in a mirror of it."""

from __future__ import annotations

import shutil

from tests.sources.registries import registry, skopeo
from tests.trust.team import Team

TRUST = "trust: {signers: ./allowed_signers, require: signed}"


def push(team: Team, host: str, *flags: object) -> str:
    team.session.package("foo")
    place = team.session.project / "packages" / "foo"
    return str(team.session.llamagate("push", "--json", place, f"{host}/team/foo", *flags).json["digest"])


def desire(team: Team, host: str) -> None:
    team.session.desired(f"extensions:\n  foo: {{source: {{oci: '{host}/team/foo'}}}}\n{TRUST}\n")


def refusal(team: Team) -> str:
    shutil.rmtree(team.session.home, ignore_errors=True)
    (team.session.project / "llamagate.lock.yaml").unlink(missing_ok=True)
    (one,) = team.session.plan()["refusals"]
    return str(one["code"])


def test_what_is_pushed_with_a_key_is_signed(team: Team) -> None:
    with registry(team.session.base / "registry") as found:
        push(team, found.host)
        desire(team, found.host)
        assert refusal(team) == "unsigned"
        push(team, found.host, "--sign", team.key("mallory"))
        assert refusal(team) == "unknown-signer"
        push(team, found.host, "--sign", team.key("alice"))
        team.session.llamagate("apply")
        assert team.lock["items"][0]["signed"]["by"] == "alice"
        shutil.rmtree(team.session.home)
        team.session.llamagate("apply", "--locked")


def test_a_mirror_without_the_signatures(team: Team) -> None:
    """The image alone is not signed there; with the tag of what is attached to it, it is."""
    with registry(team.session.base / "registry") as found, registry(team.session.base / "mirror") as mirror:
        digest = push(team, found.host, "--sign", team.key("alice"))
        desire(team, mirror.host)
        for tag in ("1.0.0", digest.replace(":", "-")):
            places = [f"docker://{one.host}/team/foo:{tag}" for one in (found, mirror)]
            skopeo("copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", *places)
            if tag == "1.0.0":
                assert refusal(team) == "unsigned"
        team.session.llamagate("apply")
        assert team.session.installed("foo", "manifest.yaml").exists()


def test_a_signature_of_another_package_counts_for_nothing(team: Team) -> None:
    with registry(team.session.base / "registry") as found:
        team.session.package("bar")
        packages = team.session.project / "packages"
        team.session.llamagate("sign", packages / "bar", "--key", team.key("alice"))
        shutil.copy(packages / "bar.sig", packages / "foo.sig")
        push(team, found.host)
        desire(team, found.host)
        assert refusal(team) == "bad-signature"
