"""Errors of the operating system at the calls of an apply: words and an exit code, never half a change."""

from __future__ import annotations

import errno
import random

import pytest

from tests.crash.conftest import Bench
from tests.crash.forks import Ended
from tests.crash.shim import Fault

_ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EDQUOT, errno.EROFS, errno.EMFILE)
_UNTIDY = ("is there", "is cached for nothing")
"""What a command that could not clean up may leave to the next one."""


def _fault_of(bench: Bench, ended: Ended) -> str:
    """What is wrong with how a failed command ended; nothing where all is well."""
    world = bench.world
    if ended.signal or ended.code not in (0, 1, 6, 7):
        return f"exit {ended.code}, signal {ended.signal}: {ended.err}"
    if ended.code and (str(world.base) not in ended.err or "Traceback" in ended.err):
        return f"no path in: {ended.err}"
    if ended.code in (1, 6):
        untidy = [fault for fault in world.faults(world.before) if not fault.endswith(_UNTIDY)]
        if untidy:
            return f"exit {ended.code}: {untidy}"
    faults = bench.faults_after(*world.recover)
    if ended.code == 0:
        faults = world.faults(world.after)
    return f"exit {ended.code}, recovered: {faults}" if faults else ""


def _sweep(bench: Bench, faults: list[Fault]) -> dict[Fault, str]:
    found = {fault: _fault_of(bench, bench.apply(fault)) for fault in faults}
    return {fault: text for fault, text in found.items() if text}


def _all_faults(bench: Bench) -> list[Fault]:
    return [
        Fault(at=point, error=error, forever=forever)
        for forever in (False, True)
        for error in _ERRORS
        for point in bench.points
    ]


def test_an_error_at_any_call_sampled(bench: Bench) -> None:
    assert _sweep(bench, random.Random(7).sample(_all_faults(bench), 120)) == {}  # noqa: S311 - a sample, not a secret


@pytest.mark.long
def test_every_error_at_every_call(bench: Bench) -> None:
    assert _sweep(bench, _all_faults(bench)) == {}


@pytest.mark.parametrize("exchange", [errno.EINVAL, errno.EXDEV], ids=["einval", "exdev"])
def test_death_where_two_folders_cannot_be_exchanged(bench: Bench, exchange: int) -> None:
    bench.world.reset()
    calls = bench.forks.run(*bench.world.apply, fault=Fault(exchange=exchange)).calls
    assert bench.world.faults(bench.world.after) == []
    bad = {}
    first = next(number for number, call in enumerate(calls, 1) if call.paths[-1].endswith("reconciler/journal"))
    for point in range(first, len(calls) + 1):
        assert bench.apply(Fault(at=point, exchange=exchange)).was_killed
        if faults := bench.faults_after(*bench.world.recover):
            bad[f"{point} {calls[point - 1]}"] = faults
    assert bad == {}


def test_death_where_the_old_folders_cannot_be_renamed(bench: Bench) -> None:
    """As below the lower layer of an overlay: a rename of what the image brought gives EXDEV, so it is copied."""
    bench.world.reset()
    layered = Fault(exchange=errno.EXDEV, layered=bench.world.lower())
    calls = bench.forks.run(*bench.world.apply, fault=layered).calls
    assert bench.world.faults(bench.world.after) == []
    bad = {}
    for point in range(len(calls) // 2, len(calls) + 1, 3):
        bench.world.reset()
        fault = Fault(at=point, exchange=errno.EXDEV, layered=bench.world.lower())
        assert bench.forks.run(*bench.world.apply, fault=fault).was_killed
        if faults := bench.faults_after(*bench.world.recover):
            bad[f"{point} {calls[point - 1]}"] = faults
    assert bad == {}
