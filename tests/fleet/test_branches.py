"""Rings whose hosts follow a branch each: how a commit is moved from one to the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from tests.cli.shell import Session
from tests.docs.pages import page, shell_blocks
from tests.fleet.controller import HOSTS, Controller, Play
from tests.loop.watcher import watching
from tests.sources.git_servers import git

BRANCHES: Final = ["canary", "early", "rest"]


@contextmanager
def followers(controller: Controller) -> Iterator[Path]:
    """A clone whose origin each host follows, by the branch of its ring."""
    base = controller.session.base
    git("init", "--quiet", "--bare", "--initial-branch=main", "origin.git", folder=base)
    git("clone", "--quiet", "origin.git", "clone", folder=base)
    with ExitStack() as stack:
        for ring, host in zip(BRANCHES, HOSTS, strict=True):
            (base / host).mkdir()
            session = Session(base / host, variables={"LLAMAGATE_HOME": str(controller.place(host, "home"))})
            flags = ("--repo", base / "origin.git", "--ref", f"ring/{ring}", "--interval", 1)
            stack.enter_context(watching(session, *flags))
        yield base / "clone"


def commit(controller: Controller, clone: Path) -> str:
    for name in ("llamagate.yaml", "llamagate.lock.yaml"):
        (clone / name).write_bytes((controller.session.project / name).read_bytes())
    git("add", "--all", folder=clone)
    git("commit", "--quiet", "--message", "a release", folder=clone)
    git("push", "--quiet", "origin", "main", folder=clone)
    return git("rev-parse", "HEAD", folder=clone)


def test_branches_are_moved_ring_by_ring(controller: Controller) -> None:
    """The first host that does not take the commit ends it: the branch of the next ring stays where it is."""
    with followers(controller) as clone:

        def promote(*flags: str, **more: Any) -> Play:
            given: dict[str, Any] = {
                "llamagate_rings": BRANCHES,
                "llamagate_checkout": str(clone),
                "llamagate_timeout": 30,
                **more,
            }
            return controller.playbook("promote", *flags, **given)

        def branches() -> list[str]:
            listed = git("ls-remote", "origin", *(f"refs/heads/ring/{ring}" for ring in BRANCHES), folder=clone)
            return sorted(line.partition("\t")[0] for line in listed.splitlines())

        controller.release("1.0.0")
        first = commit(controller, clone)
        assert promote("--check").code == 0
        assert branches() == []
        done = controller.shell(dict(shell_blocks(page("fleet.md")))["promote"], clone)
        assert (done.code, branches()) == (0, [first] * 3), done.out
        assert [controller.installed(host) for host in HOSTS] == [{"notes": "1.0.0"}] * 3
        assert done.recap("localhost")["changed"] == 3
        manifest = controller.place("two", "home", "extensions", "installed", "notes") / "manifest.yaml"
        before = manifest.read_text()
        manifest.write_text("mine\n")
        controller.release("1.1.0")
        second = commit(controller, clone)
        failed = promote(llamagate_timeout=5)
        assert failed.code != 0
        assert branches() == sorted([first, second, second]), failed.out
        assert [controller.installed(host) for host in HOSTS[::2]] == [{"notes": "1.1.0"}, {"notes": "1.0.0"}]
        manifest.write_text(before)
        again = promote()  # goes on where it ended
        assert (again.code, again.recap("localhost")["changed"], branches()) == (0, 1, [second] * 3), again.out
        back = promote(llamagate_commit=first)
        assert (back.code != 0, branches()) == (True, [second] * 3)  # no branch is rewound
