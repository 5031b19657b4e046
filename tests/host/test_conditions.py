"""Conditions of rules: what they can say, and that nothing in them, or in what they compare, is run."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.host.decode import MAX_CONDITION_CHARACTERS
from reconciler.host.engine.expression import first_that_holds, holds
from reconciler.host.engine.state import State
from reconciler.host.errors import RunError
from reconciler.host.items import Rule

VALUES: dict[str, Any] = {
    "level": "high",
    "count": 3,
    "none": None,
    "list": [1, 2],
    "ticket": {"level": "low", "tags": ["bug"], "class": 7},
    "text": "x" * 60_000,
    "huge": 10**4000,
    "quote": "' or '1' == '1",
}


def state() -> State:
    return State(values=VALUES, inputs={"level": "given"}, steps={"read": {"output": {"level": "read"}}})


@pytest.mark.parametrize(
    "condition",
    [
        True,
        "true",
        "level == 'high'",
        'level == "high" and count > 2 and count >= 3',
        "not (count < 3 or count <= 2 or count != 3)",
        "level in ['high', 'low']",
        "'bug' in ticket.tags",
        "2 in list and 3 not in list",
        "list[1] == 2 and ticket['level'] == 'low'",
        "ticket.level == 'low' and inputs.level == 'given' and steps.read.output.level == 'read'",
        "count + 1 == 4 and count - 1 == 2 and count * 2 == 6 and count / 2 == 1.5 and count % 2 == 1 and -count == -3",
        "nothing == null and none == null and nothing != ''",
        "ticket.nothing == null and level.upper == null and ticket.__class__ == null",
        "{{level}} == 'high'",
        "'{{ level }}' == 'high' and \"{{ticket.level}}\" == 'low'",
        "{{nothing}} == null",
        "{{quote}} == quote and '{{quote}}' != ''",
        "huge * huge > 1",
    ],
)
def test_what_holds(condition: str | bool) -> None:
    assert holds(condition, state(), {}) is True


@pytest.mark.parametrize(
    "condition",
    [False, "false", "null", "level == 'low'", "'{{quote}}' == '1'", "{{quote}} == '1'", "nothing", "level.x"],
)
def test_what_does_not_hold(condition: str | bool) -> None:
    assert holds(condition, state(), {}) is False


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("level ==", "it is no expression"),
        ("level == 'high'\nlevel", "it is no expression"),
        ("level > 3", "'>' not supported between instances of 'str' and 'int'"),
        ("list[5] == 1", "it uses an operator or an entry that there is not"),
        ("ticket['nothing'] == 1", "it uses an operator or an entry that there is not"),
        ("count / 0 == 1", "division by zero"),
        ("huge * 1.0 > 1", "int too large to convert to float"),
        ("9**9**9 > 1", "Pow"),
        ("1 << 999999999 > 1", "LShift"),
        ("~count == 1", "Invert"),
        ("'%1000000000d' % count == ''", "'%' takes two numbers"),
        ("text * 1000 == ''", "I will not evaluate something that long"),
        ("list * 1000000000 == []", "I will not evaluate something that long"),
        ("text + text + text == ''", "too long"),
        ("level.upper() == 'HIGH'", "Call is not available"),
        ("__import__('os')", "Call is not available"),
        ("f'{level}' == 'high'", "JoinedStr is not available"),
        ("(lambda: 1) == 1", "Lambda is not available"),
        ("[x for x in list] == []", "ListComp is not available"),
        ("(1 if level else 2) == 1", "IfExp is not available"),
        ("level[1:] == 'igh'", "Slice is not available"),
        ("{'a': 1} == 1", "Dict is not available"),
        ("\ud800 == 1", "surrogates not allowed"),
        ("-" * 1_500 + "1", "is nested too deep"),
        ("1" * (MAX_CONDITION_CHARACTERS + 1), "has more than 2000 characters"),
    ],
)
def test_what_cannot_be_evaluated(condition: str, reason: str) -> None:
    with pytest.raises(RunError) as caught:
        holds(condition, state(), {})
    assert reason in caught.value.message
    assert "\n" not in caught.value.message


def test_a_condition_may_be_as_long_as_the_limit() -> None:
    assert holds("1".ljust(MAX_CONDITION_CHARACTERS), state(), {})


def test_the_first_rule_that_holds_gives_its_outputs_filled_in() -> None:
    rules = tuple(
        Rule(condition=condition, outputs={"to": to})
        for condition, to in (("level == 'low'", "no"), ("count == 3", "{{level}} {{count}}"), (True, "late"))
    )
    assert first_that_holds(rules, state(), {}) == (1, {"to": "high 3"})
    assert first_that_holds(rules[:1], state(), {}) is None


def test_names_of_a_summary_go_before_the_state() -> None:
    assert first_that_holds((Rule(condition="level == 'mine'", outputs={}),), state(), {"level": "mine"}) == (
        0,
        {},
    )
