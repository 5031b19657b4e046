"""The dearest packages that the limits let through: each is read, or refused, in bounded time and memory.

Each is read by a process of its own, which tells what it took.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.packages.manifest import MAX_YAML_BYTES
from tests.fs.hostile import python
from tests.hostile.zip_builder import Entry, build, deflated

MAX_SECONDS = 20
"""Of processor time: more than ten times what the dearest one takes."""
MAX_MIB = 256

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")

MEASURED = """
import time
from reconciler.errors import LlamagateError
from reconciler.model.desired import Limits
from reconciler.packages.zip.archive import open_archive
from reconciler.packages.manifest import read_package
from reconciler.packages.realise import realise

start = time.process_time()
try:
    content = open_archive(Path(sys.argv[1]), limits=Limits(), name="dear.zip")
    package = read_package(content, name="dear.zip")
    realised = realise(package, content, {"more": [1]})
    sum(len(chunk) for path in realised.hashes for chunk in realised.chunks(path, content))
    print("read")
except LlamagateError as error:
    print("refused")
print(time.process_time() - start)
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024)
"""
HEAD = "name: x\nversion: {version}\ndescription: d\ntype: workflow\nsteps: [{{uses: a}}]\n"
MODULE = "name: x\nversion: 1.0.0\ndescription: d\nsteps:\n"


def manifest(text: str, part: str, *, version: str = "1.0.0") -> bytes:
    """A manifest whose ``text`` holds ``part`` as often as the limits permit, or nearly."""
    head = HEAD.format(version=version) + text
    data = head % (part * ((MAX_YAML_BYTES - len(head)) // len(part)))
    return zipped({"manifest.yaml": data})


def zipped(files: dict[str, str]) -> bytes:
    return build([Entry(name=name, data=text.encode(), deflate=True) for name, text in files.items()])


def module(step: str, files: int) -> bytes:
    """A module with many steps and bundled files, each with a fault."""
    bundled = {f"extensions/{number}.yaml": HEAD.format(version="x") for number in range(files)}
    room = MAX_YAML_BYTES - sum(map(len, bundled.values())) - len(MODULE)
    return zipped({"agenticmodule.yaml": MODULE + step * (room // len(step)), **bundled})


def many_names() -> bytes:
    """2,000 long names, each in folders of its own, in letters that have to be folded."""
    names = (f"{number}/" + "/".join(["ﬃé\u0301" * 6] * 14) for number in range(1_999))
    return build([Entry(), *(Entry(name=name, data=b"") for name in names)])


def many_bytes() -> bytes:
    noise = hashlib.shake_128().digest(8 << 20)
    return build(
        [Entry(data=HEAD.format(version="1.0.0").encode())] + [Entry(name=f"{n}", data=noise) for n in range(6)]
    )


def empty_blocks() -> bytes:
    """A deflate stream of 40 MiB that says nothing."""
    packed = b"\0\0\0\xff\xff" * (8 << 20) + deflated(b"")
    return build([Entry(data=b"", deflate=True, packed=packed)])


PACKAGES: dict[str, tuple[Callable[[], bytes], str]] = {
    "values": (lambda: manifest("config: {a: [%s]}\n", "[],     "), "read"),
    "numbers": (lambda: manifest("config: {a: [%s]}\n", "1234567,"), "read"),
    "too-many-values": (lambda: manifest("config: {a: [%s]}\n", "1,"), "refused"),
    "endpoints": (
        lambda: manifest("endpoints: [%s]\n", "{path: /a, method: GET, request_schema: {type: object}},"),
        "refused",
    ),
    "wrong-endpoints": (lambda: manifest("endpoints: [%s]\n", "{path: /a, request_schema: {type: 1}},"), "refused"),
    "one-fault-behind-much": (lambda: manifest("inputs: [%s]\n", "{id: a, type: string},", version="x"), "refused"),
    "unknown-steps": (lambda: module("  - extension: extensions/none.yaml\n", 0), "refused"),
    "bundled": (lambda: module("  - extension: a\n", 1_999), "refused"),
    "text": (lambda: manifest("text: '%s'\n", "''"), "read"),
    "names": (many_names, "refused"),
    "bytes": (many_bytes, "read"),
    "empty-blocks": (empty_blocks, "refused"),
}
QUICK = ("endpoints", "names")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.long) for name in PACKAGES]
)
def test_the_dearest_packages(tmp_path: Path, name: str) -> None:
    make, expected = PACKAGES[name]
    (tmp_path / "dear.zip").write_bytes(make())
    told = subprocess.run(
        python(MEASURED, tmp_path / "dear.zip"), check=True, capture_output=True, text=True, timeout=60
    ).stdout.split()
    assert told[0] == expected
    assert float(told[1]) <= MAX_SECONDS
    assert int(told[2]) <= MAX_MIB
