"""The host without HTTP: what is served now, how that changes, and running it. What an embedding gateway holds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from reconciler.commands.sync import propose_sync_of
from reconciler.commands.upsert import upsert
from reconciler.errors import LlamagateError, RefusedError
from reconciler.host.access_log import AccessLog
from reconciler.host.beside import Beside
from reconciler.host.engine.files import ItemFiles
from reconciler.host.engine.modules import ModuleRecord, run_module
from reconciler.host.engine.run import Budget, Reply, Run, Services, Witness, within
from reconciler.host.engine.trace import Overheard, OverheardTools, Trace
from reconciler.host.engine.workflow import execute
from reconciler.host.hooks import Hooks
from reconciler.host.items import Extension, Item, LoadedFrom, Module
from reconciler.host.load import Loaded, load
from reconciler.host.mcp.approved import approved
from reconciler.host.mcp.servers import ToolServers
from reconciler.host.model_client import ModelClient
from reconciler.host.settings import HostSettings
from reconciler.host.snapshot import Difference, Snapshot, difference, make_snapshot
from reconciler.host.upstream.pool import Pool
from reconciler.host.workers import Workers
from reconciler.model.config import JsonObject
from reconciler.model.desired import DEFAULT_MUTABLE
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.listener import Listener
from reconciler.model.package import EXTENSION_MANIFEST
from reconciler.planning.diff import mutable_matcher
from reconciler.reconcile.change import change
from reconciler.reconcile.home_state import read_home_state
from reconciler.reconcile.outcome import Outcome
from reconciler.reconcile.proposal import Proposal
from reconciler.store.desired_file import read_desired


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshResult:
    """What a refresh came to."""

    snapshot: Snapshot
    changed: Difference


class Runtime:
    """Serves one home. Everything that reads or changes the home blocks: an event loop calls it in a thread.

    ``refresh`` and ``sync`` return when the new state is served; requests under way end with the one they began with.
    """

    def __init__(self, settings: HostSettings, *, tell: Callable[[str], None] = lambda _: None) -> None:
        self.settings = settings
        self.workers = Workers(seconds=settings.limits.piece)
        self.client = ModelClient(settings.model, self.workers)
        self.pool = Pool(settings.upstream) if settings.upstream else None
        self.beside = Beside(tell, seconds=settings.limits.piece)
        self.access_log = AccessLog(settings.access_log, tell) if settings.access_log else None
        self.tools = ToolServers(settings.env.variables, tell=tell, clock=time.monotonic)
        self.closing: list[Callable[[], Awaitable[None]]] = []
        self.refreshed: list[Callable[[], None]] = []
        self.tell = tell
        self.ending = asyncio.Event()
        self._is_mutable = mutable_matcher(DEFAULT_MUTABLE)
        self.hooks = Hooks(
            files_of=self._files_of, beside=self.beside, seconds=settings.limits.hook, now=_now, tell=tell
        )
        self._loaded: Loaded | None = None
        self._snapshot = Snapshot()
        self._one_refresh = threading.Lock()

    @property
    def snapshot(self) -> Snapshot:
        """What is served now. What begins takes it once, and keeps it."""
        return self._snapshot

    @property
    def env(self) -> Environment:
        """The environment at this moment."""
        return replace(self.settings.env, now=_now())

    def refresh(self) -> RefreshResult:
        """Look at the home again and serve what is there."""
        with self._one_refresh:
            self._take_policy()
            before = self._snapshot
            self._loaded = load(Home(self.settings.env.home), self.settings.legacy, self._loaded)
            self._snapshot = make_snapshot(self._loaded)
            self.tools.define(*approved(Home(self.settings.env.home), self.settings.file))
            for tell in self.refreshed:
                tell()
            return RefreshResult(snapshot=self._snapshot, changed=difference(before, self._snapshot))

    def sync(self) -> RefreshResult:
        """Make record, registry and disk agree, as ``llamagate sync`` does, and serve what is there.

        For a program that has changed the home in this process: afterwards both registries, that on disk and the one
        that is served, say the same. Errors are those of a change, and then nothing else is served than before.
        """
        synchronise(self.env, self.settings.file, self.listener)
        return self.refresh()

    def upsert(self, name: str, manifest: bytes) -> Path:
        """Install ``manifest`` as the extension ``name`` and serve it; returns the file. ``RefusedError`` by policy."""
        served = self._snapshot.extensions.get(name)
        if served is not None and served.definition.origin is LoadedFrom.BUILTIN:
            message = f"the extension '{name}' was not taken: it is builtin, and would go before an installed one"
            raise RefusedError(message)
        key, outcome = upsert(self.env, self.settings.file, name, manifest, self.listener)
        if outcome.plan.refusals:
            # Behind the semicolon is what the operator can do: commands, and keys of the file.
            reasons = "; ".join(refusal.message.partition(";")[0] for refusal in outcome.plan.refusals)
            raise RefusedError(f"the extension '{name}' was not taken: {reasons}")
        self.refresh()
        return Home(self.settings.env.home).item(key) / EXTENSION_MANIFEST

    @property
    def listener(self) -> Listener:
        """How long a change waits for another writer, and where its messages go."""
        return Listener(wait=self.settings.wait, notice=self.tell)

    async def run(
        self,
        snapshot: Snapshot,
        extension: Extension,
        given: JsonObject,
        trace_id: str,
        trace: Trace | None = None,
        *,
        witness: Witness | None = None,
    ) -> JsonObject:
        """Run an extension of ``snapshot``, where ``trace`` or ``witness`` sees it. ``RunError`` where that fails."""
        run = self._begin(snapshot, trace_id, trace, witness)
        async with within(self.settings.limits.seconds, f"the extension '{extension.name}'"):
            return await execute(run, extension, given)

    async def run_module(
        self,
        snapshot: Snapshot,
        module: Module,
        given: JsonObject,
        trace_id: str,
        *,
        witness: Witness | None = None,
    ) -> ModuleRecord:
        """Run a module of ``snapshot``; how it went, a failure too, is in the record."""
        run = self._begin(snapshot, trace_id, witness=witness)
        return await run_module(run, module, given, seconds=self.settings.limits.seconds)

    def abandon(self) -> None:
        """End the worker processes, whatever they do, because this process is about to end."""
        self.workers.close()
        self.beside.abandon()

    async def close(self) -> None:
        """End what hooks still write, the connections to model, tool servers and upstream, and the worker processes."""
        for close in self.closing:  # what ends here may have told hooks of something
            await close()
        await self.beside.close()
        self.workers.close()
        if self.pool:
            self.pool.close()
        await self.tools.close()
        await self.client.close()
        if self.access_log:
            self.access_log.close()

    def _files_of(self, item: Item) -> ItemFiles:
        """The files of ``item``, of which a program may write those that the policy names."""
        return ItemFiles(folder=item.definition.folder, is_mutable=self._is_mutable, limit=self.settings.limits.file)

    def _take_policy(self) -> None:
        """Take the patterns of what programs may write from the file. One that cannot be read changes nothing."""
        file = self.settings.file
        try:
            patterns = read_desired(file).desired.policy.mutable if file.exists() else DEFAULT_MUTABLE
        except LlamagateError as error:
            if self._loaded is None:
                self.tell(f"policy.mutable is taken as {', '.join(DEFAULT_MUTABLE)}: {error.message}")
        else:
            self._is_mutable = mutable_matcher(patterns)

    def _answered(self, snapshot: Snapshot, reply: Reply, trace_id: str) -> None:
        """Tell observers of a model's answer, beside the run that asked for it; of its text they need nothing."""
        if self.hooks.see_answers(snapshot):
            self.beside.begin(partial(self.hooks.answered, snapshot, replace(reply, text=""), trace_id))

    def _begin(
        self, snapshot: Snapshot, trace_id: str, trace: Trace | None = None, witness: Witness | None = None
    ) -> Run:
        limits = self.settings.limits
        services = Services(
            extensions=snapshot.extensions,
            modules=snapshot.modules,
            model=Overheard(model=self.client, trace=trace) if trace else self.client,
            workers=self.workers,
            limits=limits,
            default_model=self.settings.default_model,
            files_of=self._files_of,
            now=_now,
            answered=partial(self._answered, snapshot),
            execute=execute,
            witness=trace or witness,
            tools=OverheardTools(tools=self.tools, trace=trace) if trace else self.tools,
        )
        return Run(services=services, trace_id=trace_id, budget=Budget(limits.calls), own={})


def synchronise(env: Environment, file: Path, listener: Listener) -> Outcome:
    """Make record, registry and disk agree; no gateway is told. Errors are those of ``change``."""
    return change(env, file, listener, lambda: propose_synchronising(env, file), creates=True)


def propose_synchronising(env: Environment, file: Path) -> Proposal:
    """What ``synchronise`` would do."""
    return propose_sync_of(read_home_state(env, file).without_gateway())


def _now() -> datetime:
    return datetime.now(UTC)
