"""Signatures held against what they should be of. What was computed once is remembered."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.codes import RefusalCode
from reconciler.model.trust import MAX_SIGNATURES_BYTES, Signed
from reconciler.trust.policy import Authority, Checked, Decision, Problem, Subject, judge
from reconciler.trust.sshsig import MOST_SIGNATURES, Signature, dearmoured, parse
from reconciler.trust.tags import is_tag, read_tag
from reconciler.trust.verify import has_signed
from reconciler.trust.wire import WireError

_MOST: Final = 2 * MOST_SIGNATURES
"""So many signatures of one package are looked at, wherever they come from: each costs, and some cost a process."""
_NOT_ONE: Final = "!"
"""Begins what stands in the place of a signature and is none, with what is wrong with it."""


class Checks(Struct, kw_only=True):
    """Looks at signatures for these ``authorities``; several threads use it at once."""

    authorities: tuple[Authority, ...]
    _checked: dict[tuple[str, bytes], str] = field(default_factory=dict)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def known(self, text: str, what: bytes) -> str | None:
        """What was found of a signature and of what it should be of; ``None`` where nothing was yet."""
        with self._one_at_a_time:
            return self._checked.get((text, what))

    def remember(self, text: str, what: bytes, problem: str = "") -> str:
        """Take ``problem`` for what is wrong with a signature from now on; empty where it is good."""
        with self._one_at_a_time:
            self._checked[text, what] = problem
        return problem

    def check(self, text: str, statement: bytes, *, at: float, what: str) -> Checked | str:
        """A signature, held against a statement; in words what is wrong where it is none."""
        if text.startswith(_NOT_ONE):
            return text.removeprefix(_NOT_ONE)
        try:
            signature = parse(text)
            problem = self._problem(signature, statement, what)
        except WireError as error:
            return str(error)
        return Checked(signature=signature, problem=problem, at=at)

    def is_listed(self, signature: Signature) -> bool:
        """Whether anybody has its key in a list."""
        return any(line.public == signature.public for one in self.authorities for line in one.signers)

    def _problem(self, signature: Signature, statement: bytes, what: str) -> str:
        """Empty where it is of the statement, or by a key that nobody lists: that counts for nothing anyhow."""
        if not self.is_listed(signature):
            return ""
        known = self.known(signature.text, statement)
        if known is None:
            is_good = has_signed(signature, statement)
            problem = "" if is_good else f"the signature of {signature.key} is not of this {what} as it is now"
            known = self.remember(signature.text, statement, problem)
        return known

    def decided(self, subject: Subject, namespace: str, checked: Sequence[Checked | str]) -> tuple[Decision, ...]:
        """What each authority says of these signatures; a text says what is none at all."""
        found = [one for one in checked if isinstance(one, Checked)]
        malformed = [one for one in checked if isinstance(one, str)]
        decisions = (judge(one, subject, namespace, found) for one in self.authorities)
        return tuple(_with_malformed(decision, malformed) for decision in decisions)


def signatures_in(files: Iterable[bytes], *, at: str) -> tuple[Signed, ...]:
    """The signatures in these files, as pinned now. What is no signature is kept as it is, and refused by name."""
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
    return tuple({one.signature: one for one in found}.values())[:_MOST]


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
