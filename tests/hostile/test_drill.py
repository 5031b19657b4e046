"""The drill: every bad package and document through the command, against a home that is in use.

Each is refused with one line that names it and says why, and everything stays as it was, to the byte: the home, the
project, and what lies around them.
"""

from __future__ import annotations

import functools
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from reconciler.model.desired import Limits
from reconciler.packages import folder as folder_module
from tests.cli.shell import Session, snapshot, stamps
from tests.conftest import PROJECT
from tests.fs.hostile import NOBODY
from tests.hostile import bad_yaml
from tests.hostile.bad_names import NAMES
from tests.hostile.bad_structures import DEFLATED, LATE, LIMITED, NEXT, NO_END, STRUCTURE
from tests.hostile.zip_builder import Entry, build
from tests.support.packages import MANIFEST

GOOD: Final = MANIFEST.format(id="bad", version="1.0.0").replace("config:\n  interval: 5\n  token: none\n", "")
WITH_BAD: Final = "gateway: {reload: off}\nextensions:\n  good: ./packages/good\n  bad: ./"
ITEM: Final = "llamagate.yaml:5:3: extensions.bad: "


@pytest.fixture(scope="module")
def home_in_use(tmp_path_factory: pytest.TempPathFactory) -> Session:
    session = Session(tmp_path_factory.mktemp("drill"))
    session.extensions("good", text="gateway: {reload: off}\n")
    session.llamagate("apply")
    return session


@pytest.fixture
def session(home_in_use: Session) -> Iterator[Session]:
    """A home in use, with the project as it was when it was applied."""
    kept = home_in_use.base / "kept"
    shutil.copytree(home_in_use.project, kept, symlinks=True)
    yield home_in_use
    shutil.rmtree(home_in_use.project)
    kept.rename(home_in_use.project)


def refused(session: Session, message: str) -> None:
    """An apply is refused in these words, and changes nothing; not even the time of a file."""
    before = everything(session)
    said = session.llamagate("apply", exits=1)
    assert (said.out, said.err) == ("", f"llamagate: {message}\n")
    assert message.isprintable()
    assert everything(session) == before


def everything(session: Session) -> tuple[dict[str, object], dict[str, object]]:
    """All there is, and the stamps of the home; but for the lock, whose line names its last holder."""
    lock = str(session.ours / "lock")
    found, touched = snapshot(session.base), stamps(session.home)
    return (
        {path: fact for path, fact in found.items() if path != lock},
        {path: stamp for path, stamp in touched.items() if path != lock},
    )


# Archives

ZIPS: Final = {
    **NAMES,
    **STRUCTURE,
    **{row: (data, message) for row, (data, limits, message) in LIMITED.items() if limits == Limits()},
    **{f"row-51-cut-at-{length}": (build([LATE, DEFLATED, NEXT])[:length], NO_END) for length in (1, 30, 99, 250)},
}


@pytest.mark.parametrize("row", ZIPS)
def test_a_bad_archive(session: Session, row: str) -> None:
    data, message = ZIPS[row]
    session.write("bad.zip", data)
    session.desired(WITH_BAD + "bad.zip\n")
    refused(session, f"{ITEM}./bad.zip: {message}")


def test_row_34_a_forged_size(session: Session) -> None:
    huge = {"packed": 0xFFFF_FFFF, "size": 0xFFFF_FFFF}
    session.write("bad.zip", build([Entry(local=huge, central=huge)]))
    session.desired(WITH_BAD + "bad.zip\n")
    refused(session, f"{ITEM}./bad.zip: entry 'manifest.yaml': overlaps what is behind it; pack the archive again")


def good_zip(*entries: Entry) -> bytes:
    return build([Entry(data=GOOD.encode()), *entries])


def test_row_10_set_uid_is_stripped(session: Session) -> None:
    session.write("bad.zip", good_zip(Entry(name="run", mode=0o106755)))
    applied(session, "bad.zip")
    assert stat.S_IMODE((session.home / INSTALLED / "run").stat().st_mode) == 0o755


def test_row_31_an_archive_in_an_archive_is_a_file(session: Session) -> None:
    inner = build([Entry(name="../evil")])
    session.write("bad.zip", good_zip(Entry(name="inner.zip", data=inner)))
    applied(session, "bad.zip")
    assert (session.home / INSTALLED / "inner.zip").read_bytes() == inner


def test_row_54_what_desktops_leave_behind_is_ignored_and_said(session: Session) -> None:
    session.write("bad.zip", good_zip(Entry(name="__MACOSX/._manifest.yaml"), Entry(name=".DS_Store")))
    said = applied(session, "bad.zip")
    assert said.count("./bad.zip: left out 2 names of editors and systems: ") == 1
    assert [path.name for path in (session.home / INSTALLED).iterdir()] == ["manifest.yaml"]


INSTALLED: Final = "extensions/installed/bad"


def applied(session: Session, location: str) -> str:
    """What is said when the item is applied where it was not before."""
    session.llamagate("apply")
    session.desired(WITH_BAD + location + "\n")
    said = session.llamagate("apply")
    assert (session.home / INSTALLED / "manifest.yaml").read_text() == GOOD
    return said.out


# Folders


def pipe_for_a_manifest(package: Path) -> None:
    (package / "manifest.yaml").unlink()
    os.mkfifo(package / "manifest.yaml")


FOLDERS: Final[dict[str, tuple[Callable[[Path], object], str]]] = {
    "row-55-link-out": (
        lambda package: (package / "x").symlink_to("/etc/hosts"),
        "entry 'x': is a symbolic link to '/etc/hosts'; copy the file instead",
    ),
    "row-55-link-to-a-folder": (
        lambda package: (package / "x").symlink_to("../good"),
        "entry 'x': is a symbolic link to '../good'; copy the file instead",
    ),
    "row-56-loop": (
        lambda package: (package / "x").symlink_to("x"),
        "entry 'x': is a symbolic link to 'x'; copy the file instead",
    ),
    "row-57-pipe": (
        lambda package: os.mkfifo(package / "x"),
        "entry 'x': is not a regular file or folder; remove it",
    ),
    "row-57-pipe-for-a-manifest": (
        pipe_for_a_manifest,
        "entry 'manifest.yaml': is not a regular file or folder; remove it",
    ),
}


@pytest.mark.parametrize("row", FOLDERS)
def test_a_bad_folder(session: Session, row: str) -> None:
    make, message = FOLDERS[row]
    session.write("packages/bad/manifest.yaml", GOOD)
    make(session.project / "packages/bad")
    session.desired(WITH_BAD + "packages/bad\n")
    refused(session, f"{ITEM}./packages/bad: {message}")


def test_row_58_a_hard_link_is_copied(session: Session) -> None:
    outside = session.write("outside", "text")
    session.write("packages/bad/manifest.yaml", GOOD)
    (session.project / "packages/bad/x").hardlink_to(outside)
    applied(session, "packages/bad")
    assert (session.home / INSTALLED / "x").read_text() == "text"
    assert (session.home / INSTALLED / "x").stat().st_nlink == 1


@pytest.mark.parametrize("moment", range(8))
def test_row_59_a_file_that_changes_meanwhile(session: Session, monkeypatch: pytest.MonkeyPatch, moment: int) -> None:
    """Whenever it happens: the package is refused, or is installed as it was before or after."""
    session.llamagate("apply")
    for name in ("manifest.yaml", "x"):
        session.write(f"packages/bad/{name}", GOOD if name != "x" else "before")
    real, seen = folder_module._contents, 0

    def changing(descriptor: int, name: str, path: str, size: int) -> Iterator[bytes]:
        nonlocal seen
        for chunk in real(descriptor, name, path, size):
            if seen == moment:
                session.write("packages/bad/x", "after!")
            seen += 1
            yield chunk

    monkeypatch.setattr(folder_module, "_contents", changing)
    session.desired(WITH_BAD + "packages/bad\n")
    before = snapshot(session.home / "extensions"), snapshot(session.home / "registry"), session.record()
    said = session.run("apply")
    if said.code == 0:
        assert (session.home / INSTALLED / "x").read_text() in ("before", "after!")
        assert session.llamagate("list", "--json").json["items"][0]["id"] == "bad"
    else:
        assert said.code == 1
        assert "entry 'x': changed while it was read; run the command again" in said.err
        left = snapshot(session.home / "extensions"), snapshot(session.home / "registry"), session.record()
        assert left == before
        assert list((session.ours / "stage").iterdir()) == []


def test_row_60_an_unreadable_file() -> None:
    """As an ordinary user, for permissions do not stop root; so below a folder that such a user may enter."""
    with tempfile.TemporaryDirectory() as base:
        session = Session(Path(base))
        session.write("packages/bad/manifest.yaml", GOOD)
        session.desired("extensions:\n  bad: ./packages/bad\n")
        (session.project / "packages/bad/manifest.yaml").chmod(0)
        said = as_ordinary_user_in(session, "-m", "reconciler", "apply")
        assert said.returncode == 1
        entry = "./packages/bad: entry 'manifest.yaml': cannot be read: Permission denied; check its permissions"
        assert said.stderr == f"llamagate: llamagate.yaml:3:3: extensions.bad: {entry}\n"
        assert not session.installed("bad").exists()


def as_ordinary_user_in(session: Session, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the interpreter in the project without root's rights."""
    command = [sys.executable, "-B"]
    if os.geteuid() == 0:
        for path in (session.base, *session.base.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    environment = {**session.environment, "PYTHONPATH": str(PROJECT)}
    run = functools.partial(subprocess.run, cwd=session.project, env=environment, capture_output=True, text=True)
    try:
        run([*command, "-c", "import typer, reconciler.cli.app"], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("an ordinary user cannot run this interpreter here")
    return run([*command, *arguments])


# Manifests

LINES: Final = GOOD.count("\n") + 1
MANIFESTS: Final = {
    **{row: (GOOD.encode() + text, message) for row, (text, message) in bad_yaml.REFUSED.items()},
    **bad_yaml.WHOLE,
}


@pytest.mark.parametrize("row", MANIFESTS)
def test_a_bad_manifest(session: Session, row: str) -> None:
    data, message = MANIFESTS[row]
    session.write("packages/bad/manifest.yaml", data)
    session.desired(WITH_BAD + "packages/bad\n")
    refused_with(session, f"{ITEM}./packages/bad/manifest.yaml:", message.format(line_2=LINES + 1))


def refused_with(session: Session, start: str, end: str) -> None:
    """As ``refused``, for a message of which the place in between is for the tests of the reader."""
    before, began = everything(session), time.process_time()
    said = session.llamagate("apply", exits=1)
    assert time.process_time() - began < 20
    (line,) = [line for line in said.err.splitlines() if not line.startswith("  →")]
    assert line.startswith(f"llamagate: {start}")
    assert line.endswith(end)
    assert everything(session) == before


def test_row_77_a_huge_manifest(session: Session) -> None:
    session.write("packages/bad/manifest.yaml", GOOD.encode() + b"text: " + b"x" * 15_000_000)
    session.desired(WITH_BAD + "packages/bad\n")
    refused_with(session, ITEM, "manifest.yaml: with this file, the YAML of the package has more than 1 MiB")


ACCEPTED: Final = {
    "row-67-version-stays-text": ("text: {version: 1.10}\n", ""),
    "row-68-no-is-warned-about": ("enabled: no\n", "'enabled: no' is read as false; write that"),
    "row-71-impossible-date": ("text: 2024-02-31\n", ""),
    "row-78-unknown-field": ("verison: 1\n", ""),
    "row-79-catastrophic-pattern": (
        "endpoints:\n  - path: /x\n    method: GET\n    request_schema: {type: string, pattern: '^(a+)+$',"
        f" default: {'a' * 60}!, patternProperties: {{'(x+x+)+y': {{}}}}}}\n",
        "",
    ),
}


@pytest.mark.parametrize("row", ACCEPTED)
def test_what_a_package_may_hold(session: Session, row: str) -> None:
    text, said = ACCEPTED[row]
    session.write("packages/bad/manifest.yaml", GOOD + text)
    session.llamagate("apply")
    session.desired(WITH_BAD + "packages/bad\n")
    began = time.process_time()
    result = session.llamagate("apply")
    assert time.process_time() - began < 20
    assert said in result.out
    assert (session.home / INSTALLED / "manifest.yaml").read_text() == GOOD + text


def test_row_73_a_byte_order_mark(session: Session) -> None:
    session.write("packages/bad/manifest.yaml", b"\xef\xbb\xbf" + GOOD.encode())
    session.write("llamagate.yaml", b"\xef\xbb\xbfapiVersion: llamagate/v1\n" + WITH_BAD.encode() + b"packages/bad\n")
    session.llamagate("apply")
    assert (session.home / INSTALLED / "manifest.yaml").read_bytes() == b"\xef\xbb\xbf" + GOOD.encode()


# Documents of ours

OWN: Final = {
    **bad_yaml.REFUSED,
    **bad_yaml.WHOLE,
    "row-68-no": (
        b"policy: {drift: {edited: no}}\n",
        "policy.drift.edited: expected one of report, heal, ignore; found 'no'",
    ),
    "row-77-scalar": (b"config: " + b"x" * 5_000_000, "larger than 4 MiB"),
    "row-78-unknown-field": (b"modles: {}\n", "modles: unknown field 'modles'; did you mean 'modules'?"),
}


@pytest.mark.parametrize("name", ["llamagate.yaml", "llamagate.lock.yaml"])
@pytest.mark.parametrize("row", [row for row in OWN if not row.startswith(("row-68", "row-78"))])
def test_a_bad_document_of_ours(session: Session, row: str, name: str) -> None:
    text, message = OWN[row]
    path = session.project / name
    good = b"" if row in bad_yaml.WHOLE else path.read_bytes()
    path.write_bytes(good + text)
    refused_with(session, name, message.format(line_2=good.count(b"\n") + 2))


@pytest.mark.parametrize("row", [row for row in OWN if row.startswith(("row-68", "row-78"))])
def test_a_field_that_is_not_ours(session: Session, row: str) -> None:
    text, message = OWN[row]
    session.write("llamagate.yaml", (session.project / "llamagate.yaml").read_bytes() + text)
    refused_with(session, "llamagate.yaml:", message)


def test_row_68_enabled_no(session: Session) -> None:
    session.desired("extensions:\n  good: {source: ./packages/good, enabled: no}\n")
    refused(session, "llamagate.yaml:3:35: extensions.good.enabled: 'no' is text; use false")
