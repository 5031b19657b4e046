"""Tells the service manager how the watcher is: the protocol of ``sd_notify``, a datagram to a local socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from msgspec import Struct


class ServiceManager(Struct, frozen=True, kw_only=True):
    """``address`` is where it listens, empty where there is none.

    ``keepalive`` is how many seconds it waits at most for a sign of life; ``None`` where it wants none.
    """

    address: str = ""
    keepalive: float | None = None

    def tell(self, *assignments: str) -> None:
        """Send ``READY=1`` and the like. A manager that does not listen is no failure."""
        if not self.address:
            return
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto("\n".join(assignments).encode(), address)

    def alive(self) -> None:
        """Give a sign of life, where one is wanted."""
        if self.keepalive is not None:
            self.tell("WATCHDOG=1")


def service_manager(variables: Mapping[str, str]) -> ServiceManager:
    """The manager that started this process, as its environment tells."""
    address = variables.get("NOTIFY_SOCKET", "")
    micros = variables.get("WATCHDOG_USEC", "")
    is_ours = variables.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    keepalive = float(micros) / 1e6 if micros.isdecimal() and is_ours else 0.0
    return ServiceManager(address=address, keepalive=keepalive or None)
