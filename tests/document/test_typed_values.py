"""What a run gives is of the type that a check says: no type is narrower than the values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, TypeAlias

import pytest

from flowrun.document.typecheck import type_of_outputs
from tests.document.typed_scope import fits
from tests.support.running import Models, Stage, echo, plan_of

Step: TypeAlias = Mapping[str, Any]
Wrap: TypeAlias = Callable[[Step, str], Step]

BASES: tuple[Step, ...] = (
    {"value": 1},
    {"value": {"a": "{{ inputs.n }}", "b": ["x", None, 1.5, True]}},
    {"value": "{{ [1, 'a', none] }}"},
    {"value": "{{ 1 if inputs.n > 1 else 'b' }}"},
    {"value": "{{ 1 / (inputs.n - 1) }}", "on_error": "ignore"},
    {"value": "{{ (previous or 0) + round }}", "repeat": {"until": "round == 3", "max": 5}},
    {"value": "{{ [previous, round] }}", "repeat": {"until": "round == 3", "max": 5}},
    {"value": {"p": "{{ previous.p if previous }}", "r": "{{ rounds | length }}"},
     "repeat": {"until": "false", "max": 3}},
    {"foreach": "[]", "value": "{{ item }}"},
    {"foreach": "[1 / (inputs.n - 1)]", "value": 1, "on_error": "ignore"},
    {"value": "{{ [{'a': 1}, {'a': 2, 'b': none}] | agreement }}"},
    {"prompt": "a", "samples": 2},
)  # fmt: skip


def block(step: Step, name: str, **more: object) -> Step:
    return {"steps": {name: step, f"{name}2": {"value": 2}}, **more}


def around(step: Step, name: str, **more: object) -> Step:
    """The step with further keys, in a block if it has one of them."""
    inner = block(step, name) if more.keys() & step.keys() else step
    return {**inner, **more}


WRAPS: Mapping[str, Wrap] = {
    "nothing": lambda step, _: step,
    "never": lambda step, name: around(step, name, **{"if": "inputs.n > 1"}),
    "always": lambda step, name: around(step, name, **{"if": "inputs.n == 1"}),
    "foreach": lambda step, name: around(step, name, foreach="[1, 2]"),
    "foreach if": lambda step, name: around(step, name, foreach="[1, 2]", **{"if": "item > 1"}),
    "repeat": lambda step, name: around(step, name, repeat={"until": "round > 1", "max": 3}),
    "block": block,
    "alone": lambda step, name: {"steps": {name: step}},
    "output": lambda step, name: block(step, name, output=f"{{{{ {name} }}}}"),
    "or": lambda step, name: block(step, name, output=f"{{{{ {name} or 'x' }}}}"),
    "data": lambda step, name: block(step, name, output={"k": [f"{{{{ {name} }}}}", 1]}),
}


@pytest.mark.parametrize(("outer", "inner"), list(product(WRAPS, WRAPS)))
def test_a_value_is_of_the_type_of_its_step(outer: str, inner: str) -> None:
    steps: dict[str, Step] = {}
    for index, base in enumerate(BASES):
        steps[f"s{index}"] = WRAPS[outer](WRAPS[inner](base, f"i{index}"), f"o{index}")
        steps[f"t{index}"] = {"value": f"{{{{ s{index} }}}}"}
        steps[f"u{index}"] = {"value": f"{{{{ s{index} | default(0) }}}}"}
    outputs = {name: f"{{{{ {name} }}}}" for name in steps}
    inputs = {"n": {"type": "integer"}}
    child = json.dumps({"inputs": inputs, "steps": steps, "outputs": outputs})
    plan = plan_of("steps: {r: {uses: c.yaml, with: {n: 1}}}", {"c.yaml": child})
    given = Stage(models=Models(echo)).run_plan(plan).value("r")
    used = plan.tasks[0].uses
    assert used is not None
    assert isinstance(given, dict)
    assert given.keys() == steps.keys()
    assert fits(given, type_of_outputs(used.plan)), given
