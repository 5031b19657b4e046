"""``llamagate`` for shells of tests: it lets a prepared process run the command, and does as that does.

It is run by ``python -I -S``, which starts in a moment; the arguments are the name of the socket and the command's own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def main() -> None:
    request = {"arguments": sys.argv[2:], "folder": os.getcwd(), "variables": dict(os.environ)}  # noqa: PTH109
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
        channel.connect(f"\0{sys.argv[1]}")
        socket.send_fds(channel, [json.dumps(request).encode()], [0, 1, 2])
        pid = int(channel.recv(99))
        for number in FORWARDED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda number, _: os.kill(pid, number))
        code = int(channel.recv(99))
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


main()
