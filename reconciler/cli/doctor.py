"""``llamagate doctor``: what goes wrong in practice, and what repairs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from reconciler.cli.gateway_hint import gateway_hints
from reconciler.cli.invocation import Invocation
from reconciler.cli.ui.style import Style
from reconciler.codes import FindingCode
from reconciler.errors import ExitCode
from reconciler.gateway.call import Cause
from reconciler.model.note import once, without
from reconciler.queries.doctor import diagnose
from reconciler.queries.finding import Diagnosis, Finding


def doctor(invocation: Invocation) -> int:
    """Find common problems, and say how to fix each one.

    Run it in the folder from which the gateway starts: it looks at ./extensions and ./agenticmodules
    there, too.

    Example: llamagate doctor
    Exit codes: 0 no problems; maybe notes, 1 a problem was found; or the check failed
    """
    diagnosis = diagnose(invocation.env, invocation.named_file, Path.cwd())
    for finding in diagnosis.findings:
        if finding.gateway is not None:
            cause = Cause.KEY_REFUSED if finding.code is FindingCode.GATEWAY_KEY else Cause.UNREACHABLE
            for line in gateway_hints(invocation.env, finding.gateway, cause, Path.cwd()):
                invocation.terminal.notice(line)
    text = render_diagnosis(diagnosis, invocation.terminal.style)
    return invocation.answer(diagnosis.to_document(), text, ExitCode.ERROR if diagnosis.has_problems else ExitCode.OK)


def render_diagnosis(diagnosis: Diagnosis, style: Style) -> str:
    """Each finding with what to do about it."""
    if not diagnosis.findings:
        return style.paint("No problems found.", "green")
    lines = []
    for finding, message in _once(diagnosis.findings):
        colour = "red" if finding.level == "problem" else "yellow"
        lines += [f"{style.paint(f'{finding.level}:', colour)} {message}", f"  → {finding.fix}"]
    return "\n".join(lines)


def _once(findings: Iterable[Finding]) -> Iterator[tuple[Finding, str]]:
    """One finding of those that only differ in their subjects, and its message, which names the others too."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.level, without(one.subject, one.fix)), []).append(one)
    for group in groups.values():
        for message in once((one.subject, one.message) for one in group):
            yield next(one for one in group if message.startswith(one.message)), message
