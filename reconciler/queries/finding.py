"""What doctor says: one finding, and all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct

from reconciler.codes import FindingCode
from reconciler.errors import LlamagateError
from reconciler.model.config import JsonObject
from reconciler.reconcile.readers import TransactionState

Level = Literal["problem", "note"]


class Finding(Struct, frozen=True, kw_only=True):
    """One finding. A ``problem`` keeps a command or the gateway from working; a ``note`` may be as it should be."""

    code: FindingCode
    level: Level
    message: str
    fix: str
    subject: str = ""
    """The item or the place that message and fix name: findings that differ in nothing else are shown as one."""
    gateway: str | None = None
    """The address of the gateway that does not answer as it should."""

    def to_document(self) -> JsonObject:
        return {"code": self.code, "level": self.level, "message": self.message, "fix": self.fix}


class Diagnosis(Struct, frozen=True, kw_only=True):
    """All findings, problems first."""

    transaction: TransactionState | Literal["unknown"]
    findings: tuple[Finding, ...]

    @property
    def has_problems(self) -> bool:
        return any(finding.level == "problem" for finding in self.findings)

    def to_document(self) -> JsonObject:
        return {
            "healthy": not self.has_problems,
            "transaction": self.transaction,
            "findings": [finding.to_document() for finding in self.findings],
        }


def problem(code: FindingCode, message: str, fix: str, subject: object = "") -> Finding:
    return Finding(code=code, level="problem", message=message, fix=fix, subject=str(subject))


def note(code: FindingCode, message: str, fix: str, subject: object = "") -> Finding:
    return Finding(code=code, level="note", message=message, fix=fix, subject=str(subject))


def no_access(where: str, why: str) -> Finding:
    return problem(FindingCode.UNREADABLE, f"{where} cannot be read: {why}", cure(where))


def unreadable(error: LlamagateError) -> Finding:
    return problem(FindingCode.UNREADABLE, error.message, error.advice or "correct what the message names")


def cure(where: str | Path) -> str:
    return f"chown -R \"$USER\" '{where}'; chmod -R u+rwX '{where}'"
