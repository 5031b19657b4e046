"""Who decides, by which rule and which line. Pure: rules, signers and checked signatures in, a decision out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from reconciler.codes import RefusalCode
from reconciler.model.trust import LOCAL, By, TrustRules
from reconciler.trust.address import is_below, is_unclear, plain
from reconciler.trust.signers import SignerLine, different_people
from reconciler.trust.sshsig import Signature
from reconciler.trust.tags import GIT_NAMESPACE

ANYBODY: Final = By()
_OCI: Final = "oci://"


class Authority(Struct, frozen=True, kw_only=True):
    """One who lays down rules: a host's file or a desired state. ``name`` is its path.

    ``is_of_file``: they are of a desired state. ``places`` says which folder a relative prefix of the rules means.
    """

    name: str
    rules: TrustRules
    is_of_file: bool = False
    places: Mapping[str, str] = field(default_factory=dict)
    signers_file: str = ""
    signers: tuple[SignerLine, ...] = ()
    revoked_file: str = ""
    revoked: Mapping[str, int] = field(default_factory=dict)


class Subject(Struct, frozen=True, kw_only=True):
    """What is judged. ``source`` is where it comes from; ``item`` is its id, empty for a catalog's index.

    A path is absolute; ``oci://`` begins the name of a repository in a registry.
    """

    source: str
    is_local: bool = False
    item: str = ""


class Checked(Struct, frozen=True, kw_only=True):
    """A signature, held against the statement that it should be of; ``problem`` is empty where it is one of that.

    ``at`` is when it was pinned, in seconds since 1970. ``tag`` is the name of the git tag that it is of, if it is.
    """

    signature: Signature
    problem: str
    at: float
    tag: str = ""


class Rule(Struct, frozen=True, kw_only=True):
    """What holds for a subject. ``where`` names the key that says it."""

    required: bool
    by: By
    where: str
    max_age: int | None = None


class Accepted(Struct, frozen=True, kw_only=True):
    """A signature that counts, and the line that says whose it is, for the name ``by``."""

    signature: Signature
    by: str
    line: SignerLine


class Problem(Struct, frozen=True, kw_only=True):
    """Why a subject is refused; ``advice`` is the cure."""

    code: RefusalCode
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.message}; {self.advice}"


class Decision(Struct, frozen=True, kw_only=True):
    """``problem`` is ``None`` where the subject may be taken. ``lines`` explain it, each signature and what decided."""

    accepted: tuple[Accepted, ...]
    problem: Problem | None
    lines: tuple[str, ...]


def rule_for(authority: Authority, subject: Subject) -> Rule:
    """The rule for a subject: of its id, else of the longest prefix of its source, else the general one."""
    rules = authority.rules
    prefix = LOCAL if subject.is_local else _prefix(authority, subject.source)
    found = rules.sources.get(prefix) if prefix else None
    general = "none" if subject.is_local else rules.require
    required = (found.require if found and found.require else general) == "signed"
    by = found.by if found and found.by else ANYBODY
    where = f"trust.sources.{prefix}" if found else "trust.require"
    if not subject.is_local and is_unclear(subject.source):
        required, where = True, f"{where} (what has '..' or such in its address must be signed)"
    if item := rules.items.get(subject.item.casefold()):
        by, where = item, f"trust.items.{subject.item}"
    required = required or bool(item) or bool(found and found.by and found.require != "none")
    return Rule(required=required, by=by, where=where, max_age=found.max_age if found else None)


def judge(authority: Authority, subject: Subject, namespace: str, signatures: Sequence[Checked]) -> Decision:
    """Whether the signatures are those that ``authority`` asks for."""
    rule = rule_for(authority, subject)
    accepted: list[Accepted] = []
    problems: list[Problem] = []
    lines: list[str] = []
    for one in signatures:
        found = _judged(authority, rule, namespace, one)
        if isinstance(found, Problem):
            problems.append(found)
            lines.append(f"{_named(one)}: {found.message}")
        else:
            accepted.append(found)
            lines.append(f"{_named(one)}: by {found.by}, {authority.signers_file}:{found.line.number}")
    enough = different_people(one.line for one in accepted) >= rule.by.count
    problem = None
    if not enough and (rule.required or any(one.code is RefusalCode.REVOKED_KEY for one in problems)):
        problem = _worst(problems) or _too_few(rule, accepted)
    asks = f"asks for a signature by {rule.by}" if rule.required else "asks for none"
    verdict = "refused" if problem else "accepted" if accepted else "not signed"
    lines.append(f"{verdict}: {rule.where} of {authority.name} {asks}")
    return Decision(accepted=tuple(accepted), problem=problem, lines=tuple(lines))


def _judged(authority: Authority, rule: Rule, namespace: str, one: Checked) -> Accepted | Problem:
    signature = one.signature
    namespace = GIT_NAMESPACE if one.tag else namespace
    if signature.namespace != namespace:
        what = f"it is a signature for '{signature.namespace}', not for '{namespace}'"
        return Problem(code=RefusalCode.WRONG_NAMESPACE, message=what, advice="sign it with 'llamagate sign'")
    if one.problem:
        advice = "find out who changed it; its publisher has to sign it as it is"
        return Problem(code=RefusalCode.BAD_SIGNATURE, message=one.problem, advice=advice)
    if line := authority.revoked.get(signature.key):
        message = f"the key {signature.key} was revoked ({authority.revoked_file}:{line})"
        advice = "have it signed with another key, then run 'llamagate lock --upgrade --accept-signer-change ID'"
        return Problem(code=RefusalCode.REVOKED_KEY, message=message, advice=advice)
    problem: Problem | None = None
    for listed in authority.signers:
        if listed.public == signature.public:
            problem = _line_problem(authority, listed, rule, namespace, one.at)
            if problem is None:
                return Accepted(signature=signature, by=_name(listed, rule.by), line=listed)
    return problem or _unknown(authority, signature.key)


def _unknown(authority: Authority, key: str) -> Problem:
    message = f"the key {key} is not in {authority.signers_file}"
    advice = "if you know whose it is: 'llamagate trust add NAME KEY'"
    if not authority.signers_file:
        message = f"it is signed with the key {key}, and {authority.name} does not say who may sign"
        advice = "name a file with trust.signers"
    return Problem(code=RefusalCode.UNKNOWN_SIGNER, message=message, advice=advice)


def _line_problem(authority: Authority, listed: SignerLine, rule: Rule, namespace: str, at: float) -> Problem | None:
    where = f"{authority.signers_file}:{listed.number}"
    if not listed.signs(namespace):
        message = f"the key of {listed.name} may not sign for '{namespace}' ({where})"
        return Problem(
            code=RefusalCode.UNKNOWN_SIGNER, message=message, advice="sign it with a key that may, or widen namespaces="
        )
    if not listed.is_valid(at):
        message = f"the key of {listed.name} was not valid when this was pinned ({where})"
        return Problem(code=RefusalCode.KEY_NOT_VALID, message=message, advice="sign it with a key that is valid now")
    if rule.by.names and not any(listed.is_named(name) for name in rule.by.names):
        message = f"it is signed by {listed.name} ({where}), and {rule.where} asks for {rule.by}"
        return Problem(code=RefusalCode.WRONG_SIGNER, message=message, advice="have one of those sign it")
    return None


def _name(listed: SignerLine, by: By) -> str:
    return next((name for name in by.names if listed.is_named(name)), listed.name)


_ORDER: Final = (
    RefusalCode.REVOKED_KEY,
    RefusalCode.BAD_SIGNATURE,
    RefusalCode.WRONG_SIGNER,
    RefusalCode.KEY_NOT_VALID,
    RefusalCode.WRONG_NAMESPACE,
    RefusalCode.UNKNOWN_SIGNER,
)
"""Of several things that are wrong, the most telling first."""


def _worst(problems: Sequence[Problem]) -> Problem | None:
    return min(problems, key=lambda one: _ORDER.index(one.code), default=None)


def _too_few(rule: Rule, accepted: Sequence[Accepted]) -> Problem:
    if not accepted:
        advice = "its publisher signs it with 'llamagate sign'"
        return Problem(
            code=RefusalCode.UNSIGNED, message=f"it is not signed, and {rule.where} asks for that", advice=advice
        )
    names = ", ".join(sorted({one.by for one in accepted}))
    message = f"it is signed by {names} alone, and {rule.where} asks for {rule.by}"
    return Problem(code=RefusalCode.WRONG_SIGNER, message=message, advice="have another of them sign it, too")


def _named(one: Checked) -> str:
    return f"tag '{one.tag}', signature of {one.signature.key}" if one.tag else f"signature of {one.signature.key}"


def _prefix(authority: Authority, source: str) -> str:
    """The longest prefix that ``source`` is below, part by part of the path."""
    found, longest, source = "", -1, plain(source)
    for prefix in authority.rules.sources:
        for meant in _meant(authority, prefix, source):
            if prefix != LOCAL and len(meant) > longest and is_below(source, meant):
                found, longest = prefix, len(meant)
    return found


def covers(authority: Authority, prefix: str, source: str) -> bool:
    """Whether ``source`` is below a prefix of the rules."""
    source = plain(source)
    return any(is_below(source, meant) for meant in _meant(authority, prefix, source))


def _meant(authority: Authority, prefix: str, source: str) -> tuple[str, ...]:
    """What a prefix may mean, in the spelling in which it is compared: a registry's name needs no ``oci://``."""
    named = plain(authority.places.get(prefix, prefix))
    return (named, plain(f"{_OCI}{prefix}")) if source.startswith(_OCI) else (named,)
