"""The rules that hold for a file, with the lists that they name: its own and those of the host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reconciler.codes import FaultCode
from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.fs.bounded import read_if_there
from reconciler.fs.places import located
from reconciler.model.environment import Environment
from reconciler.model.source import Source, SourceKind
from reconciler.model.trust import LOCAL, TrustRules
from reconciler.store.desired_file import DesiredFile
from reconciler.store.document import MAX_BYTES
from reconciler.store.trust_file import host_trust_path, read_host_trust, read_list
from reconciler.trust.policy import Authority
from reconciler.trust.revocation import read_revoked
from reconciler.trust.rules import rule_faults
from reconciler.trust.signers import SignerLine, read_signers


def authorities_of(env: Environment, file: DesiredFile | None) -> tuple[Authority, ...]:
    """The host and the file, as far as each asks for signatures. ``InputError`` with every fault of what they name."""
    host = read_host_trust(env)
    own = file.desired.trust if file is not None else None
    found: list[Authority] = []
    if host is not None:
        found.append(_authority(host, host_trust_path(env), b"", None))
    if file is not None and own is not None:
        found.append(_authority(own, file.path, file.data, found[0] if found else None))
    return tuple(found)


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
