"""Whether a commit has what a lock pins: what a signed tag needs, since it names a commit and no package."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.errors import LlamagateError
from reconciler.model.desired import DesiredItem
from reconciler.model.environment import Environment
from reconciler.model.lock import LockItem
from reconciler.model.offer import Offer
from reconciler.resolve.resolve import context_of
from reconciler.store.desired_file import DesiredFile


def commit_check(env: Environment, file: DesiredFile) -> Callable[[DesiredItem, LockItem], str]:
    """Says of a pin why the content of its commit is another one; empty where it is that.

    The commit is read from git's objects. One that is not on this machine is fetched, unless the command is offline.
    """

    def differs(item: DesiredItem, entry: LockItem) -> str:
        from reconciler.packages.manifest import read_package  # where a tag is looked at for the first time
        from reconciler.sources.remotes import Remotes

        offer = Offer.of(entry)
        try:
            remote = Remotes(context_of(env, file)).of(item)
            if env.offline and not remote.holds(offer):
                return f"its commit {offer.pin.commit} is not on this machine; 'llamagate apply' fetches it"
            with remote.open(item.source, offer) as delivery:
                package = read_package(delivery.content, name=str(item.source))
        except LlamagateError as error:
            return f"what its commit has cannot be read: {error.message}"
        if (package.tree, package.executables) == (entry.tree, entry.executables):
            return ""
        return f"the commit {entry.pin.commit if entry.pin else ''} has other content ({package.tree}) than is pinned"

    return differs
