"""What a pass starts from: record, registry, what is installed, and the desired state at hand, each read once."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import WarningCode
from reconciler.errors import Fault, InputError, LlamagateError, NotDesiredError
from reconciler.fs.places import is_same_file
from reconciler.fs.presence import is_file, is_there
from reconciler.model.desired import DesiredItem, GatewaySettings, Policy
from reconciler.model.environment import Environment
from reconciler.model.home import Home
from reconciler.model.ids import ItemKey
from reconciler.model.note import Note
from reconciler.model.package import Manifest
from reconciler.model.record import Record
from reconciler.model.registry import Registry
from reconciler.model.servers import DesiredServer, GatewayFile, server_key
from reconciler.observe.home import manifest_at, present_items
from reconciler.resolve.store import PackageStore, store_for
from reconciler.sources.context import SourceContext
from reconciler.store.config_values import ConfigValues
from reconciler.store.desired_file import DesiredFile, read_desired
from reconciler.store.gateway_file import read_gateway_file
from reconciler.store.state_files import RegistryFile, read_record, read_registry


class HomeState(Struct, frozen=True, kw_only=True, dict=True):
    """``path`` is that of the desired state; ``file`` is ``None`` where there is none that can be used.

    ``file_error`` then says why not, if there is one. Registry and disk are read when they are first asked for.
    """

    env: Environment
    home: Home
    record: Record
    previous_record: bytes | None
    path: Path
    file: DesiredFile | None
    file_error: InputError | None
    gateway: GatewaySettings
    knows_values: bool = True
    """Whether the values that configurations refer to are read."""

    @cached_property
    def registry_file(self) -> RegistryFile:
        return read_registry(self.home)

    @cached_property
    def gateway_file(self) -> GatewayFile:
        """The gateway's own configuration file in the home."""
        found = read_gateway_file(self.home)
        is_desired = is_same_file(self.path, self.home.gateway_file)
        return replace(found, is_desired_state=True) if is_desired else found

    @cached_property
    def present(self) -> frozenset[ItemKey]:
        """The items that have a folder."""
        return present_items(self.home)

    @cached_property
    def store(self) -> PackageStore:
        """The packages that this pass opens."""
        return store_for(self.home, self.policy)

    @cached_property
    def context(self) -> SourceContext:
        """What a source that a command names is fetched with."""
        return SourceContext(
            home=self.home,
            base=self.path.absolute().parent,
            variables=self.env.variables,
            rules=self.policy.sources,
            limits=self.policy.limits,
            offline=self.env.offline,
        )

    @cached_property
    def values(self) -> ConfigValues:
        """What the configurations refer to."""
        return ConfigValues(self.env.variables, self.knows_values)

    @property
    def registry(self) -> Registry:
        """The registry; empty where its bytes cannot be read."""
        return self.registry_file.registry

    @property
    def policy(self) -> Policy:
        return self.file.desired.policy if self.file else Policy()

    @property
    def known(self) -> frozenset[ItemKey]:
        """Every package that anyone knows of."""
        return frozenset((*self.record.items, *self.present, *self.registry.keys))

    @property
    def servers(self) -> frozenset[ItemKey]:
        """Every tool server that anyone knows of."""
        return frozenset((*self.record.servers, *map(server_key, self.gateway_file.servers)))

    @property
    def file_warnings(self) -> tuple[Note, ...]:
        """Why the file at hand is not used, and that the defaults are; nothing where it is used or there is none."""
        if self.file_error is None:
            return ()
        if isinstance(self.file_error, NotDesiredError):
            what = self.file_error.message
        else:
            what = f"{self.path} cannot be used ({_first_fault(self.file_error)})"
        return (Note(WarningCode.FILE_UNUSABLE, f"{what}; the default policy applies"),)

    def without_gateway(self) -> HomeState:
        """For a pass after which no gateway is notified."""
        return replace(self, gateway=replace(self.gateway, reload="off"))

    def speaker(self, owner: str | None) -> str:
        """How the record calls the file at hand: as before where only its name is another, by a link or ``..``."""
        before = self.record.owners.get(owner or "", "")
        path = self.path.absolute()
        return before if before and is_same_file(Path(before), path) else str(path)

    def manifest_of(self, key: ItemKey) -> Manifest | None:
        """What the package of an item says; ``None`` where it is no valid one. It need not be installed by us."""
        recorded = self.record.items.get(key)
        if recorded is not None:
            return recorded.manifest
        return manifest_at(self.home.item(key), key.kind, key.id) if key in self.present else None

    def listed_item(self, key: ItemKey) -> DesiredItem | None:
        """What the file at hand says of a package."""
        return self.file.desired.find(key) if self.file is not None else None

    def listed(self, key: ItemKey) -> DesiredItem | DesiredServer | None:
        """What the file at hand says of an item, package or tool server."""
        return _listed_in(self.file, key) if self.file is not None else None

    def holders(self, registry: Registry) -> dict[str, ItemKey]:
        """Each id in lower case, and the item that has it: what we recorded, else what ``registry`` names."""
        found: dict[str, ItemKey] = {}
        for key in (*self.record.items, *registry.keys):
            if key in self.present:
                found.setdefault(key.id.casefold(), key)
        return found


def read_home_state(env: Environment, path: Path, *, needs_file: bool = False) -> HomeState:
    """Read it. ``path`` need not exist; a file that cannot be used is an error where the command ``needs_file``."""
    home = Home(env.home)
    record, previous_record = read_record(home)
    file, error = _at_hand(path, record)
    if needs_file and error is not None:
        raise error
    return HomeState(
        env=env,
        home=home,
        record=record,
        previous_record=previous_record,
        path=path,
        file=file,
        file_error=error,
        gateway=file.desired.gateway if file else GatewaySettings(),
    )


def _at_hand(path: Path, record: Record) -> tuple[DesiredFile | None, InputError | None]:
    """The desired state, if there is one, or why it cannot be used."""
    if not is_there(path):
        return None, None
    try:
        return read_desired(path, known=record.documents), None
    except InputError as error:
        return None, error


def _first_fault(error: InputError) -> str:
    """What is wrong with a file, as part of a line that names it."""
    fault = error.faults[0] if error.faults else Fault(message=error.message)
    line = [f"line {fault.line}"] if fault.line is not None else []
    text = ": ".join([*line, str(replace(fault, file=None, line=None, column=None))])
    more = len(error.faults) - 1
    return f"{text}; {more} more" if more > 0 else text


class ListedBy(Struct, frozen=True):
    """The file that lists an item, and what it says of it; ``None`` where the file cannot be read."""

    file: Path
    item: DesiredItem | DesiredServer | None


def _listed_in(file: DesiredFile, key: ItemKey) -> DesiredItem | DesiredServer | None:
    return file.desired.find(key) or file.desired.find_server(key)


def listed_by(state: HomeState, key: ItemKey, *, saving: bool) -> ListedBy | None:
    """The file that lists an item: the one at hand, unless the command is ``saving`` there, else that of its owner."""
    item = state.listed(key)
    if item is not None:
        return None if saving else ListedBy(state.path, item)
    owner = state.record.owner_of(key)
    if owner is None:
        return None
    path = Path(state.record.owners.get(owner, ""))
    if path == state.path.absolute():
        is_broken = state.file_error is not None and not isinstance(state.file_error, NotDesiredError)
        return ListedBy(state.path, None) if is_broken else None  # else it does not list the item any more
    if not is_file(path):
        return None
    try:
        item = _listed_in(read_desired(path), key)
    except NotDesiredError:
        return None
    except LlamagateError:
        return ListedBy(path, None)
    return ListedBy(path, item) if item else None
