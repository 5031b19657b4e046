"""One command for each job: ``nox -s NAME``. ``nox -l`` lists them. What follows ``--`` goes to the tool.

``.ci/run`` does the same as ``tests``, ``lint`` and ``types`` on a clean checkout. With ``nox --no-venv`` each job runs
in the environment that is active, and installs nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["quick"]
nox.options.reuse_venv = "yes"

SITE = "mkdocs>=1.6,<2"
"""Its own theme and search, which need no network. Version 2 is another program."""


def install(session: nox.Session, *packages: str) -> None:
    """The project in place with its tools, and ``packages``; nothing with ``--no-venv``."""
    if session.virtualenv.venv_backend != "none":
        session.install("--editable", ".[dev]", *packages)


@nox.session
def quick(session: nox.Session) -> None:
    """The tests to run after each edit: about a minute."""
    install(session)
    session.run("pytest", "-m", "quick", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests but the campaigns; 'nox -s tests -- -m long' runs those."""
    install(session)
    session.run("pytest", *session.posargs)


@nox.session(name="setup-browser", venv_backend="none")
def setup_browser(session: nox.Session) -> None:
    """Install what the tests of the page need: Chromium, its driver, and an engine for accessibility."""
    session.run(".ci/setup-browser", external=True)


@nox.session(name="setup-fleet", venv_backend="none")
def setup_fleet(session: nox.Session) -> None:
    """Install what the tests of fleets need: an SSH server, Prometheus, Ansible, helm and tools for CI."""
    session.run(".ci/setup-fleet", external=True)


@nox.session
def browser(session: nox.Session) -> None:
    """The page in a real browser, where 'setup-browser' could install one."""
    install(session)
    session.run("pytest", "-m", "browser and not long", *session.posargs)


@nox.session
def fleet(session: nox.Session) -> None:
    """Hosts with SSH and Ansible, Prometheus, helm and the CI kit, as far as 'setup-fleet' could install them."""
    install(session)
    session.run("pytest", "-m", "fleet and not long", *session.posargs)


@nox.session
def host(session: nox.Session) -> None:
    """The host's tests with uvloop and httptools, which it uses where they are installed."""
    install(session, "uvloop", "httptools")
    session.run("pytest", "tests/host", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format, dead code, and which room may import which."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", "--quiet", ".")
    session.run("vulture")
    session.run("lint-imports", "--no-cache")


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict."""
    install(session)
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Run what the pages say, then build the site into build/site. A dead link is an error."""
    install(session, SITE)
    session.run("pytest", "tests/docs", "tests/test_readme.py", *session.posargs)
    session.run("mkdocs", "build", "--strict", "--clean", "--config-file", "docs/site/mkdocs.yml")


@nox.session
def bench(session: nox.Session) -> None:
    """What the program costs, as ratios (docs/benchmarks.md): about five minutes."""
    install(session)
    session.run("python", "-m", "tests.benchmark.bench", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Which changes of a room's code no test notices: 'nox -s mutants -- planning'."""
    if not session.posargs:
        session.error("name a room: nox -s mutants -- planning")
    install(session)
    session.run("python", "-m", "tests.mutants", *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Check what would be published: the archives, their metadata, the wheel by itself. Publishes nothing."""
    session.install("build", "pyroma", "towncrier", "twine")
    target = Path("build/release/dist").absolute()
    shutil.rmtree(target, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(target), ".", silent=True)
    wheel, sdist = (str(next(target.glob(end))) for end in ("*.whl", "*.tar.gz"))
    session.run("twine", "check", "--strict", wheel, sdist)
    session.run("pyroma", "--min", "8", ".")
    version = Path(wheel).name.split("-")[1]
    session.run("towncrier", "build", "--draft", "--version", version, silent=True)
    session.install("--force-reinstall", "--no-deps", wheel)
    session.install(wheel)
    with TemporaryDirectory() as folder, session.chdir(folder):  # the wheel is used, and not the checkout
        session.run("lgate", "init", "--example", "priority-rules")
        session.run("lgate", "apply", "--home", "home")
    session.log("ready to tag v%s", version)
