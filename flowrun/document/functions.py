"""The functions and the tests that every template knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

from jinja2.runtime import Macro, Undefined
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import Cycler, Joiner, Namespace

from flowrun.document.arithmetic import compare_two
from flowrun.document.attributes import Method
from flowrun.document.budget import NODE, Budget
from flowrun.document.costs import number_of
from flowrun.document.faults import Refusal, kind_of
from flowrun.document.printing import refusal, scalar_key
from flowrun.document.scope import SkippedValue

Function: TypeAlias = Callable[..., object]
"""A function or a test: takes the budget, then what the template gives it."""
LONGEST_RANGE = 100_000


class GlobalFunction:
    """A function under its name, so that what may be called can be told by its type."""

    __slots__ = ("implementation", "name")

    def __init__(self, name: str, implementation: Function) -> None:
        self.name = name
        self.implementation = implementation

    def call(self, budget: Budget, *args: object, **kwargs: object) -> object:
        """What the function gives."""
        return self.implementation(budget, *args, **kwargs)


def numbers(budget: Budget, *bounds: object) -> list[int]:
    """The numbers from a start to before a stop, as a list."""
    whole = [each for each in bounds if isinstance(each, int)]
    if len(whole) < len(bounds):
        raise Refusal("takes whole numbers only")
    found = range(*whole)
    longest = found[: LONGEST_RANGE + 1]
    if len(longest) > LONGEST_RANGE:
        raise Refusal(f"takes at most {LONGEST_RANGE:,} numbers")
    budget.many(len(longest))
    return list(longest)


def mapping(budget: Budget, *sources: object, **fields: object) -> dict[object, object]:
    """An object of fields, on top of those of another one or of a list of pairs."""
    made: dict[object, object] = {}
    for source in sources:
        if isinstance(source, Mapping):
            budget.spend(2 * NODE * len(source))
            made.update(source)
        elif isinstance(source, (list, tuple)):
            for pair in source:
                budget.spend(2 * NODE)
                if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                    raise refusal("takes a list of pairs", pair)
                made[scalar_key(pair[0])] = pair[1]
        else:
            raise refusal(f"takes an object or a list of pairs, not {kind_of(source)}", source)
    budget.spend(2 * NODE * len(fields))
    made.update(fields)
    return made


def _namespace(budget: Budget, *sources: object, **fields: object) -> Namespace:
    return Namespace(mapping(budget, *sources, **fields))


def _cycler(budget: Budget, *items: object) -> Cycler:
    if not items:
        raise Refusal("takes at least one value")
    budget.many(len(items))
    return Cycler(*items)


def _joiner(_budget: Budget, sep: object = ", ") -> Joiner:
    if not isinstance(sep, str):
        raise refusal(f"takes text, not {kind_of(sep)}", sep)
    return Joiner(sep)


GLOBALS: Mapping[str, GlobalFunction] = {
    name: GlobalFunction(name, function)
    for name, function in (
        ("cycler", _cycler),
        ("dict", mapping),
        ("joiner", _joiner),
        ("namespace", _namespace),
        ("range", numbers),
    )
}
"""Jinja's functions but `lipsum`, which is chance."""


def _comparing(name: str) -> Function:
    def test(budget: Budget, value: object, other: object) -> bool:
        return compare_two(budget, name, value, other)

    return test


def _native(name: str) -> Function:
    native = cast("Callable[..., object]", JINJA_TESTS[name])

    def test(_budget: Budget, value: object) -> bool:
        return bool(native(value))

    return test


def _cased(name: str) -> Function:
    def test(budget: Budget, value: object) -> bool:
        if not isinstance(value, str):
            raise refusal(f"takes text, not {kind_of(value)}", value)
        budget.text(len(value))
        return value.isupper() if name == "upper" else value.islower()

    return test


def _divisible(_budget: Budget, value: object, num: object) -> bool:
    if number_of(num) == 0:
        raise Refusal("takes a number that is not 0")
    return number_of(value) % number_of(num) == 0


def _odd(_budget: Budget, value: object) -> bool:
    return number_of(value) % 2 == 1


def _even(_budget: Budget, value: object) -> bool:
    return number_of(value) % 2 == 0


def _defined(_budget: Budget, value: object) -> bool:
    return not isinstance(value, Undefined)


def _undefined(_budget: Budget, value: object) -> bool:
    return isinstance(value, Undefined)


def _none(_budget: Budget, value: object) -> bool:
    if isinstance(value, SkippedValue):
        return True
    if isinstance(value, Undefined):
        raise refusal("", value)
    return value is None


def _callable(_budget: Budget, value: object) -> bool:
    return isinstance(value, (GlobalFunction, Method, Macro))


def _same_as(_budget: Budget, value: object, other: object) -> bool:
    return value is other


_SIMPLE = (
    *("boolean", "escaped", "false", "float", "integer", "iterable", "mapping"),
    *("number", "sequence", "string", "true"),
)
_COMPARED = {
    **dict.fromkeys(("==", "eq", "equalto"), "eq"),
    **dict.fromkeys(("!=", "ne"), "ne"),
    **dict.fromkeys((">", "gt", "greaterthan"), "gt"),
    **dict.fromkeys((">=", "ge"), "gteq"),
    **dict.fromkeys(("<", "lt", "lessthan"), "lt"),
    **dict.fromkeys(("<=", "le"), "lteq"),
    "in": "in",
}
TESTS: Mapping[str, Function] = {
    **{name: _native(name) for name in _SIMPLE},
    **{name: _comparing(by) for name, by in _COMPARED.items()},
    "callable": _callable,
    "defined": _defined,
    "divisibleby": _divisible,
    "even": _even,
    "lower": _cased("lower"),
    "none": _none,
    "odd": _odd,
    "sameas": _same_as,
    "undefined": _undefined,
    "upper": _cased("upper"),
}
"""Jinja's tests but `filter` and `test`, which ask what Jinja is there."""
TOLERANT_TESTS = frozenset(("defined", "undefined", "none"))
"""The tests that may be asked of what is not there."""
