"""What is known at each level: steps, loop variables, rounds, and what a fault hides."""

from __future__ import annotations

from flowrun.document.levels import ROUNDS, Level, View, lost_names
from flowrun.document.slots import Slot
from flowrun.document.task import Loop, Repeat, Task
from flowrun.document.templates import parse_expression

LOOP = Loop("n", Slot(("steps", "b", "foreach"), parse_expression("[1]")))


def task(name: str, *loops: Loop, repeat: Repeat | None = None) -> Task:
    return Task(name, ("steps", name), loops=loops, repeat=repeat)


def test_a_level_sees_its_own_steps_and_those_around() -> None:
    top = Level({"a": {}, "b": {"steps": {"c": {}}}})
    inner = top.inside(task("b"))
    assert list(inner.names()) == ["c", "a", "b"]
    assert [inner.sees(name) for name in ("a", "c", "d")] == [True, True, False]
    assert not top.sees("c")
    assert (inner.owner, inner.outer) == ("b", top)


def test_loop_variables_and_rounds_of_a_block_are_known_at_any_depth() -> None:
    top = Level({"b": {"steps": {"c": {"steps": {"d": {}}}}}})
    inner = top.inside(task("b", LOOP, repeat=Repeat(True, 2))).inside(task("c"))
    assert inner.variables == {"n"}
    assert inner.special == {"loop", *ROUNDS}
    assert View.of(inner).own == {"n", "loop", *ROUNDS}


def test_a_block_without_loops_knows_no_more_than_what_is_around() -> None:
    inner = Level({"b": {"steps": {}}}).inside(task("b"))
    assert (inner.variables, inner.special, inner.lost) == (frozenset(), frozenset(), frozenset())


def test_what_a_faulty_foreach_or_repeat_would_have_declared_is_lost() -> None:
    assert lost_names(task("a"), {"value": 1}) == frozenset()
    assert lost_names(task("a"), {"foreach": 3}) == {"item", "loop"}
    assert lost_names(task("a"), {"foreach": 3, "as": "x"}) == {"x", "item", "loop"}
    assert lost_names(task("a", LOOP), {"foreach": {"n": "[1]", "x": 3}}) == {"x", "item", "loop"}
    assert lost_names(task("a", LOOP), {"foreach": "[1]", "as": "n"}) == frozenset()
    assert lost_names(task("a"), {"repeat": 3}) == set(ROUNDS)
    assert lost_names(task("a", repeat=Repeat(True, 2)), {"repeat": {}}) == frozenset()


def test_what_is_lost_around_is_lost_inside() -> None:
    inner = Level({"b": {"foreach": 3, "steps": {}}}).inside(task("b"))
    assert View.of(inner, "c", ["x"]).lost == {"item", "loop", "x"}
