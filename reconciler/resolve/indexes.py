"""The indexes of catalogs: who signed them, whether they are the newest, and what the lock remembers of them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.codes import ErrorCode, WarningCode
from reconciler.errors import RefusedError
from reconciler.model.catalog import Issue
from reconciler.model.desired import DesiredItem
from reconciler.model.lock import Lock
from reconciler.model.note import Note
from reconciler.model.source import SourceKind
from reconciler.model.trust import LockedCatalog, moment
from reconciler.resolve.checks import Checks, signatures_in
from reconciler.resolve.judged import refused
from reconciler.resolve.places import location_of
from reconciler.trust.policy import Subject, rule_for
from reconciler.trust.statements import CATALOG_NAMESPACE

_SKEW: Final = 300
"""So many seconds the clocks of two machines may differ."""


class Indexes(Struct, kw_only=True):
    """Checks the indexes of catalogs (``IndexJudge``), and remembers what they say of themselves.

    ``base`` is where relative sources start.
    """

    checks: Checks
    now: datetime
    base: Path
    known: Mapping[str, LockedCatalog] = field(default_factory=dict)
    """What the lock says of catalogs, by absolute location."""
    may_change: bool = False
    """Whether a pin may come from an index that was signed and is not now."""
    _seen: dict[str, Issue | None] = field(default_factory=dict)
    _unsigned: set[str] = field(default_factory=set)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def check_index(self, location: str, data: bytes, signatures: bytes | None) -> None:
        """See ``IndexJudge``. A key must be valid now."""
        texts = signatures_in(() if signatures is None else (signatures,), at="")
        checked = [self.checks.check(one.signature, data, at=self.now.timestamp(), what="index") for one in texts]
        decisions = self.checks.decided(Subject(source=location), CATALOG_NAMESPACE, checked)
        for decision in decisions:
            if decision.problem:
                raise refused(decision.problem, f"the index of {location}")
        from reconciler.sources.catalog.index import read_index  # only where a catalog is asked

        issue = read_index(data, name=location).issue
        if issue is not None:
            self._check_issue(location, issue)
        elif any(rule_for(one, Subject(source=location)).required for one in self.checks.authorities):
            message = f"the index of {location} has no serial and no time at which it expires"
            advice = "its publisher builds it with 'llamagate catalog build --sign KEY'"
            raise RefusedError(message, advice=advice, code=ErrorCode.UNSIGNED)
        with self._one_at_a_time:
            self._seen[location] = issue if any(one.accepted for one in decisions) else None

    def _check_issue(self, location: str, issue: Issue) -> None:
        before = self.known.get(location)
        if before is None:
            return
        if before.catalog != issue.catalog:
            message = (
                f"{location} has the index of the catalog '{issue.catalog}', and the lock knows '{before.catalog}'"
            )
            advice = f"ask its publisher; to take the other one, remove '{before.source}' below catalogs from the lock"
            raise RefusedError(message, advice=advice, code=ErrorCode.OTHER_CATALOG)
        if issue.serial < before.serial:
            message = f"the index of {location} has the serial {issue.serial}, and the lock has seen {before.serial}"
            advice = "somebody offers an older index: ask its publisher, or try again later"
            raise RefusedError(message, advice=advice, code=ErrorCode.OLDER_INDEX)

    def check_fresh(self, location: str) -> None:
        """See ``IndexJudge``."""
        issue = self._seen.get(location)
        if issue is None:
            self._check_may_lose_signature(location)
            return
        advice = "its publisher runs 'llamagate catalog sign --renew'"
        now = self.now.timestamp()
        if now > moment(issue.expires):
            message = f"the index of {location} expired at {issue.expires}: nothing new is pinned from it"
            raise RefusedError(message, advice=advice, code=ErrorCode.CATALOG_EXPIRED)
        if moment(issue.issued) > now + _SKEW:
            message = f"the index of {location} was issued at {issue.issued}, which is in the future"
            raise RefusedError(message, advice="set the clock of this machine", code=ErrorCode.CATALOG_EXPIRED)
        for authority in self.checks.authorities:
            rule = rule_for(authority, Subject(source=location))
            if rule.max_age is not None and now - moment(issue.issued) > rule.max_age:
                message = f"the index of {location} was issued at {issue.issued}, longer ago than {rule.where} permits"
                raise RefusedError(message, advice=advice, code=ErrorCode.CATALOG_EXPIRED)

    def _check_may_lose_signature(self, location: str) -> None:
        before = self.known.get(location)
        if before is None or not before.signed:
            return
        if not self.may_change:
            message = f"the index of {location} was signed, and nobody who may has signed it now"
            advice = "ask its publisher; 'llamagate lock --upgrade --accept-signer-change' takes it"
            raise RefusedError(message, advice=advice, code=ErrorCode.SIGNER_CHANGED)
        with self._one_at_a_time:
            self._unsigned.add(location)

    def catalogs(self, items: Iterable[DesiredItem], old: Lock) -> tuple[LockedCatalog, ...]:
        """What the lock says of the catalogs of these items."""
        known = {one.source: one for one in old.catalogs}
        found: dict[str, LockedCatalog] = {}
        for item in items:
            source = item.source.location
            if item.source.kind is not SourceKind.CATALOG or source in found:
                continue
            location = location_of(item.source, self.base)
            issue = self._seen.get(location)
            if issue is not None:
                found[source] = LockedCatalog(
                    source=source, catalog=issue.catalog, serial=issue.serial, expires=issue.expires
                )
            elif source in known:
                found[source] = replace(known[source], signed=False) if location in self._unsigned else known[source]
        return tuple(found[source] for source in sorted(found))

    def expired(self, catalogs: Iterable[LockedCatalog]) -> Iterator[Note]:
        """Which of these have expired."""
        for one in catalogs:
            if one.is_expired(self.now):
                message = f"the index of {one.source} expired at {one.expires}; its publisher renews it"
                yield Note(WarningCode.CATALOG_EXPIRED, message)
