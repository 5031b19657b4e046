"""Runs one command and writes what it cost: its exit code, its seconds, its peak memory as ``getrusage`` counts it.

A process of its own, without any library, because on Linux the peak of a child begins with the size of its parent.
"""

from __future__ import annotations

import os
import sys
import time

if __name__ == "__main__":
    started = time.perf_counter()
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - started
    sys.stdout.write(f"{os.waitstatus_to_exitcode(status)} {seconds} {usage.ru_maxrss}\n")
