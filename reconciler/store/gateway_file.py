"""The gateway's own configuration file in its home: which tool servers it lists."""

from __future__ import annotations

from reconciler.documents.yaml import text as yaml_text
from reconciler.errors import InputError
from reconciler.fs.bounded import read_if_there
from reconciler.model.home import Home
from reconciler.model.servers import SERVERS_PLACE, GatewayFile, found_server, name_of
from reconciler.store.document import MAX_BYTES

_WORD = SERVERS_PLACE[0].encode()


def read_gateway_file(home: Home) -> GatewayFile:
    """The file as it is; ``problem`` says why nothing is known of its servers. One without any is not parsed."""
    path = home.gateway_file
    try:
        data = read_if_there(path, MAX_BYTES + 1)
    except OSError as error:
        return GatewayFile(path=str(path), problem=f"{path} cannot be read: {error.strerror}")
    if data is None or _WORD not in data.lower():
        return GatewayFile(path=str(path), data=data)
    try:
        is_on, entries = yaml_text.entries_in(data, name=str(path))
    except InputError as error:
        return GatewayFile(path=str(path), data=data, problem=str(error.faults[0]) if error.faults else error.message)
    servers = {name: found_server(entry) for entry in entries if (name := name_of(entry))}
    return GatewayFile(path=str(path), data=data, is_on=is_on, servers=servers)
