"""A home with some of everything, and what a pass decides about it: with all of its items, or without the settled."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from reconciler.commands.apply import apply
from reconciler.commands.import_ import Import, propose_import
from reconciler.errors import LlamagateError
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.listener import Listener
from reconciler.model.record import Record
from reconciler.planning.next_state import next_record, registry_edits
from reconciler.reconcile import propose as proposing
from reconciler.reconcile.change import change
from reconciler.reconcile.commit import _as_found as as_found
from reconciler.reconcile.holds import leaving_out
from reconciler.reconcile.options import Options
from reconciler.reconcile.proposal import Proposal
from reconciler.reconcile.settled import NOTHING_SETTLED
from reconciler.store import desired_file
from reconciler.store.state_files import read_record
from reconciler.store.write import write_record
from tests.settled.upstream import LOCAL_GIT, PINNED, Entry, Upstream
from tests.support.packages import MANIFEST, MODULE, TASK, pack, write_files

LATER: Final = timedelta(seconds=10)
"""How long after the last write a pass is said to begin: nothing is too fresh then."""
PACKAGES: Final = {
    **{one: {"manifest.yaml": MANIFEST, "templates/a.txt": "a", "run.sh": "#!/bin/sh\n"} for one in "abcde"},
    "twin": {"manifest.yaml": MANIFEST.replace("{id}", "a"), "extension.yaml": "id: twin\n"},
    "always": {"manifest.yaml": MANIFEST + "builtin: true\n"},
    "task": {"extension.yaml": TASK},
    "flow": {"agenticmodule.yaml": MODULE.replace("{extension}", "a")},
    "other": {"manifest.yaml": MANIFEST},
    "brought": {"manifest.yaml": MANIFEST},
}
ZIPPED: Final = frozenset("cde")
MODULES: Final = frozenset(["flow"])


class World:
    """Below ``root``: packages, a file that lists most of them and those of ``upstream``, and the home."""

    def __init__(self, root: Path, upstream: Upstream) -> None:
        self.project, self.upstream = root / "project", upstream
        self.is_offline = True
        self.home = Home(root / "home")
        self.variables = {"TOKEN": "one"}
        self.options = Options(file=self.project / "llamagate.yaml")
        self.top: Entry = {"policy": {"allow_builtin": ["always"], "sources": LOCAL_GIT}}
        self.settled: set[ItemKey] = set()
        self.entries: dict[str, Entry] = {one: {"source": self.source(one)} for one in PACKAGES}
        self.entries["b"]["config"] = {"interval": 9, "token": {"env": "TOKEN"}}
        self.entries["d"] |= {"config": {"interval": 7}, "enabled": False, "version": "^1.0"}
        self.entries["e"]["depends_on"] = ["a"]
        for name, files in PACKAGES.items():
            self.package(name, "1.0.0", files)
        others = {name: self.entries.pop(name) for name in ("other", "brought")}
        self.home.root.mkdir(parents=True)
        mine, self.entries = self.entries, {"other": others["other"]}
        self.save(owner="team-b")
        self.apply()
        self.bring("brought")
        self.entries = mine | upstream.entries
        upstream.copy_to(self.project, self.home)
        self.save()
        self.apply()
        self.apply()

    def source(self, name: str) -> str:
        return f"./packages/{name}.zip" if name in ZIPPED else f"./packages/{name}"

    def entry(self, name: str) -> Entry:
        """What the file says of an item at first, as far as it must."""
        return self.upstream.entries[name] if name in PINNED else {"source": self.source(name)}

    def package(self, name: str, version: str, files: dict[str, str]) -> None:
        folder = self.project / "packages" / name
        filled = {path: text.format(id=name, version=version) for path, text in files.items()}
        write_files(folder, filled)
        if name in ZIPPED:
            pack(folder, folder.with_suffix(".zip"))

    def save(self, **more: Any) -> None:
        """Write the file as it is meant now."""
        listed = {name: _shorthand(entry) for name, entry in self.entries.items()}
        sections = {"extensions": listed.keys() - MODULES, "modules": listed.keys() & MODULES}
        found = {name: {one: listed[one] for one in listed if one in keys} for name, keys in sections.items()}
        text = json.dumps({"apiVersion": "llamagate/v1", **self.top, **more, **found}, indent=1)
        self.options.file.write_text(text, "utf-8")

    @property
    def listener(self) -> Listener:
        return Listener(wait=0, notice=lambda _: None)

    def environment(self) -> Environment:
        now = datetime.now(UTC) + LATER
        env = Environment(home=self.home.root, is_own_home=False, variables=self.variables, now=now, command="test")
        return replace(env, offline=self.is_offline)

    def apply(self) -> bool:
        """Whether it went well."""
        try:
            return not apply(self.environment(), self.options, self.listener).plan.refusals
        except LlamagateError:
            return False

    def bring(self, name: str) -> None:
        """Import a package: it belongs to nobody then."""
        env, asked = self.environment(), Import(packages=(self.project / "packages" / name,))
        change(env, self.options.file, self.listener, lambda: propose_import(env, self.options.file, asked))

    @property
    def record(self) -> Record:
        return read_record(self.home)[0]

    def recorded(self, **fields: Any) -> None:
        write_record(self.home, replace(self.record, **fields))

    def installed(self, path: str) -> Path:
        return self.home.root / "extensions" / "installed" / path

    def differs(self) -> bool:
        """Whether a pass decides anything else where it need not look at what is settled."""
        env = self.environment()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(proposing, "settled_items", lambda *_: NOTHING_SETTLED)
            patch.setattr(desired_file, "_unproved", lambda document, known: document)
            if not self.is_offline:  # the other pass has what this one fetched
                _decided(env, self.options)
            whole = _decided(env, self.options)
        return _decided(env, self.options, self.settled) != whole


def _shorthand(entry: Entry) -> Any:
    source = entry["source"]
    return source if entry == {"source": source} and isinstance(source, str) else entry


def _decided(env: Environment, options: Options, settled: set[ItemKey] | None = None) -> object:
    desired_file._decoded.clear()
    try:
        proposal = proposing.propose(env, options, keeps=True, accepts_tools=False)
    except LlamagateError as error:
        return type(error), error.message, error.faults, error.advice, error.code
    if settled is not None:
        settled |= proposal.intent.settled
    suspensions = proposal.state.record.suspensions
    return _all_of(proposal), _all_of(leaving_out(proposal, suspensions)) if suspensions else None


def _all_of(proposal: Proposal) -> object:
    """Everything that is said of the plan, or done by it."""
    plan, record = proposal.plan, as_found(proposal)
    return (
        plan,
        plan.to_document(),
        record,
        next_record(record, plan, proposal.intent, {}),
        registry_edits(plan, proposal.intent, proposal.observed, proposal.state.env.now),
        proposal.documents,
        proposal.parts.inputs,
        proposal.parts.warnings,
        proposal.looked is None,
    )
