"""A file with a step of every type, to which tests add a last one."""

from __future__ import annotations

from tests.document.checking import told

FILES = {"brief.json": '{"type": "object", "properties": {"t": {}}, "required": ["t"]}'}
HEAD = """\
inputs:
  word: {type: string, default: x}
  count: {type: integer, default: 1}
  rows: {type: array, items: {$ref: "#/$defs/row"}, default: [], $defs: {row: {type: object, \
properties: {a: {type: string}}, required: [a], additionalProperties: false}}}
  logo: {type: image}
  doc: {type: file}
schemas:
  brief: &brief
    type: object
    properties:
      title: {type: string}
      parts: {type: array, items: {type: object, properties: {n: {type: number}}, required: [n], \
additionalProperties: false}}
    required: [title, parts]
    additionalProperties: false
  filed: {file: brief.json}
steps:
  text: {prompt: Write.}
  brief: {prompt: Write., response_format: brief}
  filed: {prompt: Write., response_format: filed}
  wired:
    prompt: Write.
    response_format: {type: json_schema, json_schema: {name: w, schema: *brief}}
  free: {prompt: Write., response_format: {type: json_object}}
  hero: {prompt: Draw., modalities: [image], model: image}
  many: {prompt: Write., samples: 2, response_format: brief}
  each: {foreach: inputs.rows, prompt: Write., response_format: brief}
  some: {foreach: inputs.rows, if: item.a, prompt: Write., response_format: brief}
  both: {foreach: "[1]", samples: 2, prompt: Write., response_format: brief}
  safe: {prompt: Write., on_error: ignore, response_format: brief}
  data:
    value: {a: 1, b: [x, "{{ brief.title }}"], c: {d: "{{ brief.parts }}"}, e: null, f: .5, g: true}
  lone: {value: "{{ brief }}"}
"""


def faults(step: str) -> list[str]:
    """What is wrong with a last step, or with what comes behind it, without the line."""
    found = told(f"{HEAD}  last: {step}\n", FILES)
    return [each.split(": ", 1)[1] for each in found]


def shows(url: str) -> str:
    """A step whose message shows the image there."""
    part = f"{{type: image_url, image_url: {{url: '{url}'}}}}"
    return f"{{messages: [{{role: user, content: [{part}]}}]}}"
