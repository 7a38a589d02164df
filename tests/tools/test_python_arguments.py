from __future__ import annotations

import itertools
import sys
import textwrap
import types
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.chat.schema import compile_schema
from flowrun.document.python_source import signature
from flowrun.errors import ToolError
from flowrun.tools.python_arguments import arguments_of

HEAD = """
import datetime, decimal, enum, functools, pathlib, uuid
import collections, collections.abc as abc, typing as t
from dataclasses import dataclass, field
from pydantic import BaseModel, BeforeValidator, Field
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional, Union
from typing_extensions import TypedDict

Alias = Literal["red", "green"]

class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"

class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2

class Auto(enum.Enum):
    A = enum.auto()

@dataclass
class Point:
    x: int
    y: float = 0.0
    tags: list[str] = field(default_factory=list)
    parent: "Point | None" = None

class Item(BaseModel):
    name: str
    count: int = 1
    colour: Colour | None = None

class Renamed(BaseModel):
    name: str = Field(alias="called")

class Strict(BaseModel):
    model_config = {"extra": "forbid"}
    name: str

class Options(TypedDict, total=False):
    a: t.Required[int]
    b: str

class Pair(NamedTuple):
    a: int
    b: str

class Foreign:
    pass
"""

ANNOTATIONS = (
    *("int", "float", "str", "bool", "None", "bytes", "Any", "object", "list", "dict", "tuple"),
    *("list[int]", "list[list[str]]", "dict[str, int]", "dict[int, str]", "set[int]"),
    *("frozenset[str]", "tuple[int, str]", "tuple[int, ...]", "tuple[()]", "t.List[str]"),
    *("t.Sequence[int]", "abc.Sequence[int]", "abc.Mapping[str, float]", "t.Dict[str, Any]"),
    *("abc.Iterable[int]", "t.Iterable[str]", "collections.deque[int]", "t.Deque[int]"),
    *("collections.OrderedDict[str, int]", "t.DefaultDict[str, int]", "abc.MutableSequence[int]"),
    *("Optional[int]", "int | None", "Union[int, str]", "Union[list[int], dict[str, str], None]"),
    *("Literal['a', 'b']", "Literal[1, 'a', None]", "Literal[Colour.RED]", "Alias"),
    *("Colour", "Level", "Auto", "Point", "Item", "Renamed", "Strict", "Options", "Pair"),
    *("list[Point]", "dict[str, Item]", "Optional[Colour]", "'Point'", "list['Item']"),
    *("Annotated[int, Field(ge=1, description='How many.')]", "Annotated[str, 'just said']"),
    *("Annotated[list[str], BeforeValidator(lambda x: x)]", "Annotated[int, Field(gt=0)] | None"),
    *("datetime.datetime", "datetime.date", "datetime.time", "datetime.timedelta"),
    *("decimal.Decimal", "uuid.UUID", "pathlib.Path", "abc.Callable[[int], str]", "Foreign"),
    *("type[int]", "t.Pattern[str]", "complex", "NoSuchName", "t.NoSuchName"),
)
WRITTEN = (
    *("(x: {0}, y: {1})", "(x: {0}, y: {1} = None)", "(x, /, y: {0})", "(*, x: {0}, y=3)"),
    *("(x: {0}, *more: {1})", "(x: {0}, **more: {1})", "(x: {0} = None, *, y: {1})"),
    *("(x: {0} = Field(description='x'), y: {1} = Field(None))", "(x, y={{}}, *args, z: {0})"),
)

VALUES: tuple[Any, ...] = (
    *(None, True, 0, 1, -3, 2.5, "", "a", "red", "1", "2026-01-01", "12:30:00", "P1D"),
    *([], [1], ["a"], [[1]], [1, "a"], {}, {"a": 1}, {"name": "x"}, {"called": "x"}),
    *({"x": 1}, {"x": 1, "y": 2, "tags": ["a"]}, {"name": "x", "other": 1}, {"1": "a"}),
    *([{"x": 1}], {"k": {"name": "x"}}, "2026-01-01T10:00:00Z", "1.5", "/tmp"),
)


def function_of(source: str, name: str = "f") -> Callable[..., object]:
    module = types.ModuleType("of_a_test")
    sys.modules[module.__name__] = module
    exec(compile(source, "of_a_test.py", "exec"), module.__dict__)
    return cast("Callable[..., object]", module.__dict__[name])


def both(source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the file says, and what the function that ran says."""
    read = signature(source, "f")
    assert read is not None
    return dict(read.parameters), dict(arguments_of(function_of(source)).schema)


def test_the_schema_of_a_function() -> None:
    source = f'''{HEAD}
def f(city: str, days: Annotated[int, Field(ge=1)] = 3, *, unit: Alias = "red", **more: int):
    """Tells the weather.

    Args:
        city: Where.
        days: How long.
    """
'''
    assert arguments_of(function_of(source)).schema == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where."},
            "days": {"type": "integer", "minimum": 1, "default": 3, "description": "How long."},
            "unit": {"type": "string", "enum": ["red", "green"], "default": "red"},
        },
        "required": ["city"],
        "additionalProperties": True,
    }


PAIRS = tuple(zip(ANNOTATIONS, itertools.cycle(reversed(ANNOTATIONS)), strict=False))


@pytest.mark.parametrize("is_late", [False, True], ids=["now", "later"])
@pytest.mark.parametrize("written", WRITTEN)
def test_the_file_and_the_function_agree_on_names(written: str, is_late: bool) -> None:
    late = "from __future__ import annotations\n" if is_late else ""
    for first, second in PAIRS:
        if not is_late and "NoSuchName" in first + second:
            continue
        source = f"{late}{HEAD}\ndef f{written.format(first, second)}: ..."
        said, is_so = both(source)
        compile_schema(said)
        compile_schema(is_so)
        for each in (said, is_so):
            each["names"] = sorted(each["properties"])
            each["required"] = sorted(each.get("required", ()))
        wanted = ("names", "required", "additionalProperties")
        assert {n: said[n] for n in wanted} == {n: is_so[n] for n in wanted}, source


@pytest.mark.parametrize("annotation", [each for each in ANNOTATIONS if "NoSuch" not in each])
def test_the_file_never_refuses_what_the_function_takes(annotation: str) -> None:
    said, is_so = both(f"{HEAD}\ndef f(x: {annotation}): ...")
    told, true = compile_schema(said), compile_schema(is_so)
    for value in VALUES:
        if not true.problems({"x": value}):
            assert not told.problems({"x": value}), value


def test_a_default_of_null_may_be_said() -> None:
    said, is_so = both("def f(x: int = None): ...")
    assert not compile_schema(said).problems({"x": None})
    assert not compile_schema(is_so).problems({"x": None})


BOUND = HEAD + textwrap.dedent("""
def f(a, b=2, /, c: int = 3, *args, d: Point = None, e: int = Field(5), **more: int):
    return a, b, c, args, d, e, more
""")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"a": 1}, "(1, 2, 3, (), None, 5, {})"),
        ({"a": 1, "c": 9, "e": 6}, "(1, 2, 9, (), None, 6, {})"),
        ({"a": 1, "b": None}, "(1, None, 3, (), None, 5, {})"),
        ({"a": 1, "z": 7}, "(1, 2, 3, (), None, 5, {'z': 7})"),
        (
            {"a": [1], "d": {"x": 1}},
            "([1], 2, 3, (), Point(x=1, y=0.0, tags=[], parent=None), 5, {})",
        ),
    ],
)
def test_arguments_reach_the_function(given: dict[str, Any], expected: str) -> None:
    function = function_of(BOUND)
    in_order, by_name = arguments_of(function).bind(given)
    assert str(function(*in_order, **by_name)) == expected


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "the arguments do not fit: a: Field required"),
        (
            {"a": 1, "c": "x"},
            "the arguments do not fit: c: Input should be a valid integer, "
            "unable to parse string as an integer",
        ),
        ({"a": 1, "d": {}}, "the arguments do not fit: d.x: Field required"),
        (
            {"a": 1, "z": "x"},
            "the arguments do not fit: z: Input should be a valid integer, "
            "unable to parse string as an integer",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_named(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ToolError) as caught:
        arguments_of(function_of(BOUND)).bind(given)
    assert str(caught.value) == problem


def test_of_many_problems_some_are_named() -> None:
    source = "def f(a, b, c, d, e, g): ..."
    with pytest.raises(ToolError, match=r"e: Field required; and more$"):
        arguments_of(function_of(source)).bind({})


def test_unknown_arguments_are_refused() -> None:
    with pytest.raises(ToolError, match="z: Extra inputs are not permitted"):
        arguments_of(function_of("def f(a=1): ...")).bind({"z": 1})


def test_a_rest_that_cannot_be_read_takes_anything() -> None:
    source = "class Foreign: ...\ndef f(**more: Foreign): ..."
    assert arguments_of(function_of(source)).bind({"z": 1}) == ([], {"z": 1})


ODD = HEAD + textwrap.dedent("""
class Odd:
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        raise TypeError("odd")
def f(x: Odd, y: int, **more: Odd): ...
""")


def test_a_parameter_that_pydantic_cannot_read_takes_anything() -> None:
    found = arguments_of(function_of(ODD))
    assert found.schema["properties"] == {"x": {}, "y": {"type": "integer"}}
    assert found.bind({"x": "any", "y": 1, "z": 2}) == ([], {"x": "any", "y": 1, "z": 2})


def test_what_has_no_signature_is_refused() -> None:
    with pytest.raises(ToolError, match="does not tell what it takes"):
        arguments_of(cast("Callable[..., object]", dict))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_any_argument_is_bound_or_refused(value: object) -> None:
    function = function_of(HEAD + "def f(x: Point | list[Item] | Alias): return x")
    try:
        in_order, by_name = arguments_of(function).bind({"x": cast("Any", value)})
    except ToolError:
        return
    function(*in_order, **by_name)
