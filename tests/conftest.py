"""Hermetic by force: no test reads this user's settings, leaves the machine, or writes into a real home."""

from __future__ import annotations

import compileall
import functools
import gc
import ipaddress
import os
import pwd
import re
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler.sources import retry

PROJECT: Final = Path(__file__).parents[1]

_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy")
_GATEWAY_PORT: Final = 11435
MEMORY: Final = "/dev/shm"  # noqa: S108 - only pytest and tempfile make folders in it, under new names
"""Where tests keep their files, if that can be: on a disk they wait for their 50,000 syncs longer than they compute."""
_ROOM: Final = 1 << 30
_ALLOCATIONS_PER_COLLECTION: Final = 50_000
"""The usual 700 make a command that runs in this process a tenth slower; the program sets more for itself."""
_A_TEST: Final = re.compile(r"/test_\w+\.py$")
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_PATHS_OF: Final = {
    "open": 1,
    "os.mkdir": 1,
    "os.rename": 2,
    "os.remove": 1,
    "os.rmdir": 1,
    "os.link": 2,
    "os.symlink": 2,
    "os.truncate": 1,
    "os.chmod": 1,
}
"""Events of the interpreter that change the disk, and how many of their first arguments are paths."""


class NotHermeticError(BaseException):
    """A test did what no test may do. No ``except Exception`` of the program hides it."""


class _Guard:
    """Watches the interpreter; ``active`` only while tests run, because a hook cannot be removed."""

    def __init__(self) -> None:
        self.active = False
        self.real_home = _folder(pwd.getpwuid(os.getuid()).pw_dir)
        allowed = (PROJECT, tempfile.gettempdir(), sys.prefix, sys.base_prefix, "/dev")
        self.allowed = tuple(_folder(path) for path in allowed)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event in _PATHS_OF:
            if event != "open" or _writes(arguments):
                for path in arguments[: _PATHS_OF[event]]:
                    self.check_path(path)
        elif event in ("socket.connect", "socket.sendto"):
            _check_address(arguments[1])
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            _check_host(arguments[0])

    def check_path(self, path: object) -> None:
        if not isinstance(path, str | bytes):
            return
        place = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - a link must not be followed
        if place.startswith(self.real_home) and not place.startswith(self.allowed):
            raise NotHermeticError(f"a test writes to {place}, in the real home; tests write below tmp_path")


def _folder(path: str | Path) -> str:
    return os.path.realpath(path).rstrip("/") + "/"


def _writes(arguments: tuple[Any, ...]) -> bool:
    return isinstance(arguments[2], int) and bool(arguments[2] & _WRITING)


def _check_address(address: object) -> None:
    if isinstance(address, tuple):
        _check_host(address[0])
        if address[1] == _GATEWAY_PORT:
            raise NotHermeticError(f"a test talks to port {_GATEWAY_PORT}, where a real gateway may be listening")


def _check_host(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        is_local = ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        is_local = False
    if not is_local:
        raise NotHermeticError(f"a test talks to {name}; tests talk to loopback only")


QUICK: Final = (
    "documents",
    "fs",
    "gateway",
    "house",
    "packages",
    "planning",
    "resolve",
    "store",
    "loop/test_fights.py",
    "loop/test_schedule.py",
    "sources/test_url.py",
    "sources/test_law_answers.py",
    "cli/test_import.py",
    "cli/test_lock.py",
    "cli/test_remove.py",
)
"""The folders and files whose tests are ``quick``: what is pure, and a slice of the command line."""
BY_THEMSELVES: Final = ("browser", "fleet")
"""The folders whose tests have a marker of the same name."""
LONGEST: Final = ("fleet", "crash", "loop", "host", "cli", "sources", "golden")
"""The folders whose files take longest: they come first, so that no worker is alone with one of them at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make the profiles of the laws known before an option names one.

    Where Python writes no compiled files, each of the many processes that tests start would compile the program again:
    so that is done once, before the workers start.
    """
    # pytest rewrites modules of its plugins and of theirs, hundreds: once, and not in each worker of each run.
    sys.dont_write_bytecode = False
    from tests.support import laws  # not above: processes that only want PROJECT need no hypothesis

    laws.register("thorough" if _is_campaign(config) else "default")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for what a shell starts in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as with nohup
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if _has_room(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)
    if getattr(config.option, "numprocesses", None):
        for folder in ("reconciler", "tests"):
            compileall.compile_dir(PROJECT / folder, quiet=2, rx=_A_TEST)
    elif worker := getattr(config, "workerinput", None):
        _rewrite(config, int(worker["workerid"].removeprefix("gw")), worker["workercount"])
    gc.disable()  # until all tests are collected: what is made by then stays


def _rewrite(config: pytest.Config, number: int, workers: int) -> None:
    """Do a worker's share of what each would do for all: pytest rewrites the assertions of every file of tests."""
    try:
        from _pytest.assertion import rewrite

        state = config.stash[rewrite.assertstate_key]
        for path in sorted((PROJECT / "tests").rglob("test_*.py"))[number::workers]:
            kept = rewrite.get_cache_dir(path) / f"{path.stem}{rewrite.PYC_TAIL}"
            if rewrite._read_pyc(path, kept) is None:
                kept.parent.mkdir(exist_ok=True)
                stamp, code = rewrite._rewrite_test(path, config)
                rewrite._write_pyc(state, code, stamp, kept)
    except (AttributeError, ImportError, OSError, TypeError):
        return  # another pytest, or a checkout that is read-only: then each worker does it all


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The workers of ``-n auto``: two more than processors, because many tests wait for what a process does."""
    return (os.cpu_count() or 1) + 2 * int(config.option.markexpr != "quick")


def _has_room(folder: str) -> bool:
    """Whether the files of a run fit in there, of which only those of failed tests stay."""
    try:
        return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= _ROOM
    except OSError:
        return False


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """``-m quick`` does not even read the other tests, and no run those of a tier that it leaves out."""
    place = _place(collection_path)
    if any(_is_in(place, tier) and f"not {tier}" in config.option.markexpr for tier in BY_THEMSELVES):
        return True
    if config.option.markexpr != "quick":
        return None
    is_above = place == "." or any(_is_in(one, place) for one in QUICK)
    return None if is_above or _is_quick(collection_path) else True


def _is_campaign(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == "long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Set the marker ``quick`` by the table; what is ``long`` is not quick anywhere. Laws are a campaign too."""
    items.sort(key=lambda item: _rank(item.path))
    for item in items:
        if _is_campaign(config) and item.get_closest_marker("hypothesis"):
            item.add_marker("long")
        if _is_quick(item.path) and item.get_closest_marker("long") is None:
            item.add_marker("quick")


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end: no collection looks at its million objects, not even once."""
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION)
    gc.enable()


@functools.cache
def _place(path: Path) -> str:
    return Path(os.path.relpath(path, PROJECT / "tests")).as_posix()


@functools.cache
def _is_quick(path: Path) -> bool:
    return any(_is_in(_place(path), one) for one in QUICK)


@functools.cache
def _rank(path: Path) -> int:
    return next((at for at, folder in enumerate(LONGEST) if _is_in(_place(path), folder)), len(LONGEST))


def _is_in(place: str, folder: str) -> bool:
    return f"{place}/".startswith(f"{folder}/")


_guard: Final = _Guard()
sys.addaudithook(_guard)


@pytest.fixture(scope="session")
def pinned_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``HOME`` is in all tests that do not set it."""
    return tmp_path_factory.mktemp("pinned-home")


@pytest.fixture(autouse=True)
def hermetic(pinned_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of every test, and the watch over what it does."""
    monkeypatch.setenv("HOME", str(pinned_home))
    for name in list(os.environ):
        if name.startswith(("LLAMAGATE_", "XDG_")) or name.lower() in _PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setattr(retry, "PAUSES", [0.0, 0.0])
    mask = os.umask(0o022)
    _guard.active = True
    try:
        yield
    finally:
        _guard.active = False
        os.umask(mask)


@pytest.fixture
def nobody_is_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is broken is looked at as often as ever, but a test that broke it does not wait half a second."""
    monkeypatch.setattr("reconciler.fs.settled._PAUSE_SECONDS", 0)


@pytest.fixture
def free_port() -> int:
    """A loopback port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
