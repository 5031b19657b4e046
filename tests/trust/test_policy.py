"""Which rule decides about which source: pure."""

from __future__ import annotations

import pytest

from reconciler.model.trust import By, SourceTrust, TrustRules
from reconciler.trust.policy import Authority, Subject, rule_for

RULES = TrustRules(
    require="signed",
    sources={
        "https://Example.org/open": SourceTrust(require="none"),
        "https://example.org/open/closed": SourceTrust(by=By(("alice",))),
        "./shop": SourceTrust(require="none"),
        "git@example.org:team": SourceTrust(require="none"),
        "https://example.org/catalog": SourceTrust(by=By(("release",))),
        "ghcr.io/acme": SourceTrust(by=By(("acme",))),
        "oci://ghcr.io/other": SourceTrust(by=By(("other",))),
        "local": SourceTrust(require="signed"),
    },
    items={"billing": By(("bob",), 2)},
)
ASKED = [
    ("https://example.org/open/x.zip", False),
    ("HTTPS://EXAMPLE.ORG/open/x.zip", False),
    ("https://example.org/open", False),
    ("https://example.org/open?token", False),
    ("https://example.org/opened/x.zip", True),
    ("https://example.org/OPEN/x.zip", True),
    ("https://example.org.evil/open/x.zip", True),
    ("https://example.org/open/closed/x.zip", True),
    ("https://example.org/open/../closed.zip", True),
    ("https://example.org/open/%2e%2E/closed.zip", True),
    ("https://example.org/open/..", True),
    ("https://example.org/open/a..b.zip", False),
    ("https://other.org/x.zip", True),
    ("shop", False),
    ("./shop/", False),
    ("./shop/../other", True),
    ("../shop", True),
    ("git@example.org:team/x.git", False),
    ("git@example.org:teams/x.git", True),
    ("git@example.org:x/../team/x.git", True),
    ("git@example.org:../team/x.git", True),
    ("https://example.org/open/x.zip?Credential=a%2Fb&to=../x", False),
    ("https://example.org/open%2fx.zip", True),
    ("https://example.org/open\\..\\x.zip", True),
    ("https://example.org\\@other.org/open/x.zip", True),
    ("https://example.org@other.org/open/x.zip", True),
    ("https://example.org:8443/open/x.zip", True),
    ("http://example.org/open/x.zip", True),
]


@pytest.mark.parametrize(("source", "required"), ASKED, ids=[source for source, _ in ASKED])
def test_a_prefix(source: str, required: bool) -> None:
    assert rule_for(Authority(name="f", rules=RULES), Subject(source=source)).required is required


RELEASE = [
    "https://example.org/catalog",
    "https://example.org/catalog/",
    "https://example.org:443/catalog",
    "https://EXAMPLE.org./catalog",
    "https://somebody@example.org/catalog",
    "https://example.org//catalog//x",
    "https://example.org/%63atalog/x",
    "https://example.org/other/../catalog/x",
    "https://example.org/other/%2e%2E/catalog/x",
    "https://example.org/./catalog",
    "https://example.org\\catalog",
]


@pytest.mark.parametrize("source", RELEASE)
def test_another_spelling_does_not_pass_a_rule_by(source: str) -> None:
    assert rule_for(Authority(name="f", rules=RULES), Subject(source=source)).by.names == ("release",)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("oci://ghcr.io/acme/x", "acme"),
        ("oci://GHCR.io/acme", "acme"),
        ("oci://ghcr.io:443/acme/x", "acme"),
        ("oci://ghcr.io/other/x", "other"),
    ],
)
def test_a_rule_for_a_registry(source: str, name: str) -> None:
    assert rule_for(Authority(name="f", rules=RULES), Subject(source=source)).by.names == (name,)


@pytest.mark.parametrize(
    "source", ["ssh://git@example.org/team/x.git", "example.org:team/x", "ssh://example.org:22/team"]
)
def test_git_has_two_spellings(source: str) -> None:
    assert not rule_for(Authority(name="f", rules=RULES), Subject(source=source)).required


def test_an_item_goes_before_its_source() -> None:
    authority = Authority(name="f", rules=RULES)
    found = rule_for(authority, Subject(source="./shop", item="billing"))
    assert (found.required, found.by) == (True, By(("bob",), 2))
    assert rule_for(authority, Subject(source="./x", is_local=True)).required


def test_local_packages_are_not_asked_by_the_general_rule() -> None:
    authority = Authority(name="f", rules=TrustRules())
    assert not rule_for(authority, Subject(source="./x", is_local=True)).required
    assert rule_for(authority, Subject(source="https://example.org/x.zip")).required
