"""Which signatures permit an install: the good cases, from every kind of source."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.parcels import versions
from tests.conftest import PROJECT
from tests.trust.team import Team


def test_a_signed_package_is_pinned_with_its_signer(team: Team) -> None:
    team.session.llamagate("lock")
    entry = team.lock["items"][0]
    assert entry["signed"]["by"] == "alice"
    assert entry["signed"]["key"].startswith("SHA256:")
    assert team.lock["catalogs"] == [
        {"source": str(team.shop), "catalog": "shop", "serial": 1, "expires": team.index["expires"]}
    ]
    team.session.llamagate("apply")
    assert versions(team.session) == {"foo": "1.0.0"}


def test_the_lock_is_the_same_twice(team: Team) -> None:
    team.session.llamagate("apply")
    before = team.lock
    team.session.llamagate("apply")
    team.session.llamagate("lock")
    assert team.lock == before
    assert team.session.plan()["changes"] is False


def test_a_pass_over_what_is_known_reads_no_yaml_and_verifies_nothing_again(team: Team) -> None:
    """A file of a thousand items takes longer to read than all of the rest, and only an error needs its lines."""
    team.session.llamagate("apply")
    code = (
        "import sys; from reconciler.cli import app\n"
        "try: app.main()\nexcept SystemExit as end: code = end.code\n"
        "print({'yaml', 'cryptography'} & {*sys.modules}, file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, "plan", "--full", "--home", str(team.session.home)]
    ran = subprocess.run(
        command, cwd=team.session.project, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, check=True
    )
    assert "No changes" in ran.stdout
    assert ran.stderr.endswith("set()\n")


def test_what_is_saved_keeps_what_the_lock_remembers(team: Team) -> None:
    """Signatures, and which issue of a catalog was seen last: else an older one would be taken again."""
    session = team.session
    team.desire()
    session.llamagate("apply")
    before = team.lock
    session.package("extra")
    session.llamagate("import", "packages/extra", "--save")
    session.llamagate("disable", "extra", "--save")
    assert team.lock["catalogs"] == before["catalogs"]
    session.llamagate("lock", "--check")
    session.llamagate("remove", "foo", "--save")
    assert "catalogs" not in team.lock


def test_an_import_that_is_saved_is_signed_in_the_lock(team: Team) -> None:
    session = team.session
    session.package("extra")
    package = session.project / "packages" / "extra"
    session.llamagate("sign", package, "--key", team.key("alice"))
    team.desire(trust="require: signed, sources: {local: {require: signed}}")
    session.llamagate("lock")
    session.llamagate("import", package, "--save")
    (entry,) = [one for one in team.lock["items"] if one["id"] == "extra"]
    assert entry["signed"]["by"] == "alice"
    session.llamagate("lock", "--check")
