"""The verbs in their groups, and the names that people guess instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Verb = str | Mapping[str, str]
"""Where a verb is, as ``module.function`` of this room; or the verbs of a group by their second word."""

SECTIONS: Final[Mapping[str, Mapping[str, Verb]]] = {
    "Declare": {
        "init": "init.init",
        "add": "edit.add",
        "set": "edit.set_",
        "validate": "validate.validate",
        "lock": "lock.lock",
        "plan": "plan.plan",
        "diff": "diff.diff",
        "apply": "apply.apply",
        "confirm": "confirm.confirm",
        "status": "status.status",
        "wait": "wait.wait",
        "watch": "watch.watch",
        "outdated": "outdated.outdated",
        "upgrade": "upgrade.upgrade",
    },
    "Undo": {
        "history": "history.history",
        "rollback": "rollback.rollback",
        "restore": "restore.restore",
        "recover": "recover.recover",
        "suspend": "suspend.suspend",
        "resume": "resume.resume",
    },
    "One item": {
        "import": "import_.import_",
        "export": "export.export",
        "remove": "remove.remove",
        "enable": "switch.enable",
        "disable": "switch.disable",
        "migrate": "migrate.migrate",
        "sync": "sync.sync",
    },
    "Look": {
        "list": "list.list_",
        "show": "show.show",
        "why": "why.why",
        "graph": "graph.graph",
        "search": "search.search",
        "verify": "verify.verify",
        "doctor": "doctor.doctor",
        "schema": "schema.schema",
        "explain": "explain.explain",
    },
    "Make": {
        "new": "new.new",
        "check": "check.check",
        "run": "run.run",
        "test": "test.cases",
        "push": "push.push",
        "sign": "sign.sign",
        "trust": {"list": "trust.list_", "add": "trust.add", "revoke": "trust.revoke"},
        "catalog": {"build": "catalog.build", "sign": "catalog.sign"},
        "cache": {"gc": "cache.gc"},
        "serve": "serve.serve",
        "completion": "completion.completion",
    },
}

VERBS: Final[Mapping[str, Verb]] = {name: verb for verbs in SECTIONS.values() for name, verb in verbs.items()}
"""Names and not functions: only the verb that is asked for is loaded, and what it needs."""

CHANGE_THE_HOME: Final = frozenset(
    [
        *("apply", "confirm", "watch", "upgrade", "rollback", "restore", "recover", "suspend", "resume"),
        *("import", "remove", "enable", "disable", "migrate", "sync", "cache", "serve"),
    ]
)
"""The verbs that may leave something to finish or to undo. All others write a file at once, or nothing."""

GROUPS: Final[Mapping[str, str]] = {
    "catalog": "Make catalogs, from which others install packages.",
    "trust": "Say who may sign packages, and whose keys count no longer.",
    "cache": "Free the disk space of packages that nothing needs.",
}


GUESSES: Final[Mapping[str, str]] = {
    "backup": "'llamagate export'",
    "build": "'llamagate catalog build'",
    "clean": "'llamagate cache gc'",
    "delete": "'llamagate remove'",
    "deploy": "'llamagate apply'",
    "downgrade": "'llamagate rollback'",
    "fix": "'llamagate doctor', or 'llamagate recover' after an interrupted change",
    "gc": "'llamagate cache gc'",
    "info": "'llamagate show ID', or 'llamagate status'",
    "install": "'llamagate import' for one package, or 'llamagate apply' for all of llamagate.yaml",
    "lint": "'llamagate check'",
    "log": "'llamagate history'",
    "logs": "'llamagate history'",
    "ls": "'llamagate list'",
    "pause": "'llamagate suspend'",
    "preview": "'llamagate plan'",
    "prune": "'llamagate cache gc' for the cache, or 'llamagate apply' for what left llamagate.yaml",
    "publish": "'llamagate push', or 'llamagate catalog build'",
    "purge": "'llamagate remove'",
    "redo": "'llamagate rollback --to N'",
    "repair": "'llamagate apply'",
    "revert": "'llamagate rollback'",
    "rm": "'llamagate remove'",
    "rollforward": "'llamagate rollback --to N' with a later generation, or 'llamagate apply'",
    "start": "'llamagate serve', or 'llamagate enable' for one item",
    "stop": "'llamagate disable' for one item, or 'llamagate suspend' for the watcher",
    "undo": "'llamagate rollback'",
    "uninstall": "'llamagate remove'",
    "unlock": "'llamagate lock --upgrade'",
    "update": "'llamagate upgrade', or 'llamagate lock --upgrade' for the lock alone",
    "version": "'llamagate --version'",
}
"""What to use instead of a name that is not a verb."""
