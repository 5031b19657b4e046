"""Rules that cannot do what they are meant for are refused, or told."""

from __future__ import annotations

import pytest

from tests.cli.failures import failure, warned
from tests.trust.keys import public
from tests.trust.team import Team

NEVER = {
    "more people than names": ("items: {foo: {by: {any: 2, of: [alice]}}}", "trust.items.foo.by.any"),
    "one name twice": ("items: {foo: {by: {any: 2, of: [alice, alice]}}}", "trust.items.foo.by.any"),
    "of a source": (
        "sources: {'https://x.org/a': {by: {any: 3, of: [a, b]}}}",
        "trust.sources['https://x.org/a'].by.any",
    ),
    "a pattern": ("items: {'*': {by: alice}}", "trust.items['*']"),
    "no id": ("items: {'a/b': {by: alice}}", "trust.items['a/b']"),
    "twice": ("items: {foo: {by: alice}, FOO: {by: bob}}", "trust.items.FOO"),
    "one place twice": (
        "sources: {'https://x.org/a': {require: none}, 'https://X.org:443/a/': {by: alice}}",
        "trust.sources['https://X.org:443/a/']",
    ),
}


@pytest.mark.parametrize("case", NEVER)
@pytest.mark.parametrize("host", [False, True])
def test_what_can_never_be(team: Team, case: str, host: bool) -> None:
    """Nothing is installed by such rules, whoever made them."""
    rules, place = NEVER[case]
    if host:
        path = team.session.base / "host.yaml"
        path.write_text(f"apiVersion: llamagate/v1\nsigners: project/allowed_signers\n{rules}\n")
        found = failure(team.session, "--trust", path, "apply")
        assert [one.split(" ", 1)[1] for one in found.places] == [place.removeprefix("trust.")]
    else:
        team.desire(trust=rules)
        found = failure(team.session, "apply")
        assert [one.split(" ", 1)[1] for one in found.places] == [place]


STRANGE = {
    "misspelt id": ("items: {fooo: {by: alice}}", ["unused-rule"]),
    "no such place": ("sources: {'https://example.org/catalog': {by: alice}}", ["unused-rule"]),
    "nobody of that name": ("items: {foo: {by: [alice, alcie]}}", ["no-such-signer"]),
    "too few": ("items: {foo: {by: {any: 2}}}", ["no-such-signer"]),
    "its place": ("sources: {'SHOP': {by: alice}}", []),
    "an id in another case": ("items: {FOO: {by: alice}}", []),
    "local": ("sources: {local: {by: alice}}", []),
}


@pytest.mark.parametrize("case", STRANGE)
def test_what_is_strange_is_told(team: Team, case: str) -> None:
    rules, codes = STRANGE[case]
    team.session.llamagate("lock")
    team.desire(trust=rules.replace("SHOP", str(team.shop)))
    said = team.session.run("plan", "--json").json
    assert warned(said) == codes
    assert len(warned(team.session.llamagate("validate", "--json").json)) == len(codes)


def test_a_host_has_rules_for_other_files_too(team: Team) -> None:
    host = team.session.base / "host.yaml"
    host.write_text(
        "apiVersion: llamagate/v1\nsigners: project/allowed_signers\nitems: {other: {by: alice}}\n"
        "sources: {'https://example.org': {by: bob}}\n"
    )
    said = team.session.run("--trust", host, "plan", "--json").json
    assert warned(said) == ["no-such-signer"]


def test_a_revoked_key_is_nobody(team: Team) -> None:
    team.session.llamagate("lock")
    team.allow("bob")
    team.desire(trust="require: none, items: {foo: {by: [alice, bob]}}")
    assert warned(team.session.plan()) == []
    team.revoked.write_text(public(team.key("bob")) + "\n")
    assert warned(team.session.plan()) == ["no-such-signer"]


def test_a_lock_that_lacks_an_item_is_not_good(team: Team) -> None:
    session = team.session
    session.llamagate("verify", "--signatures", exits=4)
    session.llamagate("lock")
    session.llamagate("verify", "--signatures")
    team.publish("bar")
    team.desire("foo", "bar")
    found = session.llamagate("verify", "--signatures", "--json", exits=4).json
    assert found["verified"] is False
    assert [(one["id"], one["code"]) for one in found["items"]] == [("bar", "lock-stale"), ("foo", None)]
    team.desire("foo", version="^2")
    session.llamagate("verify", "--signatures", exits=4)
    team.revoked.write_text(public(team.key("alice")) + "\n")
    team.desire("foo", "bar")
    session.llamagate("verify", "--signatures", exits=5)
