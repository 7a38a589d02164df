"""Pipeline files with something broken in them, as many as a test asks for."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

RICH = """\
# yaml-language-server: $schema=../flowrun.schema.json
name: product-page
description: Copy, a hero picture and replies, in several languages.
x-tone: &tone {temperature: 0.2, seed: 7}

inputs:
  product: {type: string, default: a solar-powered bike lamp}
  languages: {type: array, items: {type: string}, default: [German, French]}
  logo: {type: image}
  notes: {type: file, default: files/draft.md}

schemas:
  brief:
    type: object
    properties:
      headline: {type: string, maxLength: 60}
      benefits: {type: array, items: {type: string}, minItems: 2, maxItems: 4}
      author:
        anyOf:
          - {type: object, properties: {name: {type: string}}, required: [name]}
          - {type: "null"}
      parts: {type: array, items: {$ref: "#/$defs/part"}}
    required: [headline, benefits, author, parts]
    additionalProperties: false
    $defs:
      part:
        type: object
        properties: {title: {type: string}, score: {type: number}}
        required: [title, score]
        additionalProperties: false

defaults: {model: fastest, temperature: 0, system: "You write for {{ inputs.product }}."}

steps:
  brief:
    <<: *tone
    prompt: Write a brief for {{ inputs.product }}.
    response_format: brief
    repair: 2
    expect: [brief.headline | length > 3, brief.benefits]

  hero:
    model: image
    modalities: [image]
    image_config: {aspect_ratio: "16:9"}
    prompt: |
      Studio photograph: {{ brief.headline }}

        with the logo {{ inputs.logo }} on it
    timeout: 90s
    on_error: ignore

  headlines:
    foreach: inputs.languages
    as: language
    if: language != 'English'
    prompt: "Translate into {{ language }} ({{ loop.index }} of {{ loop.length }}): \\
      {{ brief.headline }}"
    fallback: [smartest, "{{ 'auto' }}"]

  pairs:
    foreach: {language: inputs.languages, part: brief.parts}
    samples: 2
    messages:
      - {role: system, content: 'It''s about {{ part.title }}.'}
      - role: user
        content:
          - {type: text, text: "{% if part.score > 0.5 %}{{ language }}{% endif %}"}
          - type: text
            text: >
              Folded text for
              {{ part.title | upper }}.

  refund:
    if: brief.parts | length > 3
    needs: [headlines]
    value: {"all": ["{{ pairs[0][0] }}", "{{ headlines }}", 3, null], "n": "{{ 1 + 2 }}"}

  joined:
    value: "{{ refund or brief.benefits | join(', ') }}"

outputs:
  page:
    file: "{{ inputs.product | slug }}.md"
    value: |
      # {{ brief.headline }}
      {% for benefit in brief.benefits %}- {{ benefit }}
      {% endfor %}
      {{ brief.author.name if brief.author else 'nobody' }} {{ run.brief.seconds }}
  hero: "{{ hero }}"
  each:
    foreach: brief.parts
    as: part
    value: "{{ part.title }}: {{ part.score }}"
    file: "parts/{{ loop.index }}-{{ part.title | slug }}.txt"
  all: {headlines: "{{ headlines }}", joined: ["{{ joined }}"]}
"""
"""A sound file with most of the language in it."""

COMPOSED = """\
# Blocks, tools, routes, rounds and another file.
x-quiet: &quiet {temperature: 0, seed: 1}
inputs:
  topics: {type: array, items: {type: string}, default: [bees, bikes]}

schemas:
  order: {type: object, properties: {id: {type: string}}, required: [id]}
  verdict:
    type: object
    properties: {score: {type: integer}, why: {type: string}}
    required: [score, why]

tools:
  find: {python: "files.shop:find", description: Finds pages., pure: true, timeout: 5s}
  weather:
    description: The weather of a city.
    parameters: {type: object, properties: {city: {type: string}}, required: [city]}
    returns: {type: object, properties: {sky: {type: string}}, required: [sky]}
    http:
      method: POST
      url: "https://example.org/weather/{{ city | urlencode }}"
      query: {units: metric, days: 3}
      headers: {Accept: application/json}
      body: {city: "{{ city }}"}
      bearer: WEATHER_KEY
  log:
    shell: [git, log, {option: "{{ kind }}"}, "--max-count={{ n }}", --, {each: "{{ paths }}"}]
    parameters:
      properties:
        kind: {enum: [--oneline, --stat]}
        n: {type: integer}
        paths: {type: array, items: {type: string}}
      required: [kind, n, paths]
  count: {shell: {command: [wc, -w], env: [LC_TIME], stdin: "{{ text }}"}, parameters: {
    properties: {text: {type: string}}, required: [text]}}
  docs: {mcp: {command: [docs-server, --quiet], env: [DOCS_TOKEN], allow: [search, read]}}
  greet: {uses: ./files/child.yaml, description: Greets somebody.}
  refund: {description: Pays the money back., parameters: order}
  exchange: {description: Sends another one., parameters: order}

defaults: {model: fastest, tools: [find], max_turns: 4}

steps:
  pages: {call: find, with: {query: "{{ inputs.topics[0] }}"}}

  greeting: {uses: ./files/child.yaml, with: {text: "{{ pages | join(', ') }}"}, timeout: 1m}

  triage:
    <<: *quiet
    prompt: "What is to be done about {{ greeting.greeting }}?"
    tools: [refund, exchange]
    tool_choice: required

  paid:
    if: triage.tool == 'refund'
    call: weather
    with: {city: "{{ triage.arguments.id }}"}

  sent: {if: triage.tool == 'exchange', value: "{{ triage.arguments.id }}"}

  slogans:
    foreach: inputs.topics
    as: topic
    repeat: {until: slogans.score >= 8 or round == 3, max: 4}
    steps:
      draft:
        <<: *quiet
        prompt: "A slogan for {{ topic }}. {{ previous.verdict.why if previous else '' }}"
        tools: []
      verdict:
        prompt: "Judge it: {{ draft }}, of {{ rounds | length }}"
        tools: [find, weather, docs.search]
        parallel_tool_calls: false
        response_format: verdict
      words:
        steps:
          inner: {call: count, with: {text: "{{ draft }} {{ topic }}"}}
        output: "{{ inner }}"
    output: {score: "{{ verdict.score }}", draft: "{{ draft }}", verdict: "{{ verdict }}"}
    expect: slogans.score > 0

outputs:
  best: "{{ slogans | map(attribute='draft') | first }}"
  done: "{{ paid.sky or sent }}"
"""
"""A sound file with the rest of it."""

ODD = (
    *("null", "true", "no", "0x1F", "1e999", "-1", ".inf", "010", "''", '""', "[]", "{}", "[[]]"),
    *("{a: b}", "*tone", "&tone", "<<", "!!str 3", "!x y", "|", ">", "|-2", "- -", "? x", "---"),
    *("...", "%YAML 1.1", "# no", "@", "`", "'", '"', "{{", "}}", "{%", "%}", "{#", "\t", "\ufeff"),
    *("\u2028", "\x85", "\u0000", "\ud7ff", "😀", "é", "e\u0301", "\u202e", "\uff19", "9" * 40),
    *("x" * 3_000, "[" * 60, "{a: " * 60, "not " * 200, "2026-01-01", "~", "inputs", "brief"),
)
JINJA = (
    *("{{ brief }}", "{{ brief.x.y }}", "{{ hero }}", "{{ nobody }}", "{{ loop.index }}", "{{ }}"),
    *("{{ brief.__class__ }}", "{{ 9 ** 9 ** 9 }}", "{{ 'x' * 10 ** 10 }}", "{{ range(10 ** 9) }}"),
    *("{% for x in brief %}", "{% endfor %}", "{% if %}", "{% include 'files/draft.md' %}"),
    *("{% include '../x' %}", "{% set x = brief %}", "{% macro f() %}", "{% raw %}", "{{ x | }}"),
    *("{{ [] | map('x') }}", "{{ a if b }}", "{{ inputs['product'][0][1:2] }}", "{{ -brief }}"),
    *("{{ brief.parts | map(attribute='title') | first | upper }}", "{{ self }}", "{{ run }}"),
    *("{{ dict(a=1).items() }}", "{{ ~ }}", "{{ 1 < 2 < 'x' }}", "{{ {} | tojson }}", "{{ ( }}"),
)
_SCALAR = re.compile(r"(?<=[:,\[-] )[^\s\[\]{},|>&*][^\n,\]}]*")


def samples() -> list[str]:
    """The files that mutants are made of: sound ones, and faulty ones."""
    pipelines = sorted((ROOT / "pipelines").glob("*.yaml"))
    faulty = sorted((ROOT / "tests" / "faulty").glob("*.yaml"))
    return [RICH, COMPOSED, *(path.read_text("utf-8") for path in [*pipelines, *faulty])]


def mutant(seed: int, texts: Sequence[str]) -> str:
    """The mutant of that number: one of the texts with one to four changes."""
    chance = random.Random(seed)
    sound = len(texts) if chance.random() < 0.4 else 2 + len(texts) // 20
    text = texts[chance.randrange(sound)]
    for _ in range(chance.randint(1, 4)):
        text = chance.choice(_CHANGES)(chance, text, texts)
    return text


_Change = Callable[[random.Random, str, Sequence[str]], str]


def _lines(chance: random.Random, text: str, _texts: Sequence[str]) -> str:
    """A line is left out, doubled, swapped, moved, or indented otherwise."""
    lines = text.split("\n")
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = " " * chance.randint(0, 9) + lines[at].lstrip()
        case _:
            lines[at] = chance.choice(("\t", "- ", "  ", "x-")) + lines[at]
    return "\n".join(lines)


def _characters(chance: random.Random, text: str, _texts: Sequence[str]) -> str:
    """Some characters are left out, replaced or doubled."""
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(text) + 1)
        more = chance.choice(("", chr(chance.randint(32, 126)), chance.choice("{}[]:,'\"|>&*#%-")))
        text = text[:at] + more + text[at + chance.randint(0, 2) :]
    return text


def _insertion(chance: random.Random, text: str, _texts: Sequence[str]) -> str:
    """Something odd, or a bit of a template, stands where nobody expects it."""
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(chance.choice((ODD, JINJA))) + text[at:]


def _value(chance: random.Random, text: str, _texts: Sequence[str]) -> str:
    """Another value stands in a value's place."""
    found = list(_SCALAR.finditer(text))
    if not found:
        return text
    place = chance.choice(found)
    new = chance.choice((*ODD, *(f'"{each}"' for each in JINJA), *JINJA))
    return text[: place.start()] + new + text[place.end() :]


def _cut(chance: random.Random, text: str, _texts: Sequence[str]) -> str:
    """The beginning or the end is missing."""
    at = chance.randrange(len(text) + 1)
    return text[:at] if chance.random() < 0.8 else text[at:]


def _splice(chance: random.Random, text: str, texts: Sequence[str]) -> str:
    """A piece of another file stands in it."""
    other = chance.choice(texts).split("\n")
    lines = text.split("\n")
    start = chance.randrange(len(other))
    piece = other[start : start + chance.randint(1, 12)]
    at = chance.randrange(len(lines) + 1)
    return "\n".join([*lines[:at], *piece, *lines[at + chance.randint(0, 4) :]])


def _word(chance: random.Random, text: str, _texts: Sequence[str]) -> str:
    """A word is replaced everywhere by another word of the file."""
    words = re.findall(r"[a-z_]{3,}", text)
    if not words:
        return text
    return text.replace(chance.choice(words), chance.choice(words))


_CHANGES: tuple[_Change, ...] = (
    *(_lines, _characters, _insertion, _value, _value, _cut, _splice, _word, _word),
)
