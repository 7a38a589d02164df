"""What is known of a step that takes a route, and where conditions tell which."""

from __future__ import annotations

import pytest

from tests.document.checking import told
from tests.document.composed_file import ROUTED, faults

LOOSE = "  triage: {prompt: a, tools: [refund, exchange]}\n"
MAY_BE = 'warning: step "triage" may be text, which has no field "{}" [may-be-text]'

WRONG = {
    "the tool of what may be text": (
        LOOSE + "  a: {value: '{{ triage.tool }}'}",
        MAY_BE.format("tool"),
    ),
    "the arguments of what may be text": (
        LOOSE + "  a: {value: \"{{ triage['arguments'] }}\"}",
        MAY_BE.format("arguments"),
    ),
    "a condition of what may be text": (
        LOOSE + "  a: {if: triage.tool == 'refund', value: '{{ triage.arguments.order_id }}'}\n"
        "  b: {value: '{{ triage }}'}",
        MAY_BE.format("tool"),
    ),
    "a tool that is run stands beside the routes": (
        "  triage: {prompt: a, tools: [refund, find], tool_choice: required}\n"
        "  a: {value: '{{ triage.tool }}'}",
        MAY_BE.format("tool"),
    ),
    "an item of what may be text": (
        "  triage: {prompt: a, tools: [refund], samples: 2}\n"
        "  a: {value: \"{{ triage | map(attribute='tool') | join }}\"}",
        'warning: an item of "triage" may be text, which has no field "tool" [may-be-text]',
    ),
    "no tool may be called": (
        "  triage: {prompt: a, tools: [refund], tool_choice: none}\n"
        "  a: {value: '{{ triage.tool }}'}",
        'step "triage" is text: it has no field "tool" [not-an-object]',
    ),
    "data is expected": (
        "  triage: {prompt: a, tools: [refund], response_format: brief}\n"
        "  a: {value: '{{ triage.tol }}'}",
        'step "triage" has no field "tol" [unknown-field]',
    ),
    "no such field of a call": (
        ROUTED + "  a: {value: '{{ triage.toll }}'}",
        'step "triage" has no field "toll" [unknown-field]',
    ),
    "a tool that is run is no route": (
        "  triage: {prompt: a, tools: [find]}\n  a: {value: '{{ triage.tool }}'}",
        'step "triage" is text: it has no field "tool" [not-an-object]',
    ),
    "!=": (
        ROUTED + "  a: {if: triage.tool != 'refnd', value: 1}",
        '"triage.tool" is never "refnd" [never-equal]',
    ),
    "not in": (
        ROUTED + "  a: {if: \"triage.tool not in ['refund', 'exchange', 'x']\", value: 1}",
        '"triage.tool" is never "x" [never-equal]',
    ),
    "a test": (
        ROUTED
        + "  a: {if: \"triage.tool is in(['refund'])\", value: '{{ triage.arguments.size }}'}\n"
        "  b: {value: '{{ triage }}'}",
        '"triage.arguments" has no field "size" [unknown-field]',
    ),
    "a test that does not hold": (
        ROUTED + "  a: {if: triage.tool is ne('refund'), value: '{{ triage.arguments.order_id }}'}",
        '"triage.arguments" has no field "order_id" [unknown-field]',
    ),
    "the constant stands before": (
        ROUTED + "  a: {if: \"not 'refund' == triage.tool\", "
        "value: '{{ triage.arguments.order_id }}'}",
        '"triage.arguments" has no field "order_id" [unknown-field]',
    ),
    "neither": (
        ROUTED + "  a: {if: not (triage.tool == 'refund' and inputs.word == 'x'), value: 1}\n"
        "  b: {if: not (triage.tool == 'refund' or inputs.word == 'x'), "
        "value: '{{ triage.arguments.order_id }}'}",
        '"triage.arguments" has no field "order_id" [unknown-field]',
    ),
    "the second elif": (
        ROUTED + "  a: {value: \"{% if triage.tool == 'refund' %}{% elif triage.tool == 'refund' %}"
        '{% endif %}{{ triage }}"}',
        '"triage.tool" is never "refund" [never-equal]',
    ),
    "a foreach under a condition": (
        ROUTED + "  a: {if: triage.tool == 'refund', foreach: inputs.orders, "
        "value: '{{ triage.arguments.size }}'}\n  b: {value: '{{ triage }}'}",
        '"triage.arguments" has no field "size" [unknown-field]',
    ),
    "what is expected under a condition": (
        ROUTED + "  a: {if: triage.tool == 'refund', value: 1, expect: triage.arguments.size}\n"
        "  b: {value: '{{ triage }}'}",
        '"triage.arguments" has no field "size" [unknown-field]',
    ),
}


@pytest.mark.parametrize(("steps", "fault"), WRONG.values(), ids=WRONG)
def test_what_is_read_of_a_route_is_held_against_it(steps: str, fault: str) -> None:
    assert faults(steps) == [fault]


RIGHT = (
    LOOSE + "  a: {value: '{{ triage }}'}",
    LOOSE + "  a: {value: '{{ triage.tool | default(0) }} {{ triage.tool is defined }}'}",
    LOOSE + "  a: {if: triage is mapping, value: '{{ triage.tool }}'}",
    LOOSE + "  a: {if: triage is not string, value: '{{ triage.tool }}'}",
    LOOSE + "  a: {if: triage is string, value: '{{ triage.upper() }}'}",
    "  triage: {prompt: a, tools: [refund, exchange], on_error: ignore, tool_choice: required}\n"
    "  a: {value: '{{ triage.tool if triage }}'}",
    "  triage: {prompt: a, tools: [refund], tool_choice: refund}\n"
    "  a: {value: '{{ triage.tool | upper }}'}",
    "  triage: {prompt: a, tools: [refund, exchange], samples: 2, tool_choice: required}\n"
    "  a: {value: \"{{ triage | map(attribute='tool') | most_common == 'refund' }}\"}",
    "  triage: {prompt: a, tools: [refund], response_format: brief}\n"
    "  a: {if: triage.title is defined, value: '{{ triage.title }}'}",
    ROUTED + "  a: {foreach: '[triage]', as: triage1, if: triage1.tool == 'refund', "
    "value: '{{ triage1.arguments.order_id }} {{ triage }}'}",
    ROUTED + "  a: {foreach: inputs.orders, as: o, if: triage.tool == 'refund' and o.price > 1, "
    "value: '{{ triage.arguments.order_id }}'}\n  b: {value: '{{ triage }}'}",
)


@pytest.mark.parametrize("steps", RIGHT)
def test_what_a_route_may_give_can_be_read(steps: str) -> None:
    assert faults(steps) == []


def test_a_route_without_parameters_takes_anything() -> None:
    text = "  triage: {prompt: a, tools: [stop, open], tool_choice: required}\n"
    reads = "  a: {value: '{{ triage.arguments.what.ever }} {{ triage.tool }}'}\n"
    tools = "tools: {stop: {}, open: {parameters: {type: object}}}\n"
    assert told(f"{tools}steps:\n{text}{reads}") == []
