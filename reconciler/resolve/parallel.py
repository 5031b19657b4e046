"""Side by side: tasks that mostly wait for others, a few at a time.

A process that is interrupted does not wait for them: their threads end with it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, TypeVar

from reconciler.errors import LlamagateError

AT_ONCE: Final = 8

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def side_by_side(tasks: Mapping[K, Callable[[], T]]) -> Iterator[tuple[K, T | LlamagateError]]:
    """What became of each task, as soon as it is done. Any error but ours is raised, and no further task begun."""
    waiting: SimpleQueue[tuple[K, Callable[[], T]]] = SimpleQueue()
    done: SimpleQueue[tuple[K, T | BaseException]] = SimpleQueue()
    for task in tasks.items():
        waiting.put(task)

    def work() -> None:
        for key, task in _left(waiting):
            try:
                done.put((key, task()))
            except BaseException as error:  # raised where the outcome is taken
                done.put((key, error))

    for _ in range(min(AT_ONCE, len(tasks))):
        Thread(target=work, daemon=True).start()
    try:
        for _ in tasks:
            key, outcome = done.get()
            if isinstance(outcome, BaseException) and not isinstance(outcome, LlamagateError):
                raise outcome
            yield key, outcome
    finally:
        any(False for _ in _left(waiting))


def _left(waiting: SimpleQueue[tuple[K, Callable[[], T]]]) -> Iterator[tuple[K, Callable[[], T]]]:
    while True:
        try:
            yield waiting.get_nowait()
        except Empty:
            return
