"""The mends of names that no step has."""

from __future__ import annotations

import pytest

from tests.document.checking import checked

BLOCKS = """
inputs: {topic: {}}
tools: {search: {shell: [find]}}
steps:
  plain: {steps: {deep: {value: 1}, inner: {steps: {deepest: {value: 1}}}}}
  many: {foreach: '[1]', as: n, steps: {each: {value: 1}}}
  closed: {steps: {hidden: {value: 1}}, output: 1}
"""


def mends(step: str, head: str = BLOCKS) -> list[str]:
    return [each.mend for each in checked(f"{head}  last: {step}\n").diagnostics]


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("deep", "write plain.deep"),
        ("deepest", "write plain.inner.deepest"),
        ("each", "write many | map(attribute='each')"),
        ("hidden", "hidden is a step inside of closed, which gives its output and nothing else"),
        ("search", "search is a tool: a step calls it with call: search"),
        ("topic", "write inputs.topic"),
        ("previous", "previous is known only beside repeat"),
        ("item", "item is known only beside foreach"),
        ("plian", "did you mean plain?"),
        ("yes", "write true"),
        ("xyzzy", ""),
    ],
)
def test_an_unknown_name_has_its_mend(name: str, mend: str) -> None:
    assert mends(f"{{value: 1, if: {name}}}") == [mend]


def test_inside_a_block_the_mend_knows_what_is_around() -> None:
    step = "{foreach: '[1]', as: m, steps: {a: {value: '{{ item }}'}, b: {value: '{{ deep }}'}}}"
    assert mends(step) == ["this step calls it m", "write plain.deep"]
    assert mends("{steps: {alpha: {value: 1}, b: {value: '{{ alhpa }}'}}}") == [
        "did you mean alpha?"
    ]


def test_what_stands_outside_of_a_block_names_its_steps_by_the_block() -> None:
    block = "{foreach: '[1]', repeat: {until: a, max: 3}, expect: a, steps: {a: {value: 1}}}"
    assert mends(block) == ["write last.a", "write last.a"]
    closed = "{repeat: {until: a, max: 3}, steps: {a: {value: 1}}, output: 1}"
    assert mends(closed) == ["a is a step inside of last, which gives its output and nothing else"]


def test_a_block_that_is_not_done_yet_is_no_mend() -> None:
    assert mends("{if: a, steps: {a: {value: 1}}}") == [""]
    assert mends("{steps: {a: {steps: {b: {value: 1}}}, c: {value: '{{ b }}'}}}") == ["write a.b"]


def test_a_need_of_a_step_inside_is_a_need_of_its_block() -> None:
    assert mends("{needs: [deepest], value: 1}") == [
        "deepest is a step inside of plain.inner: need plain"
    ]
    assert mends("{needs: [xyzzy], value: 1}") == ["name a step of this file"]


def test_why_names_the_steps_that_are_seen_the_nearest_first() -> None:
    (found,) = checked("steps: {a: {value: 1}, b: {steps: {c: {value: '{{ x }}'}}}}").diagnostics
    assert found.why == "a template may name only inputs and steps of this file: c, a, b"


def test_only_some_of_many_unknown_names_get_a_suggestion() -> None:
    steps = "".join(f"  s{n}: {{value: '{{{{ step{n} }}}}'}}\n" for n in range(80))
    found = checked(f"steps:\n  step: {{value: 1}}\n{steps}").diagnostics
    assert [bool(each.mend) for each in found] == [True] * 50 + [False] * 30
