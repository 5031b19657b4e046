"""Loaded before anything can fail: how the process ends while its modules load, and what Ctrl-C does when.

While modules load, nothing has begun, and an exception in the middle of an import may end up anywhere: Ctrl-C ends the
process on the spot. It raises ``KeyboardInterrupt`` while a verb runs, and once the result is known it is ignored.
TERM ends the process on the spot, but for a verb that asks for an exception, too.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # the module typing takes time to load
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

_OUT, _ERROR = 1, 2
_INTERRUPTED = 130
_ENDING = (signal.SIGTERM, signal.SIGHUP)

_handles_ctrl_c = False


def fail(exit_code: int, code: str, message: str) -> NoReturn:
    """End the process at once with a message and, with ``--json``, its document. It opens and loads nothing."""
    if "--json" in sys.argv:
        _write(_OUT, f'{{"error": {{"code": "{code}", "message": "{_quoted(message)}", "faults": []}}}}\n')
    _write(_ERROR, f"llamagate: {_quoted(message)}\n")
    os._exit(exit_code)


def end_on_ctrl_c() -> None:
    """Until a verb runs. A process that was started in the background, where Ctrl-C is ignored, goes on ignoring it."""
    global _handles_ctrl_c
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
        sys.unraisablehook = _not_lost
        _handles_ctrl_c = True


def raise_on_ctrl_c() -> None:
    """From now on there may be something to tidy up."""
    if _handles_ctrl_c:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def raise_on_term() -> None:
    """For a verb that has something to delete at its end: TERM, and a terminal that closes, end it as Ctrl-C does."""
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise_once)


def ignore_ctrl_c() -> None:
    """The result is known and only has to be said: once, and with its own exit code."""
    if _handles_ctrl_c:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def use_utf_8() -> None:
    """Start again where the locale has another encoding: Python could not even name some files there.

    What is shown stays in the encoding of the locale.
    """
    if sys.flags.utf8_mode or sys.getfilesystemencoding() == "utf-8" or not sys.executable:
        return
    shown = f"{getattr(sys.stdout, 'encoding', 'ascii')}:backslashreplace"
    again = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
    try:
        os.execve(sys.executable, again, {"PYTHONIOENCODING": shown, **os.environ})  # noqa: S606 - this program again
    except OSError:
        return  # then as it is


def _raise_once(_number: int, _frame: FrameType | None) -> None:
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end(_number: int, _frame: FrameType | None) -> None:
    fail(_INTERRUPTED, "interrupted", "interrupted; nothing was changed")


def _not_lost(what: sys.UnraisableHookArgs, /) -> None:
    """Where Python itself calls a function, an exception leads nowhere: Ctrl-C is sent again."""
    if issubclass(what.exc_type, KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    else:
        sys.__unraisablehook__(what)


def _write(descriptor: int, text: str) -> None:
    try:
        os.write(descriptor, text.encode("ascii", "backslashreplace"))
    except OSError:  # nobody listens
        return


def _quoted(text: str) -> str:
    """``text`` as it may be put into a JSON document, and onto a terminal."""
    return "".join(c if " " <= c < "\x7f" and c not in '"\\' else f"\\u{min(ord(c), 0xFFFF):04x}" for c in text)
