"""A file with tools of every kind and another file to use, to which tests add the steps."""

from __future__ import annotations

import re

from flowrun.errors import Diagnostic
from tests.document.checking import checked

FILES = {
    "shop.py": '''\
from typing import TypedDict

class Hit(TypedDict):
    title: str
    score: float

def find(query: str, limit: int = 5) -> list[Hit]:
    """Finds articles."""
    return []

def stock(article: str) -> int:
    return 0

def load(name):
    return name
''',
    "review.yaml": """\
inputs:
  text: {type: string}
  depth: {type: integer, default: 1}
  logo: {type: image, default: logo.png}
schemas:
  verdict:
    type: object
    properties:
      score: {type: integer}
      notes: {type: array, items: {type: string}}
    required: [score, notes]
    additionalProperties: false
steps:
  judge: {prompt: "{{ inputs.text }}", response_format: verdict}
  more: {if: inputs.depth > 1, prompt: "More of {{ judge.notes }}"}
  points: {foreach: judge.notes, value: {note: "{{ item }}"}}
outputs:
  score: "{{ judge.score }}"
  notes: "{{ judge.notes }}"
  points: "{{ points }}"
  more: "{{ more }}"
""",
    "part.txt": "{{ triage.tool }}",
    "free.yaml": "inputs: {x: {}}\nsteps: {a: {value: '{{ inputs.x }}'}}\n",
}
HEAD = """\
inputs:
  word: {type: string, default: x}
  count: {type: integer, default: 1}
  orders:
    type: array
    default: []
    items:
      type: object
      properties:
        id: {type: string}
        price: {type: number}
        lines: {type: array, items: {type: string}}
      required: [id, price, lines]
      additionalProperties: false
schemas:
  brief:
    type: object
    properties:
      title: {type: string}
      tone: {enum: [warm, cold]}
      parts:
        type: array
        items:
          type: object
          properties: {name: {type: string}, weight: {type: number}}
          required: [name, weight]
          additionalProperties: false
    required: [title, tone, parts]
    additionalProperties: false
  event:
    oneOf:
      - type: object
        properties: {kind: {const: paid}, amount: {type: number}}
        required: [kind, amount]
        additionalProperties: false
      - type: object
        properties: {kind: {const: sent}, parcel: {type: string}}
        required: [kind, parcel]
        additionalProperties: false
tools:
  find: {python: "shop:find"}
  stock: {python: "shop:stock"}
  load: {python: "shop:load"}
  weather:
    http: {url: "https://example.org/{{ city }}", query: {days: "{{ days }}"}}
    parameters:
      type: object
      properties:
        city: {type: string}
        days: {type: integer}
        unit: {enum: [metric, imperial]}
        where: {type: object, properties: {zip: {type: string}}, required: [zip], \
additionalProperties: false}
      required: [city]
    returns: {type: object, properties: {sky: {type: string}, degrees: {type: number}}, \
required: [sky, degrees]}
  raw: {http: {url: "https://example.org"}}
  log: {shell: [git, log, {each: "{{ names }}"}], parameters: {type: object, \
properties: {names: {type: array, items: {type: string}}}, required: [names]}}
  docs: {mcp: {command: [docs-server]}}
  review: {uses: ./review.yaml}
  refund:
    parameters: {type: object, properties: {order_id: {type: string}}, required: [order_id], \
additionalProperties: false}
  exchange:
    parameters: {type: object, properties: {article: {type: string}, size: {enum: [s, m]}}, \
required: [article, size], additionalProperties: false}
"""
ROUTED = "  triage: {prompt: a, tools: [refund, exchange], tool_choice: required}\n"
"""A step that takes one of two routes."""
BRIEF = "  brief: {prompt: a, response_format: brief}\n"
EVENT = "  event: {prompt: a, response_format: event}\n"
_MARKED = re.compile("«([^»]*)»")


def diagnostics(steps: str) -> tuple[Diagnostic, ...]:
    """What is wrong with the file of these steps, and what follows them."""
    return checked(f"{HEAD}steps:\n{steps}\n", FILES).diagnostics


def faults(steps: str) -> list[str]:
    """Each as "message [code]", with "warning: " before one that is none."""
    found = (str(each).split("\n")[0] for each in diagnostics(steps))
    return [each.split(": ", 1)[1] for each in found]


def places(steps: str) -> tuple[list[str], list[str]]:
    """Where the faults of marked steps are, and where the marks say that they should be."""
    text = f"{HEAD}steps:\n{steps}\n"
    wanted: list[str] = []
    while found := _MARKED.search(text):
        before = text[: found.start()]
        line, column = before.count("\n") + 1, found.start() - before.rfind("\n")
        wanted.append(f"{line}:{column} {found[1]}")
        text = f"{before}{found[1]}{text[found.end() :]}"
    lines = text.split("\n")
    told = [
        f"{each.mark.line}:{each.mark.column} "
        f"{lines[each.mark.line - 1][each.mark.column - 1 :][: each.length]}"
        for each in checked(text, FILES).diagnostics
    ]
    return told, wanted
