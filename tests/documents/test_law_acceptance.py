"""Law: the quick test of a schema and jsonschema say the same about every value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.documents import schemas
from reconciler.documents.acceptance import UnknownKeywordError, acceptor
from tests.documents.strategies import values
from tests.support.laws import examples

NAMES = (*schemas.SCHEMA_NAMES, "extension-manifest#/$defs/task", "module-manifest#/$defs/task")


def near(schema: Any) -> st.SearchStrategy[Any]:
    """Values that often keep to ``schema``, and often do not by one thing."""
    if not isinstance(schema, dict):
        return values
    usual = [st.sampled_from([*schema.get(key, [])]) for key in ("examples", "enum") if schema.get(key)]
    usual += [st.just(schema["const"])] if "const" in schema else []
    if "items" in schema:
        usual.append(st.lists(near(schema["items"]), max_size=3))
    if "properties" in schema:
        usual.append(near_mapping(schema))
    if isinstance(schema.get("additionalProperties"), dict):
        usual.append(
            st.dictionaries(st.sampled_from(["x", "Y-y", ""]), near(schema["additionalProperties"]), max_size=2)
        )
    return st.integers(0, 9).flatmap(lambda dice: st.one_of(*usual) if dice and usual else values)


def near_mapping(schema: Any) -> st.SearchStrategy[Any]:
    known = {key: near(below) for key, below in schema["properties"].items()}
    needed = {key: known[key] for key in schema.get("required", ()) if key in known}
    others = {key: below for key, below in known.items() if key not in needed}
    whole = st.fixed_dictionaries(needed, optional=others)
    return whole | st.fixed_dictionaries({}, optional=known | {"x": values})


@pytest.mark.parametrize("name", NAMES)
@examples(0.5)
@given(st.data())
def test_the_quick_test_and_jsonschema_agree(name: str, data: st.DataObject) -> None:
    value = data.draw(near(schemas._schema(name)))
    assert acceptor(schemas._schema(name))(value) == schemas._validator(name).is_valid(value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        pytest.param({"type": "integer"}, 1.0, id="a number with a point is no integer"),
        pytest.param({"type": "number"}, True, id="a boolean is no number"),
        pytest.param({"minimum": 2}, True, id="which has no minimum"),
        pytest.param({"enum": ["1"]}, 1, id="a number is no text"),
        pytest.param({"pattern": "^a$"}, "a\n", id="a final dollar is the end"),
        pytest.param({"required": ["a"]}, [], id="a list has no fields that could be missing"),
        pytest.param({"if": {"required": ["a"]}, "else": {"required": ["b"]}}, {}, id="else"),
        pytest.param({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1}, id="then"),
        pytest.param({"additionalProperties": {"type": "string"}, "properties": {"a": {}}}, {"a": 1}, id="known field"),
        pytest.param({"uniqueItems": True}, ["a", "a"], id="twice the same"),
        pytest.param({"propertyNames": {"maxLength": 1}}, {"ab": 1}, id="a name"),
        pytest.param({"const": True}, True, id="true"),
        pytest.param({"const": True}, 1, id="1 is not true"),
    ],
)
def test_corners(schema: Any, value: Any) -> None:
    assert acceptor(schema)(value) == schemas._extended()(schema).is_valid(value)


@pytest.mark.parametrize("schema", [{"oneOf": [{}]}, {"enum": [1]}, {"const": 1}, {"items": {"$ref": "#"}}, False])
def test_what_is_not_known_has_no_acceptor(schema: Any) -> None:
    with pytest.raises(UnknownKeywordError):
        acceptor(schema)


@pytest.mark.parametrize("name", NAMES)
def test_our_own_schemas_are_known(name: str) -> None:
    acceptor(schemas._schema(name))
