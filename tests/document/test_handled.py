"""A route that no step handles is worth a warning, where others of the same step are handled."""

from __future__ import annotations

import pytest

from tests.document.checking import told
from tests.document.composed_file import ROUTED, diagnostics, places

REFUND = "  a: {if: triage.tool == 'refund', value: 1}\n"

FORGOTTEN = {
    "compared with one": REFUND,
    "compared in a template": "  a: {value: \"{% if triage.tool == 'refund' %}a{% endif %}\"}\n",
    "compared in an elif": "  a: {value: \"{% if inputs.count %}{% elif triage['tool'] == 'refund' "
    '%}a{% endif %}"}\n',
    "compared in a choice": "  a: {value: \"{{ 1 if triage.tool == 'refund' }}\"}\n",
    "in a list": "  a: {if: \"triage.tool in ['refund']\", value: 1}\n",
    "by a test": "  a: {if: triage.tool is eq 'refund', value: 1}\n",
    "by a test of a list": "  a: {if: \"triage.tool is in ['refund']\", value: 1}\n",
    "the other way round": "  a: {if: \"'refund' == triage.tool\", value: 1}\n",
    "with a default": "  a: {if: triage.tool | default('') == 'refund', value: 1}\n",
    "with its arguments": "  a: {if: triage.tool == 'refund', value: '{{ triage.arguments }}'}\n",
    "with its arguments, in one template": "  a: {value: \"{% if triage.tool == 'refund' %}"
    '{{ triage.arguments.order_id }}{% endif %}"}\n',
    "and more": "  a: {if: triage.tool == 'refund' and triage.arguments.order_id, value: 1}\n",
    "asked for before": "  a: {if: triage is mapping and triage.tool == 'refund', value: 1}\n",
    "asked whether it is there": "  a: {if: triage and triage.tool == 'refund', value: 1}\n"
    "  b: {if: not triage, value: 1}\n  c: {value: '{% if triage %}{% endif %}'}\n"
    "  d: {value: '{{ 1 if triage.tool is defined }}'}\n",
    "in a block": "  a: {if: triage.tool == 'refund', "
    "steps: {b: {value: '{{ triage.arguments }}'}}, output: '{{ triage.arguments }}'}\n",
    "in rounds": "  a: {repeat: {until: triage.tool == 'refund', max: 2}, value: 1}\n",
    "in another step's expectations": "  a: {value: 1, expect: triage.tool == 'refund'}\n",
    "its facts are none of it": REFUND + "  b: {value: '{{ run.triage.seconds }}'}\n",
    "a name of the template's own": REFUND + "  b: {value: '{% set x = 1 %}{{ x }}'}\n",
}


@pytest.mark.parametrize("steps", FORGOTTEN.values(), ids=FORGOTTEN)
def test_a_route_that_is_compared_nowhere_is_told(steps: str) -> None:
    routed = ROUTED.replace("exchange", "«exchange»")
    found, wanted = places(routed + steps)
    assert found == wanted


OPEN = {
    "both": REFUND + "  b: {if: triage.tool == 'exchange', value: 1}\n",
    "both at once": "  a: {if: \"triage.tool in ('refund', 'exchange')\", value: 1}\n",
    "none": "  a: {value: 1}\n",
    "the whole": REFUND + "  b: {value: '{{ triage }}'}\n",
    "the tool": REFUND + "  b: {value: '{{ triage.tool }}'}\n",
    "a field that is worked out": REFUND + "  b: {value: '{{ triage[inputs.word] }}'}\n",
    "arguments of any": REFUND + "  b: {value: '{{ triage.arguments.size }}'}\n",
    "not": REFUND + "  b: {if: not triage.tool == 'refund', value: 1}\n",
    "!=": REFUND + "  b: {if: triage.tool != 'refund', value: 1}\n",
    "a test of !=": REFUND + "  b: {if: triage.tool is ne 'refund', value: 1}\n",
    "not in": REFUND + "  b: {if: \"triage.tool not in ['refund']\", value: 1}\n",
    "else": "  a: {value: \"{% if triage.tool == 'refund' %}a{% else %}b{% endif %}\"}\n",
    "a choice with an else": "  a: {value: \"{{ 1 if triage.tool == 'refund' else 2 }}\"}\n",
    "something else": REFUND + "  b: {if: triage.tool == inputs.word, value: 1}\n",
    "some list": REFUND + "  b: {if: triage.tool in inputs.word, value: 1}\n",
    "some text": REFUND + "  b: {if: \"'x' in triage.tool\", value: 1}\n",
    "some test": REFUND + "  b: {if: triage.tool is string, value: 1}\n",
    "a chain": REFUND + "  b: {if: \"'a' < triage.tool < 'x'\", value: 1}\n",
    "a foreach": REFUND + "  b: {foreach: '[triage]', value: '{{ item.tool }}'}\n",
    "a filter": REFUND + "  b: {value: '{{ triage.tool | upper }}'}\n",
    "an output": REFUND + "outputs: {o: '{{ triage }}'}\n",
    "an output for each": REFUND
    + "outputs: {o: {foreach: '[triage]', value: 1, file: '{{ loop.index }}'}}\n",
    "a file that is brought in": REFUND + "  b: {value: \"{% include 'part.txt' %}\"}\n",
}


@pytest.mark.parametrize("steps", OPEN.values(), ids=OPEN)
def test_what_may_handle_any_route_is_not_doubted(steps: str) -> None:
    assert diagnostics(ROUTED + steps) == ()


def test_the_warning_says_how_to_handle_it() -> None:
    (found,) = diagnostics(ROUTED + REFUND)
    assert (found.severity, found.code) == ("warning", "unhandled-route")
    assert found.message == 'no step handles the tool "exchange"'
    assert found.why == 'the model of step "triage" may choose it'
    assert found.mend == "add a step with if: triage.tool == 'exchange'"


TOOLS = "tools: {a: {}, b: {}}\n"
HANDLED = "    c: {if: x.tool == 'a', value: 1}\n"
LISTED = "    x: {prompt: p, tool_choice: required, tools: [a, b]}\n"
INNER = f"steps:\n  y:\n   steps:\n{LISTED}{HANDLED}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"steps:\n{LISTED}{HANDLED}", ["3:54"]),
        (f"steps:\n{LISTED.replace('required', 'a')}{HANDLED}", []),
        (f"steps:\n{LISTED.replace('required', 'b')}{HANDLED}", ["3:47"]),
        (f"steps:\n{LISTED.replace('required', 'none')}    c: {{value: '{{{{ x }}}}'}}", []),
        (f"defaults: {{tools: [a, b]}}\nsteps:\n    x: {{prompt: a}}\n{HANDLED}", ["2:23"]),
        (f"steps:\n{LISTED}{HANDLED}    d: {{value: '{{{{ }}'}}", []),
        (INNER, []),
        (f"{INNER}   output: '{{{{ c }}}}'", ["5:54"]),
        (f"{INNER}   output: '{{{{ x }}}}'", []),
    ],
)
def test_every_level_is_looked_at(text: str, expected: list[str]) -> None:
    found = [each for each in told(TOOLS + text) if "unhandled-route" in each]
    assert [each.split(": ")[0] for each in found] == expected
