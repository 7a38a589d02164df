"""References that are right: forty and more, of every kind of step."""

from __future__ import annotations

from tests.document.composed_file import BRIEF, EVENT, ROUTED

RIGHT = {
    "a step inside a block": (
        "  b: {steps: {c: {prompt: a, response_format: brief}}}\n"
        "  last: {value: '{{ b.c.title | upper }}'}"
    ),
    "the output of a block": (
        "  b: {steps: {draft: {prompt: a}}, output: {text: '{{ draft }}'}}\n"
        "  last: {value: '{{ b.text.upper() }}'}"
    ),
    "the output of a block, as it is": (
        "  b: {steps: {c: {prompt: a, response_format: brief}}, output: '{{ c.parts }}'}\n"
        "  last: {value: '{{ b[0].weight * 2 }}'}"
    ),
    "an outer step, from inside": (
        BRIEF + "  b: {steps: {draft: {prompt: '{{ brief.title }} {{ run.brief.seconds }}'}}}"
    ),
    "a block in a block": (
        BRIEF + "  a: {steps: {b: {steps: {c: {value: '{{ brief.parts[0].name }}'}}}}}\n"
        "  last: {value: '{{ a.b.c | upper }}'}"
    ),
    "two blocks with the same names": (
        "  a: {steps: {x: {prompt: a}}}\n  b: {steps: {x: {value: {n: 1}}}}\n"
        "  last: {value: '{{ a.x | upper }} {{ b.x.n + 1 }}'}"
    ),
    "a step that may be skipped": (
        BRIEF + "  b: {steps: {c: {if: brief.tone == 'warm', value: {n: 1}}, d: {value: 2}}}\n"
        "  last: {value: '{{ b.c is none }} {{ b.c.n if b.c else 0 }}'}"
    ),
    "the facts of a run inside of a block": (
        "  a: {steps: {b: {prompt: a}, c: {value: '{{ run.b.usage.total_tokens + 1 }}'}}}"
    ),
    "a loop variable inside of a block": (
        "  b: {foreach: inputs.orders, as: order, steps: {"
        "c: {value: '{{ order.price * 2 }} of {{ loop.length }}'}}}\n"
        "  last: {value: '{{ b[0].c }}'}"
    ),
    "a nested foreach": (
        "  b: {foreach: inputs.orders, as: o, steps: {"
        "c: {foreach: o.lines, as: l, value: {t: '{{ l | upper }} {{ o.id }}'}}}}\n"
        "  last: {value: '{{ b[0].c[0].t | length }}'}"
    ),
    "a loop variable that hides another": (
        "  b: {foreach: inputs.orders, steps: {"
        "c: {foreach: item.lines, value: '{{ item.upper() }}'}}}"
    ),
    "a product": (
        BRIEF + "  b: {foreach: {order: inputs.orders, part: brief.parts}, steps: {"
        "c: {value: '{{ order.id }} {{ part.name }}'}}}"
    ),
    "a later list of a product": (
        "  b: {foreach: {order: inputs.orders, line: order.lines}, value: '{{ line | upper }}'}"
    ),
    "a foreach over a foreach over a block": (
        "  b: {foreach: inputs.orders, steps: {c: {prompt: a, response_format: brief}}}\n"
        "  last: {foreach: b, as: one, value: '{{ one.c.title }}'}"
    ),
    "both routes": (
        ROUTED + "  a: {if: triage.tool == 'refund', value: '{{ triage.arguments.order_id }}'}\n"
        "  b: {if: triage.tool == 'exchange', value: '{{ triage.arguments.size }}'}\n"
        "  last: {value: '{{ a or b }}'}"
    ),
    "a route in a list": (
        ROUTED + "  a: {if: \"triage.tool in ['refund', 'exchange']\", "
        "value: '{{ triage.arguments.order_id | default(0) }}'}"
    ),
    "an else": (
        ROUTED + "  a: {value: \"{% if triage.tool == 'refund' %}{{ triage.arguments.order_id }}"
        '{% else %}{{ triage.arguments.article }}{% endif %}"}'
    ),
    "a choice": (
        ROUTED + "  a: {value: \"{{ triage.arguments.order_id if triage.tool == 'refund' "
        'else triage.arguments.size }}"}'
    ),
    "all but one route": (
        ROUTED + "  a: {if: triage.tool != 'refund', value: '{{ triage.arguments.article }}'}"
    ),
    "one or the other route": (
        ROUTED + "  a: {if: triage.tool == 'refund' or triage.tool == 'exchange', "
        "value: '{{ triage.arguments.size | default(1) }}'}"
    ),
    "a closed set under a route": (
        ROUTED + "  a: {if: triage.tool == 'exchange' and triage.arguments.size == 'm', "
        "value: '{{ triage.arguments.article }}'}\n"
        "  b: {if: triage.tool == 'refund', value: 1}"
    ),
    "an answer that may be text": (
        "  t: {prompt: a, tools: [refund]}\n"
        "  a: {if: t is mapping and t.tool == 'refund', value: '{{ t.arguments.order_id }}'}\n"
        "  b: {if: t is string, value: '{{ t | upper }}'}"
    ),
    "routes beside data": (
        "  t: {prompt: a, tools: [refund, find], response_format: brief}\n"
        "  a: {value: '{{ t.title }} {{ t.tone | default(1) }}'}"
    ),
    "a step that routes for each item": (
        "  t: {foreach: inputs.orders, prompt: a, tools: [refund, exchange], "
        "tool_choice: required}\n"
        '  a: {foreach: t, as: one, value: "{{ one.tool }} {{ one.arguments.size if '
        "one.tool == 'exchange' else '' }}\"}"
    ),
    "a block that routes": (
        "  b:\n    foreach: inputs.orders\n    as: order\n    steps:\n    "
        + ROUTED
        + "      a: {if: triage.tool == 'refund', value: '{{ triage.arguments.order_id }}'}\n"
        "      c: {if: triage.tool == 'exchange', value: '{{ triage.arguments.article }}'}\n"
        "    output: '{{ a or c }}'"
    ),
    "a variant of a schema": (
        EVENT + "  a: {if: event.kind == 'paid', value: '{{ event.amount + 1 }}'}\n"
        "  b: {if: event.kind != 'paid', value: '{{ event.parcel | upper }}'}"
    ),
    "another file": (
        "  r: {uses: ./review.yaml, with: {text: '{{ inputs.word }}', depth: 2}}\n"
        "  last: {value: '{{ r.score + 1 }} {{ r.points[0].note | upper }} {{ r.more }}'}"
    ),
    "another file, for each item": (
        "  r: {foreach: inputs.orders, uses: ./review.yaml, with: {text: '{{ item.id }}'}}\n"
        "  last: {value: '{{ r[0].notes | join }} {{ r | map(attribute=\"score\") | sum }}'}"
    ),
    "an image for another file": (
        "  p: {prompt: a, modalities: [image]}\n"
        "  r: {uses: ./review.yaml, with: {text: 'It is {{ p.width }} wide', logo: '{{ p }}'}}"
    ),
    "a function": (
        "  hits: {call: find, with: {query: '{{ inputs.word }}', limit: '{{ inputs.count }}'}}\n"
        "  last: {value: '{{ hits[0].title | upper }} {{ hits[0].score + 1 }}'}"
    ),
    "a function without types": (
        "  a: {call: load, with: {name: '{{ inputs.orders }}'}}\n"
        "  last: {value: '{{ a.what.ever[0] }}'}"
    ),
    "a request": (
        "  w: {call: weather, with: {city: a, unit: metric, where: {zip: '1'}, days: 3}}\n"
        "  last: {value: '{{ w.sky | upper }} {{ w.degrees + 1 }}'}"
    ),
    "a request of which nothing is said": ("  a: {call: raw}\n  last: {value: '{{ a.b[0].c }}'}"),
    "a command": (
        "  l: {call: log, with: {names: '{{ inputs.word | split }}'}}\n"
        "  last: {value: '{{ l.splitlines() | first }}'}"
    ),
    "a server": (
        "  d: {call: docs.search, with: {q: '{{ inputs.orders }}'}}\n  last: {value: '{{ d.a.b }}'}"
    ),
    "a pipeline as a tool": (
        "  r: {call: review, with: {text: '{{ inputs.word }}'}}\n"
        "  last: {value: '{{ r.score + 1 }} {{ r.notes | length }}'}"
    ),
    "arguments as one object": (
        "  a: {value: {city: '{{ inputs.word }}'}}\n  w: {call: weather, with: '{{ a }}'}"
    ),
    "a slogan that is refined": (
        "  s:\n    repeat: {until: s.verdict.weight >= 8 or round == 3, max: 4}\n    steps:\n"
        "      draft: {prompt: 'Not {{ previous.draft if previous }} {{ rounds | length }}'}\n"
        "      verdict: {value: {weight: '{{ round * 2 }}', text: '{{ draft | upper }}'}}\n"
        "  last: {value: '{{ s.draft | upper }} {{ s.verdict.weight + 1 }}'}"
    ),
    "a value that grows": (
        "  a: {repeat: {until: a > 3, max: 9}, value: '{{ (previous or 0) + 1 }}'}\n"
        "  last: {value: '{{ a + 1 }}'}"
    ),
    "a round of each item": (
        "  a: {foreach: inputs.orders, as: o, repeat: {until: a.title != '', max: 2}, "
        "prompt: '{{ o.id }} {{ previous.title if previous }}', response_format: brief}\n"
        "  last: {value: '{{ a[0].title }}'}"
    ),
    "an agreement": (
        "  many: {prompt: a, samples: 3, response_format: brief}\n"
        "  last: {if: (many | agreement).tone.share > 0.5, "
        "value: '{{ (many | agreement).tone.value | upper }}'}"
    ),
    "an agreement of texts": (
        "  many: {prompt: a, samples: 3}\n"
        "  last: {value: '{{ (many | agreement).value | upper }} '}"
    ),
}
