"""Asking beside the loop: an answer is there when the loop is woken for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from reconciler.errors import InputError
from reconciler.loop.asking import Asking
from reconciler.loop.wake import Wake
from reconciler.model.watched import Newer

ANSWER = Newer(at="2026-01-01T00:00:00Z", items=1)


class Taking(Wake):
    """Whoever is woken looks at once, while the thread that woke it still runs."""

    def __init__(self) -> None:
        super().__init__()
        self.asking = Asking(self)
        self.taken: list[Newer | None] = []
        self.woken = threading.Event()

    def trigger(self) -> None:
        looking = threading.Thread(target=lambda: self.taken.append(self.asking.take()))
        looking.start()
        looking.join()
        self.woken.set()


@pytest.fixture
def wake() -> Iterator[Taking]:
    found = Taking()
    yield found
    found.close()


def test_who_is_woken_finds_the_answer(wake: Taking) -> None:
    for _ in range(2):
        wake.asking.begin(lambda: ANSWER)
        assert wake.woken.wait(30)
        wake.woken.clear()
    assert wake.taken == [ANSWER, ANSWER]


def test_where_a_source_fails_there_is_none_and_the_next_question_is_asked(wake: Taking) -> None:
    def fails() -> Newer:
        raise InputError("x", advice="y")

    wake.asking.begin(fails)
    assert wake.woken.wait(30)
    wake.woken.clear()
    wake.asking.begin(lambda: ANSWER)
    assert wake.woken.wait(30)
    assert wake.taken == [None, ANSWER]
