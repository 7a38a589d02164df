"""What holds of every schema, every value of it, and every template that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.chat.schema import InvalidSchema, compile_schema
from flowrun.digest import JsonValue
from flowrun.document.fits import fits as fits_type
from flowrun.document.infer import infer, infer_within, known_where
from flowrun.document.names import Names
from flowrun.document.schema_types import from_schema
from flowrun.document.templates import TemplateError, parse, parse_expression, value
from flowrun.document.types import String, union
from tests.document.typed_scope import fits

Sample: TypeAlias = tuple[JsonValue, JsonValue]
"""A schema, and a value that conforms to it."""

LENIENT = {"maybe-missing", "may-be-null", "never-equal"}
"""What a template that has these faults may survive."""

names = st.sampled_from(["a", "b", "c"])


def _constants() -> st.SearchStrategy[Sample]:
    scalars: list[JsonValue] = [None, True, 0, 3, 1.5, "", "x", "y"]
    kinds: list[tuple[JsonValue, list[JsonValue]]] = [
        ({"type": ["string", "null"]}, ["x", "", None]),
        ({"enum": ["x", "y", 3]}, ["x", "y", 3]),
        ({"type": "number"}, [0, 1.5, -2]),
        ({"type": "integer"}, [0, 3]),
        ({"type": "boolean"}, [True, False]),
        ({"const": None}, [None]),
        ({}, scalars),
        (True, scalars),
        ({"$ref": "#/nowhere"}, scalars),
    ]
    return st.sampled_from([(schema, each) for schema, values in kinds for each in values])


def _lists(inner: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    def listed(item: Sample, count: int) -> Sample:
        return {"type": "array", "items": item[0]}, [item[1]] * count

    def fixed(items: list[Sample], closing: Mapping[str, JsonValue]) -> Sample:
        schema = {"type": "array", "prefixItems": [each[0] for each in items], **closing}
        return schema, [each[1] for each in items]

    closings: list[Mapping[str, JsonValue]] = [{"items": False}, {"maxItems": 3}, {}]
    several = st.lists(inner, min_size=1, max_size=3)
    return st.builds(listed, inner, st.integers(1, 2)) | st.builds(
        fixed, several, st.sampled_from(closings)
    )


@st.composite
def _objects(draw: st.DrawFn, inner: st.SearchStrategy[Sample]) -> Sample:
    fields = draw(st.dictionaries(names, inner, max_size=3))
    absent = draw(st.sets(names, max_size=1))
    value = {name: sample[1] for name, sample in fields.items() if name not in absent}
    properties = {name: sample[0] for name, sample in fields.items()}
    shape: Mapping[str, JsonValue] = {"type": "object", "required": sorted(value)}
    if draw(st.booleans()):
        parts = [{"properties": {name: schema}} for name, schema in properties.items()]
        return {**shape, "allOf": parts or [{}], "unevaluatedProperties": False}, value
    closings: list[Mapping[str, JsonValue]] = [{"additionalProperties": False}, {}]
    return {**shape, "properties": properties, **draw(st.sampled_from(closings))}, value


def _choices(inner: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    def chosen(samples: list[Sample]) -> Sample:
        return {"anyOf": [schema for schema, _ in samples]}, samples[0][1]

    return st.builds(chosen, st.lists(inner, min_size=1, max_size=3))


samples = st.recursive(
    _constants(), lambda inner: _lists(inner) | _objects(inner) | _choices(inner), max_leaves=8
)
paths = st.lists(names | st.integers(-2, 3), max_size=4)


def _walked(data: JsonValue, path: list[str | int]) -> JsonValue:
    """Raises: LookupError, TypeError where the path leads nowhere."""
    for part in path:
        data = data[part]  # type: ignore[index]
    return data


@settings(max_examples=200, deadline=None)
@given(sample=samples, path=paths)
def test_what_can_be_read_is_not_refused(sample: Sample, path: list[str | int]) -> None:
    schema, data = sample
    try:
        read = _walked(data, path)
    except (LookupError, TypeError):
        return
    source = "{{ x" + "".join(f"[{part!r}]" for part in path) + " }}"
    found, told = infer(parse(source).tree, {"x": from_schema(schema)})
    assert [each for each in told if each.code != "maybe-missing"] == []
    assert fits(read, found)


SNIPPETS = [
    *("x.a", "x['b']", "x[0]", "x[-1]", "x[1:]", "x.a.b", "x.items()", "x.a.upper()", "x.get('a')"),
    *("x | upper", "x | map(attribute='a') | list", "x | sort | first", "x | length", "x | sum"),
    *("x | groupby('a')", "x | selectattr('a') | list", "x | default(1)", "x | dictsort"),
    *(
        "x.get('a') | default(1)",
        "x | flatten",
        "x | unique",
        "x | reverse",
        "x | batch(2)",
        "x | mean",
    ),
    *("x + 1", "x ~ 1", "x * 2", "-x", "x == 'x'", "x in ['x']", "x < 3", "'a' in x", "x % 2"),
    *("x or 1", "x and x.a", "x.a if x else 0", "x is odd", "x is mapping and x.a", "not x"),
    *("x.a == 'x' and x.b", "x.a != 'x' and x.b", "x['a'] in ['x', 'y'] and x.b.c"),
    *("x.a not in ['x', 'y'] and x.b", "not (x.a == 'x') and x.b", "x.a is ne 'x' and x.b"),
    *("(x.a == 'x' or x.a == 'y') and x.b", "not (x.a == 'x' or x.b == 'y') and x.c"),
    *("x.b if x.a == 'x' else 0", "0 if x.a == 'x' else x.b", "x.a == 'x' and x.a == 'y' or x"),
    *("x | agreement", "[x, x] | agreement", "([x] | agreement).a.value", "x | most_common"),
    *("x is string and x + 'a'", "x.a is defined and x.a", "x.a == 'x' and x.b", "[x, 1][0]"),
]


@settings(max_examples=400, deadline=None)
@given(sample=samples, snippet=st.sampled_from(SNIPPETS))
def test_what_renders_is_not_refused(sample: Sample, snippet: str) -> None:
    schema, data = sample
    template = parse(f"{{{{ {snippet} }}}}")
    try:
        result = value(template, {"x": data})
    except TemplateError:
        return
    if not result and (" and " in snippet or " if " in snippet):
        return  # what stands behind the condition may not have been looked at
    found, told = infer(template.tree, {"x": from_schema(schema)})
    assert [each for each in told if each.code not in LENIENT] == []
    assert fits(result, found)


@settings(max_examples=150, deadline=None)
@given(sample=samples, snippets=st.lists(st.sampled_from(SNIPPETS), min_size=1, max_size=4))
def test_any_template_is_walked(sample: Sample, snippets: list[str]) -> None:
    body = "".join(f"{{% set x = {each} %}}{{{{ x }}}}" for each in snippets)
    source = f"{{% for x in [x] %}}{body}{{% if x %}}{{{{ x.a }}}}{{% endif %}}{{% endfor %}}"
    found, told = infer(parse(source).tree, {"x": from_schema(sample[0])})
    assert found == String()
    assert all(0 <= each.offset < len(source) and each.message for each in told)


@settings(max_examples=300, deadline=None)
@given(found=samples, wanted=samples)
def test_what_fits_is_not_refused(found: Sample, wanted: Sample) -> None:
    try:
        problems = compile_schema({"properties": {"x": wanted[0]}}).problems({"x": found[1]})
    except InvalidSchema:
        return  # it refers to what is not there
    if not problems:
        assert fits_type(from_schema(found[0]), from_schema(wanted[0])) is None


@settings(max_examples=200, deadline=None)
@given(
    items=st.lists(samples, min_size=2, max_size=4),
    conditions=st.lists(
        st.sampled_from(
            ["x.a == 'x'", "x.a != 'y'", "x.b in ['x']", "x.a is in ['y', 'z']", "x.c"]
        ),
        min_size=1,
        max_size=3,
    ),
    snippet=st.sampled_from(["x.a", "x.b", "x.c.a", "x.a ~ x.b", "x"]),
)
def test_where_conditions_hold_no_value_is_left_out(
    items: list[Sample], conditions: list[str], snippet: str
) -> None:
    condition = parse_expression(" and ".join(conditions))
    template = parse(f"{{{{ {snippet} }}}}")
    type_ = union(from_schema(schema) for schema, _ in items)
    names = Names({"x": type_})
    known = names.child(known_where(condition.tree, names))
    for _, data in items:
        try:
            if not value(condition, {"x": data}):
                continue
            result = value(template, {"x": data})
        except TemplateError:
            continue
        found, told = infer_within(template.tree, known)
        assert [each for each in told if each.code not in LENIENT] == []
        assert fits(result, found)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_of_anything_everything_may_be_read(snippet: str) -> None:
    tree = parse(f"{{{{ {snippet} }}}}").tree
    assert infer(tree, {"x": from_schema(True)})[1] == ()
