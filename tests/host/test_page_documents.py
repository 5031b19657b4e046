"""What the page is told."""

from __future__ import annotations

from reconciler.codes import RefusalCode
from reconciler.host.page.documents import plan_document
from reconciler.model.ids import ItemKey, Kind
from reconciler.model.plan import Change, Drift, Plan, Refusal


def test_of_two_kinds_with_one_id_each_row_names_the_kind() -> None:
    extension, module = ItemKey(Kind.EXTENSION, "a"), ItemKey(Kind.MODULE, "a")
    other = ItemKey(Kind.EXTENSION, "b")
    found = plan_document(
        Plan(
            generation=1,
            actions=(),
            drift=tuple(Drift(key=key, path="x.md", change=Change.EDITED) for key in (extension, other)),
            refusals=(Refusal(key=module, code=RefusalCode.CONFLICT, message="no"),),
        )
    )
    names = [row["name"] for part in ("drift", "refusals") for row in found[part]]  # type: ignore[union-attr, index, call-overload]
    assert names == ["a (extension)", "b", "a (agentic-module)"]
