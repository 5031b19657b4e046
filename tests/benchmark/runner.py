"""Runs one command and writes what it cost, as ``getrusage`` counts it: exit code, seconds (user, system), peak
memory, blocks written.

A process of its own, without any library, because on Linux the peak of a child begins with the size of its parent.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    seconds = usage.ru_utime + usage.ru_stime
    sys.stdout.write(f"{os.waitstatus_to_exitcode(status)} {seconds} {usage.ru_maxrss} {usage.ru_oublock}\n")
