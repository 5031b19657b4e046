"""Who signed what a file lists: the rules that hold, the signatures that count, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.codes import ErrorCode, FaultCode, RefusalCode, WarningCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError, RefusedError
from reconciler.fs.bounded import read_if_there
from reconciler.fs.places import located
from reconciler.model.catalog import Issue
from reconciler.model.desired import DesiredItem
from reconciler.model.environment import Environment
from reconciler.model.ids import ItemKey
from reconciler.model.lock import Lock, LockItem, Pin, asked_tag
from reconciler.model.note import Note
from reconciler.model.source import Source, SourceKind
from reconciler.model.trust import (
    LOCAL,
    MAX_SIGNATURES_BYTES,
    SIGNATURE_SUFFIX,
    TIME_FORMAT,
    LockedCatalog,
    Signed,
    TrustRules,
    moment,
)
from reconciler.resolve.judged import Ask, Judged, refused
from reconciler.store.desired_file import DesiredFile
from reconciler.store.document import MAX_BYTES
from reconciler.store.lock_file import LockFile
from reconciler.store.trust_file import host_trust_path, read_host_trust, read_list
from reconciler.trust.policy import Accepted, Authority, Checked, Decision, Problem, Subject, judge, rule_for
from reconciler.trust.revocation import read_revoked
from reconciler.trust.rules import rule_faults, rule_remarks, short_of_people
from reconciler.trust.signers import SignerLine, read_signers
from reconciler.trust.sshsig import Signature, dearmoured, parse
from reconciler.trust.statements import CATALOG_NAMESPACE, PACKAGE_NAMESPACE, package_statement
from reconciler.trust.tags import Tag, is_tag, read_tag, tag_of
from reconciler.trust.verify import has_signed
from reconciler.trust.wire import WireError

_SKEW: Final = 300
"""So many seconds the clocks of two machines may differ."""
_FUTURE: Final = 86_400
"""A pin that was made so many seconds after now was not: it becomes one of now."""


ContentCheck = Callable[[DesiredItem, LockItem], str]


class Trust(Struct, kw_only=True):
    """The rules that hold for one pass: the host's, and those of the file, which can only be stricter.

    ``base`` is where relative sources start. It also checks the indexes of catalogs (``IndexJudge``), and remembers
    what they say of themselves.
    """

    authorities: tuple[Authority, ...]
    now: datetime
    base: Path
    known: Mapping[str, LockedCatalog] = field(default_factory=dict)
    """What the lock says of catalogs, by absolute location."""
    content_of: ContentCheck | None = None
    """Says of a pin why its commit does not have that content; empty where it has."""
    may_change: bool = False
    """Whether a pin may come from an index that was signed and is not now."""
    _seen: dict[str, Issue | None] = field(default_factory=dict)
    _unsigned: set[str] = field(default_factory=set)
    _checked: dict[tuple[str, bytes], str] = field(default_factory=dict)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

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
        catalogs = self._catalogs(items, old)
        notes = (*self.remarks(items), *self._expired(catalogs))
        return Judged(entries=made, refusals=refusals, lines=lines, catalogs=catalogs, notes=notes)

    def take_as_verified(self, entries: Iterable[LockItem]) -> None:
        """These signatures are of these packages: that was found before, and does not change.

        Whose they are, and whether that still counts, is judged each time.
        """
        for entry in entries:
            for one in entry.signed:
                self._checked[one.signature, _statement(entry)] = ""
                if one.tag:
                    self._checked[one.signature, _tagged(entry, one)] = ""

    def until(self, lock: Lock) -> float:
        """When the next index of a catalog expires, in seconds since 1970; 0 where none does any more.

        Pins of a clock that is ahead of ours count as of now, so the next end of a key counts, too.
        """
        ends = [moment(one.expires) for one in lock.catalogs]
        if any(one.at > self._now_text for item in lock.items for one in item.signed):
            ends += [line.before for authority in self.authorities for line in authority.signers]
        return min((end for end in ends if end > self.now.timestamp()), default=0)

    @property
    def _now_text(self) -> str:
        return self.now.astimezone(UTC).strftime(TIME_FORMAT)

    def decide(self, item: DesiredItem, entry: LockItem, texts: Sequence[Signed]) -> tuple[Decision, ...]:
        """What each authority says of a pin with these signatures."""
        checked = [self._checked_pin(item, entry, one) for one in texts]
        found = [one for one in checked if isinstance(one, Checked)]
        malformed = [one for one in checked if isinstance(one, str)]
        subject = _subject(item, self.base)
        decisions = tuple(judge(one, subject, PACKAGE_NAMESPACE, found) for one in self.authorities)
        return tuple(_with_malformed(decision, malformed) for decision in decisions)

    def _checked_pin(self, item: DesiredItem, entry: LockItem, one: Signed) -> Checked | str:
        """One signature of a pin: of the package's statement, or of a tag that leads to it."""
        at = min(moment(one.at), self.now.timestamp())
        if one.tag:
            return self._check_tag(item, entry, one, at)
        return self._check(one.signature, _statement(entry), at=at, what="package")

    def _check_tag(self, item: DesiredItem, entry: LockItem, one: Signed, at: float) -> Checked | str:
        """A signature of a tag, held against the pin: the tag's own name and commit, and what that commit has."""
        try:
            tag = tag_of(one.tag)
        except WireError as error:
            return f"its tag cannot be used: {error}"
        found = self._check(one.signature, tag.signed, at=at, what="tag")
        if isinstance(found, str):
            return found
        problem = found.problem
        if not problem and self._is_listed(found.signature):
            problem = _other_tag(tag, entry) or self._other_content(item, entry, one)
        return replace(found, problem=problem, tag=tag.name)

    def _is_listed(self, signature: Signature) -> bool:
        return any(line.public == signature.public for one in self.authorities for line in one.signers)

    def _other_content(self, item: DesiredItem, entry: LockItem, one: Signed) -> str:
        """Empty where the commit has the pinned content in the folder of the item."""
        known = (one.signature, _tagged(entry, one))
        if known not in self._checked and self.content_of is not None:
            self._checked[known] = self.content_of(item, entry)
        return self._checked.get(known, "nothing here says what its commit has")

    def _judged(
        self,
        item: DesiredItem,
        entry: LockItem,
        before: LockItem | None,
        fresh: Mapping[ItemKey, tuple[bytes, ...]],
        ask: Ask,
    ) -> tuple[tuple[Decision, ...], LockItem]:
        known = before.signed if before is not None and _is_same(before, entry) else ()
        if item.source.is_pinned:
            found = self._as_signed(fresh.get(item.key, ())) or known
            if not found and self._is_required(item):
                found = self._as_signed(ask(item, entry))
        else:
            found = self._as_signed(local_signatures(item.source, self.base))
        latest, now = self.now.timestamp() + _FUTURE, self._now_text
        times = {one.signature: one.at for one in known if moment(one.at) <= latest}
        texts = tuple(replace(one, at=times.get(one.signature, now)) for one in found)
        entry = self._with_bits(entry, texts)
        decisions = self.decide(item, entry, texts)
        is_refused = any(decision.problem for decision in decisions)
        return decisions, replace(entry, signed=known if is_refused else _signed(decisions, texts))

    def _is_required(self, item: DesiredItem) -> bool:
        return any(rule_for(one, _subject(item, self.base)).required for one in self.authorities)

    def _with_bits(self, entry: LockItem, texts: Sequence[Signed]) -> LockItem:
        """``entry``; where its source carries no modes, without executable files if that is what was signed."""
        if entry.executables is not None or not texts:
            return entry
        known, none = (
            package_statement(entry.key, entry.version, entry.tree, bits) for bits in (None, frozenset[str]())
        )
        checked = [[self._check(one.signature, what, at=0, what="package") for one in texts] for what in (known, none)]
        good = [sum(isinstance(one, Checked) and not one.problem for one in row) for row in checked]
        return replace(entry, executables=frozenset()) if good[1] > good[0] else entry

    def _as_signed(self, files: Iterable[bytes]) -> tuple[Signed, ...]:
        """The signatures in these files, as pinned now. What is no signature is kept as it is, and refused by name."""
        at = self._now_text
        found: list[Signed] = []
        for data in files:
            try:
                if is_tag(data):
                    tag, text = read_tag(data)
                    found.append(Signed(by="", key="", at=at, signature=text, tag=tag.text))
                    continue
                texts: tuple[str, ...] = dearmoured(data[: MAX_SIGNATURES_BYTES + 1])
            except WireError as error:
                texts = (f"{_NOT_ONE}{error}",)
            found += [Signed(by="", key="", at=at, signature=text) for text in texts]
        return tuple({one.signature: one for one in found}.values())

    def _check(self, text: str, statement: bytes, *, at: float, what: str) -> Checked | str:
        """A signature, held against a statement; in words what is wrong where it is none."""
        if text.startswith(_NOT_ONE):
            return text.removeprefix(_NOT_ONE)
        try:
            signature = parse(text)
            problem = self._problem(signature, statement, what)
        except WireError as error:
            return str(error)
        return Checked(signature=signature, problem=problem, at=at)

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

    def _problem(self, signature: Signature, statement: bytes, what: str) -> str:
        """Empty where it is of the statement, or by a key that nobody lists: that counts for nothing anyhow."""
        if not self._is_listed(signature):
            return ""
        with self._one_at_a_time:
            known = self._checked.get((signature.text, statement))
        if known is None:
            is_good = has_signed(signature, statement)
            known = "" if is_good else f"the signature of {signature.key} is not of this {what} as it is now"
            with self._one_at_a_time:
                self._checked[signature.text, statement] = known
        return known

    # The indexes of catalogs.

    def check_index(self, location: str, data: bytes, signatures: bytes | None) -> None:
        """See ``IndexJudge``. A key must be valid now."""
        texts = self._as_signed(() if signatures is None else (signatures,))
        checked = [self._check(one.signature, data, at=self.now.timestamp(), what="index") for one in texts]
        found = [one for one in checked if isinstance(one, Checked)]
        malformed = [one for one in checked if isinstance(one, str)]
        is_signed = False
        for authority in self.authorities:
            decision = judge(authority, Subject(source=location), CATALOG_NAMESPACE, found)
            decision = _with_malformed(decision, malformed)
            if decision.problem:
                raise refused(decision.problem, f"the index of {location}")
            is_signed = is_signed or bool(decision.accepted)
        from reconciler.sources.catalog.index import read_index  # only where a catalog is asked

        issue = read_index(data, name=location).issue
        if issue is not None:
            self._check_issue(location, issue)
        elif any(rule_for(one, Subject(source=location)).required for one in self.authorities):
            message = f"the index of {location} has no serial and no time at which it expires"
            advice = "its publisher builds it with 'llamagate catalog build --sign KEY'"
            raise RefusedError(message, advice=advice, code=ErrorCode.UNSIGNED)
        with self._one_at_a_time:
            self._seen[location] = issue if is_signed else None

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
        for authority in self.authorities:
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

    def _catalogs(self, items: Iterable[DesiredItem], old: Lock) -> tuple[LockedCatalog, ...]:
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

    def remarks(self, items: Iterable[DesiredItem]) -> Iterator[Note]:
        """What is strange about the rules. Those of a host speak of items of other files, too."""
        if not any(one.rules.items or one.rules.sources for one in self.authorities):
            return
        subjects = [_subject(item, self.base) for item in items]
        for authority in self.authorities:
            found = [*rule_remarks(authority, subjects)] if authority.is_of_file else []
            for code, message in (*found, *short_of_people(authority)):
                yield Note(code, f"{authority.name}: {message}")

    def _expired(self, catalogs: Iterable[LockedCatalog]) -> Iterator[Note]:
        for one in catalogs:
            if one.is_expired(self.now):
                message = f"the index of {one.source} expired at {one.expires}; its publisher renews it"
                yield Note(WarningCode.CATALOG_EXPIRED, message)


_NOT_ONE: Final = "!"
"""Begins what stands in the place of a signature and is none, with what is wrong with it."""


def rules_of(
    env: Environment, file: DesiredFile | None, base: Path, *, old: LockFile | None = None, may_change: bool = False
) -> Trust | None:
    """The rules that hold for ``file``, which has the lock ``old``; ``None`` where nobody is asked for signatures.

    ``InputError`` with every fault of a list that they name.
    """
    host = read_host_trust(env)
    own = file.desired.trust if file is not None else None
    if host is None and own is None:
        return None
    found: list[Authority] = []
    if host is not None:
        found.append(_authority(host, host_trust_path(env), b"", None))
    if file is not None and own is not None:
        found.append(_authority(own, file.path, file.data, found[0] if found else None))
    catalogs = old.lock.catalogs if old else ()
    known = {location_of(Source(SourceKind.CATALOG, one.source), base): one for one in catalogs}
    trust = Trust(authorities=tuple(found), now=env.now, base=base, known=known, may_change=may_change)
    if old is not None and old.is_known:
        trust.take_as_verified(old.lock.items)
    return trust


def _authority(rules: TrustRules, said: Path, data: bytes, host: Authority | None) -> Authority:
    """``rules`` with the lists that they name. Without signers of its own a file means those of the host."""
    said = said.absolute()
    signers, revoked = (located(said.parent, name) if name else None for name in (rules.signers, rules.revoked))
    if signers is None and host is None and rules.require == "signed":
        message = "it asks for signatures, and does not say whose; name a file with 'signers'"
        raise InputError.at(message, file=said, path="trust.signers")
    lines: tuple[SignerLine, ...] = ()
    name = host.signers_file if host else ""
    if signers is not None:
        lines = read_signers(read_list(signers, said=said, data=data, key="signers"), name=str(signers))
        name = str(signers)
    elif host is not None:
        lines = host.signers
    places = {prefix: str(located(said.parent, prefix)) for prefix in rules.sources if _is_path(prefix)}
    if faults := [*rule_faults(rules, places)]:
        raise _faulty(faults, said, data)
    keys = read_revoked(read_list(revoked, said=said, data=data, key="revoked"), name=str(revoked)) if revoked else {}
    return Authority(
        name=str(said),
        rules=rules,
        is_of_file=bool(data),
        places=places,
        signers_file=name,
        signers=lines,
        revoked_file=str(revoked or ""),
        revoked=keys,
    )


def _faulty(faults: Sequence[tuple[tuple[str, ...], str, FaultCode]], said: Path, data: bytes) -> InputError:
    """The error with all that is wrong with the rules of the file ``said``."""
    above = ("trust",) if data else ()
    text = data or read_if_there(said, MAX_BYTES) or b""  # a host's file is read again to say where they are
    placed = yaml_text.faults_at(text, str(said), [((*above, *place), what, code) for place, what, code in faults])
    return InputError.of(placed, f"{said}: {len(placed)} faults in the rules of trust")


def _is_path(prefix: str) -> bool:
    return prefix != LOCAL and not Source(SourceKind.GIT, prefix).is_address


def location_of(source: Source, base: Path) -> str:
    """Where a catalog is, as its remote calls it."""
    return source.location if source.is_address else str(located(base, source.location))


def local_signatures(source: Source, base: Path) -> tuple[bytes, ...]:
    """The file beside a local package; nothing where there is none, or the package is a part of an archive."""
    place = signature_beside(located(base, source.location))
    try:
        found = read_if_there(place, MAX_SIGNATURES_BYTES + 1)
    except OSError as error:
        raise InputError.at(f"it cannot be read: {error.strerror}", file=place, code=ErrorCode.UNREADABLE) from error
    return () if found is None else (found,)


def signature_beside(package: Path) -> Path:
    """Where the signatures of a local package are."""
    return package.with_name(f"{package.name}{SIGNATURE_SUFFIX}")


def _subject(item: DesiredItem, base: Path) -> Subject:
    source = item.source
    where = f"oci://{source.location}" if source.kind is SourceKind.OCI else location_of(source, base)
    return Subject(source=where, is_local=not source.is_pinned, item=item.key.id)


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
    """The signatures that count for somebody, with whose they are."""
    accepted: dict[str, Accepted] = {}
    for decision in decisions:
        for one in decision.accepted:
            accepted.setdefault(one.signature.text, one)
    found = [
        replace(one, by=accepted[one.signature].by, key=accepted[one.signature].signature.key)
        for one in texts
        if one.signature in accepted
    ]
    return tuple(sorted(found, key=lambda one: (one.by, one.key)))


def _with_malformed(decision: Decision, malformed: Sequence[str]) -> Decision:
    """``decision``, with what is no signature at all: that is the reason where nothing else counts."""
    if not malformed:
        return decision
    lines = (*(f"no signature: {what}" for what in malformed), *decision.lines)
    problem = decision.problem
    if problem is not None and problem.code is RefusalCode.UNSIGNED:
        message = f"what is in the place of its signature cannot be used: {malformed[0]}"
        problem = Problem(code=RefusalCode.BAD_SIGNATURE, message=message, advice="its publisher signs it again")
    return replace(decision, lines=lines, problem=problem)
