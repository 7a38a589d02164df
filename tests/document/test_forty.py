"""Forty wrong references are each refused where they stand, and forty right ones accepted."""

from __future__ import annotations

import pytest

from tests.document.composed_file import BRIEF, EVENT, ROUTED, diagnostics, places
from tests.document.forty_right import RIGHT

WRONG = {
    # blocks
    "a step inside a block": (
        "unknown-field",
        "  b: {steps: {c: {prompt: a, response_format: brief}}}\n"
        "  last: {value: '{{ b.c.«titel» }}'}",
    ),
    "a step that the block does not have": (
        "unknown-field",
        "  b: {steps: {draft: {prompt: a}}}\n  last: {value: '{{ b.«drft» }}'}",
    ),
    "an outer step, from inside": (
        "unknown-field",
        BRIEF + "  b: {steps: {draft: {prompt: '{{ brief.«titel» }}'}}}",
    ),
    "the output of a block": (
        "unknown-field",
        "  b: {steps: {draft: {prompt: a}}, output: {text: '{{ draft }}'}}\n"
        "  last: {value: '{{ b.«draft» }}'}",
    ),
    "a field in a block's output": (
        "not-an-object",
        "  b: {steps: {draft: {prompt: a}}, output: {text: '{{ draft.«words» }}'}}",
    ),
    "a block in a block": (
        "unknown-field",
        BRIEF + "  a: {steps: {b: {steps: {c: {value: '{{ brief.parts[0].«nme» }}'}}}}}",
    ),
    "through two blocks": (
        "not-an-object",
        "  a: {steps: {b: {steps: {c: {prompt: a}}}}}\n  last: {value: '{{ a.b.c.«d» }}'}",
    ),
    "the facts of a run inside of a block": (
        "unknown-field",
        "  a: {steps: {b: {prompt: a}, c: {value: '{{ run.b.«secnds» }}'}}}",
    ),
    # foreach
    "a loop variable inside of a block": (
        "unknown-field",
        "  b: {foreach: inputs.orders, as: order, steps: {c: {value: '{{ order.«total» }}'}}}",
    ),
    "an item of a foreach over a block": (
        "unknown-field",
        "  b: {foreach: inputs.orders, steps: {c: {prompt: a, response_format: brief}}}\n"
        "  last: {value: '{{ b[0].c.«tite» }}'}",
    ),
    "a list read as an object": (
        "not-an-object",
        "  b: {foreach: inputs.orders, steps: {c: {prompt: a}}}\n  last: {value: '{{ b.«c» }}'}",
    ),
    "loop inside of a block": (
        "unknown-field",
        "  b: {foreach: inputs.orders, steps: {c: {value: '{{ loop.«count» }}'}}}",
    ),
    "a nested foreach": (
        "not-an-object",
        "  b:\n    foreach: inputs.orders\n    as: order\n    steps:\n"
        "      c: {foreach: order.lines, as: line, value: '{{ line.«text» }}'}",
    ),
    "a nested foreach over no list": (
        "not-a-list",
        "  b:\n    foreach: inputs.orders\n    as: order\n    steps:\n"
        "      c: {foreach: «order.id», as: line, value: 1}",
    ),
    "a list of lists": (
        "unknown-field",
        "  b: {foreach: inputs.orders, as: o, steps: {c: {foreach: o.lines, value: {a: 1}}}}\n"
        "  last: {value: '{{ b[0].c[0].«b» }}'}",
    ),
    "a product": (
        "unknown-field",
        BRIEF + "  b: {foreach: {order: inputs.orders, part: brief.parts}, steps: {"
        "c: {value: '{{ order.id }} {{ part.«size» }}'}}}",
    ),
    "a later list of a product": (
        "unknown-field",
        "  b: {foreach: {order: inputs.orders, line: order.«line»}, value: '{{ line }}'}",
    ),
    # routes
    "a route's arguments": (
        "unknown-field",
        ROUTED + "  a: {if: triage.tool == 'refund', value: '{{ triage.arguments.«article» }}'}\n"
        "  b: {if: triage.tool == 'exchange', value: 1}",
    ),
    "a route that is not there": (
        "never-equal",
        ROUTED + "  a: {if: \"triage.tool == «'refnd'»\", value: '{{ triage }}'}",
    ),
    "a route in a list": (
        "never-equal",
        ROUTED + "  a: {if: \"triage.tool in ['refund', «'exchnge'»]\", value: '{{ triage }}'}",
    ),
    "a route that is excluded": (
        "unknown-field",
        ROUTED + "  a: {if: triage.tool != 'refund', value: '{{ triage.arguments.«order_id» }}'}",
    ),
    "an else": (
        "unknown-field",
        ROUTED + "  a: {value: \"{% if triage.tool == 'refund' %}r{% else %}"
        '{{ triage.arguments.«order_id» }}{% endif %}"}',
    ),
    "arguments that no route has": (
        "unknown-field",
        ROUTED + "  a: {value: '{{ triage.arguments.«colour» }}'}",
    ),
    "a route's closed set": (
        "never-equal",
        ROUTED + "  a: {if: \"triage.tool == 'exchange' and triage.arguments.size == «'xl'»\", "
        "value: '{{ triage }}'}",
    ),
    "a block under a condition": (
        "unknown-field",
        ROUTED + "  a: {if: triage.tool == 'refund', "
        "steps: {b: {value: '{{ triage.arguments.«size» }}'}}}\n"
        "  c: {if: triage.tool == 'exchange', value: 1}",
    ),
    # other unions, told apart
    "a variant of a schema": (
        "unknown-field",
        EVENT + "  a: {if: event.kind == 'paid', value: '{{ event.«parcel» }}'}",
    ),
    "the step's own request under a condition": (
        "unknown-field",
        EVENT + "  a: {if: event.kind == 'sent', prompt: 'Thank for {{ event.«amount» }}'}",
    ),
    # uses
    "an output of another file": (
        "unknown-field",
        "  r: {uses: ./review.yaml, with: {text: a}}\n  last: {value: '{{ r.«scor» }}'}",
    ),
    "deep in an output of another file": (
        "unknown-field",
        "  r: {uses: ./review.yaml, with: {text: a}}\n  last: {value: '{{ r.points[0].«text» }}'}",
    ),
    "an input of another file": (
        "wrong-type",
        "  r: {uses: ./review.yaml, with: {text: '«{{ inputs.orders }}»'}}",
    ),
    "text for an image": (
        "wrong-type",
        "  r: {uses: ./review.yaml, with: {text: a, logo: «logo.png»}}",
    ),
    # tools
    "what a function gives": (
        "unnamed-field",
        "  hits: {call: find, with: {query: a}}\n  last: {value: '{{ hits[0].«titel» }}'}",
    ),
    "a number that a function gives": (
        "not-an-object",
        "  left: {call: stock, with: {article: a}}\n  last: {value: '{{ left.«count» }}'}",
    ),
    "what a request gives": (
        "unnamed-field",
        "  w: {call: weather, with: {city: a}}\n  last: {value: '{{ w.«degree» }}'}",
    ),
    "what a command gives": (
        "not-an-object",
        "  l: {call: log, with: {names: [a]}}\n  last: {value: '{{ l.«lines» }}'}",
    ),
    "what a pipeline gives as a tool": (
        "unknown-field",
        "  r: {call: review, with: {text: a}}\n  last: {value: '{{ r.«note» }}'}",
    ),
    "an argument of a function": (
        "wrong-type",
        "  hits: {call: find, with: {query: a, limit: '«{{ inputs.word }}»'}}",
    ),
    "an argument that stands there": (
        "wrong-type",
        "  w: {call: weather, with: {city: a, unit: «metrc»}}",
    ),
    "deep in an argument": (
        "wrong-type",
        "  w: {call: weather, with: {city: a, where: {zip: '«{{ inputs.count }}»'}}}",
    ),
    "in the list of an argument": (
        "wrong-type",
        "  l: {call: log, with: {names: [a, '«{{ inputs.count }}»']}}",
    ),
    "a whole object of arguments": (
        "wrong-type",
        "  a: {value: {city: 1}}\n  w: {call: weather, with: '«{{ a }}»'}",
    ),
    # repeat
    "the round before": (
        "unknown-field",
        "  a: {repeat: {until: round == 2, max: 3}, prompt: '{{ previous.«titel» if previous }}', "
        "response_format: brief}",
    ),
    "the step itself, in until": (
        "unknown-field",
        "  a: {repeat: {until: a.«score» > 2, max: 3}, prompt: a, response_format: brief}",
    ),
    "the rounds so far": (
        "unknown-field",
        "  a:\n    repeat: {until: round == 2, max: 3}\n    steps:\n"
        "      draft: {prompt: '{{ rounds[-1].«drft» if rounds }}'}",
    ),
    "a value that grows": (
        "not-an-object",
        "  a: {repeat: {until: a > 3, max: 9}, value: '{{ (previous or 0) + 1 }}'}\n"
        "  last: {value: '{{ a.«x» }}'}",
    ),
    # samples and agreement
    "an agreement": (
        "unknown-field",
        "  many: {prompt: a, samples: 3, response_format: brief}\n"
        "  last: {value: '{{ (many | agreement).«titel».value }}'}",
    ),
    "the share of an agreement": (
        "unknown-field",
        "  many: {prompt: a, samples: 3, response_format: brief}\n"
        '  last: {if: "(many | agreement).tone.«shar» > 0.5", value: 1}',
    ),
    "an agreement of texts": (
        "unknown-field",
        "  many: {prompt: a, samples: 3}\n  last: {value: '{{ (many | agreement).«vlue» }}'}",
    ),
}


@pytest.mark.parametrize(("code", "steps"), WRONG.values(), ids=WRONG)
def test_a_wrong_reference_is_refused_where_it_stands(code: str, steps: str) -> None:
    told, wanted = places(steps)
    assert told == wanted
    assert len(wanted) == 1


@pytest.mark.parametrize(("code", "steps"), WRONG.values(), ids=WRONG)
def test_a_wrong_reference_is_an_error_of_its_kind(code: str, steps: str) -> None:
    found = diagnostics(steps.replace("«", "").replace("»", ""))
    assert [(each.code, each.severity) for each in found] == [(code, "error")]


@pytest.mark.parametrize("steps", RIGHT.values(), ids=RIGHT)
def test_a_right_reference_is_accepted_without_a_word(steps: str) -> None:
    assert diagnostics(steps) == ()


def test_there_are_forty_of_each() -> None:
    assert len(WRONG) >= 40
    assert len(RIGHT) >= 40
