"""Our dataclasses against those of the standard library, of which they are to be a likeness."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import field
from typing import Any

import pytest

from flowrun.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A frozen one, with a default of each kind."""

    x: int
    y: int = 0
    seen: list[str] = field(default_factory=list, compare=False)
    secret: str = field(default="", repr=False)


@dataclass(slots=True)
class Counter:
    """One that changes."""

    count: int
    doubled: int = field(init=False)

    def __post_init__(self) -> None:
        self.doubled = 2 * self.count


@dataclass(frozen=True, slots=True)
class Nothing:
    """One without fields."""


@dataclass(frozen=True, slots=True)
class Point3(Point):
    """One with the fields of another before its own."""

    z: int = 0


@dataclass(slots=True, eq=False)
class Being:
    """One that is itself only."""

    name: str


@dataclass(frozen=True, slots=True)
class Own:
    """One with methods of its own."""

    name: str

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own)

    def __hash__(self) -> int:
        return 7


def test_values_are_put_by_place_and_by_name() -> None:
    point = Point(1, seen=["here"])
    assert (point.x, point.y, point.seen, point.secret) == (1, 0, ["here"], "")


def test_a_default_that_is_made_is_made_for_each() -> None:
    first, second = Point(1), Point(1)
    first.seen.append("once")
    assert second.seen == []


def test_a_missing_value_is_refused_by_its_name() -> None:
    make: Callable[..., Point] = Point
    with pytest.raises(TypeError, match=r"Point\.__init__\(\) missing 1 .*'x'"):
        make()


def test_it_has_slots_and_no_dict() -> None:
    assert not hasattr(Point(1), "__dict__")


def test_equal_are_those_of_one_class_with_equal_values() -> None:
    assert Point(1, 2, ["a"]) == Point(1, 2, ["b"])
    assert Point(1, 2) != Point(1, 3)
    assert Point3(1, 2) != Point(1, 2)
    other: object = 1
    assert Point(1) != other
    assert Nothing() == Nothing()


def test_a_frozen_one_has_a_hash_by_its_values() -> None:
    assert {Point(1), Point(1), Point(2), Nothing(), Nothing()} == {Point(1), Point(2), Nothing()}


def test_one_that_changes_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Counter(1))


def test_one_that_is_itself_only_has_its_own_hash() -> None:
    one = Being("a")
    assert {one, Being("a")} != {one}


def test_a_frozen_one_refuses_changes() -> None:
    point: Any = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x


def test_another_one_takes_them() -> None:
    counter = Counter(2)
    counter.count = 5
    assert (counter.count, counter.doubled) == (5, 4)


def test_it_is_spelled_as_it_is_written() -> None:
    assert repr(Point3(1, secret="s", z=3)) == "Point3(x=1, y=0, seen=[], z=3)"
    assert repr(Nothing()) == "Nothing()"


def test_methods_of_its_own_stay() -> None:
    assert repr(Own("a")) == "<a>"
    assert Own("a") == Own("b")
    assert hash(Own("a")) == 7


def test_replace_and_fields_of_the_standard_library_hold() -> None:
    assert dataclasses.replace(Point(1, 2), x=3) == Point(3, 2)
    assert [each.name for each in dataclasses.fields(Point3)] == ["x", "y", "seen", "secret", "z"]
    assert dataclasses.is_dataclass(Point)


def test_a_pattern_takes_values_by_place() -> None:
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_copies_and_pickles_are_equal() -> None:
    point = Point3(1, 2, ["a"], "s", 3)
    for each in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))):
        assert dataclasses.astuple(each) == dataclasses.astuple(point)


def test_the_signature_is_told_with_its_types() -> None:
    assert str(inspect.signature(Point)).startswith("(x: 'int', y: 'int' = 0, seen: 'list[str]' = ")


def test_a_class_without_slots_is_refused() -> None:
    with pytest.raises(TypeError, match="without slots"):
        dataclass(slots=False)


def test_a_class_without_a_docstring_is_named_by_its_own() -> None:
    @dataclass(frozen=True, slots=True)
    class Plain:
        x: int

    assert Plain.__doc__ == "Plain"
