"""One step as the witness of a run sees it. Where nobody does, it costs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec.structs import replace

from reconciler.host.engine.run import Run, StepEvent
from reconciler.model.config import JsonObject


class Watched:
    """Tells the witness of ``run``, if there is one, how a step of ``item`` goes."""

    def __init__(self, run: Run, item: str, number: int, name: str, uses: str) -> None:
        self._witness = run.services.witness
        if self._witness is not None:
            self._event = StepEvent(item=item, number=number, name=name, uses=uses, depth=run.depth)
            self._started = time.monotonic()

    def begin(self, arguments: Callable[[], JsonObject]) -> None:
        """It begins; ``arguments`` is asked only where somebody watches."""
        if self._witness is not None:
            self._event = replace(self._event, arguments=arguments())
            self._witness.began(self._event)

    def end(self, result: JsonObject | None = None, *, error: str | None = None, rule: int | None = None) -> None:
        """It ended."""
        if self._witness is not None:
            seconds, state = time.monotonic() - self._started, "failed" if error else "ran"
            self._witness.ended(
                replace(self._event, state=state, result=result or {}, error=error, rule=rule, seconds=seconds)
            )

    def skip(self) -> None:
        """It is never begun."""
        if self._witness is not None:
            self._witness.ended(replace(self._event, state="skipped"))
