"""What a host asks of repository and catalog does not grow with the number of hosts, and a release reaches them all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.fleet.simulation import CONNECTIONS, fleet, phases

_FEW: Final = 3
TOLERANCE: Final = 1.05


@pytest.mark.parametrize("number", [24, pytest.param(100, marks=pytest.mark.long)])
def test_each_host_asks_the_same_however_many_there_are(tmp_path: Path, number: int) -> None:
    """More at once than the servers let in, so that some wait: none of them fails."""
    found = {}
    for size in (_FEW, number):
        (tmp_path / str(size)).mkdir()
        with fleet(tmp_path / str(size), size) as made:
            found[size] = phases(made)
            assert made.versions() == {"1.1.0"}
            assert max(gate.most for gate in made.gates) <= CONNECTIONS
    for phase, one in found[number].items():
        few = found[_FEW][phase]
        assert one.codes == [0] * number, phase
        assert one.requests == few.requests, phase
        assert all(many <= TOLERANCE * least for many, least in zip(one.bytes, few.bytes, strict=True)), phase
    quiet = found[number]["nothing new"]
    assert quiet.requests[1] == 0  # the lock says all: a catalog is not asked where nothing changed
