"""What ``watch --listen`` does once the host is known to be installed, which this file loads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from reconciler.cli.hosting import key_in
from reconciler.cli.invocation import Invocation
from reconciler.errors import UsageError
from reconciler.host.page.look import Looker
from reconciler.host.server import Address, listen, serve
from reconciler.host.web.access import Access, Sites
from reconciler.host.web.machines import Machines
from reconciler.host.web.pages import Pages
from reconciler.host.web.watch_app import WatchHost, make_watch_app
from reconciler.loop.loop import Loop
from reconciler.model.digits import whole
from reconciler.model.environment import Environment

_MAX_PORT: Final = 65535


@contextmanager
def listening(text: str, invocation: Invocation) -> Iterator[Callable[[Loop], bool]]:
    """What runs a loop and answers at the address ``text`` meanwhile; it says whether Ctrl-C ended it."""
    address, tell = _address(text), invocation.terminal.notice
    api_key = key_in("API_KEY", invocation.env.variables)

    def env() -> Environment:
        return replace(invocation.env, now=datetime.now(UTC))

    with listen(address) as listener:
        if api_key is None and not address.is_loopback:
            tell(f"everyone who can reach {address.host} can read how this home is; set API_KEY")

        def serving(loop: Loop) -> bool:
            hosted, file = WatchHost(tell=tell), loop.options.options.file
            machines = Machines(env, file, is_watcher=True)
            sites = Sites(checked=address.is_loopback)
            pages = Pages(Looker(env, file, hosted.ending))
            app = make_watch_app(machines, pages, Access(api_key, tell), sites, tell)
            return serve(app, hosted, listener, beside=loop)

        yield serving


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    number = whole(port)
    if not host or number is None or number > _MAX_PORT:
        raise UsageError(f"--listen {text[:60]!r} is not an address and a port", advice="write 127.0.0.1:9100")
    return Address(host=host.removeprefix("[").removesuffix("]"), port=number)
