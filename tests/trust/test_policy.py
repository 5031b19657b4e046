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
]


@pytest.mark.parametrize(("source", "required"), ASKED, ids=[source for source, _ in ASKED])
def test_a_prefix(source: str, required: bool) -> None:
    assert rule_for(Authority(name="f", rules=RULES), Subject(source=source)).required is required


def test_an_item_goes_before_its_source() -> None:
    authority = Authority(name="f", rules=RULES)
    found = rule_for(authority, Subject(source="./shop", item="billing"))
    assert (found.required, found.by) == (True, By(("bob",), 2))
    assert rule_for(authority, Subject(source="./x", is_local=True)).required


def test_local_packages_are_not_asked_by_the_general_rule() -> None:
    authority = Authority(name="f", rules=TrustRules())
    assert not rule_for(authority, Subject(source="./x", is_local=True)).required
    assert rule_for(authority, Subject(source="https://example.org/x.zip")).required
