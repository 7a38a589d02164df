"""Names that a template would find ambiguous, at every level."""

from __future__ import annotations

import pytest

from tests.document.checking import checked, told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: {run: {value: 1}}", '1:9: a step cannot be called "run" [name-taken]'),
        ("steps: {b: {steps: {loop: {value: 1}}}}",
         '1:21: a step cannot be called "loop" [name-taken]'),
        ("steps: {a: {value: 1}, b: {steps: {a: {value: 1}}}}",
         '1:36: step "a" has the name of a step around it [name-taken]'),
        ("steps: {b: {steps: {b: {value: 1}}}}",
         '1:21: step "b" has the name of a step around it [name-taken]'),
        ("steps: {a: {value: 1}, b: {steps: {c: {steps: {a: {value: 1}}}}}}",
         '1:48: step "a" has the name of a step around it [name-taken]'),
        ("steps: {b: {foreach: '[1]', steps: {item: {value: 1}}}}",
         '1:37: step "item" has the name of a loop variable [name-taken]'),
        ("steps: {b: {foreach: '[1]', as: n, steps: {c: {steps: {n: {value: 1}}}}}}",
         '1:56: step "n" has the name of a loop variable [name-taken]'),
        ("steps: {a: {value: 1}, b: {steps: {c: {foreach: '[1]', as: a, value: 1}}}}",
         '1:60: loop variable "a" has the name of a step [name-taken]'),
        ("steps: {b: {steps: {d: {value: 1}, c: {foreach: {d: '[1]'}, value: 1}}}}",
         '1:50: loop variable "d" has the name of a step [name-taken]'),
        ("steps: {a: {value: 1}}\noutputs: {o: {value: 1, foreach: '[1]', as: a}}",
         '2:45: loop variable "a" has the name of a step [name-taken]'),
        ("steps: {item: {value: 1}, b: {steps: {c: {foreach: '[1]', value: 1}}}}",
         '1:52: loop variable "item" has the name of a step [name-taken]'),
    ],
)  # fmt: skip
def test_a_name_that_is_taken_is_told(text: str, message: str) -> None:
    assert told(text) == [message]


@pytest.mark.parametrize(
    "text",
    [
        "steps: {a: {steps: {x: {value: 1}}}, b: {steps: {x: {value: 1}}}}",
        "steps: {a: {foreach: '[1]', as: n, steps: {x: {foreach: '[n]', as: n, value: 1}}}}",
        "steps: {a: {steps: {x: {value: 1}}}, b: {foreach: '[1]', as: x, value: '{{ x }}'}}",
    ],
    ids=["steps of sibling blocks", "a loop variable over another", "a step inside a block"],
)
def test_names_that_nothing_sees_together_may_be_equal(text: str) -> None:
    assert told(text) == []


def test_why_a_name_is_taken_is_said() -> None:
    (found,) = checked("steps: {a: {value: 1}, b: {steps: {a: {value: 1}}}}").diagnostics
    assert found.why == "inside of a block the steps around it can be named too"
    assert found.mend == "choose another name"
