from __future__ import annotations

from typing import Any

import pytest

from flowrun.document.python_source import Signature, functions, signature

HEAD = """
from __future__ import annotations
import datetime, enum, typing as t
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, Optional, TypedDict, NotRequired, Union, ClassVar
from pydantic import BaseModel, Field
"""


def parameters(source: str, function: str = "f") -> dict[str, Any]:
    found = signature(HEAD + source, function)
    assert found is not None
    return dict(found.parameters)


def of(annotation: str, before: str = "") -> object:
    return parameters(f"{before}\ndef f(x: {annotation}): ...")["properties"]["x"]


def test_a_whole_function() -> None:
    source = '''
def find(query: str, limit: int = 5, *, exact: bool = False) -> list[str]:
    """Finds products.

    Args:
        query: What to look for.
    """
'''
    assert signature(source, "find") == Signature(
        description="Finds products.",
        parameters={
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "What to look for."},
                "limit": {"type": "integer", "default": 5},
                "exact": {"type": "boolean", "default": False},
            },
            "required": ["query"],
            "additionalProperties": False,
        },
        returns={"type": "array", "items": {"type": "string"}},
        is_certain=True,
    )


TEXT, WHOLE, NULL = {"type": "string"}, {"type": "integer"}, {"type": "null"}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("str", TEXT),
        ("float", {"type": "number"}),
        ("None", NULL),
        ("Any", {}),
        ("object", {}),
        ("Unknown", {}),
        ("unknown.Thing", {}),
        ("lambda: 0", {}),
        ("'str'", TEXT),
        ("'st r'", {}),
        ("datetime.date", TEXT),
        ("list", {"type": "array"}),
        ("list[Any]", {"type": "array"}),
        ("t.List[int]", {"type": "array", "items": WHOLE}),
        ("t.Sequence['int']", {"type": "array", "items": WHOLE}),
        ("t.Iterator[int]", {}),
        ("dict", {"type": "object"}),
        ("dict[str, int]", {"type": "object", "additionalProperties": WHOLE}),
        ("dict[int, int]", {"type": "object"}),
        ("tuple", {"type": "array"}),
        ("tuple[int, ...]", {"type": "array", "items": WHOLE}),
        ("tuple[()]", {"type": "array"}),
        (
            "tuple[int, str]",
            {"type": "array", "prefixItems": [WHOLE, TEXT], "minItems": 2, "maxItems": 2},
        ),
        ("tuple[int, *tuple[str]]", {"type": "array"}),
        ("Literal['a', 2, None]", {"enum": ["a", 2, None]}),
        ("Literal[X.a]", {}),
        ("Literal[b'a']", {}),
        ("Optional[int]", {"anyOf": [WHOLE, NULL]}),
        ("int | None", {"anyOf": [WHOLE, NULL]}),
        ("Union[int, str, int | None]", {"anyOf": [WHOLE, TEXT, NULL]}),
        ("Union[int, Unknown]", {}),
        ("int | int", WHOLE),
        ("Annotated[int, Field(ge=1)]", WHOLE),
        ("Annotated[int, 'said']", WHOLE),
        ("Annotated[int, BeforeValidator(int)]", {}),
        ("Annotated[int, Field(description='How many.')]", {**WHOLE, "description": "How many."}),
        ("t.Callable[[int], str]", {}),
        ("list[" * 30 + "int" + "]" * 30, None),
    ],
)
def test_annotations_become_schemas(annotation: str, expected: object) -> None:
    found = of(annotation)
    assert found == expected if expected is not None else found


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("X = Literal['a']", {"enum": ["a"]}),
        ("X: t.TypeAlias = int", WHOLE),
        ("X: int = int", {}),
        ("X = X", {}),
        ("X = int\nX = str", {}),
        ("X = int\ndef g():\n    global X", {}),
        ("from somewhere import X", {}),
        ("from . import X", {}),
        ("from builtins import int as X", WHOLE),
        ("import builtins as X", {}),
        ("class X(Enum):\n    A = 'a'\n    B = 2", {"enum": ["a", 2]}),
        ("class X(str, Enum):\n    'doc'\n    A = 'a'\n    def g(self): ...", {"enum": ["a"]}),
        ("class X(str, Enum):\n    A = 1", {}),
        ("class X(Enum):\n    A = enum.auto()", {}),
        ("class X(Enum):\n    A = b'a'", {}),
        ("class X(Enum):\n    _ignore_ = 'a'", {}),
        ("class X(Enum):\n    A: int", {}),
        ("class X(Enum):\n    pass", {}),
        ("class X(Enum, Other):\n    A = 1", {}),
        ("class X(enum.IntEnum):\n    A = 1", {"enum": [1]}),
        ("class X(enum.Flag):\n    A = 1", {}),
        ("class X: ...", {}),
        ("@dataclass\nclass X(Base):\n    a: int", {}),
        ("@other\nclass X:\n    a: int", {}),
        ("@dataclass\nclass X:\n    a = 3", {}),
        ("class X(BaseModel):\n    a: int\n    model_config = {}", {}),
        ("class X(BaseModel):\n    a: int\n    @validator\n    def g(self): ...", {}),
        ("class X(BaseModel, str):\n    a: int", {}),
        ("class X(BaseModel):\n    a: int = Field(alias='b')", {"type": "object"}),
        ("@dataclass\nclass X:\n    a: InitVar[int]\nfrom dataclasses import InitVar",
         {"type": "object"}),
        ("@dataclass(frozen=True)\nclass X:\n    a: X\n    b: int = None\n    c: ClassVar[int] = 1",
         {"type": "object", "properties": {"a": {}, "b": {"anyOf": [WHOLE, NULL]}},
          "required": ["a"]}),
        ("class X(BaseModel):\n    a: int\n    b: str = 'b'\n    _c: int = 0",
         {"type": "object", "properties": {"a": WHOLE, "b": TEXT}, "required": ["a"]}),
        ("class X(TypedDict):\n    a: int\n    b: NotRequired[str]",
         {"type": "object", "properties": {"a": WHOLE, "b": TEXT}, "required": ["a"]}),
        ("class X(TypedDict, total=False):\n    a: t.Required[int]\n    b: str",
         {"type": "object", "properties": {"a": WHOLE, "b": TEXT}, "required": ["a"]}),
        ("class X(TypedDict, total=True):\n    a: int",
         {"type": "object", "properties": {"a": WHOLE}, "required": ["a"]}),
        ("class X(TypedDict):\n    pass", {"type": "object", "properties": {}}),
    ],
)  # fmt: skip
def test_names_of_the_module_are_followed(before: str, expected: object) -> None:
    assert of("X", before) == expected


def test_what_a_name_of_python_was_bound_to_is_followed() -> None:
    assert of("int", "int = str") == TEXT
    assert of("int", "from elsewhere import *") == {}


@pytest.mark.parametrize(
    ("written", "required", "shown"),
    [
        ("x", True, {}),
        ("x=3", False, {"default": 3}),
        ("x=[1, {'a': None}]", False, {"default": [1, {"a": None}]}),
        ("x=None", False, {}),
        ("x: int = None", False, {"anyOf": [WHOLE, NULL]}),
        ("x=b'bytes'", False, {}),
        ("x=1e999", False, {}),
        ("x=compute()", False, {}),
        ("x: int = Field(description='An x.')", True, {**WHOLE, "description": "An x."}),
        ("x: int = Field(..., ge=1)", True, WHOLE),
        ("x: int = Field(default=...)", True, WHOLE),
        ("x: int = Field(3)", False, WHOLE),
        ("x: int = Field(default=3)", False, WHOLE),
        ("x: int = Field(default_factory=int)", False, WHOLE),
        ("x: int = Field(**words)", False, WHOLE),
        ("x, /", True, {}),
        ("*, x", True, {}),
        ("*, x=1", False, {"default": 1}),
    ],
)
def test_parameters_are_required_without_a_default(
    written: str, required: bool, shown: object
) -> None:
    found = parameters(f"def f({written}): ...")
    assert (found["properties"]["x"], "required" in found) == (shown, required)


def test_a_rest_of_arguments_allows_more_names_and_no_positions() -> None:
    assert parameters("def f(*args: int, **more: int): ...") == {
        "type": "object",
        "properties": {},
        "additionalProperties": True,
    }


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("", None),
        (" -> None", NULL),
        (" -> bytes", None),
        (" -> Any", None),
        (" -> t.Iterator[int]", {"type": "array", "items": WHOLE}),
        (" -> t.Generator", {"type": "array"}),
        (" -> t.Awaitable[int]", WHOLE),
        (" -> X", {"type": "object", "properties": {"a": WHOLE, "b": TEXT},
                   "required": ["a", "b"]}),
    ],
)  # fmt: skip
def test_what_a_function_gives(annotation: str, expected: object) -> None:
    before = "@dataclass\nclass X:\n    a: int\n    b: str = field(default='b')\n"
    found = signature(f"{HEAD}{before}async def f(){annotation}: ...", "f")
    assert found is not None
    assert found.returns == expected


@pytest.mark.parametrize(
    "source",
    [
        "f = make()",
        "from elsewhere import f",
        "import f",
        "import f.g",
        "from elsewhere import *",
        "def __getattr__(name): ...",
        "class f:\n    def __init__(self, x): ...",
        "if True:\n    def f(x): ...",
        "def f(x): ...\nf = wrapped(f)",
        "def f(x): ...\ndef g():\n    global f\n    f = 3",
        "@wrapped\ndef f(x): ...",
        "try:\n    pass\nexcept ValueError as f:\n    pass",
        "for f in ():\n    pass",
    ],
)
def test_what_is_no_plain_function_takes_anything(source: str) -> None:
    assert signature(source, "f") == Signature()


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def g(f): ...",
        "g = lambda f: 0",
        "class A:\n    def f(self): ...",
        "def g():\n    f = 1",
    ],
)
def test_a_name_that_is_not_there_gives_nothing(source: str) -> None:
    assert signature(source, "f") is None


def test_decorators_that_change_nothing_are_seen_through() -> None:
    source = "import functools\n@functools.lru_cache(maxsize=1)\n@functools.cache\ndef f(x): ..."
    assert parameters(source)["required"] == ["x"]


def test_the_last_definition_counts() -> None:
    assert parameters("def f(x): ...\ndef f(y): ...")["required"] == ["y"]


def test_functions_for_others_are_listed() -> None:
    source = "def b(): ...\nasync def a(): ...\ndef _c(): ...\ndef b(): ...\nclass D: ..."
    assert functions(source) == ("b", "a")


@pytest.mark.parametrize("source", ["def", b"\xff", "x = '\0'", "(" * 10_000, "-" * 100_000 + "x"])
def test_what_is_no_python_is_a_syntax_error(source: str | bytes) -> None:
    with pytest.raises(SyntaxError):
        signature(source, "f")


@pytest.mark.parametrize("deep", ["1" + "+1" * 700, "a" + ".b" * 700, "a" + "[0]" * 700])
def test_expressions_of_any_depth_are_read(deep: str) -> None:
    assert signature(f"y = {deep}\ndef f(x=0): ...", "f") is not None
    assert signature(f"def f(x: {deep} = {deep}) -> {deep}: ...", "f") is not None


def test_reading_warns_of_nothing() -> None:
    assert signature(r"x = '\d'", "f") is None
