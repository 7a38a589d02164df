"""Templates in data: where they stand, what they give, and what is wrong with them."""

from __future__ import annotations

import pytest

from flowrun.document.faults import TemplateError
from flowrun.document.slots import Slot, SlotReader, Span, Tree, fill, slots
from flowrun.document.source import load
from flowrun.errors import FlowrunError

FILE = "a: text\nb: {c: ['x {{ y }}', 3, 1.5, true, null], d: '{{ z }}'}\n"


def reader(text: str = FILE, files: dict[str, str] | None = None) -> SlotReader:
    def read(name: str) -> str:
        if name in (files or {}):
            return (files or {})[name]
        raise FlowrunError(f"no {name}")

    return SlotReader(load(text, "p.yaml"), read)


def tree() -> tuple[SlotReader, Tree]:
    read = reader()
    assert isinstance(read.loaded.data, dict)
    return read, read.tree((), read.loaded.data)


def test_data_is_filled_at_any_depth() -> None:
    read, found = tree()
    assert fill(found, {"y": 1, "z": [2]}) == {
        "a": "text",
        "b": {"c": ["x 1", 3, 1.5, True, None], "d": [2]},
    }
    assert read.diagnostics == []


def test_slots_come_in_the_files_order_with_their_places() -> None:
    read, found = tree()
    assert [str(slot.mark(read.loaded, 3)) for slot in slots(found)] == [
        "p.yaml:2:13",
        "p.yaml:2:50",
    ]


def test_what_a_template_cannot_do_is_an_error_of_its_own() -> None:
    _, found = tree()
    with pytest.raises(TemplateError):
        fill(found, {})


def test_a_place_in_a_file_of_its_own_is_told_there() -> None:
    read = reader("a: {file: t.md}", {"t.md": "one\ntwo {{ x }}"})
    slot = read.text(("a",), {"file": "t.md"})
    assert isinstance(slot, Slot)
    found = Span(slot, 11, 1).diagnostic(read.loaded, "m", "c", why="w", mend="x")
    assert str(found) == "t.md:2:8: m [c]\n      two {{ x }}\n             ^\n  why:  w\n  mend: x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'{{ x'", 'p.yaml:1:8: unexpected end of template, expected "}}" [template-syntax]'),
        ("{file: t.md}", 't.md:2:4: unexpected end of template, expected "}}" [template-syntax]'),
        ("{file: gone.md}", "p.yaml:1:11: no gone.md [unreadable-file]"),
    ],
)
def test_a_faulty_template_is_noted_and_left_out(text: str, message: str) -> None:
    read = reader(f"a: {text}", {"t.md": "\n{{ x"})
    assert isinstance(read.loaded.data, dict)
    assert read.text(("a",), read.loaded.data["a"]) is None
    assert [str(each).split("\n")[0] for each in read.diagnostics] == [message]


def test_a_faulty_template_in_data_becomes_null() -> None:
    read = reader("a: ['{{ x', y]")
    assert read.tree(("a",), ["{{ x", "y"]) == (None, "y")
    assert len(read.diagnostics) == 1


def test_an_expression_is_bare() -> None:
    read = reader("a: 'x > 1'\nb: '{{ x }}'")
    slot = read.expression(("a",), "x > 1")
    assert slot is not None
    assert fill(slot, {"x": 2}) is True
    assert read.expression(("b",), "{{ x }}") is None
    assert [each.code for each in read.diagnostics] == ["braces"]


def test_templates_of_defaults_are_read_once() -> None:
    read = reader("defaults: {system: '{{ x', user: '{{ y }}'}")
    assert [read.text(("defaults", "system"), "{{ x") for _ in range(3)] == [None] * 3
    assert len(read.diagnostics) == 1
    first = read.text(("defaults", "user"), "{{ y }}")
    assert first is read.text(("defaults", "user"), "{{ y }}")


def test_only_data_can_be_read() -> None:
    with pytest.raises(TypeError, match="a file cannot hold a set"):
        reader().tree(("a",), {1})  # type: ignore[arg-type] # what no file gives


def test_the_mark_of_a_long_line_shows_no_page_of_text() -> None:
    read = reader(f"a: '{'word ' * 5_000}{{{{ x'")
    read.text(("a",), "word " * 5_000 + "{{ x")
    assert [each.excerpt for each in read.diagnostics] == [""]
