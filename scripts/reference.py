"""The reference of the language, docs/reference.md, made from the models that check a file.

What a key holds, its default and its example come from the models; in which kinds of steps and
tools it may stand is asked of the check itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, cast

import yaml

from flowrun.document.source import load
from flowrun.document.spec import editor_schema
from flowrun.document.structure import flaws
from flowrun.document.vocabulary import ASKING, BESIDE_TOOLS, KINDS, OPTIONS, TOOL_KINDS

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Schema: TypeAlias = Mapping[str, Json]

INTRO = """\
# The language, key by key

Every key that a pipeline file may have: what it holds, where it may stand, what it is when nothing
is said, and an example. [language.md](language.md) tells the same as a story. This page is made by
`scripts/docs` from the models that check a file, so it says what `flowrun check` does;
`flowrun schema` prints the same for editors.

- Keys that begin with `x-` are free in every part, for notes of your own and for YAML anchors.
- `null` behind a key of a step takes back what `defaults` says of it.
- A key that no part below has is a fault, and so is a key without effect where it stands.
"""

VALUES = """\
## Kinds of values

| name | what it is |
|---|---|
| template | Text in which `{{ expression }}` is filled in; a lone one gives the value itself. |
| expression | A bare Jinja expression, without braces. |
| plain text | Text that is taken as it stands: it cannot be a template. |
| name | Letters from a to z, digits and `_`; no digit at the beginning. |
| duration | A number above 0 with its unit: `500ms`, `90s`, `5m`, `1h`. |
| environment variable | The name of one; its value never stands in a file. |
| header | The name of an HTTP header. |
| address | It begins with `http://` or `https://`. |
| module:function | A Python function: `package.module:function`. |
| data | Text, numbers, `true`, `false`, `null`, lists and mappings, with templates at any depth. |
"""

STEPS = """\
A step has exactly one of these, which says what it does:

```yaml
inputs:
  topic: {type: string, default: bees}
tools:
  search: {python: "shop.search:find", parameters: {properties: {query: {type: string}}}}
steps:
  slogan: {prompt: "Write a slogan about {{ inputs.topic }}."}
  talk:
    messages:
      - {role: system, content: You are brief.}
      - {role: user, content: "Is this good? {{ slogan }}"}
  pages: {call: search, with: {query: "{{ inputs.topic }}"}}
  upper: {value: "{{ slogan | upper }}"}
  review: {uses: ./review.yaml, with: {text: "{{ upper }}"}}
  better:
    repeat: {until: better.score >= 8, max: 3}
    steps:
      draft: {prompt: "Write a better slogan than {{ previous.draft if previous else slogan }}."}
      score: {prompt: "Score it from 1 to 10: {{ draft }}", response_format: score}
    output: {draft: "{{ draft }}", score: "{{ score.score }}"}
schemas:
  score:
    type: object
    properties: {score: {type: integer}}
    required: [score]
    additionalProperties: false
```
"""

TOOLS = """\
A tool has at most one of `python`, `http`, `shell`, `mcp` and `uses`. Without any it is a
**route**: a model that calls it ends its step, whose output is then `{tool, arguments}`.

```yaml
tools:
  search: {python: "shop.search:find"}
  weather:
    description: The weather of a city.
    parameters: {properties: {city: {type: string}}, required: [city]}
    http: {url: "https://example.org/weather", query: {city: "{{ city }}"}, bearer: WEATHER_KEY}
  log:
    shell: [git, log, --oneline, "--max-count={{ n }}"]
    parameters: {properties: {n: {type: integer}}, required: [n]}
  docs: {mcp: {command: [docs-server]}}
  review: {uses: ./review.yaml}
  refund: {description: Pays the money back., parameters: {properties: {order: {type: string}}}}
steps:
  triage:
    prompt: What is to be done?
    tools: [search, weather, log, docs, review, refund]
```
"""

_COMMON = "These may stand in `defaults` too, for every step that asks a model."

PARTS: tuple[tuple[str, str, str], ...] = (
    ("An input", "InputSpec", "Beside these keys: the words of JSON Schema."),
    ("repeat", "RepeatSpec", ""),
    ("budget", "BudgetSpec", ""),
    ("A message", "MessageSpec", ""),
    ("Text in a message", "TextPart", ""),
    ("An image in a message", "ImagePart", ""),
    ("An image's place", "ImageReference", ""),
    ("response_format", "WireFormat", ""),
    ("json_schema", "JsonSchemaFormat", ""),
    ("tool_choice", "ToolChoice", ""),
    ("function", "NamedFunction", ""),
    ("http", "HttpSpec", ""),
    ("shell", "ShellSpec", "A list of arguments alone is its `command`."),
    ("An argument", "ArgumentSpec", ""),
    ("mcp", "McpSpec", ""),
    ("An output", "OutputForm", "An output without any of these keys is data with templates."),
    ("file", "FileText", ""),
)
"""The parts that are told last: title, model, and what else there is to say."""

_LINKS = {
    **{model: title for title, model, _ in PARTS},
    **{"Step": "A step", "ToolSpec": "A tool", "Asking": "How a model is asked"},
}
_BARE: Mapping[str, dict[str, Json]] = {
    "prompt": {"prompt": "x"},
    "messages": {"messages": "{{ [] }}"},
    "call": {"call": "t"},
    "value": {"value": 1},
    "uses": {"uses": "./a.yaml"},
    "steps": {"steps": {"t": {"prompt": "x"}}},
}
"""The least that a step of each kind says."""

_COMPANIONS: Mapping[str, dict[str, Json]] = {
    "as": {"foreach": "[1]"},
    "image_config": {"modalities": ["image"]},
    **{key: {"tools": ["t"]} for key in BESIDE_TOOLS},
}
"""What a key has no effect without."""

_BARE_TOOLS: Mapping[str, dict[str, Json]] = {
    "python": {"python": "a:b"},
    "http": {"http": {"url": "https://example.org"}},
    "shell": {"shell": ["a"]},
    "mcp": {"mcp": {"command": ["a"]}},
    "uses": {"uses": "./a.yaml"},
    "route": {},
}
_TEMPLATES = dict.fromkeys(
    ("template", "number template", "list template", "mapping template"), "template"
)
_TITLES = (
    *("expression", "plain text", "duration", "name", "module:function"),
    *("environment variable", "header", "address"),
)
"""What the models call kinds of text."""

_WORDS = {
    "Text with Jinja templates.": "template",
    "A bare Jinja expression, without braces.": "expression",
}
"""The same by what the models say of them, where a schema has no title."""

_COUNTABLE = ("template", "expression", "name", "number", "environment variable")


def page() -> str:
    """The whole page."""
    schema = editor_schema()
    parts = cast("Mapping[str, Schema]", schema["$defs"])
    return "\n".join([INTRO, *_sections(schema, parts), VALUES]).rstrip() + "\n"


def _sections(schema: Schema, parts: Mapping[str, Schema]) -> Iterator[str]:
    yield f"## A file\n\n{_table(schema)}"
    yield f"## A step\n\n{STEPS}"
    for title, keys in step_groups(_properties(parts["Step"])).items():
        note = f"{_COMMON}\n\n" if set(keys) <= set(ASKING) else ""
        yield f"### {title}\n\n{note}{_table(parts['Step'], keys, kinds=_step_kinds)}"
    yield f"## A tool\n\n{TOOLS}\n{_table(parts['ToolSpec'], kinds=_tool_kinds)}"
    for title, name, more in PARTS:
        said = " ".join(filter(None, (str(parts[name]["description"]), more)))
        yield f"## {title}\n\n{said}\n\n{_table(parts[name])}"


def step_groups(keys: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """The keys of a step under the titles that they are told under."""
    wanted = ("response_format", "modalities", "image_config", "samples")
    groups = {
        "What a step does": (*KINDS, "with", "output"),
        "Flow": (),
        "What a model is asked for": wanted,
        "How a model is asked": tuple(key for key in ASKING if key not in OPTIONS),
        "Options on the wire": OPTIONS,
    }
    told = {key for group in groups.values() for key in group}
    return {**groups, "Flow": tuple(key for key in keys if key not in told)}


def _table(part: Schema, keys: Sequence[str] = (), *, kinds: object = None) -> str:
    required = cast("list[str]", part.get("required", []))
    head = [
        "key",
        "holds",
        *(["in"] if callable(kinds) else []),
        "default",
        "what it is",
        "example",
    ]
    rows = [head, ["---"] * len(head)]
    properties = _properties(part)
    for key in keys or properties:
        schema = properties[key]
        default = "required" if key in required else _default(schema)
        where = [kinds(key, _example(schema))] if callable(kinds) else []
        rows.append(
            [
                f"`{key}`",
                words(schema),
                *where,
                default,
                str(schema["description"]),
                _shown(key, schema),
            ]
        )
    return "\n".join(f"| {' | '.join(_cell(each) for each in row)} |" for row in rows) + "\n"


def _properties(part: Schema) -> Mapping[str, Schema]:
    return cast("Mapping[str, Schema]", part["properties"])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _default(schema: Schema) -> str:
    return f"`{_flow(schema['default'])}`" if "default" in schema else ""


def _example(schema: Schema) -> Json:
    """The models' own example; of a few words the last, of two truths the other one."""
    if "examples" in schema:
        return cast("list[Json]", schema["examples"])[0]
    if "enum" in schema:
        return cast("list[Json]", schema["enum"])[-1]
    return schema["const"] if "const" in schema else not schema["default"]


def _shown(key: str, schema: Schema) -> str:
    return f"`{_flow({key: _example(schema)})[1:-1]}`"


def _flow(value: Json) -> str:
    """A value as YAML in one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")


def words(schema: Schema) -> str:
    """What a value may be, in words."""
    match schema:
        case {"$ref": str(reference)}:
            return _link(reference.removeprefix("#/$defs/"))
        case {"anyOf": list(kinds)} | {"oneOf": list(kinds)}:
            found = [words(cast(Schema, each)) for each in kinds]
            return _either(each for each in found if each != "null")
        case {"enum": list(values)}:
            return _either(f"`{each}`" for each in values)
        case {"const": value}:
            return f"`{value}`"
        case {"type": list(kinds)}:
            return _either(words({"type": each}) for each in kinds)
        case {"type": "array"}:
            return _list_words(schema)
        case {"type": "object"}:
            return _mapping_words(schema)
        case _:
            return _plain_words(schema)


def _either(found: Iterable[str]) -> str:
    kinds = list(dict.fromkeys(found))
    return " or ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))


def _plain_words(schema: Schema) -> str:
    match schema.get("type"):
        case "integer":
            return _number_words(schema, "whole number")
        case "number":
            return _number_words(schema, "number")
        case "string":
            title = str(schema.get("title", ""))
            by_description = _WORDS.get(str(schema.get("description", "")), "text")
            return title if title in _TITLES else _TEMPLATES.get(title, by_description)
        case "boolean":
            return "`true` or `false`"
        case "null":
            return "null"
        case _:
            return "data"


def _link(name: str) -> str:
    if name == "JsonValue":
        return "data"
    title = _LINKS[name]
    anchor = title.lower().replace(" ", "-").replace("'", "")
    return f"[{title[:1].lower()}{title[1:]}](#{anchor})"


def _list_words(schema: Schema) -> str:
    if "items" not in schema:
        return "list"
    bounds = [
        *(["not empty"] if schema.get("minItems") else []),
        *([f"{schema['maxItems']} at most"] if "maxItems" in schema else []),
    ]
    each = _many(words(cast(Schema, schema["items"])))
    said = f" ({', '.join(bounds)})" if bounds else ""
    return f"list of {each}{said}"


def _mapping_words(schema: Schema) -> str:
    named = cast("Mapping[str, Schema]", schema.get("patternProperties", {}))
    inner = [each for each in (*named.values(), schema.get("additionalProperties")) if each]
    each = words(inner[0]) if inner and isinstance(inner[0], Mapping) else "data"
    return "mapping" if each == "data" else f"mapping of names to {_many(each)}"


def _many(each: str) -> str:
    return f"{each}s" if each in _COUNTABLE else each


def _number_words(schema: Schema, word: str) -> str:
    match schema:
        case {"exclusiveMinimum": low, "maximum": high}:
            return f"{word} (above {low}, {high} at most)"
        case {"minimum": low, "maximum": high}:
            return f"{word} ({low} to {high})"
        case {"minimum": low}:
            return f"{word} ({low} or more)"
        case {"exclusiveMinimum": low}:
            return f"{word} (above {low})"
        case _:
            return word


def _step_kinds(key: str, example: Json) -> str:
    """The kinds of steps in which a key may stand."""
    found = [
        kind
        for kind, bare in _BARE.items()
        if is_sound({"steps": {"s": {**bare, **_COMPANIONS.get(key, {}), key: example}}})
    ]
    return "all" if found == list(KINDS) else ", ".join(found)


def _tool_kinds(key: str, example: Json) -> str:
    """The kinds of tools in which a key may stand."""
    found = [
        kind
        for kind, bare in _BARE_TOOLS.items()
        if is_sound({"tools": {"t": {**bare, key: example}}, "steps": {"s": {"value": 1}}})
        and (key not in TOOL_KINDS or key == kind)
    ]
    return "all" if found == list(_BARE_TOOLS) else ", ".join(found)


def is_sound(data: Json) -> bool:
    """Whether a file with this data has no fault of form."""
    return not flaws(load(json.dumps(data), "example.yaml"))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
