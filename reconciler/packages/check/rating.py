"""What the policy of a file says of findings: how each counts, which are switched off, and which rule does nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from reconciler.codes import CheckCode
from reconciler.documents.yaml.places import locate
from reconciler.model.desired import CheckRule
from reconciler.packages.check.finding import CHECKS, Finding, Severity


class Rating:
    """Rates findings by ``rules``, and remembers which of these had an effect."""

    def __init__(self, rules: Sequence[CheckRule]) -> None:
        self.rules = rules
        self._used: set[int] = set()

    def of(self, findings: Sequence[Finding], item: str) -> list[Finding]:
        """``findings`` of the item, without those that are off."""
        return [rated for one in findings if (rated := self._rated(one, item)) is not None]

    def _rated(self, finding: Finding, item: str) -> Finding | None:
        fits = [
            number for number, rule in enumerate(self.rules) if rule.code == finding.code and rule.item in (None, item)
        ]
        self._used.update(fits)
        if not fits:
            return finding
        severity = self.rules[fits[-1]].severity
        return None if severity == "off" else replace(finding, severity=Severity(severity))

    def useless(self, file: str, data: bytes, *, all_seen: bool) -> Iterator[Finding]:
        """What is wrong with the rules of ``file`` themselves. ``all_seen``: every item was checked."""
        for number, rule in enumerate(self.rules):
            if rule.code not in [*CheckCode]:
                yield _about(file, data, number, CheckCode.USELESS_DISABLE, f"there is no check {rule.code}")
            elif all_seen and number not in self._used:
                where = f" in {rule.item}" if rule.item else ""
                message = f"this rule has no effect: nothing is found as {rule.code}{where}"
                yield _about(file, data, number, CheckCode.USELESS_DISABLE, message)
            elif rule.severity == "off" and not rule.reason:
                message = f"say why {rule.code} is off: add a 'reason'"
                yield _about(file, data, number, CheckCode.NO_REASON, message)


def _about(file: str, data: bytes, number: int, code: CheckCode, message: str) -> Finding:
    line, column = locate(data, ("policy", "check", number))
    path = f"policy.check[{number}]"
    severity = CHECKS[code].severity
    return Finding(
        code=code, message=message, file=file, inside="", severity=severity, line=line, column=column, path=path
    )
