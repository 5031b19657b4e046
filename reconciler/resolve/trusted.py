"""Who signed what a file lists: the rules that hold, the signatures that count, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import RefusalCode
from reconciler.model.desired import DesiredItem
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey
from reconciler.model.lock import Lock, LockItem, Pin, asked_tag
from reconciler.model.note import Note
from reconciler.model.source import Source, SourceKind
from reconciler.model.trust import (
    TIME_FORMAT,
    Signed,
    moment,
)
from reconciler.resolve.authorities import authorities_of
from reconciler.resolve.checks import Checks, signatures_in
from reconciler.resolve.indexes import Indexes
from reconciler.resolve.judged import Ask, Judged
from reconciler.resolve.places import local_signatures, location_of, subject_of
from reconciler.store.desired_file import DesiredFile
from reconciler.store.lock_file import LockFile
from reconciler.trust.policy import Accepted, Authority, Checked, Decision, Problem, rule_for
from reconciler.trust.rules import rule_remarks, short_of_people
from reconciler.trust.sshsig import MOST_SIGNATURES
from reconciler.trust.statements import PACKAGE_NAMESPACE, package_statement
from reconciler.trust.tags import Tag, tag_of
from reconciler.trust.wire import WireError

_FUTURE: Final = 86_400
"""A pin that was made so many seconds after now was not: it becomes one of now."""


ContentCheck = Callable[[DesiredItem, LockItem], str]


class Trust(Struct, kw_only=True, dict=True):
    """The rules that hold for one pass: the host's, and those of the file, which can only be stricter.

    ``indexes`` judges those of catalogs.
    """

    checks: Checks
    indexes: Indexes
    now: datetime
    base: Path
    content_of: ContentCheck | None = None
    """Says of a pin why its commit does not have that content; empty where it has."""

    @property
    def authorities(self) -> tuple[Authority, ...]:
        return self.checks.authorities

    def asks(self, item: DesiredItem) -> bool:
        """Whether signatures of this item are looked at: those of a local package only where a rule speaks of it."""
        return item.source.is_pinned or self._is_required(item)

    def judged(
        self,
        items: Iterable[DesiredItem],
        old: Lock,
        entries: Mapping[ItemKey, LockItem],
        fresh: Mapping[ItemKey, tuple[bytes, ...]],
        ask: Ask,
    ) -> Judged:
        """Judge the ``entries`` of ``items``. ``fresh``: what came with packages that were fetched just now.

        ``ask`` is for pins that must be signed, and whose signatures nobody has yet.
        """
        before, items = old.by_key, tuple(items)
        made: dict[ItemKey, LockItem] = dict(entries)
        refusals: dict[ItemKey, Problem] = {}
        lines: dict[ItemKey, tuple[str, ...]] = {}
        for item in items:
            if item.key not in entries:
                continue
            if not self.asks(item):
                made[item.key] = replace(entries[item.key], signed=())
                continue
            decisions, made[item.key] = self._judged(item, entries[item.key], before.get(item.key), fresh, ask)
            lines[item.key] = tuple(line for decision in decisions for line in decision.lines)
            problem = next((decision.problem for decision in decisions if decision.problem), None)
            if problem:
                refusals[item.key] = problem
        catalogs = self.indexes.catalogs(items, old)
        notes = (*self.remarks(items), *self.indexes.expired(catalogs))
        return Judged(entries=made, refusals=refusals, lines=lines, catalogs=catalogs, notes=notes)

    def take_as_verified(self, entries: Iterable[LockItem]) -> None:
        """These signatures are of these packages: that was found before, and does not change.

        Whose they are, and whether that still counts, is judged each time.
        """
        for entry in entries:
            for one in entry.signed:
                self.checks.remember(one.signature, _statement(entry))
                if one.tag:
                    self.checks.remember(one.signature, _tagged(entry, one))

    def until(self, lock: Lock) -> float:
        """When the next index of a catalog expires, in seconds since 1970; 0 where none does any more.

        Pins of a clock that is ahead of ours count as of now, so the next end of a key counts, too.
        """
        ends = [moment(one.expires) for one in lock.catalogs]
        if any(one.at > self._now_text for item in lock.items for one in item.signed):
            ends += [line.before for authority in self.authorities for line in authority.signers]
        return min((end for end in ends if end > self.now.timestamp()), default=0)

    @cached_property
    def _now_text(self) -> str:
        return self.now.astimezone(UTC).strftime(TIME_FORMAT)

    def decide(self, item: DesiredItem, entry: LockItem, texts: Sequence[Signed]) -> tuple[Decision, ...]:
        """What each authority says of a pin with these signatures."""
        checked = [self._checked_pin(item, entry, one) for one in texts]
        return self.checks.decided(subject_of(item, self.base), PACKAGE_NAMESPACE, checked)

    def _checked_pin(self, item: DesiredItem, entry: LockItem, one: Signed) -> Checked | str:
        """One signature of a pin: of the package's statement, or of a tag that leads to it."""
        at = min(moment(one.at), self.now.timestamp())
        if one.tag:
            return self._check_tag(item, entry, one, at)
        return self.checks.check(one.signature, _statement(entry), at=at, what="package")

    def _check_tag(self, item: DesiredItem, entry: LockItem, one: Signed, at: float) -> Checked | str:
        """A signature of a tag, held against the pin: the tag's own name and commit, and what that commit has."""
        try:
            tag = tag_of(one.tag)
        except WireError as error:
            return f"its tag cannot be used: {error}"
        found = self.checks.check(one.signature, tag.signed, at=at, what="tag")
        if isinstance(found, str):
            return found
        problem = found.problem
        if not problem and self.checks.is_listed(found.signature):
            problem = _other_tag(tag, entry) or self._other_content(item, entry, one)
        return replace(found, problem=problem, tag=tag.name)

    def _other_content(self, item: DesiredItem, entry: LockItem, one: Signed) -> str:
        """Empty where the commit has the pinned content in the folder of the item."""
        what = _tagged(entry, one)
        known = self.checks.known(one.signature, what)
        if known is None and self.content_of is not None:
            known = self.checks.remember(one.signature, what, self.content_of(item, entry))
        return "nothing here says what its commit has" if known is None else known

    def _judged(
        self,
        item: DesiredItem,
        entry: LockItem,
        before: LockItem | None,
        fresh: Mapping[ItemKey, tuple[bytes, ...]],
        ask: Ask,
    ) -> tuple[tuple[Decision, ...], LockItem]:
        known = before.signed if before is not None and _is_same(before, entry) else ()
        latest, now = self.now.timestamp() + _FUTURE, self._now_text
        if item.source.is_pinned:
            found = signatures_in(fresh.get(item.key, ()), at=now) or known
            if not found and self._is_required(item):
                found = signatures_in(ask(item, entry), at=now)
        else:
            found = signatures_in(local_signatures(item.source, self.base), at=now)
        times = {one.signature: one.at for one in known if moment(one.at) <= latest}
        texts = tuple(replace(one, at=times.get(one.signature, now)) for one in found)
        entry = self._with_bits(entry, texts)
        decisions = self.decide(item, entry, texts)
        is_refused = any(decision.problem for decision in decisions)
        return decisions, replace(entry, signed=known if is_refused else _signed(decisions, texts))

    def _is_required(self, item: DesiredItem) -> bool:
        return any(rule_for(one, subject_of(item, self.base)).required for one in self.authorities)

    def _with_bits(self, entry: LockItem, texts: Sequence[Signed]) -> LockItem:
        """``entry``; where its source carries no modes, without executable files if that is what was signed."""
        if entry.executables is not None or not texts:
            return entry
        known, none = (
            package_statement(entry.key, entry.version, entry.tree, bits) for bits in (None, frozenset[str]())
        )
        checked = [
            [self.checks.check(one.signature, what, at=0, what="package") for one in texts] for what in (known, none)
        ]
        good = [sum(isinstance(one, Checked) and not one.problem for one in row) for row in checked]
        return replace(entry, executables=frozenset()) if good[1] > good[0] else entry

    def revoked_among(self, keys: Collection[str]) -> Problem | None:
        """Why what was signed with these keys alone may not come back: all of them were revoked."""
        for authority in self.authorities if keys else ():
            if all(key in authority.revoked for key in keys):
                key = next(iter(keys))
                return Problem(
                    code=RefusalCode.REVOKED_KEY,
                    message=f"the key {key} was revoked ({authority.revoked_file}:{authority.revoked[key]})",
                    advice="go back to something that another key signed",
                )
        return None

    def remarks(self, items: Iterable[DesiredItem]) -> Iterator[Note]:
        """What is strange about the rules. Those of a host speak of items of other files, too."""
        if not any(one.rules.items or one.rules.sources for one in self.authorities):
            return
        subjects = [subject_of(item, self.base) for item in items]
        for authority in self.authorities:
            found = [*rule_remarks(authority, subjects)] if authority.is_of_file else []
            for code, message in (*found, *short_of_people(authority)):
                yield Note(code, f"{authority.name}: {message}")


def rules_of(
    env: Environment, file: DesiredFile | None, base: Path, *, old: LockFile | None = None, may_change: bool = False
) -> Trust | None:
    """The rules that hold for ``file``, which has the lock ``old``; ``None`` where nobody is asked for signatures.

    ``InputError`` with every fault of a list that they name.
    """
    authorities = authorities_of(env, file)
    if not authorities:
        return None
    catalogs = old.lock.catalogs if old else ()
    known = {location_of(Source(SourceKind.CATALOG, one.source), base): one for one in catalogs}
    checks = Checks(authorities=authorities)
    indexes = Indexes(checks=checks, now=env.now, base=base, known=known, may_change=may_change)
    trust = Trust(checks=checks, indexes=indexes, now=env.now, base=base)
    if old is not None and old.is_known:
        trust.take_as_verified(old.lock.items)
    return trust


def _statement(entry: LockItem) -> bytes:
    return package_statement(entry.key, entry.version, entry.tree, entry.executables)


def _tagged(entry: LockItem, one: Signed) -> bytes:
    """All that decides whether a tag leads to the content of a pin."""
    commit = entry.pin.commit if entry.pin else ""
    return "\0".join((one.tag, str(entry.source), entry.source.path, commit)).encode() + b"\0" + _statement(entry)


def _other_tag(tag: Tag, entry: LockItem) -> str:
    """Why a tag is not that of the pin; empty where it is."""
    pin = entry.pin or Pin()
    asked = asked_tag(entry.source, pin)
    if entry.source.kind is not SourceKind.GIT:
        return "it is the signature of a git tag, and this is not from git"
    if tag.name != asked:
        return f"it is the tag '{tag.name}', and not '{asked}'" if asked else "no tag was asked for"
    return "" if tag.commit == pin.commit else f"the tag '{tag.name}' is of the commit {tag.commit}, not {pin.commit}"


def _is_same(before: LockItem, now: LockItem) -> bool:
    """Whether the pin stays: the package is what was signed then."""
    same = (before.key, before.version, before.tree) == (now.key, now.version, now.tree)
    return same and (now.executables is None or before.executables in (None, now.executables))


def _signed(decisions: Sequence[Decision], texts: Sequence[Signed]) -> tuple[Signed, ...]:
    """The signatures that count for somebody, with whose they are: one of each key, of the package before a tag."""
    accepted: dict[str, Accepted] = {}
    for decision in decisions:
        for one in decision.accepted:
            accepted.setdefault(one.signature.text, one)
    found = [
        replace(one, by=accepted[one.signature].by, key=accepted[one.signature].signature.key)
        for one in texts
        if one.signature in accepted
    ]
    of_keys = {one.key: one for one in sorted(found, key=lambda one: not one.tag)}  # the last one of a key stays
    return tuple(sorted(of_keys.values(), key=lambda one: (one.by, one.key))[:MOST_SIGNATURES])
