"""Rules that cannot do what they are meant for: faults, and what is only strange. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches

from reconciler.codes import FaultCode, WarningCode
from reconciler.model.ids import id_problem
from reconciler.model.trust import LOCAL, By, TrustRules
from reconciler.trust.address import plain
from reconciler.trust.policy import Authority, Subject, covers
from reconciler.trust.signers import different_people
from reconciler.trust.statements import CATALOG_NAMESPACE, PACKAGE_NAMESPACE

Place = tuple[str, ...]


def rule_faults(rules: TrustRules, places: Mapping[str, str]) -> Iterator[tuple[Place, str, FaultCode]]:
    """What no file of signers can repair: where below ``trust`` it is, and what is wrong.

    ``places`` says which folder a relative prefix means.
    """
    for item in rules.items:
        if problem := id_problem(item):
            yield ("items", item), problem, FaultCode.INVALID_ID
    for item, other in rules.doubled.items():
        yield ("items", item), f"'{other}' is the same id: case does not count", FaultCode.DUPLICATE_ID
    seen: dict[str, str] = {}
    for prefix in rules.sources:
        if problem := _prefix_problem(prefix):
            yield ("sources", prefix), problem, FaultCode.INVALID_VALUE
        if (other := seen.setdefault(_spelled(prefix, places), prefix)) != prefix:
            yield ("sources", prefix), f"'{other}' is the same place, and has another rule", FaultCode.INVALID_VALUE
    for place, by in _asking(rules):
        if by.names and by.count > (names := len({*by.names})):
            message = f"{by.count} people are asked for, and {names} named: nothing can be signed by more than these"
            yield (*place, "by", "any"), message, FaultCode.INVALID_VALUE


def rule_remarks(authority: Authority, subjects: Sequence[Subject]) -> Iterator[tuple[WarningCode, str]]:
    """What is strange about the rules of a file that has these ``subjects``, all of them."""
    ids = {subject.item.casefold(): subject.item for subject in subjects if subject.item}
    for item in authority.rules.items:
        if item not in ids:
            hint = _near(item, ids)
            yield WarningCode.UNUSED_RULE, f"trust.items.{item}: there is no item with this id{hint}"
    for prefix in authority.rules.sources:
        if prefix != LOCAL and not any(covers(authority, prefix, one.source) for one in subjects if not one.is_local):
            yield WarningCode.UNUSED_RULE, f"trust.sources.{prefix}: no item comes from there"


def short_of_people(authority: Authority) -> Iterator[tuple[WarningCode, str]]:
    """Which rules ask for people who are not in the file of signers, so that nothing can satisfy them."""
    lines = [
        line
        for line in authority.signers
        if line.key not in authority.revoked and any(map(line.signs, (PACKAGE_NAMESPACE, CATALOG_NAMESPACE)))
    ]
    for place, by in _asking(authority.rules):
        where = ".".join(("trust", *place, "by"))
        unknown = [name for name in by.names if not any(line.is_named(name) for line in lines)]
        fitting = [line for line in lines if not by.names or any(map(line.is_named, by.names))]
        if unknown:
            message = f"{where}: no key of {' and of '.join(unknown)} may sign ({authority.signers_file})"
            yield WarningCode.NO_SUCH_SIGNER, message
        elif (people := different_people(fitting)) < by.count:
            message = f"{where}: {by.count} people are asked for, and {people} may sign ({authority.signers_file})"
            yield WarningCode.NO_SUCH_SIGNER, message


def _asking(rules: TrustRules) -> Iterator[tuple[Place, By]]:
    """Each rule that asks for somebody, and where it is."""
    for item, by in rules.items.items():
        yield ("items", item), by
    for prefix, rule in rules.sources.items():
        if rule.by is not None:
            yield ("sources", prefix), rule.by


def _prefix_problem(prefix: str) -> str:
    """Why a prefix does not mean what it looks like; empty where it does."""
    if prefix != LOCAL and prefix.strip().casefold() == LOCAL:
        return f"for packages of this machine write '{LOCAL}'"
    if "*" in prefix:
        return "patterns are not supported: write the beginning of an address"
    return "" if prefix.strip() else "expected the beginning of an address"


def _spelled(prefix: str, places: Mapping[str, str]) -> str:
    return prefix if prefix == LOCAL else plain(places.get(prefix, prefix)).rstrip("/")


def _near(item: str, ids: Mapping[str, str]) -> str:
    near: Collection[str] = get_close_matches(item, ids, n=1)
    return "".join(f"; did you mean '{ids[one]}'?" for one in near)
