"""What the workflow signs, users can check with the commands of SECURITY: both are run as they are written."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.conftest import PROJECT
from tests.trust.keys import make_key, public

JOBS: Final[dict[str, Any]] = yaml.safe_load((PROJECT / ".github/workflows/release.yml").read_text())["jobs"]
(SIGNS,) = (step for step in JOBS["sign"]["steps"] if "RELEASE_KEY" in step.get("env", {}))
(CHECK,) = re.findall(
    r"^<!-- check a release -->\n```sh\n(.*?)^```$", (PROJECT / "SECURITY.md").read_text(), re.MULTILINE | re.DOTALL
)
ARCHIVES: Final = ("llamagate-1.2.3-py3-none-any.whl", "llamagate-1.2.3.tar.gz")


class Release:
    """A checkout whose signers file has the key ``maintainer``, and the archives that were built there."""

    def __init__(self, base: Path) -> None:
        self.base, self.checkout, self.user = base, base / "checkout", base / "downloads"
        self.signers = self.checkout / ".github" / "allowed_signers"
        for folder in (self.checkout / ".ci", self.signers.parent, self.checkout / "dist", base / "temp"):
            folder.mkdir(parents=True)
        shutil.copy(PROJECT / ".ci/sign-release", self.checkout / ".ci")
        shutil.copy(PROJECT / ".github/allowed_signers", self.signers)
        for name in ARCHIVES:
            (self.checkout / "dist" / name).write_text(name)
        self.maintainer = make_key(base / "maintainer")

    def allow(self, key: Path) -> None:
        with self.signers.open("a") as out:
            out.write(f'release@llamagate namespaces="file" {public(key)}\n')

    def sign(self, key: Path) -> int:
        """The step of the workflow."""
        variables = {"RELEASE_KEY": key.read_text().rstrip("\n"), "RUNNER_TEMP": str(self.base / "temp")}
        code = _bash(SIGNS["run"], self.checkout, variables)
        assert list((self.base / "temp").iterdir()) == []
        return code

    def download(self) -> None:
        shutil.copytree(self.checkout / "dist", self.user)
        shutil.copy(self.signers, self.user / "allowed_signers")

    def check(self) -> int:
        """What SECURITY tells users."""
        return _bash(CHECK, self.user, {})


def _bash(script: str, folder: Path, variables: dict[str, str]) -> int:
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", **variables}
    return subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=environ, check=False, capture_output=True
    ).returncode


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return Release(tmp_path)


@pytest.fixture
def signed(release: Release) -> Release:
    release.allow(release.maintainer)
    assert release.sign(release.maintainer) == 0
    release.download()
    return release


def test_what_the_workflow_signs_users_can_check(signed: Release) -> None:
    assert signed.check() == 0
    (signed.user / ARCHIVES[0]).unlink()  # most take one of the two
    assert signed.check() == 0


@pytest.mark.parametrize("name", [*ARCHIVES, "SHA256SUMS", "SHA256SUMS.sig"])
def test_what_was_changed_is_found(signed: Release, name: str) -> None:
    path = signed.user / name
    data = path.read_bytes()
    path.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:] if len(data) > 41 else data + b"x")
    assert signed.check() != 0


def test_another_key_is_found(signed: Release) -> None:
    other = make_key(signed.base / "mallory")
    (signed.user / "SHA256SUMS.sig").unlink()
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-n", "file", "-f", str(other), str(signed.user / "SHA256SUMS")], check=True
    )
    assert signed.check() != 0


def test_a_list_without_your_archive_proves_nothing(signed: Release) -> None:
    for name in ARCHIVES:
        (signed.user / name).rename(signed.user / f"other-{name}")
    assert signed.check() != 0


def test_nothing_is_signed_that_users_would_not_take(release: Release) -> None:
    """Also as it is in the repository, where nobody's key is listed yet; and what is not signed is not published."""
    assert release.sign(release.maintainer) != 0
    release.allow(make_key(release.base / "other"))
    assert release.sign(release.maintainer) != 0


def test_nothing_is_published_before_it_is_signed() -> None:
    assert {"build", "sign"} <= set(JOBS["publish"]["needs"])
    assert {"sign", "publish"} <= set(JOBS["attach"]["needs"])
    assert JOBS["sign"]["environment"] == JOBS["publish"]["environment"] == "release"
